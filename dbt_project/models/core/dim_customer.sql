with

versions as (

    select * from {{ ref('snap_customers') }}

),

addresses as (

    select * from {{ ref('stg_addresses') }}

),

orders as (

    select * from {{ ref('int_orders') }}

),

returns as (

    select * from {{ ref('stg_returns') }}

),

numbered_versions as (

    select
        *,
        row_number() over (partition by customer_id order by dbt_valid_from desc) as recency,
        count(*) over (partition by customer_id) as version_count
    from versions

),

latest_versions as (

    select * from numbered_versions where recency = 1

),

-- Customers that sales or returns name and the order system has not delivered (yet): a row each, so that facts always join.
mentioned as (

    select customer_id from orders where customer_id is not null

    union

    select customer_id from returns where customer_id is not null

),

inferred as (

    select mentioned.customer_id
    from mentioned
    left join latest_versions
        on mentioned.customer_id = latest_versions.customer_id
    where latest_versions.customer_id is null

),

known as (

    select
        latest_versions.customer_id,
        latest_versions.customer_code,
        latest_versions.salutation,
        latest_versions.first_name,
        latest_versions.last_name,
        nullif(
            trim({{ dbt.concat(["coalesce(latest_versions.first_name, '')", "' '", "coalesce(latest_versions.last_name, '')"]) }}), ''
        ) as full_name,
        latest_versions.is_preferred,
        latest_versions.birth_date,
        latest_versions.birth_country,
        latest_versions.email,
        addresses.city,
        addresses.county,
        addresses.state,
        addresses.postal_code,
        addresses.country,
        latest_versions.dbt_valid_from as valid_from,
        latest_versions.dbt_valid_to as valid_to,
        {{ whole_number('latest_versions.version_count') }} as version_count,
        latest_versions.dbt_valid_to is not null as is_deleted,
        false as is_inferred
    from latest_versions
    left join addresses
        on latest_versions.address_id = addresses.address_id

),

final as (

    select * from known

    union all

    select
        customer_id,
        null as customer_code,
        null as salutation,
        null as first_name,
        null as last_name,
        null as full_name,
        null as is_preferred,
        null as birth_date,
        null as birth_country,
        null as email,
        null as city,
        null as county,
        null as state,
        null as postal_code,
        null as country,
        null as valid_from,
        null as valid_to,
        0 as version_count,
        false as is_deleted,
        true as is_inferred
    from inferred

)

select * from final
