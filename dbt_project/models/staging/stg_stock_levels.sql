with

source as (

    select * from {{ source('lake', 'stock_levels') }}

),

renamed as (

    select
        snapshot_date as counted_on,
        item_id as product_id,
        warehouse_id,
        quantity_on_hand as counted_quantity
    from source

)

select * from renamed
