with

source as (

    select * from {{ source('lake', 'returns') }}

),

renamed as (

    select
        {{ order_key("'store'", 'sale_id') }} as order_key,
        sale_id as order_number,
        item_id as product_id,
        customer_id,
        store_id,
        reason_id,
        return_date,
        return_quantity,
        {{ money('return_amount') }} as return_amount,
        {{ money('return_tax') }} as return_tax,
        {{ money('fee') }} as fee,
        {{ money('refunded_cash') }} as refunded_cash,
        {{ money('net_loss') }} as net_loss
    from source

)

select * from renamed
