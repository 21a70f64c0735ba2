with

warehouses as (

    select * from {{ ref('stg_warehouses') }}

),

final as (

    select
        warehouse_id,
        warehouse_code,
        warehouse_name,
        square_feet,
        city,
        state,
        postal_code,
        country
    from warehouses

)

select * from final
