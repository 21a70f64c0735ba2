{% snapshot snap_items %}

{{
    config(
        unique_key='product_id',
        strategy='timestamp',
        updated_at='updated_at',
        hard_deletes='invalidate'
    )
}}

-- depends_on: {{ ref('int_business_period') }}
select * from {{ ref('stg_items') }}

{% endsnapshot %}
