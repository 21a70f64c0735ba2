import { columns } from './columns.ts';

/** What the POS system's files hold; see docs/reference/sources.md. */
export const posColumns = {
  store_sales: columns({
    date: 'sold_date',
    text: 'sold_time',
    id: 'ticket_number item_id customer_id address_id store_id promo_id',
    number: 'quantity',
    money:
      'wholesale_cost list_price sales_price ext_discount_amt ext_sales_price ext_wholesale_cost ext_list_price ext_tax coupon_amt net_paid net_paid_inc_tax net_profit',
  }),
  store_returns: columns({
    date: 'returned_date',
    text: 'returned_time',
    id: 'ticket_number item_id customer_id address_id store_id reason_id',
    number: 'return_quantity',
    money:
      'return_amt return_tax return_amt_inc_tax fee return_ship_cost refunded_cash reversed_charge store_credit net_loss',
  }),
  stores: columns({
    id: 'store_id market_id',
    text: 'store_code store_name hours manager street_number street_name street_type suite_number city county state zip country',
    number: 'number_employees floor_space',
    rate: 'gmt_offset tax_percentage',
  }),
} as const;

/** The order system's tables, as captured. */
export const orderColumns = {
  customers: columns({
    id: 'customer_id current_address_id',
    text: 'customer_code salutation first_name last_name preferred birth_country email',
    date: 'birth_date',
    moment: 'updated_at',
  }),
  addresses: columns({
    id: 'address_id',
    text: 'address_code street_number street_name street_type suite_number city county state zip country location_type',
    rate: 'gmt_offset',
    moment: 'updated_at',
  }),
  orders: columns({
    text: 'channel status',
    id: 'order_number customer_id ship_customer_id ship_address_id',
    date: 'order_date',
    moment: 'updated_at',
  }),
  order_lines: columns({
    text: 'channel',
    id: 'order_number item_id warehouse_id promo_id',
    date: 'order_date ship_date',
    number: 'quantity',
    money:
      'wholesale_cost list_price sales_price ext_discount_amt ext_sales_price ext_wholesale_cost ext_list_price ext_tax coupon_amt ext_ship_cost net_paid net_paid_inc_tax net_paid_inc_ship net_paid_inc_ship_tax net_profit',
    moment: 'updated_at',
  }),
} as const;

/** The inventory system's tables; `change_seq` is their watermark. */
export const inventoryColumns = {
  items: columns({
    id: 'item_id change_seq',
    text: 'item_code product_name description brand class category manufacturer size color units container',
    money: 'current_price wholesale_cost',
    date: 'rec_start_date rec_end_date',
    moment: 'updated_at',
  }),
  warehouses: columns({
    id: 'warehouse_id change_seq',
    text: 'warehouse_code warehouse_name city county state zip country',
    number: 'square_feet',
    rate: 'gmt_offset',
    moment: 'updated_at',
  }),
  stock_levels: columns({
    date: 'snapshot_date',
    id: 'item_id warehouse_id change_seq',
    count: 'quantity_on_hand',
  }),
  stock_movements: columns({
    id: 'movement_id item_id warehouse_id change_seq',
    date: 'movement_date',
    count: 'quantity',
    text: 'reason',
  }),
} as const;
