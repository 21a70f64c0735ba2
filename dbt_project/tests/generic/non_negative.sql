{# Rows where one of these columns is below zero; null is not. #}
{% test non_negative(model, columns) %}
select *
from {{ model }}
where
    {% for column in columns -%}
    {{ 'or ' if not loop.first }}{{ column }} < 0
    {% endfor %}
{% endtest %}
