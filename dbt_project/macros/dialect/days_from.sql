{#
  A query with one row per day, column date_day, from and to the dates in two columns of a one-row relation. The range
  comes from the data at run time, so no clock and no query while compiling.
#}
{% macro days_from(relation, first, last) -%}
    {{ return(adapter.dispatch('days_from', 'retail')(relation, first, last)) }}
{%- endmacro %}

{% macro default__days_from(relation, first, last) -%}
    with digits as (
        {% for digit in range(10) -%}
        select {{ digit }} as digit{{ ' union all' if not loop.last }}
        {% endfor %}
    ),
    offsets as (
        select a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit + 10000 * e.digit as days
        from digits as a
        cross join digits as b
        cross join digits as c
        cross join digits as d
        cross join digits as e
    )
    select {{ add_days(first, 'days') }} as date_day
    from {{ relation }}
    cross join offsets
    where {{ add_days(first, 'days') }} <= {{ last }}
{%- endmacro %}

{% macro duckdb__days_from(relation, first, last) -%}
    select cast(unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as date) as date_day
    from {{ relation }}
{%- endmacro %}
