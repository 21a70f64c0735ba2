import type { TestTable } from './connector-database.ts';

export const ordersDdl =
  'CREATE TABLE orders (id bigint PRIMARY KEY, customer text, total numeric, placed_at timestamptz)';
export const orders: TestTable = {
  name: 'orders',
  columns: [
    { name: 'id', type: 'BIGINT' },
    { name: 'customer', type: 'VARCHAR' },
    { name: 'total', type: 'DECIMAL(20,4)' },
    { name: 'placed_at', type: 'TIMESTAMPTZ' },
  ],
  key: ['id'],
};

export const pairDdl =
  'CREATE TABLE a (id bigint PRIMARY KEY, note text); CREATE TABLE b (id bigint PRIMARY KEY, note text)';
export const pair: readonly TestTable[] = ['a', 'b'].map((name) => ({
  name,
  columns: [
    { name: 'id', type: 'BIGINT' },
    { name: 'note', type: 'VARCHAR' },
  ],
  key: ['id'],
}));

/** The named values of each row. */
export const brief = (rows: readonly Record<string, unknown>[], ...names: string[]) =>
  rows.map((row) => names.map((name) => row[name]));
