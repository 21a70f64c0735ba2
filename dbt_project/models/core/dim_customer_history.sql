with

versions as (

    select * from {{ ref('snap_customers') }}

),

final as (

    select
        dbt_scd_id as customer_version_key,
        customer_id,
        {{ whole_number('row_number() over (partition by customer_id order by dbt_valid_from)') }} as version_number,
        customer_code,
        salutation,
        first_name,
        last_name,
        is_preferred,
        birth_date,
        birth_country,
        email,
        address_id,
        dbt_valid_from as valid_from,
        dbt_valid_to as valid_to,
        dbt_valid_to is null as is_current
    from versions

)

select * from final
