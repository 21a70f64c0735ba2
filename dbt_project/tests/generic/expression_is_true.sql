{# Rows for which one of the conditions is not true. A condition that comes out as null fails too. #}
{% test expression_is_true(model, expressions) %}
select *
from {{ model }}
where
    {% for expression in expressions -%}
    {{ 'or ' if not loop.first }}({{ expression }}) is not true
    {% endfor %}
{% endtest %}
