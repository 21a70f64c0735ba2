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

-- The counts that any day of the window can rest on. A count that was not taken (empty) is no count.
counts as (

    select
        stock_levels.product_id,
        stock_levels.warehouse_id,
        stock_levels.counted_on,
        stock_levels.counted_quantity,
        lead(stock_levels.counted_on) over (
            partition by stock_levels.product_id, stock_levels.warehouse_id order by stock_levels.counted_on
        ) as next_counted_on,
        period.as_of_date,
        period.inventory_from
    from stock_levels
    cross join period
    where stock_levels.counted_on between period.counts_from and period.as_of_date
        and stock_levels.counted_quantity is not null

),

count_spans as (

    select
        *,
        least(
            coalesce({{ days_between('counted_on', 'next_counted_on') }}, {{ var('inventory_carry_days') + 1 }}),
            {{ var('inventory_carry_days') + 1 }},
            {{ days_between('counted_on', 'as_of_date') }} + 1
        ) as days_carried
    from counts

),

day_offsets as (
    {% for day in range(var('inventory_carry_days') + 1) %}
    select {{ day }} as day_offset{{ ' union all' if not loop.last }}
    {%- endfor %}

),

carried_days as (

    select
        {{ add_days('count_spans.counted_on', 'day_offsets.day_offset') }} as date_day,
        count_spans.product_id,
        count_spans.warehouse_id,
        count_spans.counted_on,
        count_spans.counted_quantity,
        count_spans.inventory_from
    from count_spans
    inner join day_offsets
        on day_offsets.day_offset < count_spans.days_carried

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
stocked_days as (

    select
        carried_days.*,
        coalesce(daily_movements.units_in, 0) as units_in,
        coalesce(daily_movements.units_out, 0) as units_out,
        coalesce(
            sum(case when carried_days.date_day > carried_days.counted_on then daily_movements.net_units end) over (
                partition by carried_days.product_id, carried_days.warehouse_id, carried_days.counted_on
                order by carried_days.date_day
            ), 0
        ) as units_since_count
    from carried_days
    left join daily_movements
        on carried_days.product_id = daily_movements.product_id
        and carried_days.warehouse_id = daily_movements.warehouse_id
        and carried_days.date_day = daily_movements.movement_date

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
    where date_day >= inventory_from

)

select * from final
