-- To the cent, by channel: the fact holds every gold line but those of cancelled orders.
with

lines as (

    select
        lines.channel,
        count(*) as line_count,
        sum(lines.quantity) as units,
        sum(lines.gross_amount) as gross_sales,
        sum(lines.net_paid) as net_sales,
        sum(lines.net_profit) as net_profit
    from {{ source('lake', 'sales_lines') }} as lines
    left join {{ source('lake', 'orders') }} as orders
        on lines.channel = orders.channel
        and lines.sale_id = orders.order_number
    where orders.status is null or orders.status <> 'cancelled'
    group by lines.channel

),

sales as (

    select
        channel,
        count(*) as line_count,
        sum(quantity) as units,
        sum(gross_sales) as gross_sales,
        sum(net_sales) as net_sales,
        sum(net_profit) as net_profit
    from {{ ref('fct_sales') }}
    group by channel

)

select
    coalesce(lines.channel, sales.channel) as channel,
    lines.net_sales as lake_net_sales,
    sales.net_sales as fact_net_sales
from lines
full outer join sales
    on lines.channel = sales.channel
where
    (lines.line_count = sales.line_count) is not true
    or coalesce(lines.units, 0) <> sales.units
    or coalesce(lines.gross_sales, 0) <> sales.gross_sales
    or coalesce(lines.net_sales, 0) <> sales.net_sales
    or coalesce(lines.net_profit, 0) <> sales.net_profit
