{# Date arithmetic that always gives a date, where engines give dates or timestamps. #}

{% macro add_days(date, days) -%}
    cast({{ dbt.dateadd('day', days, date) }} as date)
{%- endmacro %}

{% macro add_months(date, months) -%}
    cast({{ dbt.dateadd('month', months, date) }} as date)
{%- endmacro %}

{% macro start_of(part, date) -%}
    cast({{ dbt.date_trunc(part, date) }} as date)
{%- endmacro %}

{% macro days_between(earlier, later) -%}
    {{ whole_number(dbt.datediff(earlier, later, 'day')) }}
{%- endmacro %}

{% macro months_between(earlier, later) -%}
    {{ whole_number(dbt.datediff(earlier, later, 'month')) }}
{%- endmacro %}

{# 1 is Monday, 7 is Sunday. #}
{% macro iso_weekday(date) -%}
    {{ return(adapter.dispatch('iso_weekday', 'retail')(date)) }}
{%- endmacro %}

{% macro default__iso_weekday(date) -%} extract(isodow from {{ date }}) {%- endmacro %}

{% macro snowflake__iso_weekday(date) -%} dayofweekiso({{ date }}) {%- endmacro %}

{% macro bigquery__iso_weekday(date) -%} (mod(extract(dayofweek from {{ date }}) + 5, 7) + 1) {%- endmacro %}

{% macro iso_week(date) -%}
    {{ return(adapter.dispatch('iso_week', 'retail')(date)) }}
{%- endmacro %}

{% macro default__iso_week(date) -%} extract(week from {{ date }}) {%- endmacro %}

{% macro snowflake__iso_week(date) -%} weekiso({{ date }}) {%- endmacro %}

{% macro bigquery__iso_week(date) -%} extract(isoweek from {{ date }}) {%- endmacro %}
