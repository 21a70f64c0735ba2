{# One text key for an order of any channel; numbers repeat between channels. #}
{% macro order_key(channel, order_number) -%}
    {{ dbt.concat([channel, "'-'", 'cast(' ~ order_number ~ ' as ' ~ dbt.type_string() ~ ')']) }}
{%- endmacro %}
