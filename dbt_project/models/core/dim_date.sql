with

period as (

    select
        {{ start_of('year', 'first_date') }} as first_day,
        {{ add_days(add_months(start_of('year', 'last_date'), 12), -1) }} as last_day
    from {{ ref('int_business_period') }}

),

days as (

    {{ days_from('period', 'first_day', 'last_day') }}

),

parts as (

    select
        date_day,
        cast({{ iso_weekday('date_day') }} as {{ dbt.type_int() }}) as weekday_number,
        cast({{ iso_week('date_day') }} as {{ dbt.type_int() }}) as iso_week,
        {{ start_of('month', 'date_day') }} as month_start,
        cast(extract(month from date_day) as {{ dbt.type_int() }}) as month_number,
        cast(extract(quarter from date_day) as {{ dbt.type_int() }}) as quarter_number,
        cast(extract(year from date_day) as {{ dbt.type_int() }}) as year_number
    from days

),

final as (

    select
        date_day,
        weekday_number,
        case weekday_number
            {%- for name in ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] %}
            when {{ loop.index }} then '{{ name }}'
            {%- endfor %}
        end as weekday_name,
        weekday_number >= 6 as is_weekend,
        iso_week,
        {{ add_days('date_day', '1 - weekday_number') }} as week_start,
        month_start,
        month_number,
        case month_number
            {%- for name in ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September',
                             'October', 'November', 'December'] %}
            when {{ loop.index }} then '{{ name }}'
            {%- endfor %}
        end as month_name,
        quarter_number,
        year_number
    from parts

)

select * from final
