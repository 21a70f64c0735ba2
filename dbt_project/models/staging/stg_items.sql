with

source as (

    select * from {{ source('lake', 'items') }}

),

renamed as (

    select
        item_id as product_id,
        item_code,
        product_name,
        description,
        brand,
        class as product_class,
        category,
        manufacturer,
        size as product_size,
        color,
        units,
        container,
        {{ money('current_price') }} as current_price,
        {{ money('wholesale_cost') }} as wholesale_cost,
        rec_start_date as record_start_date,
        rec_end_date as record_end_date,
        {{ utc_timestamp('updated_at') }} as updated_at
    from source

)

select * from renamed
