{# A count or a sum of counts as a 64-bit integer; engines widen sums of integers in different ways. #}
{% macro whole_number(expression) -%}
    cast({{ expression }} as {{ dbt.type_bigint() }})
{%- endmacro %}
