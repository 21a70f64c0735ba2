import type { PublishRequest, PublishSource, Table } from '@millrace/lakehouse';
import { columns } from './columns.ts';
import { type SilverName, silver } from './silver.ts';

/** How one gold table is made of silver tables. */
export type GoldTable = Omit<PublishRequest, 'run'>;

const saleColumns = columns({
  text: 'channel',
  id: 'sale_id item_id customer_id address_id store_id warehouse_id promo_id',
  date: 'sale_date ship_date',
  count: 'quantity',
  money:
    'list_price sales_price discount_amount gross_amount cost_amount tax_amount coupon_amount ship_cost net_paid net_paid_inc_tax net_profit',
});

/** What a sale's line has in every channel. */
const lineAmounts = {
  item_id: 'source.item_id',
  promo_id: 'source.promo_id',
  quantity: 'source.quantity',
  list_price: 'source.list_price',
  sales_price: 'source.sales_price',
  discount_amount: 'source.ext_discount_amt',
  gross_amount: 'source.ext_sales_price',
  cost_amount: 'source.ext_wholesale_cost',
  tax_amount: 'source.ext_tax',
  coupon_amount: 'source.coupon_amt',
  net_paid: 'source.net_paid',
  net_paid_inc_tax: 'source.net_paid_inc_tax',
  net_profit: 'source.net_profit',
};

/** Blank text says nothing: NULL instead. */
const text = (column: string) => `nullif(trim(source.${column}), '')`;
const texts = (names: string) => Object.fromEntries(names.split(' ').map((name) => [name, text(name)]));
const same = (names: string) => Object.fromEntries(names.split(' ').map((name) => [name, `source.${name}`]));

export const gold = {
  sales_lines: {
    target: table('sales_lines'),
    columns: saleColumns,
    key: ['channel', 'sale_id', 'item_id'],
    sources: [
      from('pos_sales', {
        ...lineAmounts,
        channel: "'store'",
        sale_id: 'source.ticket_number',
        ...same('customer_id address_id store_id sale_date'),
      }),
      {
        ...from('order_lines', {
          ...lineAmounts,
          channel: 'source.channel',
          sale_id: 'source.order_number',
          customer_id: 'orders.customer_id',
          address_id: 'orders.ship_address_id',
          warehouse_id: 'source.warehouse_id',
          // A line without a date was sold when its order was placed.
          sale_date: 'coalesce(source.order_date, orders.order_date)',
          ship_date: 'source.ship_date',
          ship_cost: 'source.ext_ship_cost',
        }),
        joins: [
          {
            table: silver.orders.target,
            alias: 'orders',
            on: { channel: 'channel', order_number: 'order_number' },
          },
        ],
      },
    ],
  },
  returns: {
    target: table('returns'),
    columns: columns({
      id: 'sale_id item_id customer_id store_id reason_id',
      date: 'return_date',
      count: 'return_quantity',
      money: 'return_amount return_tax fee refunded_cash net_loss',
    }),
    key: ['sale_id', 'item_id'],
    sources: [
      from('pos_returns', {
        sale_id: 'source.ticket_number',
        return_amount: 'source.return_amt',
        ...same(
          'item_id customer_id store_id reason_id return_date return_quantity return_tax fee refunded_cash net_loss',
        ),
      }),
    ],
  },
  orders: {
    target: table('orders'),
    columns: columns({
      text: 'channel status',
      id: 'order_number customer_id ship_customer_id ship_address_id',
      date: 'order_date',
      moment: 'updated_at',
    }),
    key: ['channel', 'order_number'],
    sources: [
      from(
        'orders',
        same('channel status order_number customer_id ship_customer_id ship_address_id order_date updated_at'),
      ),
    ],
  },
  customers: {
    target: table('customers'),
    columns: [
      ...columns({
        id: 'customer_id address_id',
        text: 'customer_code salutation first_name last_name birth_country email',
        date: 'birth_date',
        moment: 'updated_at',
      }),
      { name: 'preferred', type: 'BOOLEAN' },
    ],
    key: ['customer_id'],
    sources: [
      from('customers', {
        ...same('customer_id birth_date updated_at'),
        ...texts('customer_code salutation first_name last_name birth_country'),
        address_id: 'source.current_address_id',
        email: `lower(${text('email')})`,
        preferred: "CASE trim(source.preferred) WHEN 'Y' THEN true WHEN 'N' THEN false END",
      }),
    ],
  },
  addresses: {
    target: table('addresses'),
    columns: columns({
      id: 'address_id',
      text: 'street suite_number city county state zip country location_type',
      rate: 'gmt_offset',
      moment: 'updated_at',
    }),
    key: ['address_id'],
    sources: [
      from('addresses', {
        ...same('address_id gmt_offset updated_at'),
        ...texts('suite_number city county state zip country location_type'),
        street: `nullif(concat_ws(' ', ${text('street_number')}, ${text('street_name')}, ${text('street_type')}), '')`,
      }),
    ],
  },
  items: {
    target: table('items'),
    columns: columns({
      id: 'item_id',
      text: 'item_code product_name description brand class category manufacturer size color units container',
      money: 'current_price wholesale_cost',
      date: 'rec_start_date rec_end_date',
      moment: 'updated_at',
    }),
    key: ['item_id'],
    sources: [
      from('items', {
        ...same('item_id current_price wholesale_cost rec_start_date rec_end_date updated_at'),
        ...texts('item_code product_name description brand class category manufacturer size color units container'),
      }),
    ],
  },
  stores: {
    target: table('stores'),
    columns: columns({
      id: 'store_id',
      text: 'store_code store_name manager city county state zip country',
      number: 'floor_space number_employees',
      rate: 'gmt_offset tax_percentage',
    }),
    key: ['store_id'],
    sources: [
      from('stores', {
        ...same('store_id floor_space number_employees gmt_offset tax_percentage'),
        ...texts('store_code store_name manager city county state zip country'),
      }),
    ],
  },
  warehouses: {
    target: table('warehouses'),
    columns: columns({
      id: 'warehouse_id',
      text: 'warehouse_code warehouse_name city state zip country',
      number: 'square_feet',
      moment: 'updated_at',
    }),
    key: ['warehouse_id'],
    sources: [
      from('warehouses', {
        ...same('warehouse_id square_feet updated_at'),
        ...texts('warehouse_code warehouse_name city state zip country'),
      }),
    ],
  },
  stock_levels: {
    target: table('stock_levels'),
    columns: columns({ date: 'snapshot_date', id: 'item_id warehouse_id', count: 'quantity_on_hand' }),
    key: ['snapshot_date', 'item_id', 'warehouse_id'],
    sources: [from('stock_levels', same('snapshot_date item_id warehouse_id quantity_on_hand'))],
  },
  stock_movements: {
    target: table('stock_movements'),
    columns: columns({
      id: 'movement_id item_id warehouse_id',
      date: 'movement_date',
      count: 'quantity',
      text: 'reason',
    }),
    key: ['movement_id'],
    sources: [from('stock_movements', same('movement_id movement_date item_id warehouse_id quantity reason'))],
  },
} as const satisfies Record<string, GoldTable>;

export type GoldName = keyof typeof gold;

function table(name: string): Table {
  return { layer: 'gold', name };
}

function from(name: SilverName, targetColumns: Record<string, string>): PublishSource {
  return { source: silver[name].target, key: silver[name].key, columns: targetColumns };
}
