-- Every customer with an order is in one cohort: the sizes add up to the customers that have bought.
with

cohorts as (

    select coalesce(sum(cohort_size), 0) as customers
    from {{ ref('mart_customer_cohorts') }}
    where months_since_first = 0

),

customers as (

    select count(*) as customers
    from {{ ref('mart_customer_metrics') }}
    where orders > 0

)

select cohorts.customers as in_cohorts, customers.customers as with_orders
from cohorts
cross join customers
where cohorts.customers <> customers.customers
