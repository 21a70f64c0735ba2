-- The bounds in the seed leave no lifetime value out and hold none twice, for the customers there are and at the bounds.
with

values_to_place as (

    select lifetime_value from {{ ref('mart_customer_metrics') }}

    union

    select lower_bound from {{ ref('customer_segments') }} where lower_bound is not null

    union

    select upper_bound from {{ ref('customer_segments') }} where upper_bound is not null

)

select
    values_to_place.lifetime_value,
    count(segments.segment) as segments
from values_to_place
left join {{ ref('customer_segments') }} as segments
    on {{ in_segment('values_to_place.lifetime_value', 'segments') }}
group by values_to_place.lifetime_value
having count(segments.segment) <> 1
