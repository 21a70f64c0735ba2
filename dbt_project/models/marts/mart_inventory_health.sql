with

period as (

    select
        as_of_date,
        {{ add_days('as_of_date', 1 - var('demand_days')) }} as demand_from
    from {{ ref('int_business_period') }}

),

inventory as (

    select * from {{ ref('fct_inventory_daily') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

warehouses as (

    select * from {{ ref('dim_warehouse') }}

),

current_stock as (

    select inventory.*
    from inventory
    inner join period
        on inventory.date_day = period.as_of_date

),

demand as (

    select
        inventory.product_id,
        inventory.warehouse_id,
        count(*) as observed_days,
        sum(inventory.units_out) as units_out,
        count(case when inventory.is_stock_out then inventory.date_day end) as stock_out_days
    from inventory
    cross join period
    where inventory.date_day between period.demand_from and period.as_of_date
    group by inventory.product_id, inventory.warehouse_id

),

joined as (

    select
        current_stock.date_day as as_of_date,
        current_stock.product_id,
        current_stock.warehouse_id,
        warehouses.warehouse_name,
        products.item_code,
        products.product_name,
        products.category,
        current_stock.counted_on,
        current_stock.quantity_on_hand,
        current_stock.units_short,
        {{ money('current_stock.quantity_on_hand * products.wholesale_cost') }} as stock_value,
        {{ whole_number('demand.observed_days') }} as observed_days,
        {{ whole_number('demand.units_out') }} as units_out,
        {{ whole_number('demand.stock_out_days') }} as stock_out_days,
        {{ safe_divide('demand.units_out', 'demand.observed_days') }} as average_daily_units,
        {{ safe_divide('current_stock.quantity_on_hand * demand.observed_days', 'demand.units_out') }} as days_of_supply,
        current_stock.is_stock_out
    from current_stock
    inner join demand
        on current_stock.product_id = demand.product_id
        and current_stock.warehouse_id = demand.warehouse_id
    inner join products
        on current_stock.product_id = products.product_id
    left join warehouses
        on current_stock.warehouse_id = warehouses.warehouse_id

),

final as (

    select
        *,
        days_of_supply is not null and days_of_supply > {{ var('overstock_days') }} as is_overstock,
        case
            when is_stock_out then 'stock_out'
            when days_of_supply is null then 'no_demand'
            when days_of_supply < {{ var('low_stock_days') }} then 'low'
            when days_of_supply > {{ var('overstock_days') }} then 'overstock'
            else 'healthy'
        end as stock_status
    from joined

)

select * from final
