{# Money as a decimal with cents. Sums of decimals widen and divisions become floats, so every money column ends here. #}
{% macro money(expression) -%}
    cast({{ expression }} as {{ adapter.dispatch('money_type', 'retail')() }})
{%- endmacro %}

{% macro default__money_type() -%} decimal(18, 2) {%- endmacro %}

{% macro bigquery__money_type() -%} numeric(18, 2) {%- endmacro %}
