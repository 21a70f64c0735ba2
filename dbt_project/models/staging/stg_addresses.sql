with

source as (

    select * from {{ source('lake', 'addresses') }}

),

renamed as (

    select
        address_id,
        street,
        suite_number,
        city,
        county,
        state,
        zip as postal_code,
        country,
        gmt_offset,
        location_type,
        {{ utc_timestamp('updated_at') }} as updated_at
    from source

)

select * from renamed
