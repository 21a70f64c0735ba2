with

period as (

    select * from {{ ref('int_business_period') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

channels as (

    select * from {{ ref('dim_channel') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

sales as (

    select * from {{ ref('fct_sales') }}

),

returns as (

    select * from {{ ref('fct_returns') }}

),

days as (

    select
        dates.date_day,
        channels.channel,
        channels.channel_name
    from dates
    cross join period
    cross join channels
    where dates.date_day between period.first_date and period.last_date

),

daily_orders as (

    select
        order_date,
        channel,
        count(case when is_counted then order_key end) as orders,
        count(case when is_cancelled then order_key end) as cancelled_orders
    from orders
    group by order_date, channel

),

daily_sales as (

    select
        sale_date,
        channel,
        sum(quantity) as units,
        sum(gross_sales) as gross_sales,
        sum(coupon_amount) as coupon_amount,
        sum(net_sales) as net_sales,
        sum(cost_amount) as cost_amount,
        sum(net_profit) as net_profit
    from sales
    group by sale_date, channel

),

daily_returns as (

    select
        return_date,
        channel,
        count(*) as returned_lines,
        sum(returned_units) as returned_units,
        sum(returned_amount) as returned_amount
    from returns
    group by return_date, channel

),

joined as (

    select
        days.date_day,
        days.channel,
        days.channel_name,
        {{ whole_number('coalesce(daily_orders.orders, 0)') }} as orders,
        {{ whole_number('coalesce(daily_orders.cancelled_orders, 0)') }} as cancelled_orders,
        {{ whole_number('coalesce(daily_sales.units, 0)') }} as units,
        {{ money('coalesce(daily_sales.gross_sales, 0)') }} as gross_sales,
        {{ money('coalesce(daily_sales.coupon_amount, 0)') }} as coupon_amount,
        {{ money('coalesce(daily_sales.net_sales, 0)') }} as net_sales,
        {{ whole_number('coalesce(daily_returns.returned_lines, 0)') }} as returned_lines,
        {{ whole_number('coalesce(daily_returns.returned_units, 0)') }} as returned_units,
        {{ money('coalesce(daily_returns.returned_amount, 0)') }} as returned_amount,
        {{ money('coalesce(daily_sales.cost_amount, 0)') }} as cost_amount,
        {{ money('coalesce(daily_sales.net_profit, 0)') }} as net_profit
    from days
    left join daily_orders
        on days.date_day = daily_orders.order_date
        and days.channel = daily_orders.channel
    left join daily_sales
        on days.date_day = daily_sales.sale_date
        and days.channel = daily_sales.channel
    left join daily_returns
        on days.date_day = daily_returns.return_date
        and days.channel = daily_returns.channel

),

final as (

    select
        *,
        {{ money('net_sales - returned_amount') }} as net_sales_after_returns,
        {{ safe_divide('net_sales', 'orders', scale=2) }} as average_order_value,
        {{ safe_divide('net_profit', 'net_sales') }} as profit_margin
    from joined

)

select * from final
