with

period as (

    select * from {{ ref('int_business_period') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

orders as (

    select * from {{ ref('fct_orders') }}
    where is_counted and customer_id is not null

),

months as (

    select distinct dates.month_start
    from dates
    cross join period
    where dates.date_day <= period.as_of_date

),

customer_cohorts as (

    select
        customer_id,
        {{ start_of('month', 'min(order_date)') }} as cohort_month
    from orders
    group by customer_id

),

cohorts as (

    select
        cohort_month,
        count(*) as cohort_size
    from customer_cohorts
    group by cohort_month

),

monthly_activity as (

    select
        customer_cohorts.cohort_month,
        {{ start_of('month', 'orders.order_date') }} as activity_month,
        count(distinct orders.customer_id) as active_customers,
        count(*) as orders,
        sum(orders.net_sales) as net_sales
    from orders
    inner join customer_cohorts
        on orders.customer_id = customer_cohorts.customer_id
    group by customer_cohorts.cohort_month, {{ start_of('month', 'orders.order_date') }}

),

joined as (

    select
        cohorts.cohort_month,
        months.month_start as activity_month,
        {{ months_between('cohorts.cohort_month', 'months.month_start') }} as months_since_first,
        {{ whole_number('cohorts.cohort_size') }} as cohort_size,
        {{ whole_number('coalesce(monthly_activity.active_customers, 0)') }} as active_customers,
        {{ whole_number('coalesce(monthly_activity.orders, 0)') }} as orders,
        {{ money('coalesce(monthly_activity.net_sales, 0)') }} as net_sales
    from cohorts
    inner join months
        on months.month_start >= cohorts.cohort_month
    left join monthly_activity
        on cohorts.cohort_month = monthly_activity.cohort_month
        and months.month_start = monthly_activity.activity_month

),

final as (

    select
        *,
        {{ safe_divide('active_customers', 'cohort_size') }} as retention_rate,
        {{ money('sum(net_sales) over (partition by cohort_month order by activity_month)') }} as cumulative_net_sales,
        {{ safe_divide('sum(net_sales) over (partition by cohort_month order by activity_month)', 'cohort_size', scale=2) }}
            as cumulative_net_sales_per_customer
    from joined

)

select * from final
