with

source as (

    select * from {{ source('lake', 'orders') }}

),

renamed as (

    select
        channel,
        {{ order_key('channel', 'order_number') }} as order_key,
        order_number,
        customer_id,
        ship_customer_id,
        ship_address_id,
        order_date,
        status,
        {{ utc_timestamp('updated_at') }} as updated_at
    from source

)

select * from renamed
