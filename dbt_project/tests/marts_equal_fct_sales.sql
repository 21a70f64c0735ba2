-- Every mart cuts the same sales in another way: the net sales of each add up to those of the fact, to the cent.
with

totals as (

    select 'fct_orders' as relation, sum(net_sales) as net_sales from {{ ref('fct_orders') }}

    union all

    select 'mart_daily_sales', sum(net_sales) from {{ ref('mart_daily_sales') }}

    union all

    select 'mart_category_ranking', sum(net_sales) from {{ ref('mart_category_ranking') }}

    union all

    select 'mart_product_performance', sum(net_sales) from {{ ref('mart_product_performance') }}

    union all

    select 'mart_executive_summary, ' || period, sum(net_sales)
    from {{ ref('mart_executive_summary') }}
    group by period

),

known_customers as (

    select 'mart_customer_metrics' as relation, sum(net_sales) as net_sales from {{ ref('mart_customer_metrics') }}

    union all

    select 'mart_customer_cohorts', sum(net_sales) from {{ ref('mart_customer_cohorts') }}

),

sales as (

    select
        sum(net_sales) as net_sales,
        sum(case when customer_id is not null then net_sales end) as known_net_sales
    from {{ ref('fct_sales') }}

)

select totals.relation, totals.net_sales, sales.net_sales as expected_net_sales
from totals
cross join sales
where totals.net_sales <> sales.net_sales

union all

select known_customers.relation, known_customers.net_sales, sales.known_net_sales
from known_customers
cross join sales
where known_customers.net_sales <> sales.known_net_sales
