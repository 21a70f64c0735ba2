with

source as (

    select * from {{ source('lake', 'warehouses') }}

),

renamed as (

    select
        warehouse_id,
        warehouse_code,
        warehouse_name,
        square_feet,
        city,
        state,
        zip as postal_code,
        country,
        {{ utc_timestamp('updated_at') }} as updated_at
    from source

)

select * from renamed
