-- The seed's bounds place the documented edge values: above 10,000 high, 5,000 to 10,000 medium, below 5,000 low.
with

edges as (

    select 10000.01 as lifetime_value, 'high' as expected_segment

    union all

    select 10000.00, 'medium'

    union all

    select 5000.00, 'medium'

    union all

    select 4999.99, 'low'

    union all

    select -1.00, 'low'

)

select edges.lifetime_value, edges.expected_segment, segments.segment
from edges
left join {{ ref('customer_segments') }} as segments
    on {{ in_segment('edges.lifetime_value', 'segments') }}
where (segments.segment = edges.expected_segment) is not true
