with

source as (

    select * from {{ source('lake', 'sales_lines') }}

),

renamed as (

    select
        channel,
        {{ order_key('channel', 'sale_id') }} as order_key,
        sale_id as order_number,
        item_id as product_id,
        customer_id,
        address_id,
        store_id,
        warehouse_id,
        promo_id as promotion_id,
        sale_date,
        ship_date,
        quantity,
        {{ money('list_price') }} as list_price,
        {{ money('sales_price') }} as sales_price,
        {{ money('discount_amount') }} as discount_amount,
        {{ money('gross_amount') }} as gross_amount,
        {{ money('cost_amount') }} as cost_amount,
        {{ money('tax_amount') }} as tax_amount,
        {{ money('coupon_amount') }} as coupon_amount,
        {{ money('ship_cost') }} as ship_cost,
        {{ money('net_paid') }} as net_paid,
        {{ money('net_profit') }} as net_profit
    from source

)

select * from renamed
