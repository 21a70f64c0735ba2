{# Join condition: the value lies within the bounds of a row of the seed customer_segments; an empty bound is open. #}
{% macro in_segment(value, segments) -%}
    (
        {{ segments }}.lower_bound is null
        or {{ value }} > {{ segments }}.lower_bound
        or ({{ segments }}.includes_lower and {{ value }} = {{ segments }}.lower_bound)
    )
    and (
        {{ segments }}.upper_bound is null
        or {{ value }} < {{ segments }}.upper_bound
        or ({{ segments }}.includes_upper and {{ value }} = {{ segments }}.upper_bound)
    )
{%- endmacro %}
