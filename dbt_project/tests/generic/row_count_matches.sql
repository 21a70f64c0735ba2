{# One row when the model has another number of rows than the other relation (where its condition holds). #}
{% test row_count_matches(model, compare_to, compare_where='true') %}
with counts as (
    select
        (select count(*) from {{ model }}) as row_count,
        (select count(*) from {{ compare_to }} where {{ compare_where }}) as expected_row_count
)
select *
from counts
where row_count <> expected_row_count
{% endtest %}
