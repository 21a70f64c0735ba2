with

sales_lines as (

    select * from {{ ref('stg_sales_lines') }}

),

order_headers as (

    select * from {{ ref('stg_orders') }}

),

-- TPC-DS leaves customer and store empty on single lines; all lines of an order have one customer and one store.
line_totals as (

    select
        order_key,
        channel,
        order_number,
        max(customer_id) as customer_id,
        max(store_id) as store_id,
        max(sale_date) as order_date,
        {{ whole_number('count(*)') }} as line_count,
        {{ whole_number('coalesce(sum(quantity), 0)') }} as units,
        {{ money('coalesce(sum(gross_amount), 0)') }} as gross_amount,
        {{ money('coalesce(sum(coupon_amount), 0)') }} as coupon_amount,
        {{ money('coalesce(sum(net_paid), 0)') }} as net_paid,
        {{ money('coalesce(sum(tax_amount), 0)') }} as tax_amount,
        {{ money('coalesce(sum(ship_cost), 0)') }} as ship_cost,
        {{ money('coalesce(sum(net_profit), 0)') }} as net_profit
    from sales_lines
    group by order_key, channel, order_number

),

joined as (

    select
        coalesce(order_headers.order_key, line_totals.order_key) as order_key,
        coalesce(order_headers.channel, line_totals.channel) as channel,
        coalesce(order_headers.order_number, line_totals.order_number) as order_number,
        coalesce(order_headers.customer_id, line_totals.customer_id) as customer_id,
        line_totals.store_id,
        coalesce(order_headers.order_date, line_totals.order_date) as order_date,
        case
            when order_headers.status is not null then order_headers.status
            when line_totals.channel = 'store' then 'completed'
            else 'unknown'
        end as order_status,
        coalesce(line_totals.line_count, 0) as line_count,
        coalesce(line_totals.units, 0) as units,
        coalesce(line_totals.gross_amount, 0) as gross_amount,
        coalesce(line_totals.coupon_amount, 0) as coupon_amount,
        coalesce(line_totals.net_paid, 0) as net_paid,
        coalesce(line_totals.tax_amount, 0) as tax_amount,
        coalesce(line_totals.ship_cost, 0) as ship_cost,
        coalesce(line_totals.net_profit, 0) as net_profit
    from line_totals
    full outer join order_headers
        on line_totals.order_key = order_headers.order_key

),

final as (

    select
        *,
        order_status = 'cancelled' as is_cancelled,
        order_status <> 'cancelled' and line_count > 0 as is_counted
    from joined

)

select * from final
