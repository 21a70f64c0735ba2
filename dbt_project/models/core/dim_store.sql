with

stores as (

    select * from {{ ref('stg_stores') }}

),

final as (

    select
        store_id,
        store_code,
        store_name,
        manager,
        floor_space,
        number_employees,
        city,
        county,
        state,
        postal_code,
        country,
        gmt_offset,
        tax_percentage
    from stores

)

select * from final
