with

stock_levels as (

    select * from {{ ref('stg_stock_levels') }}

),

stock_movements as (

    select * from {{ ref('stg_stock_movements') }}

),

period as (

    select
        as_of_date,
        inventory_from,
        {{ add_days('inventory_from', -1 * var('inventory_carry_days')) }} as counts_from
    from {{ ref('int_business_period') }}

),

days as (

    select dates.date_day
    from {{ ref('dim_date') }} as dates
    cross join period
    where dates.date_day between period.inventory_from and period.as_of_date

),

-- The counts that any day of the window can rest on. A count that was not taken (empty) is no count.
counts as (

    select
        stock_levels.*,
        lead(stock_levels.counted_on) over (
            partition by stock_levels.product_id, stock_levels.warehouse_id order by stock_levels.counted_on
        ) as next_counted_on
    from stock_levels
    cross join period
    where stock_levels.counted_on between period.counts_from and period.as_of_date
        and stock_levels.counted_quantity is not null

),

count_spans as (

    select
        product_id,
        warehouse_id,
        counted_on,
        counted_quantity,
        coalesce(next_counted_on, {{ add_days('counted_on', var('inventory_carry_days') + 1) }}) as next_counted_on,
        {{ add_days('counted_on', var('inventory_carry_days')) }} as carried_until
    from counts

),

daily_movements as (

    select
        stock_movements.product_id,
        stock_movements.warehouse_id,
        stock_movements.movement_date,
        sum(stock_movements.quantity) as net_units,
        sum(case when stock_movements.quantity > 0 then stock_movements.quantity else 0 end) as units_in,
        sum(case when stock_movements.quantity < 0 then -stock_movements.quantity else 0 end) as units_out
    from stock_movements
    cross join period
    where stock_movements.movement_date between period.counts_from and period.as_of_date
    group by stock_movements.product_id, stock_movements.warehouse_id, stock_movements.movement_date

),

-- A count is taken at the close of its day: movements of that day are in it, those after it are not.
movements_since_count as (

    select
        count_spans.product_id,
        count_spans.warehouse_id,
        count_spans.counted_on,
        daily_movements.movement_date as changed_on,
        lead(daily_movements.movement_date) over (
            partition by count_spans.product_id, count_spans.warehouse_id, count_spans.counted_on
            order by daily_movements.movement_date
        ) as next_changed_on,
        sum(daily_movements.net_units) over (
            partition by count_spans.product_id, count_spans.warehouse_id, count_spans.counted_on
            order by daily_movements.movement_date
        ) as units_since_count
    from count_spans
    inner join daily_movements
        on count_spans.product_id = daily_movements.product_id
        and count_spans.warehouse_id = daily_movements.warehouse_id
        and daily_movements.movement_date > count_spans.counted_on
        and daily_movements.movement_date < count_spans.next_counted_on

),

stocked_days as (

    select
        days.date_day,
        count_spans.product_id,
        count_spans.warehouse_id,
        count_spans.counted_on,
        count_spans.counted_quantity,
        coalesce(movements_since_count.units_since_count, 0) as units_since_count,
        coalesce(daily_movements.units_in, 0) as units_in,
        coalesce(daily_movements.units_out, 0) as units_out
    from count_spans
    inner join days
        on days.date_day >= count_spans.counted_on
        and days.date_day < count_spans.next_counted_on
        and days.date_day <= count_spans.carried_until
    left join movements_since_count
        on count_spans.product_id = movements_since_count.product_id
        and count_spans.warehouse_id = movements_since_count.warehouse_id
        and count_spans.counted_on = movements_since_count.counted_on
        and days.date_day >= movements_since_count.changed_on
        and days.date_day < coalesce(movements_since_count.next_changed_on, count_spans.next_counted_on)
    left join daily_movements
        on count_spans.product_id = daily_movements.product_id
        and count_spans.warehouse_id = daily_movements.warehouse_id
        and days.date_day = daily_movements.movement_date

),

final as (

    select
        date_day,
        product_id,
        warehouse_id,
        counted_on,
        date_day = counted_on as is_counted,
        {{ whole_number('counted_quantity') }} as counted_quantity,
        {{ whole_number('units_in') }} as units_in,
        {{ whole_number('units_out') }} as units_out,
        {{ whole_number('units_since_count') }} as units_since_count,
        {{ whole_number('greatest(counted_quantity + units_since_count, 0)') }} as quantity_on_hand,
        {{ whole_number('greatest(-(counted_quantity + units_since_count), 0)') }} as units_short,
        counted_quantity + units_since_count <= 0 as is_stock_out
    from stocked_days

)

select * from final
