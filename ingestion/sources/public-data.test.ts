import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { describeWithSharedData } from '../../tests/support/shared-data.ts';
import { createDatabase } from '../../tests/support/stack.ts';
import {
  adventureWorks,
  debeziumInventorySql,
  findPublicData,
  jaffleShopClassic,
  jaffleShopGenerated,
  northwindSql,
  publicData,
  readTable,
  uciWeeklySales,
} from './public-data.ts';

describe('finding the public data sets', () => {
  it('says what is missing and where to put it (MR6008)', () => {
    const before = process.env.MILLRACE_SHARED_DATA;
    process.env.MILLRACE_SHARED_DATA = '/nowhere';
    try {
      expect(findPublicData()).toBeUndefined();
      expect(() => publicData()).toThrow(expect.objectContaining({ code: 'MR6008', subject: '/nowhere' }));
    } finally {
      if (before === undefined) delete process.env.MILLRACE_SHARED_DATA;
      else process.env.MILLRACE_SHARED_DATA = before;
    }
  });
});

describeWithSharedData('public data in Postgres', () => {
  let client: pg.Client;

  beforeAll(async () => {
    client = new pg.Client(await createDatabase('public_data'));
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
  });

  const one = async (sql: string) => (await client.query<Record<string, unknown>>(sql)).rows[0];

  it('Northwind has its published rows and figures', async () => {
    await client.query(await northwindSql());
    await client.query('set search_path to public');
    expect(
      await one(`select (select count(*)::int from information_schema.tables where table_schema = 'public') as tables,
        (select count(*)::int from orders) as orders, (select count(*)::int from order_details) as details,
        (select count(*)::int from products) as products, (select count(*)::int from customers) as customers,
        (select count(*)::int from suppliers) as suppliers, (select count(*)::int from employees) as employees,
        (select count(*)::int from shippers) as shippers`),
    ).toEqual({
      tables: 14,
      orders: 830,
      details: 2155,
      products: 77,
      customers: 91,
      suppliers: 29,
      employees: 9,
      shippers: 6,
    });
    expect(
      await one(`select round(sum(unit_price::numeric * quantity), 2)::text as gross,
        round(sum(unit_price::numeric * quantity * (1 - discount::numeric)), 2)::text as net from order_details`),
    ).toEqual({ gross: '1354458.59', net: '1265793.04' });
    expect(
      await one(`select min(order_date)::text as first, max(order_date)::text as last,
        (count(*) filter (where shipped_date is null))::int as open from orders`),
    ).toEqual({ first: '1996-07-04', last: '1998-05-06', open: 21 });
    expect(
      await one(`select sum(units_in_stock)::int as stock, sum(units_on_order)::int as on_order,
        (count(*) filter (where discontinued = 1))::int as discontinued from products`),
    ).toEqual({ stock: 3119, on_order: 780, discontinued: 10 });
  });

  it('Debezium inventory loads without PostGIS', async () => {
    await client.query(await debeziumInventorySql());
    expect(
      await one(`select (select count(*)::int from inventory.customers) as customers, (select count(*)::int from inventory.orders) as orders,
        (select count(*)::int from inventory.products) as products, (select count(*)::int from inventory.products_on_hand) as on_hand,
        (select sum(quantity)::int from inventory.products_on_hand) as pieces`),
    ).toEqual({ customers: 4, orders: 4, products: 9, on_hand: 9, pieces: 89 });
  });
});

describeWithSharedData('public data as files with declared types', () => {
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;

  beforeAll(async () => {
    instance = await DuckDBInstance.create(':memory:');
    connection = await instance.connect();
  });
  afterAll(() => {
    connection.closeSync();
    instance.closeSync();
  });

  const one = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson()[0];
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJson();

  it('Jaffle Shop, classic', async () => {
    const { customers, orders, payments } = jaffleShopClassic();
    expect(
      await one(`select (select count(*)::int from ${readTable(customers)}) as customers, (select count(*)::int from ${readTable(orders)}) as orders,
        (select count(*)::int from ${readTable(payments)}) as payments, (select sum(amount)::int from ${readTable(payments)}) as cents`),
    ).toEqual({ customers: 100, orders: 99, payments: 113, cents: 167_200 });
    expect(await rows(`select status, count(*)::int from ${readTable(orders)} group by 1 order by 2 desc, 1`)).toEqual([
      ['completed', 67],
      ['placed', 13],
      ['shipped', 13],
      ['returned', 4],
      ['return_pending', 2],
    ]);
  });

  it('Jaffle Shop, a generated year', async () => {
    const shop = jaffleShopGenerated();
    const counts: Record<string, unknown> = {};
    for (const [name, table] of Object.entries(shop))
      counts[name] = (await one(`select count(columns(*)), count(*)::int as rows from ${readTable(table)}`))?.rows;
    expect(counts).toEqual({ customers: 943, items: 106_427, orders: 72_088, products: 10, stores: 6, supplies: 65 });
    expect(
      await one(`select sum(subtotal)::int as subtotal, sum(order_total)::int as total, count(distinct store_id)::int as stores,
        min(ordered_at)::date::varchar as first, max(ordered_at)::date::varchar as last,
        (count(*) filter (id not in (select order_id from ${readTable(shop.items)})))::int as empty from ${readTable(shop.orders)}`),
    ).toEqual({
      subtotal: 75_043_900,
      total: 79_015_027,
      stores: 2,
      first: '2018-09-01',
      last: '2019-08-31',
      empty: 488,
    });
    expect(
      await one(
        `select sum(price)::int as cents from ${readTable(shop.items)} join ${readTable(shop.products)} using (sku)`,
      ),
    ).toEqual({ cents: 75_043_900 });
  });

  it('AdventureWorks: all 16 tables with the types of their script', async () => {
    const tables = await adventureWorks();
    const counts: Record<string, unknown> = {};
    for (const [name, table] of tables)
      counts[name] = (await one(`select count(columns(*)), count(*)::int as rows from ${readTable(table)}`))?.rows;
    expect(tables.size).toBe(16);
    expect(counts).toMatchObject({
      Product: 504,
      ProductInventory: 1069,
      PurchaseOrderHeader: 4012,
      PurchaseOrderDetail: 8845,
      Vendor: 104,
    });
    const detail = tables.get('PurchaseOrderDetail');
    if (detail === undefined) throw new Error('PurchaseOrderDetail is missing');
    // Every line's total is its price times its quantity, to the last of the four decimals.
    expect(
      await one(`select count(*)::int as wrong from ${readTable(detail)} where LineTotal <> UnitPrice * OrderQty`),
    ).toEqual({ wrong: 0 });
  });

  it('UCI weekly sales: 811 products by 52 weeks', async () => {
    const table = uciWeeklySales();
    expect(table.columns).toHaveLength(107);
    expect(
      await one(`select count(distinct Product_Code)::int as products, count(*)::int as cells, sum(pieces)::int as pieces
        from (unpivot (select Product_Code, columns('^W\\d+$') from ${readTable(table)}) on columns(* exclude Product_Code) into name week value pieces)`),
    ).toEqual({ products: 811, cells: 811 * 52, pieces: 375_287 });
  });
});
