import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { createGunzip, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { discoverFiles, type FileStream, landBatch } from '../ingestion/connectors/files/index.ts';
import { describeColumns, type PostgresSource } from '../ingestion/connectors/postgres/index.ts';
import {
  adventureWorks,
  debeziumInventorySql,
  jaffleShopGenerated,
  northwindSql,
  type PublicTable,
  uciWeeklySales,
} from '../ingestion/sources/public-data.ts';
import { SourceDatabase, type TestSource } from './support/connector-database.ts';
import { openTestLake, type TestLake, testProgress } from './support/connector-lake.ts';
import { describeWithSharedData } from './support/shared-data.ts';

/** Loads SQL into a database of its own and captures these tables with the columns that its catalogue names. */
async function capture(
  db: SourceDatabase,
  slot: string,
  schema: string,
  tables: Readonly<Record<string, readonly string[]>>,
): Promise<TestSource> {
  const base = { name: slot, sourceSystem: slot, connection: db.database };
  const captured: PostgresSource['tables'][number][] = [];
  for (const [name, key] of Object.entries(tables)) {
    const columns = await describeColumns(db.client, base, { schema, name });
    captured.push({ schema, name, table: `${schema}_${name}`, columns, key });
  }
  return { ...base, schema, slot, publication: slot, tables: captured };
}

describeWithSharedData('Northwind as an order system', () => {
  let db: SourceDatabase;
  let source: TestSource;

  beforeAll(async () => {
    db = await SourceDatabase.open('northwind');
    await db.client.query(await northwindSql());
    source = await capture(db, db.database.database, 'public', {
      orders: ['order_id'],
      order_details: ['order_id', 'product_id'],
      products: ['product_id'],
      customers: ['customer_id'],
      suppliers: ['supplier_id'],
      employees: ['employee_id'],
      shippers: ['shipper_id'],
    });
  });

  afterAll(async () => {
    await db.close();
  });

  it('arrives as published', async () => {
    const { tables } = await db.snapshot(source);
    expect(tables).toEqual({
      public_orders: 830,
      public_order_details: 2155,
      public_products: 77,
      public_customers: 91,
      public_suppliers: 29,
      public_employees: 9,
      public_shippers: 6,
    });
    const [sales] = await db.test.lake.query(`SELECT
        round(sum(unit_price::DOUBLE * quantity), 2) AS gross,
        round(sum(unit_price::DOUBLE * quantity * (1 - discount::DOUBLE)), 2) AS net
      FROM bronze.public_order_details`);
    expect(sales).toEqual({ gross: 1354458.59, net: 1265793.04 });
    const [orders] =
      await db.test.lake.query(`SELECT min(order_date)::VARCHAR AS first, max(order_date)::VARCHAR AS last,
      count(*) FILTER (shipped_date IS NULL) AS open FROM bronze.public_orders`);
    expect(orders).toEqual({ first: '1996-07-04', last: '1998-05-06', open: 21 });
    const [products] = await db.test.lake.query(`SELECT sum(units_in_stock)::INTEGER AS stock,
      sum(units_on_order)::INTEGER AS ordered, sum(discontinued)::INTEGER AS gone FROM bronze.public_products`);
    expect(products).toEqual({ stock: 3119, ordered: 780, gone: 10 });
  });

  it('follows an order from its entry to its shipment', async () => {
    await db.client.query(`BEGIN;
      INSERT INTO orders (order_id, customer_id, employee_id, order_date, ship_via, freight) VALUES (11078, 'ALFKI', 1, '1998-05-07', 1, 12.5);
      INSERT INTO order_details VALUES (11078, 1, 18, 10, 0), (11078, 2, 19, 5, 0.05);
      UPDATE products SET units_in_stock = units_in_stock - 10 WHERE product_id = 1;
      UPDATE products SET units_in_stock = units_in_stock - 5 WHERE product_id = 2;
      COMMIT`);
    await db.client.query(`UPDATE orders SET shipped_date = '1998-05-09' WHERE order_id = 11078`);
    await db.client.query(`DELETE FROM order_details WHERE order_id = 10248`);
    const result = await db.drain(source);
    expect(result.tables).toEqual({
      public_orders: { inserts: 1, updates: 1, deletes: 0 },
      public_order_details: { inserts: 2, updates: 0, deletes: 3 },
      public_products: { inserts: 0, updates: 2, deletes: 0 },
    });
    for (const { name } of source.tables) expect(await db.differences(source, name)).toEqual([]);
    const [latest] = await db.test.lake.query(`SELECT shipped_date::VARCHAR AS shipped FROM bronze.public_orders
      WHERE order_id = 11078 ORDER BY _source_lsn DESC LIMIT 1`);
    expect(latest).toEqual({ shipped: '1998-05-09' });
    const [stock] = await db.test.lake.query(`SELECT sum(units_in_stock)::INTEGER AS stock FROM (
      SELECT units_in_stock FROM bronze.public_products
      QUALIFY row_number() OVER (PARTITION BY product_id ORDER BY _source_lsn DESC, _source_seq DESC) = 1)`);
    expect(stock).toEqual({ stock: 3119 - 15 });
  });
});

describeWithSharedData("Debezium's inventory as an inventory system", () => {
  let db: SourceDatabase;

  beforeAll(async () => {
    db = await SourceDatabase.open('debezium');
  });

  afterAll(async () => {
    await db.close();
  });

  it('arrives as published, and follows its stock', async () => {
    await db.client.query(await debeziumInventorySql());
    const source = await capture(db, db.database.database, 'inventory', {
      customers: ['id'],
      orders: ['id'],
      products: ['id'],
      products_on_hand: ['product_id'],
    });
    expect((await db.snapshot(source)).tables).toEqual({
      inventory_customers: 4,
      inventory_orders: 4,
      inventory_products: 9,
      inventory_products_on_hand: 9,
    });
    await db.client.query(`UPDATE inventory.products_on_hand SET quantity = quantity - 1 WHERE quantity > 0;
      DELETE FROM inventory.products_on_hand WHERE quantity = 0`);
    await db.drain(source);
    for (const { name } of source.tables) expect(await db.differences(source, name)).toEqual([]);
  });
});

/** Types that Delta tables have. */
function declared({ columns }: PublicTable): FileStream['columns'] {
  const other: Record<string, string> = { UUID: 'VARCHAR', UTINYINT: 'SMALLINT' };
  return columns.map(({ name, type }) => ({ name, type: other[type] ?? type }));
}

describeWithSharedData('public data sets as files', () => {
  let test: TestLake;

  beforeAll(async () => {
    test = await openTestLake('public');
  });

  afterAll(async () => {
    await test.close();
  });

  async function land(stream: FileStream) {
    const results = [];
    for (const ref of await discoverFiles(stream, { upTo: '2030-01-01' }, test.lake, testProgress())) {
      results.push(await landBatch(stream, ref, test, testProgress()));
    }
    return {
      rows: results.reduce((sum, { rows }) => sum + rows, 0),
      rescued: results.reduce((sum, { rescued }) => sum + rescued, 0),
      files: results.reduce((sum, { files }) => sum + files, 0),
    };
  }

  it('a year of Jaffle Shop orders, cut into days and written in three ways', async () => {
    const { orders } = jaffleShopGenerated();
    const lines = createInterface({ input: createReadStream(orders.file).pipe(createGunzip()) });
    const days = new Map<string, string[]>();
    let header: string | undefined;
    for await (const line of lines) {
      if (header === undefined) {
        header = line;
        continue;
      }
      const day = line.split(',')[2]?.slice(0, 10) ?? '';
      days.set(day, [...(days.get(day) ?? []), line]);
    }
    const names = header?.split(',') ?? [];
    const json = (line: string) => {
      const values = line.split(',');
      return JSON.stringify(Object.fromEntries(names.map((name, index) => [name, values[index]])));
    };
    await Promise.all(
      [...days].map(([day, rows], index) => {
        const csv = `${header}\n${rows.join('\n')}\n`;
        const [ending, body] = (
          [
            ['csv', csv],
            ['csv.gz', gzipSync(csv)],
            ['jsonl', rows.map((row) => `${json(row)}\n`).join('')],
          ] as const
        )[index % 3] ?? ['csv', csv];
        return test.lake.s3.put(`jaffle/${day}/orders.${ending}`, body);
      }),
    );
    const landed = await land({
      name: 'jaffle',
      sourceSystem: 'jaffle',
      prefix: 'jaffle/',
      pattern: '{date}/orders.{csv,csv.gz,jsonl}',
      table: 'jaffle_orders',
      columns: declared(orders),
    });
    expect(landed).toEqual({ rows: 72_088, rescued: 0, files: 365 });
    const [sums] = await test.lake.query(`SELECT sum(subtotal)::BIGINT AS subtotal, sum(order_total)::BIGINT AS total,
      count(DISTINCT store_id) AS stores, min(ordered_at)::DATE::VARCHAR AS first, max(ordered_at)::DATE::VARCHAR AS last,
      count(DISTINCT _source_file) AS files FROM bronze.jaffle_orders`);
    expect(sums).toEqual({
      subtotal: 75_043_900,
      total: 79_015_027,
      stores: 2,
      first: '2018-09-01',
      last: '2019-08-31',
      files: 365,
    });
  });

  it('AdventureWorks: tabs and no header', async () => {
    const published = {
      Product: 504,
      ProductInventory: 1069,
      PurchaseOrderHeader: 4012,
      PurchaseOrderDetail: 8845,
      Vendor: 104,
    };
    const tables = await adventureWorks();
    for (const [name, rows] of Object.entries(published)) {
      const table = tables.get(name);
      if (table === undefined) throw new Error(`no table ${name}`);
      await test.lake.s3.put(`adventureworks/${name}.csv`, await readFile(table.file));
      const landed = await land({
        name,
        sourceSystem: 'adventureworks',
        prefix: 'adventureworks/',
        pattern: `${name}.csv`,
        table: name.toLowerCase(),
        columns: declared(table),
        csv: { header: false, delimiter: '\t', quote: '' },
      });
      expect({ name, ...landed }).toEqual({ name, rows, rescued: 0, files: 1 });
    }
    // Each line's total is its price times its quantity: decimals arrived exactly, in their columns.
    const [details] = await test.lake.query(`SELECT count(*) AS wrong FROM bronze.purchaseorderdetail
      WHERE "LineTotal" <> "UnitPrice" * "OrderQty" OR "StockedQty" <> "ReceivedQty" - "RejectedQty"`);
    expect(details).toEqual({ wrong: 0 });
  });

  it('UCI weekly sales: 107 columns', async () => {
    const table = uciWeeklySales();
    await test.lake.s3.put('uci/2024-01-01/weekly.csv', await readFile(table.file));
    const landed = await land({
      name: 'uci',
      sourceSystem: 'uci',
      prefix: 'uci/',
      pattern: '{date}/weekly.csv',
      table: 'uci_weekly',
      columns: declared(table),
    });
    expect(landed).toEqual({ rows: 811, rescued: 0, files: 1 });
    const weeks = Array.from({ length: 52 }, (_, week) => `"W${week}"`).join(' + ');
    const [sums] = await test.lake.query(
      `SELECT sum(${weeks})::INTEGER AS pieces, count(DISTINCT "Product_Code") AS products FROM bronze.uci_weekly`,
    );
    expect(sums).toEqual({ pieces: 375_287, products: 811 });
  });
});
