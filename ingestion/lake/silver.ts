import { type Expectation, expect, type RefineRequest, type Table } from '@millrace/lakehouse';
import { type BronzeName, bronze } from './bronze.ts';
import { inventoryColumns, orderColumns, posColumns } from './sources.ts';

/** How one silver table is made of its bronze table. */
export type SilverTable = Omit<RefineRequest, 'run'>;

/** Later rows win: a file that was delivered again, then the later line of a file. */
const byFile = ['_ingested_at', '_source_file', '_source_seq'];
/** Later rows win: the position in the order system's log. */
const byLog = ['_source_lsn', '_source_seq'];
/** Later rows win: the inventory system's own change counter. */
const byChange = ['change_seq'];

const wholeRow = expect.notRescued().quarantine();
const oldest = '1990-01-01';
const businessDay = "try_cast(regexp_extract(_source_file, '(\\d{4}-\\d{2}-\\d{2})/', 1) AS DATE)";

export const silver = {
  pos_sales: define('pos_sales', 'store_sales', posColumns.store_sales, {
    key: ['ticket_number', 'item_id'],
    orderBy: byFile,
    // A till that lost its clock leaves the date empty: the folder's business day stands for it.
    extra: { sale_date: { type: 'DATE', expr: `coalesce(sold_date, ${businessDay})` } },
    expectations: [
      wholeRow,
      expect.notNull('sale_date').quarantine(),
      expect.inRange('sale_date', { min: oldest }).quarantine(),
      expect.sql('has_quantity_or_amount', 'quantity IS NOT NULL OR net_paid IS NOT NULL').quarantine(),
      expect.inRange('quantity', { min: 0 }).quarantine(),
      expect.sql('tax_not_negative', 'net_paid_inc_tax >= net_paid').warn(),
      expect.notNull('sold_date').warn(),
      expect.notNull('customer_id').warn(),
    ],
  }),
  pos_returns: define('pos_returns', 'store_returns', posColumns.store_returns, {
    key: ['ticket_number', 'item_id'],
    orderBy: byFile,
    extra: { return_date: { type: 'DATE', expr: `coalesce(returned_date, ${businessDay})` } },
    expectations: [
      wholeRow,
      expect.notNull('return_date').quarantine(),
      expect.inRange('return_quantity', { min: 0 }).quarantine(),
      expect.notNull('returned_date').warn(),
    ],
  }),
  stores: define('stores', 'stores', posColumns.stores, {
    key: ['store_id'],
    orderBy: byFile,
    expectations: [wholeRow, expect.notNull('store_code').quarantine()],
  }),
  customers: define('customers', 'customers', orderColumns.customers, {
    key: ['customer_id'],
    orderBy: byLog,
    deleteWhen: "_op = 'd'",
    expectations: [
      wholeRow,
      expect.sql('email_has_at', "email IS NULL OR email LIKE '%@%'").warn(),
      expect.inRange('birth_date', { min: '1850-01-01' }).warn(),
    ],
  }),
  addresses: define('addresses', 'addresses', orderColumns.addresses, {
    key: ['address_id'],
    orderBy: byLog,
    deleteWhen: "_op = 'd'",
    expectations: [wholeRow],
  }),
  orders: define('orders', 'orders', orderColumns.orders, {
    key: ['channel', 'order_number'],
    orderBy: byLog,
    deleteWhen: "_op = 'd'",
    expectations: [
      wholeRow,
      // Another channel would fall out of every mart without a word: stop instead.
      expect.oneOf('channel', ['web', 'catalog']).fail(),
      expect.oneOf('status', ['placed', 'shipped', 'cancelled']).quarantine(),
      expect.notNull('order_date').quarantine(),
    ],
  }),
  order_lines: define('order_lines', 'order_lines', orderColumns.order_lines, {
    key: ['channel', 'order_number', 'item_id'],
    orderBy: byLog,
    deleteWhen: "_op = 'd'",
    expectations: [
      wholeRow,
      expect.oneOf('channel', ['web', 'catalog']).fail(),
      expect.notNull('order_date').warn(),
      expect.inRange('quantity', { min: 0 }).quarantine(),
    ],
  }),
  items: define('items', 'items', inventoryColumns.items, {
    key: ['item_id'],
    orderBy: byChange,
    expectations: [
      wholeRow,
      expect.inRange('current_price', { min: 0 }).quarantine(),
      expect.notNull('category').warn(),
    ],
  }),
  warehouses: define('warehouses', 'warehouses', inventoryColumns.warehouses, {
    key: ['warehouse_id'],
    orderBy: byChange,
    expectations: [wholeRow],
  }),
  stock_levels: define('stock_levels', 'stock_levels', inventoryColumns.stock_levels, {
    key: ['snapshot_date', 'item_id', 'warehouse_id'],
    orderBy: byChange,
    expectations: [
      wholeRow,
      expect.inRange('quantity_on_hand', { min: 0 }).quarantine(),
      expect.notNull('quantity_on_hand').warn(),
    ],
  }),
  stock_movements: define('stock_movements', 'stock_movements', inventoryColumns.stock_movements, {
    key: ['movement_id'],
    orderBy: byChange,
    expectations: [
      wholeRow,
      expect.sql('quantity_moves_something', 'quantity IS NOT NULL AND quantity <> 0').drop(),
      expect.notNull('movement_date').quarantine(),
    ],
  }),
} as const satisfies Record<string, SilverTable>;

export type SilverName = keyof typeof silver;

/** The table that keeps rows which an expectation refused. */
export const quarantine: Table = { layer: 'silver', name: 'quarantine' };

interface Rules {
  readonly key: readonly string[];
  readonly orderBy: readonly string[];
  readonly deleteWhen?: string;
  readonly extra?: RefineRequest['columns'];
  readonly expectations: readonly Expectation[];
}

function define(
  name: string,
  source: BronzeName,
  columns: readonly { name: string; type: string }[],
  { extra, ...rules }: Rules,
): SilverTable {
  return {
    source: bronze[source],
    target: { layer: 'silver', name },
    columns: { ...Object.fromEntries(columns.map((column) => [column.name, { type: column.type }])), ...extra },
    ...rules,
  };
}
