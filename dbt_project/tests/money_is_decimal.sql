-- No column of a mart, a fact, a dimension or an intermediate model is a floating-point number.
{%- set relations = [] %}
{%- for node in [
    'int_orders', 'int_category_daily',
    'dim_product', 'dim_store', 'fct_orders', 'fct_sales', 'fct_returns', 'fct_inventory_daily',
    'mart_daily_sales', 'mart_customer_metrics', 'mart_customer_cohorts', 'mart_product_performance',
    'mart_category_ranking', 'mart_inventory_health', 'mart_executive_summary'
] %}
{%- do relations.append(ref(node)) %}
{%- endfor %}

select table_schema, table_name, column_name, data_type
from {{ relations[0].information_schema('columns') if target.type != 'duckdb' else 'information_schema.columns' }}
where upper(data_type) in ('DOUBLE', 'FLOAT', 'REAL', 'DOUBLE PRECISION', 'FLOAT64', 'FLOAT4', 'FLOAT8')
    and (
        {% for relation in relations -%}
        {{ 'or ' if not loop.first }}(lower(table_schema) = '{{ relation.schema | lower }}' and lower(table_name) = '{{ relation.identifier | lower }}')
        {% endfor %}
    )
