-- The returned amounts of the marts add up to those of the fact, to the cent.
with

totals as (

    select 'mart_daily_sales' as relation, sum(returned_amount) as returned_amount from {{ ref('mart_daily_sales') }}

    union all

    select 'mart_product_performance', sum(returned_amount) from {{ ref('mart_product_performance') }}

    union all

    select 'mart_executive_summary, ' || period, sum(returned_amount)
    from {{ ref('mart_executive_summary') }}
    group by period

    union all

    select 'mart_customer_metrics', sum(returned_amount) + (
        select coalesce(sum(returned_amount), 0) from {{ ref('fct_returns') }} where customer_id is null
    )
    from {{ ref('mart_customer_metrics') }}

),

returns as (

    select sum(returned_amount) as returned_amount from {{ ref('fct_returns') }}

)

select totals.relation, totals.returned_amount, returns.returned_amount as expected_returned_amount
from totals
cross join returns
where totals.returned_amount <> returns.returned_amount
