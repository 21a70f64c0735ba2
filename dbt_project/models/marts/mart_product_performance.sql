with

period as (

    select
        as_of_date,
        {{ add_days('as_of_date', 1 - var('recent_days')) }} as recent_from
    from {{ ref('int_business_period') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

sales as (

    select * from {{ ref('fct_sales') }}

),

returns as (

    select * from {{ ref('fct_returns') }}

),

product_sales as (

    select
        sales.product_id,
        count(distinct sales.order_key) as orders,
        count(distinct sales.customer_id) as customers,
        sum(sales.quantity) as units,
        sum(sales.gross_sales) as gross_sales,
        sum(sales.net_sales) as net_sales,
        sum(sales.net_profit) as net_profit,
        min(sales.sale_date) as first_sale_date,
        max(sales.sale_date) as last_sale_date,
        sum(case when sales.sale_date >= period.recent_from then sales.net_sales else 0 end) as recent_net_sales
    from sales
    cross join period
    group by sales.product_id

),

product_returns as (

    select
        product_id,
        count(*) as returned_lines,
        sum(returned_units) as returned_units,
        sum(returned_amount) as returned_amount
    from returns
    group by product_id

),

joined as (

    select
        products.product_id,
        products.item_code,
        products.product_name,
        products.brand,
        products.product_class,
        products.category,
        products.is_current_record,
        {{ whole_number('coalesce(product_sales.orders, 0)') }} as orders,
        {{ whole_number('coalesce(product_sales.customers, 0)') }} as customers,
        {{ whole_number('coalesce(product_sales.units, 0)') }} as units,
        {{ money('coalesce(product_sales.gross_sales, 0)') }} as gross_sales,
        {{ money('coalesce(product_sales.net_sales, 0)') }} as net_sales,
        {{ money('coalesce(product_sales.net_profit, 0)') }} as net_profit,
        {{ money('coalesce(product_sales.recent_net_sales, 0)') }} as recent_net_sales,
        {{ whole_number('coalesce(product_returns.returned_lines, 0)') }} as returned_lines,
        {{ whole_number('coalesce(product_returns.returned_units, 0)') }} as returned_units,
        {{ money('coalesce(product_returns.returned_amount, 0)') }} as returned_amount,
        product_sales.first_sale_date,
        product_sales.last_sale_date,
        {{ days_between('product_sales.last_sale_date', 'period.as_of_date') }} as days_since_last_sale
    from products
    cross join period
    left join product_sales
        on products.product_id = product_sales.product_id
    left join product_returns
        on products.product_id = product_returns.product_id

),

final as (

    select
        *,
        {{ safe_divide('net_sales', 'units', scale=2) }} as average_unit_price,
        {{ safe_divide('net_profit', 'net_sales') }} as profit_margin,
        {{ safe_divide('returned_units', 'units') }} as return_rate,
        {{ safe_divide('net_sales', 'sum(net_sales) over ()') }} as net_sales_share,
        {{ whole_number('rank() over (order by net_sales desc)') }} as sales_rank,
        {{ whole_number('rank() over (partition by category order by net_sales desc)') }} as sales_rank_in_category
    from joined

)

select * from final
