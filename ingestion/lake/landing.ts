import type { FileStream } from '../connectors/files/index.ts';
import type { CapturedTable, IncrementalTable } from '../connectors/postgres/index.ts';
import { bronze } from './bronze.ts';
import { inventoryColumns, orderColumns, posColumns } from './sources.ts';

const pos = { sourceSystem: 'pos', prefix: 'landing/pos/' } as const;

/** The files that the tills drop, one folder a business day. */
export const posStreams = {
  store_sales: {
    ...pos,
    name: 'store_sales',
    pattern: '{date}/store_sales.{csv,csv.gz,jsonl}',
    table: bronze.store_sales.name,
    columns: posColumns.store_sales,
  },
  store_returns: {
    ...pos,
    name: 'store_returns',
    pattern: '{date}/store_returns.{csv,csv.gz,jsonl}',
    table: bronze.store_returns.name,
    columns: posColumns.store_returns,
  },
  stores: {
    ...pos,
    name: 'stores',
    pattern: '{date}/stores.{csv,csv.gz,jsonl}',
    table: bronze.stores.name,
    columns: posColumns.stores,
  },
} as const satisfies Record<string, FileStream>;

export type PosStream = keyof typeof posStreams;

/** The order system's tables that are captured. */
export const orderTables = {
  customers: captured('customers', ['customer_id']),
  addresses: captured('addresses', ['address_id']),
  orders: captured('orders', ['channel', 'order_number']),
  order_lines: captured('order_lines', ['channel', 'order_number', 'item_id']),
} as const satisfies Record<string, CapturedTable>;

/** The inventory system's tables, read above their watermark. */
export const inventoryTables = {
  items: incremental('items'),
  warehouses: incremental('warehouses'),
  stock_levels: incremental('stock_levels'),
  stock_movements: incremental('stock_movements'),
} as const satisfies Record<string, IncrementalTable>;

export type InventoryTable = keyof typeof inventoryTables;

function incremental(name: keyof typeof inventoryColumns): IncrementalTable {
  return {
    schema: 'inventory',
    name,
    table: bronze[name].name,
    columns: inventoryColumns[name],
    watermark: 'change_seq',
  };
}

function captured(name: keyof typeof orderColumns, key: readonly string[]): CapturedTable {
  return { schema: 'orders', name, table: bronze[name].name, columns: orderColumns[name], key };
}
