with

sales as (

    select * from {{ ref('fct_sales') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

final as (

    select
        sales.sale_date,
        products.category,
        {{ whole_number('sum(sales.quantity)') }} as units,
        {{ money('sum(sales.gross_sales)') }} as gross_sales,
        {{ money('sum(sales.net_sales)') }} as net_sales,
        {{ money('sum(sales.net_profit)') }} as net_profit
    from sales
    inner join products
        on sales.product_id = products.product_id
    group by sales.sale_date, products.category

)

select * from final
