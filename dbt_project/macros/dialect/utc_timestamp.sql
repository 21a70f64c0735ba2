{# A moment as a timestamp without zone that reads as UTC, so that no session's zone can change a comparison or a hash. #}
{% macro utc_timestamp(expression) -%}
    {{ return(adapter.dispatch('utc_timestamp', 'retail')(expression)) }}
{%- endmacro %}

{% macro default__utc_timestamp(expression) -%}
    cast({{ expression }} at time zone 'UTC' as timestamp)
{%- endmacro %}

{% macro snowflake__utc_timestamp(expression) -%}
    cast(convert_timezone('UTC', {{ expression }}) as timestamp_ntz)
{%- endmacro %}

{% macro bigquery__utc_timestamp(expression) -%}
    {{ expression }}
{%- endmacro %}

{# The UTC timestamp at which a day begins in the zone of the business (var business_timezone). #}
{% macro start_of_business_day(date) -%}
    {{ return(adapter.dispatch('start_of_business_day', 'retail')(date, var('business_timezone'))) }}
{%- endmacro %}

{% macro default__start_of_business_day(date, zone) -%}
    cast(cast({{ date }} as timestamp) at time zone '{{ zone }}' at time zone 'UTC' as timestamp)
{%- endmacro %}

{% macro snowflake__start_of_business_day(date, zone) -%}
    convert_timezone('{{ zone }}', 'UTC', cast({{ date }} as timestamp_ntz))
{%- endmacro %}

{% macro bigquery__start_of_business_day(date, zone) -%}
    timestamp({{ date }}, '{{ zone }}')
{%- endmacro %}
