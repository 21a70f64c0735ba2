with

period as (

    select * from {{ ref('int_business_period') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

returns as (

    select * from {{ ref('fct_returns') }}

),

segments as (

    select * from {{ ref('customer_segments') }}

),

customer_orders as (

    select
        customer_id,
        count(*) as orders,
        count(case when channel = 'store' then order_key end) as store_orders,
        count(case when channel = 'web' then order_key end) as web_orders,
        count(case when channel = 'catalog' then order_key end) as catalog_orders,
        sum(units) as units,
        sum(gross_sales) as gross_sales,
        sum(net_sales) as net_sales,
        sum(net_profit) as net_profit,
        min(order_date) as first_order_date,
        max(order_date) as last_order_date
    from orders
    where is_counted
    group by customer_id

),

customer_returns as (

    select
        customer_id,
        count(*) as returned_lines,
        sum(returned_amount) as returned_amount
    from returns
    group by customer_id

),

joined as (

    select
        customers.customer_id,
        customers.customer_code,
        customers.full_name,
        customers.state,
        customers.country,
        {{ whole_number('coalesce(customer_orders.orders, 0)') }} as orders,
        {{ whole_number('coalesce(customer_orders.store_orders, 0)') }} as store_orders,
        {{ whole_number('coalesce(customer_orders.web_orders, 0)') }} as web_orders,
        {{ whole_number('coalesce(customer_orders.catalog_orders, 0)') }} as catalog_orders,
        {{ whole_number('coalesce(customer_orders.units, 0)') }} as units,
        {{ money('coalesce(customer_orders.gross_sales, 0)') }} as gross_sales,
        {{ money('coalesce(customer_orders.net_sales, 0)') }} as net_sales,
        {{ whole_number('coalesce(customer_returns.returned_lines, 0)') }} as returned_lines,
        {{ money('coalesce(customer_returns.returned_amount, 0)') }} as returned_amount,
        {{ money('coalesce(customer_orders.net_sales, 0) - coalesce(customer_returns.returned_amount, 0)') }} as lifetime_value,
        {{ money('coalesce(customer_orders.net_profit, 0)') }} as net_profit,
        customer_orders.first_order_date,
        customer_orders.last_order_date,
        {{ start_of('month', 'customer_orders.first_order_date') }} as cohort_month,
        {{ days_between('customer_orders.last_order_date', 'period.as_of_date') }} as recency_days,
        customers.is_deleted,
        customers.is_inferred
    from customers
    cross join period
    left join customer_orders
        on customers.customer_id = customer_orders.customer_id
    left join customer_returns
        on customers.customer_id = customer_returns.customer_id

),

final as (

    select
        joined.*,
        {{ safe_divide('joined.net_sales', 'joined.orders', scale=2) }} as average_order_value,
        coalesce(joined.recency_days < {{ var('recent_days') }}, false) as is_active,
        segments.segment as customer_segment,
        segments.segment_name as customer_segment_name
    from joined
    left join segments
        on {{ in_segment('joined.lifetime_value', 'segments') }}

)

select * from final
