{# A ratio as a decimal; null when the denominator is zero or either side is null. #}
{% macro safe_divide(numerator, denominator, scale=4) -%}
    {{ return(adapter.dispatch('safe_divide', 'retail')(numerator, denominator, scale)) }}
{%- endmacro %}

{% macro default__safe_divide(numerator, denominator, scale) -%}
    cast(({{ numerator }}) / nullif({{ denominator }}, 0) as decimal(18, {{ scale }}))
{%- endmacro %}

{% macro bigquery__safe_divide(numerator, denominator, scale) -%}
    round(cast(safe_divide({{ numerator }}, {{ denominator }}) as numeric), {{ scale }})
{%- endmacro %}
