with

sales_lines as (

    select * from {{ ref('stg_sales_lines') }}

),

orders as (

    select * from {{ ref('stg_orders') }}

),

returns as (

    select * from {{ ref('stg_returns') }}

),

stock_levels as (

    select * from {{ ref('stg_stock_levels') }}

),

ranges as (

    select min(sale_date) as first_date, max(sale_date) as last_date, max(sale_date) as last_sale_date
    from sales_lines

    union all

    select min(order_date), max(order_date), null from orders

    union all

    select min(return_date), max(return_date), null from returns

    union all

    select min(counted_on), max(counted_on), null from stock_levels

),

period as (

    select
        min(first_date) as first_date,
        max(last_date) as last_date,
        max(last_sale_date) as as_of_date
    from ranges

),

final as (

    select
        first_date,
        last_date,
        as_of_date,
        {{ start_of_business_day(add_days('as_of_date', 1)) }} as as_of_at,
        {{ start_of('month', add_months('as_of_date', -1 * var('inventory_months'))) }} as inventory_from
    from period

)

select * from final
