import { firstDay, lastSalesDay } from './business-days.ts';

/** Raised when the SQL below changes: files made by an older one are generated anew. */
export const deliveryModelVersion = 1;

/** What an order line's columns are called behind their TPC-DS prefix, in the order of `orders.order_lines`. */
const lineColumns = [
  'quantity',
  'wholesale_cost',
  'list_price',
  'sales_price',
  'ext_discount_amt',
  'ext_sales_price',
  'ext_wholesale_cost',
  'ext_list_price',
  'ext_tax',
  'coupon_amt',
  'ext_ship_cost',
  'net_paid',
  'net_paid_inc_tax',
  'net_paid_inc_ship',
  'net_paid_inc_ship_tax',
  'net_profit',
];

function channelLines(channel: 'web' | 'catalog', table: string, prefix: string): string {
  return `
    select '${channel}' as channel, ${prefix}_order_number as order_number, ${prefix}_item_sk as item_id,
      ${prefix}_bill_customer_sk as customer_id, ${prefix}_ship_customer_sk as ship_customer_id,
      ${prefix}_ship_addr_sk as ship_address_id,
      delivery.date_of(${prefix}_sold_date_sk) as order_date, delivery.date_of(${prefix}_ship_date_sk) as ship_date,
      ${prefix}_warehouse_sk as warehouse_id, ${prefix}_promo_sk as promo_id,
      ${lineColumns.map((column) => `${prefix}_${column} as ${column}`).join(', ')}
    from ${table}`;
}

/**
 * Who delivers what on which day, as SQL over the TPC-DS tables. docs/reference/sources.md states the rules in words.
 * TPC-DS numbers its days by Julian day: 2450815 is 1998-01-01.
 */
export function deliveryModel(scale: number): string[] {
  return [
    'create schema delivery',
    `create macro delivery.date_of(sk) as (date '1998-01-01' + (sk - 2450815)::integer)`,
    `create macro delivery.time_of(sk) as (strftime(timestamp '1970-01-01' + to_seconds(sk), '%H:%M:%S'))`,
    'create macro delivery.draw(what, outcomes) as (md5_number_lower(what) % outcomes)::integer',

    // POS: a row without its own date belongs to the day of its ticket; a return without one comes 30 days later.
    `create table delivery.tickets as
      select ss_ticket_number as ticket_number, coalesce(max(delivery.date_of(ss_sold_date_sk)), date '${firstDay}') as sold_on
      from store_sales group by all`,
    `create view delivery.pos_sales as
      select tickets.sold_on as delivered_on, store_sales.*
      from store_sales join delivery.tickets on ss_ticket_number = ticket_number`,
    `create view delivery.pos_returns as
      select coalesce(delivery.date_of(sr_returned_date_sk), tickets.sold_on + 30) as delivered_on, store_returns.*
      from store_returns join delivery.tickets on sr_ticket_number = ticket_number`,
    `create view delivery.pos_stores as select date '${firstDay}' as delivered_on, store.* from store`,

    `create view delivery.channel_lines as ${channelLines('web', 'web_sales', 'ws')} union all ${channelLines('catalog', 'catalog_sales', 'cs')}`,
    // Three orders in ten reach the order desk a day or two late. With this salt each of the three nights after
    // 2002-12-30 books an order at scale 0.01 too, where TPC-DS itself sells none online on two of those days.
    `create table delivery.orders as
      with heads as (
        select channel, order_number, max(customer_id) as customer_id, max(ship_customer_id) as ship_customer_id,
          max(ship_address_id) as ship_address_id, coalesce(max(order_date), date '${firstDay}') as order_date,
          min(ship_date) as first_ship_date, concat_ws(':', channel, order_number) as name
        from delivery.channel_lines group by channel, order_number
      ), booked as (
        select *, least(
            order_date + (case delivery.draw('arrival:' || name, 10) when 7 then 1 when 8 then 1 when 9 then 2 else 0 end)::integer,
            greatest(order_date, date '${lastSalesDay}')) as booked_on
        from heads
      ), shipped as (
        select *, greatest(booked_on + 1, coalesce(first_ship_date, order_date + 14)) as ships_on,
          case when delivery.draw('cancel:' || name, 40) = 0 then booked_on + 1 + delivery.draw('cancel day:' || name, 3) end as cancel_on
        from booked
      )
      select channel, order_number, customer_id, ship_customer_id, ship_address_id, order_date, booked_on, ships_on,
        case when cancel_on < ships_on then cancel_on end as cancels_on
      from shipped order by booked_on, channel, order_number`,
    `create view delivery.order_lines as
      select lines.*, orders.booked_on
      from delivery.channel_lines as lines join delivery.orders using (channel, order_number)`,

    `create view delivery.stock_levels as
      select delivery.date_of(inv_date_sk) as snapshot_date, inv_item_sk as item_id, inv_warehouse_sk as warehouse_id,
        inv_quantity_on_hand as quantity_on_hand
      from inventory`,
    `create view delivery.stock_movements as
      select (case channel when 'web' then 1 else 2 end) * 1000000000000000 + order_number * 1000000 + item_id as movement_id,
        greatest(booked_on, coalesce(ship_date, order_date, booked_on)) as movement_date, item_id, warehouse_id,
        -coalesce(quantity, 0) as quantity, channel || ' sale' as reason
      from delivery.order_lines where warehouse_id is not null`,
    `create table delivery.about as select ${deliveryModelVersion} as version, ${scale}::double as scale`,
  ];
}
