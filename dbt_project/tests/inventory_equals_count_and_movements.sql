-- The balance of the last business day, worked out anew from the sources without the carrying of fct_inventory_daily.
with

balances as (

    select inventory.*
    from {{ ref('fct_inventory_daily') }} as inventory
    inner join {{ ref('int_business_period') }} as period
        on inventory.date_day = period.as_of_date

),

recomputed as (

    select
        balances.product_id,
        balances.warehouse_id,
        balances.quantity_on_hand,
        max(levels.quantity_on_hand) + coalesce(sum(movements.quantity), 0) as balance
    from balances
    inner join {{ source('lake', 'stock_levels') }} as levels
        on balances.product_id = levels.item_id
        and balances.warehouse_id = levels.warehouse_id
        and balances.counted_on = levels.snapshot_date
    left join {{ source('lake', 'stock_movements') }} as movements
        on balances.product_id = movements.item_id
        and balances.warehouse_id = movements.warehouse_id
        and movements.movement_date > balances.counted_on
        and movements.movement_date <= balances.date_day
    group by balances.product_id, balances.warehouse_id, balances.quantity_on_hand

)

select *
from recomputed
where quantity_on_hand <> greatest(balance, 0)
