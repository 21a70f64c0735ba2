-- A version ends before the next begins, and one at most is open per key.
with

versions as (

    select 'snap_customers' as snapshot_name, customer_id as record_id, dbt_valid_from, dbt_valid_to
    from {{ ref('snap_customers') }}

    union all

    select 'snap_items', product_id, dbt_valid_from, dbt_valid_to
    from {{ ref('snap_items') }}

),

following as (

    select
        *,
        lead(dbt_valid_from) over (partition by snapshot_name, record_id order by dbt_valid_from) as next_valid_from
    from versions

)

select *
from following
where next_valid_from is not null
    and (dbt_valid_to is null or dbt_valid_to > next_valid_from)
