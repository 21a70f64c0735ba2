{#
  dbt stamps the end of a row that its source no longer has with this time. The clock would make two runs of one day
  differ, so it is the end of the last business day in the data. Snapshots name int_business_period as a dependency.
#}
{% macro default__snapshot_get_time() -%}
    (select as_of_at from {{ ref('int_business_period') }})
{%- endmacro %}

{% macro duckdb__snapshot_get_time() -%}
    {{ retail.default__snapshot_get_time() }}
{%- endmacro %}

{% macro snowflake__snapshot_get_time() -%}
    {{ retail.default__snapshot_get_time() }}
{%- endmacro %}

{% macro bigquery__snapshot_get_time() -%}
    {{ retail.default__snapshot_get_time() }}
{%- endmacro %}
