with

versions as (

    select * from {{ ref('snap_items') }}

),

sales_lines as (

    select * from {{ ref('stg_sales_lines') }}

),

returns as (

    select * from {{ ref('stg_returns') }}

),

stock_levels as (

    select * from {{ ref('stg_stock_levels') }}

),

priced_versions as (

    select
        *,
        lag(current_price) over (partition by product_id order by dbt_valid_from) as previous_price,
        row_number() over (partition by product_id order by dbt_valid_from desc) as recency,
        count(*) over (partition by product_id) as version_count
    from versions

),

latest_versions as (

    select * from priced_versions where recency = 1

),

-- Products that sales, returns or counts name and the inventory system has not delivered (yet).
mentioned as (

    select product_id from sales_lines

    union

    select product_id from returns

    union

    select product_id from stock_levels

),

inferred as (

    select mentioned.product_id
    from mentioned
    left join latest_versions
        on mentioned.product_id = latest_versions.product_id
    where latest_versions.product_id is null

),

known as (

    select
        product_id,
        item_code,
        product_name,
        description,
        brand,
        product_class,
        coalesce(category, 'Unknown') as category,
        manufacturer,
        product_size,
        color,
        units,
        container,
        current_price,
        previous_price,
        wholesale_cost,
        record_start_date,
        record_end_date,
        record_end_date is null as is_current_record,
        dbt_valid_from as valid_from,
        dbt_valid_to as valid_to,
        {{ whole_number('version_count') }} as version_count,
        dbt_valid_to is not null as is_deleted,
        false as is_inferred
    from latest_versions

),

final as (

    select * from known

    union all

    select
        product_id,
        null as item_code,
        null as product_name,
        null as description,
        null as brand,
        null as product_class,
        'Unknown' as category,
        null as manufacturer,
        null as product_size,
        null as color,
        null as units,
        null as container,
        null as current_price,
        null as previous_price,
        null as wholesale_cost,
        null as record_start_date,
        null as record_end_date,
        true as is_current_record,
        null as valid_from,
        null as valid_to,
        0 as version_count,
        false as is_deleted,
        true as is_inferred
    from inferred

)

select * from final
