with

category_days as (

    select * from {{ ref('int_category_daily') }}

),

category_months as (

    select
        {{ start_of('month', 'sale_date') }} as month_start,
        category,
        {{ whole_number('sum(units)') }} as units,
        {{ money('sum(gross_sales)') }} as gross_sales,
        {{ money('sum(net_sales)') }} as net_sales,
        {{ money('sum(net_profit)') }} as net_profit
    from category_days
    group by {{ start_of('month', 'sale_date') }}, category

),

compared as (

    select
        this_month.*,
        last_month.net_sales as previous_net_sales
    from category_months as this_month
    left join category_months as last_month
        on this_month.category = last_month.category
        and this_month.month_start = {{ add_months('last_month.month_start', 1) }}

),

final as (

    select
        *,
        {{ whole_number('rank() over (partition by month_start order by net_sales desc)') }} as sales_rank,
        {{ safe_divide('net_sales', 'sum(net_sales) over (partition by month_start)') }} as net_sales_share,
        {{ safe_divide('net_profit', 'net_sales') }} as profit_margin,
        {{ safe_divide('net_sales - previous_net_sales', 'previous_net_sales') }} as net_sales_growth
    from compared

)

select * from final
