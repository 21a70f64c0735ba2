with

orders as (

    select * from {{ ref('int_orders') }}

),

measured as (

    select
        order_key,
        channel,
        order_number,
        customer_id,
        store_id,
        order_date,
        order_status,
        is_cancelled,
        is_counted,
        line_count,
        case when is_cancelled then 0 else units end as units,
        {{ money('case when is_cancelled then 0 else gross_amount end') }} as gross_sales,
        {{ money('case when is_cancelled then 0 else coupon_amount end') }} as coupon_amount,
        {{ money('case when is_cancelled then 0 else net_paid end') }} as net_sales,
        {{ money('case when is_cancelled then 0 else tax_amount end') }} as tax_amount,
        {{ money('case when is_cancelled then 0 else ship_cost end') }} as ship_cost,
        {{ money('case when is_cancelled then 0 else net_profit end') }} as net_profit,
        {{ money('case when is_cancelled then net_paid else 0 end') }} as cancelled_amount
    from orders

),

final as (

    select
        *,
        case
            when is_counted and customer_id is not null
                then {{ whole_number('row_number() over (partition by customer_id, is_counted order by order_date, order_key)') }}
        end as customer_order_number
    from measured

)

select * from final
