{#
  Where a node is built. In the platform's own environments (targets dev, qa and prod, each with its own database) a
  custom schema is used as it stands: staging, intermediate, core, marts, snapshots, seeds. Any other target belongs to
  a person or a CI run that shares a database with others, so there it is prefixed with the target's schema:
  alice_staging, alice_core, ...
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name is none -%}
        {{ target.schema }}
    {%- elif target.name in ['dev', 'qa', 'prod'] -%}
        {{ custom_schema_name | trim }}
    {%- else -%}
        {{ target.schema }}_{{ custom_schema_name | trim }}
    {%- endif -%}
{%- endmacro %}
