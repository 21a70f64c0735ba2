import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import {
  type CapturedTable,
  captureLsn,
  drainChanges,
  ensureSnapshot,
  extractIncremental,
  forgetSnapshot,
  type PostgresSource,
} from '../ingestion/connectors/postgres/index.ts';
import { failure, openTestLake, type TestLake, testProgress } from './support/connector-lake.ts';
import { createDatabase, type TestDatabase, uniqueName } from './support/stack.ts';

let test: TestLake;
let database: TestDatabase;
let client: pg.Client;
const slots: string[] = [];

beforeAll(async () => {
  test = await openTestLake('cdc');
  database = await createDatabase('cdc');
  client = await connect();
});

afterAll(async () => {
  for (const slot of slots) {
    await client.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [slot]);
  }
  await client.end();
  await test.close();
});

async function connect(): Promise<pg.Client> {
  const opened = new pg.Client({ ...database });
  await opened.connect();
  return opened;
}

const orderColumns = [
  { name: 'id', type: 'BIGINT' },
  { name: 'customer', type: 'VARCHAR' },
  { name: 'total', type: 'DECIMAL(20,4)' },
  { name: 'placed_at', type: 'TIMESTAMPTZ' },
] as const;

/** A source with a schema, tables, a slot and bronze tables of its own. */
async function makeSource(
  ddl: string,
  tables: readonly Omit<CapturedTable, 'schema' | 'table'>[],
  options: Partial<PostgresSource> = {},
): Promise<PostgresSource & { readonly schema: string }> {
  const schema = uniqueName('s').replaceAll('-', '_');
  await client.query(`CREATE SCHEMA ${schema}; SET search_path = ${schema}; ${ddl}; RESET search_path`);
  slots.push(schema);
  return {
    schema,
    name: schema,
    sourceSystem: 'orders',
    connection: database,
    publication: schema,
    slot: schema,
    tables: tables.map((table) => ({ ...table, schema, table: `${schema}_${table.name}` })),
    ...options,
  };
}

const ordersDdl = 'CREATE TABLE orders (id bigint PRIMARY KEY, customer text, total numeric, placed_at timestamptz)';
const orders = { name: 'orders', columns: orderColumns, key: ['id'] } as const;

const snapshot = (source: PostgresSource) => ensureSnapshot(source, test, testProgress());
async function drain(source: PostgresSource, upTo?: string) {
  return drainChanges(source, { upTo: upTo ?? (await captureLsn(source, testProgress())) }, test, testProgress());
}

/** Everything in a bronze table, in the order of the source's log. */
function bronze({ schema }: { schema: string }, name: string) {
  return test.lake.query(`SELECT * EXCLUDE (_ingested_at) FROM bronze.${schema}_${name} ORDER BY _source_lsn, _source_seq`);
}

describe('snapshot and drain', () => {
  it('lands the rows there are, then each change once', async () => {
    const source = await makeSource(ordersDdl, [orders]);
    const at = '1998-01-02 03:04:05.678901+02';
    await client.query(`INSERT INTO ${source.schema}.orders VALUES (1, '', 12345678901234.5678, $1), (2, NULL, 0.10, NULL)`, [at]);
    expect(await snapshot(source)).toMatchObject({ skipped: false, rows: 2 });
    expect(await snapshot(source)).toMatchObject({ skipped: true, rows: 0 });
    await client.query(`INSERT INTO ${source.schema}.orders VALUES (3, E'a"b\\\\c\\nd', -0.0001, $1)`, [at]);
    await client.query(`UPDATE ${source.schema}.orders SET total = 7 WHERE id = 2`);
    await client.query(`DELETE FROM ${source.schema}.orders WHERE id = 1`);
    const result = await drain(source);
    expect(result).toMatchObject({ rows: 3, batches: 1, repeated: 0 });
    expect(result.tables).toEqual({ [`${source.schema}_orders`]: { inserts: 1, updates: 1, deletes: 1 } });
    expect(await drain(source)).toMatchObject({ rows: 0, batches: 0 });
    const rows = await bronze(source, 'orders');
    expect(rows.map(({ id, customer, total, _op }) => ({ id, customer, total, _op }))).toEqual([
      { id: 1, customer: '', total: '12345678901234.5678', _op: 'r' },
      { id: 2, customer: null, total: '0.1000', _op: 'r' },
      { id: 3, customer: 'a"b\\c\nd', total: '-0.0001', _op: 'c' },
      { id: 2, customer: null, total: '7.0000', _op: 'u' },
      { id: 1, customer: '', total: '12345678901234.5678', _op: 'd' },
    ]);
    expect(rows.every((row) => row._rescued_data === null)).toBe(true);
  });
});
