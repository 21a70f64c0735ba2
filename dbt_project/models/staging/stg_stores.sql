with

source as (

    select * from {{ source('lake', 'stores') }}

),

renamed as (

    select
        store_id,
        store_code,
        store_name,
        manager,
        floor_space,
        number_employees,
        city,
        county,
        state,
        zip as postal_code,
        country,
        gmt_offset,
        tax_percentage
    from source

)

select * from renamed
