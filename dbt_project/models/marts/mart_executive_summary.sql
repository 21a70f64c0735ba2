with

business_period as (

    select * from {{ ref('int_business_period') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

daily_sales as (

    select * from {{ ref('mart_daily_sales') }}

),

orders as (

    select * from {{ ref('fct_orders') }}
    where is_counted and customer_id is not null

),

category_days as (

    select * from {{ ref('int_category_daily') }}

),

inventory as (

    select * from {{ ref('fct_inventory_daily') }}

),

-- Each day belongs to three periods: itself, its month and the whole.
period_days as (

    select
        dates.date_day,
        'day' as period,
        dates.date_day as period_start
    from dates
    cross join business_period
    where dates.date_day between business_period.first_date and business_period.last_date

    union all

    select
        dates.date_day,
        'month' as period,
        dates.month_start as period_start
    from dates
    cross join business_period
    where dates.date_day between business_period.first_date and business_period.last_date

    union all

    select
        dates.date_day,
        'total' as period,
        business_period.first_date as period_start
    from dates
    cross join business_period
    where dates.date_day between business_period.first_date and business_period.last_date

),

period_sales as (

    select
        period_days.period,
        period_days.period_start,
        max(period_days.date_day) as period_end,
        sum(daily_sales.orders) as orders,
        sum(daily_sales.cancelled_orders) as cancelled_orders,
        sum(daily_sales.units) as units,
        sum(daily_sales.gross_sales) as gross_sales,
        sum(daily_sales.net_sales) as net_sales,
        sum(case when daily_sales.channel = 'store' then daily_sales.net_sales else 0 end) as net_sales_store,
        sum(case when daily_sales.channel = 'web' then daily_sales.net_sales else 0 end) as net_sales_web,
        sum(case when daily_sales.channel = 'catalog' then daily_sales.net_sales else 0 end) as net_sales_catalog,
        sum(daily_sales.returned_amount) as returned_amount,
        sum(daily_sales.net_profit) as net_profit
    from period_days
    inner join daily_sales
        on period_days.date_day = daily_sales.date_day
    group by period_days.period, period_days.period_start

),

period_customers as (

    select
        period_days.period,
        period_days.period_start,
        count(distinct orders.customer_id) as customers
    from period_days
    inner join orders
        on period_days.date_day = orders.order_date
    group by period_days.period, period_days.period_start

),

period_categories as (

    select
        period_days.period,
        period_days.period_start,
        category_days.category,
        sum(category_days.net_sales) as net_sales
    from period_days
    inner join category_days
        on period_days.date_day = category_days.sale_date
    group by period_days.period, period_days.period_start, category_days.category

),

ranked_categories as (

    select
        *,
        row_number() over (partition by period, period_start order by net_sales desc, category) as sales_rank
    from period_categories

),

stock_outs as (

    select
        date_day,
        count(case when is_stock_out then product_id end) as stock_outs
    from inventory
    group by date_day

),

final as (

    select
        period_sales.period,
        period_sales.period_start,
        period_sales.period_end,
        {{ money('period_sales.net_sales') }} as net_sales,
        {{ money('period_sales.net_sales_store') }} as net_sales_store,
        {{ money('period_sales.net_sales_web') }} as net_sales_web,
        {{ money('period_sales.net_sales_catalog') }} as net_sales_catalog,
        {{ money('period_sales.gross_sales') }} as gross_sales,
        {{ money('period_sales.returned_amount') }} as returned_amount,
        {{ money('period_sales.net_profit') }} as net_profit,
        {{ whole_number('period_sales.orders') }} as orders,
        {{ whole_number('period_sales.cancelled_orders') }} as cancelled_orders,
        {{ whole_number('period_sales.units') }} as units,
        {{ whole_number('coalesce(period_customers.customers, 0)') }} as customers,
        {{ safe_divide('period_sales.net_sales', 'period_sales.orders', scale=2) }} as average_basket,
        {{ safe_divide('period_sales.returned_amount', 'period_sales.gross_sales') }} as returns_rate,
        {{ safe_divide('period_sales.net_profit', 'period_sales.net_sales') }} as profit_margin,
        {{ whole_number('stock_outs.stock_outs') }} as stock_outs,
        ranked_categories.category as top_category,
        {{ money('ranked_categories.net_sales') }} as top_category_net_sales
    from period_sales
    cross join business_period
    left join period_customers
        on period_sales.period = period_customers.period
        and period_sales.period_start = period_customers.period_start
    left join ranked_categories
        on period_sales.period = ranked_categories.period
        and period_sales.period_start = ranked_categories.period_start
        and ranked_categories.sales_rank = 1
    left join stock_outs
        on stock_outs.date_day = least(period_sales.period_end, business_period.as_of_date)

)

select * from final
