import type { Table } from '@millrace/lakehouse';

/** The bronze tables, by the system that they come from and its own name for them. */
export const bronze = {
  store_sales: table('pos_store_sales'),
  store_returns: table('pos_store_returns'),
  stores: table('pos_stores'),
  customers: table('orders_customers'),
  addresses: table('orders_addresses'),
  orders: table('orders_orders'),
  order_lines: table('orders_order_lines'),
  items: table('inventory_items'),
  warehouses: table('inventory_warehouses'),
  stock_levels: table('inventory_stock_levels'),
  stock_movements: table('inventory_stock_movements'),
} as const;

export type BronzeName = keyof typeof bronze;

function table(name: string): Table {
  return { layer: 'bronze', name };
}
