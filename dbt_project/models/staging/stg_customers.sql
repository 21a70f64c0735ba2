with

source as (

    select * from {{ source('lake', 'customers') }}

),

renamed as (

    select
        customer_id,
        customer_code,
        salutation,
        first_name,
        last_name,
        preferred as is_preferred,
        birth_date,
        birth_country,
        email,
        address_id,
        {{ utc_timestamp('updated_at') }} as updated_at
    from source

)

select * from renamed
