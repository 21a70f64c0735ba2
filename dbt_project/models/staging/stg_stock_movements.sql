with

source as (

    select * from {{ source('lake', 'stock_movements') }}

),

renamed as (

    select
        movement_id,
        movement_date,
        item_id as product_id,
        warehouse_id,
        quantity,
        reason
    from source

)

select * from renamed
