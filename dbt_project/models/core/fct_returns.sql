with

returns as (

    select * from {{ ref('stg_returns') }}

),

sales as (

    select * from {{ ref('fct_sales') }}

),

reasons as (

    select * from {{ ref('return_reasons') }}

),

final as (

    select
        returns.order_key,
        'store' as channel,
        returns.order_number,
        returns.product_id,
        coalesce(sales.customer_id, returns.customer_id) as customer_id,
        returns.customer_id as returning_customer_id,
        coalesce(returns.store_id, sales.store_id) as store_id,
        returns.reason_id,
        reasons.reason,
        sales.sale_date,
        returns.return_date,
        {{ days_between('sales.sale_date', 'returns.return_date') }} as days_to_return,
        sales.order_key is not null as has_sale,
        {{ whole_number('coalesce(returns.return_quantity, 0)') }} as returned_units,
        {{ money('coalesce(returns.return_amount, 0)') }} as returned_amount,
        {{ money('coalesce(returns.return_tax, 0)') }} as returned_tax,
        {{ money('coalesce(returns.fee, 0)') }} as return_fee,
        {{ money('coalesce(returns.refunded_cash, 0)') }} as refunded_cash,
        {{ money('coalesce(returns.net_loss, 0)') }} as net_loss
    from returns
    left join sales
        on returns.order_key = sales.order_key
        and returns.product_id = sales.product_id
    left join reasons
        on returns.reason_id = reasons.reason_id

)

select * from final
