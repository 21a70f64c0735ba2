import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MillraceError } from 'millrace';
import { literal } from './sql-text.ts';

/**
 * The folder of the public data sets (Northwind, Debezium inventory, AdventureWorks, Jaffle Shop, UCI weekly sales):
 * MILLRACE_SHARED_DATA, or `shared/data` beside the clone. Undefined when it is not there; the sets are not part of the repository.
 */
export function findPublicData(): string | undefined {
  const configured = process.env.MILLRACE_SHARED_DATA;
  const folder = configured === undefined || configured === '' ? besideTheClone() : resolve(configured);
  return folder !== undefined && existsSync(join(folder, 'northwind')) ? folder : undefined;
}

/**
 * The same, for those who cannot do without.
 * @throws MR6008 when it is not there.
 */
export function publicData(): string {
  const folder = findPublicData();
  if (folder === undefined)
    throw new MillraceError({
      code: 'MR6008',
      message: 'The public data sets are not there.',
      subject: process.env.MILLRACE_SHARED_DATA ?? '../shared/data',
      hint: 'Put them into ../shared/data beside the clone, or name their folder in MILLRACE_SHARED_DATA.',
      retryable: false,
    });
  return folder;
}

function besideTheClone(): string | undefined {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder))
    if (existsSync(join(folder, 'packages', 'millrace', 'package.json'))) return join(folder, '..', 'shared', 'data');
  return undefined;
}

/** Northwind as SQL statements for an empty Postgres database. */
export async function northwindSql(): Promise<string> {
  return await readFile(join(publicData(), 'northwind', 'northwind.sql'), 'utf8');
}

/** Debezium's inventory sample as SQL for an empty Postgres database, less the table `geom`, which needs PostGIS. */
export async function debeziumInventorySql(): Promise<string> {
  const sql = await readFile(join(publicData(), 'debezium-inventory', 'inventory.sql'), 'utf8');
  return sql
    .replace(/^CREATE EXTENSION postgis;$/m, '')
    .replace(/^CREATE TABLE geom \([^;]*;$/m, '')
    .replace(/^ALTER TABLE geom [^;]*;$/gm, '')
    .replace(/^INSERT INTO geom\s[^;]*;$/m, '');
}

/** A file of delimited text with the DuckDB types that its publisher declares, or that its content calls for. */
export interface PublicTable {
  readonly file: string;
  readonly delimiter: ',' | '\t';
  readonly header: boolean;
  /** In the file's order. */
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** A DuckDB table function call that reads the file with exactly the declared types: what does not fit is an error. */
export function readTable(table: PublicTable): string {
  const columns = table.columns.map(({ name, type }) => `${literal(name)}: ${literal(type)}`).join(', ');
  return `read_csv(${literal(table.file)}, auto_detect = false, header = ${table.header}, delim = ${literal(table.delimiter)},
    quote = ${literal(table.delimiter === '\t' ? '' : '"')}, escape = ${literal(table.delimiter === '\t' ? '' : '"')},
    compression = ${literal(table.file.endsWith('.gz') ? 'gzip' : 'none')}, columns = {${columns}})`;
}

function csv(file: string, columns: string): PublicTable {
  return {
    file: join(publicData(), file),
    delimiter: ',',
    header: true,
    columns: columns.split(', ').map((column) => {
      const [name = '', type = ''] = column.split(' ');
      return { name, type };
    }),
  };
}

/** dbt's small Jaffle Shop; amounts are cents. */
export function jaffleShopClassic() {
  const folder = 'jaffle-shop-classic';
  return {
    customers: csv(`${folder}/raw_customers.csv`, 'id BIGINT, first_name VARCHAR, last_name VARCHAR'),
    orders: csv(`${folder}/raw_orders.csv`, 'id BIGINT, user_id BIGINT, order_date DATE, status VARCHAR'),
    payments: csv(`${folder}/raw_payments.csv`, 'id BIGINT, order_id BIGINT, payment_method VARCHAR, amount BIGINT'),
  };
}

/** A generated year of the larger Jaffle Shop; amounts are cents. */
export function jaffleShopGenerated() {
  const folder = 'jaffle-shop-generated';
  return {
    customers: csv(`${folder}/raw_customers.csv`, 'id UUID, name VARCHAR'),
    items: csv(`${folder}/raw_items.csv.gz`, 'id UUID, order_id UUID, sku VARCHAR'),
    orders: csv(
      `${folder}/raw_orders.csv.gz`,
      'id UUID, customer UUID, ordered_at TIMESTAMP, store_id UUID, subtotal BIGINT, tax_paid BIGINT, order_total BIGINT',
    ),
    products: csv(
      `${folder}/raw_products.csv`,
      'sku VARCHAR, name VARCHAR, type VARCHAR, price BIGINT, description VARCHAR',
    ),
    stores: csv(`${folder}/raw_stores.csv`, 'id UUID, name VARCHAR, opened_at TIMESTAMP, tax_rate DECIMAL(9,4)'),
    supplies: csv(
      `${folder}/raw_supplies.csv`,
      'id VARCHAR, name VARCHAR, cost BIGINT, perishable BOOLEAN, sku VARCHAR',
    ),
  };
}

/** UCI "Sales Transactions Weekly": a product a row, pieces sold in each of 52 weeks, and the same normalised. */
export function uciWeeklySales(): PublicTable {
  const weeks = Array.from({ length: 52 }, (_, week) => week);
  return {
    file: join(publicData(), 'uci-weekly-sales', 'Sales_Transactions_Dataset_Weekly.csv'),
    delimiter: ',',
    header: true,
    columns: [
      { name: 'Product_Code', type: 'VARCHAR' },
      ...weeks.map((week) => ({ name: `W${week}`, type: 'INTEGER' })),
      { name: 'MIN', type: 'INTEGER' },
      { name: 'MAX', type: 'INTEGER' },
      ...weeks.map((week) => ({ name: `Normalized ${week}`, type: 'DECIMAL(9,4)' })),
    ],
  };
}

/** AdventureWorks, by table name, with the types that its publisher's script declares (SQL Server's money has four decimals). */
export async function adventureWorks(): Promise<ReadonlyMap<string, PublicTable>> {
  const folder = join(publicData(), 'adventureworks');
  const declared = JSON.parse(await readFile(join(folder, 'columns.json'), 'utf8')) as Record<
    string,
    { columns: [name: string, type: string][] }
  >;
  const tables = new Map<string, PublicTable>();
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.csv'))) {
    const name = file.slice(0, -'.csv'.length);
    const columns = (declared[name]?.columns ?? []).map(([column, type]) => ({ name: column, type: duckdbType(type) }));
    tables.set(name, { file: join(folder, file), delimiter: '\t', header: false, columns });
  }
  return tables;
}

/** SQL Server's type as the set's columns.json writes it (`decimal](8, 2)`), in DuckDB's words. */
function duckdbType(declared: string): string {
  const [name = '', size = ''] = declared.toLowerCase().split(/\]|(?=\()/);
  const types: Readonly<Record<string, string>> = {
    bit: 'BOOLEAN',
    flag: 'BOOLEAN',
    tinyint: 'UTINYINT',
    smallint: 'SMALLINT',
    int: 'INTEGER',
    money: 'DECIMAL(19,4)',
    smallmoney: 'DECIMAL(10,4)',
    decimal: `DECIMAL${size}`,
    numeric: `DECIMAL${size}`,
    computed: 'DECIMAL(19,4)',
    datetime: 'TIMESTAMP',
    uniqueidentifier: 'UUID',
  };
  return types[name] ?? 'VARCHAR';
}
