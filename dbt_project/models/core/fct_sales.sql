with

sales_lines as (

    select * from {{ ref('stg_sales_lines') }}

),

orders as (

    select * from {{ ref('int_orders') }}

),

final as (

    select
        sales_lines.order_key,
        sales_lines.channel,
        sales_lines.order_number,
        sales_lines.product_id,
        orders.customer_id,
        orders.store_id,
        sales_lines.warehouse_id,
        sales_lines.promotion_id,
        sales_lines.sale_date,
        sales_lines.ship_date,
        orders.order_status,
        {{ whole_number('coalesce(sales_lines.quantity, 0)') }} as quantity,
        sales_lines.list_price,
        sales_lines.sales_price,
        {{ money('coalesce(sales_lines.discount_amount, 0)') }} as discount_amount,
        {{ money('coalesce(sales_lines.gross_amount, 0)') }} as gross_sales,
        {{ money('coalesce(sales_lines.coupon_amount, 0)') }} as coupon_amount,
        {{ money('coalesce(sales_lines.net_paid, 0)') }} as net_sales,
        {{ money('coalesce(sales_lines.tax_amount, 0)') }} as tax_amount,
        {{ money('coalesce(sales_lines.ship_cost, 0)') }} as ship_cost,
        {{ money('coalesce(sales_lines.cost_amount, 0)') }} as cost_amount,
        {{ money('coalesce(sales_lines.net_profit, 0)') }} as net_profit,
        sales_lines.quantity is null
        or sales_lines.gross_amount is null
        or sales_lines.net_paid is null
        or sales_lines.net_profit is null as has_missing_amounts
    from sales_lines
    inner join orders
        on sales_lines.order_key = orders.order_key
    where not orders.is_cancelled

)

select * from final
