import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  drainChanges,
  ensureSnapshot,
  forgetSnapshot,
  type PostgresSource,
  parseLsn,
} from '../ingestion/connectors/postgres/index.ts';
import { SourceDatabase } from './support/connector-database.ts';
import { failure, type TestLake, testProgress } from './support/connector-lake.ts';
import { brief, orders, ordersDdl, pair, pairDdl } from './support/connector-tables.ts';

let db: SourceDatabase;
let test: TestLake;

beforeAll(async () => {
  db = await SourceDatabase.open('cdc');
  test = db.test;
});

afterEach(async () => {
  await db.dropSlots();
});

afterAll(async () => {
  await db.close();
});

describe('a source that changes', () => {
  it('keeps a new column as rescued data, and reads a dropped one as NULL', async () => {
    const source = await db.source(ordersDdl, [orders]);
    const table = `${source.schema}.orders`;
    await db.snapshot(source);
    await db.client.query(`INSERT INTO ${table} (id, customer) VALUES (1, 'a')`);
    await db.client.query(
      `ALTER TABLE ${table} ADD coupon text; INSERT INTO ${table} (id, customer, coupon) VALUES (2, 'b', 'X')`,
    );
    await db.client.query(`ALTER TABLE ${table} DROP customer; INSERT INTO ${table} (id) VALUES (3)`);
    await db.drain(source);
    const rows = await db.bronze(source, 'orders');
    expect(brief(rows, 'id', 'customer')).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, null],
    ]);
    expect(
      rows.map((row) => (row._rescued_data === null ? null : JSON.parse(String(row._rescued_data)).coupon)),
    ).toEqual([null, 'X', null]);
  });

  it('keeps a value that does not fit its declared type as rescued data', async () => {
    const source = await db.source(ordersDdl, [orders]);
    await db.snapshot(source);
    await db.client.query(`INSERT INTO ${source.schema}.orders (id, total) VALUES (1, 'NaN'), (2, 0.00001)`);
    await db.drain(source);
    const rows = await db.bronze(source, 'orders');
    expect(brief(rows, 'id', 'total', '_op')).toEqual([
      [1, null, 'c'],
      [2, null, 'c'],
    ]);
    expect(rows.map((row) => JSON.parse(String(row._rescued_data)).total)).toEqual(['NaN', '0.00001']);
  });

  it('stops at a TRUNCATE', async () => {
    const source = await db.source(pairDdl, pair);
    await db.client.query(`INSERT INTO ${source.schema}.a VALUES (1, 'x')`);
    await db.snapshot(source);
    await db.client.query(`TRUNCATE ${source.schema}.a, ${source.schema}.b`);
    const error = await failure(db.drain(source));
    expect(error).toMatchObject({ code: 'MR3206', retryable: false });
    expect(error.message).toContain(`${source.schema}.a, ${source.schema}.b`);
    expect(await db.bronze(source, 'a')).toHaveLength(1);
    await forgetSnapshot(source, test.lake, testProgress());
    await db.client.query(`INSERT INTO ${source.schema}.a VALUES (2, 'y')`);
    expect(await db.snapshot(source)).toMatchObject({ skipped: false, rows: 1 });
    expect(await db.drain(source)).toMatchObject({ rows: 0 });
    expect(brief(await db.bronze(source, 'a'), 'id', '_op')).toEqual([
      [1, 'r'],
      [2, 'r'],
    ]);
  });

  it('notices that a table was renamed, instead of passing its changes over', async () => {
    const source = await db.source(ordersDdl, [orders]);
    const table = `${source.schema}.orders`;
    await db.snapshot(source);
    await db.client.query(`ALTER TABLE ${table} RENAME TO sales; INSERT INTO ${source.schema}.sales (id) VALUES (1)`);
    const error = await failure(db.drain(source));
    expect(error).toMatchObject({ code: 'MR3202', facts: { tables: [table] } });
    await db.client.query(`ALTER TABLE ${source.schema}.sales RENAME TO orders`);
  });

  it('refuses a snapshot from a log whose positions started over', async () => {
    const source = await db.source(ordersDdl, [orders]);
    await db.client.query(`INSERT INTO ${source.schema}.orders (id) VALUES (1)`);
    await db.snapshot(source);
    await forgetSnapshot(source, test.lake, testProgress());
    // As if the earlier server had been further.
    await test.lake.append(
      {
        table: { layer: 'bronze', name: `${source.schema}_orders` },
        input: { kind: 'changes', files: [] },
        columns: orders.columns,
        transaction: { appId: `cdc:${source.slot}`, version: 2 ** 50 },
        batch: { sourceSystem: 'orders', runId: 'r', batchId: 'b', ingestedAt: new Date().toISOString() },
      },
      testProgress(),
    );
    expect(await failure(db.snapshot(source))).toMatchObject({ code: 'MR3216', retryable: false });
  });

  it('refuses tables that were added after the snapshot', async () => {
    const source = await db.source(pairDdl, pair);
    const one = { ...source, tables: source.tables.slice(0, 1) };
    await db.snapshot(one);
    const error = await failure(db.snapshot(source));
    expect(error).toMatchObject({ code: 'MR3209', facts: { tables: [`${source.schema}.b`] } });
  });
});

describe('a slot that cannot be relied on', () => {
  it('that was dropped: the changes are lost, and that is said', async () => {
    const source = await db.source(ordersDdl, [orders]);
    await db.snapshot(source);
    await db.client.query('SELECT pg_drop_replication_slot($1)', [source.slot]);
    const error = await failure(db.drain(source));
    expect(error).toMatchObject({ code: 'MR3203', retryable: false });
    expect(error.hint).toContain('forgetSnapshot');
  });

  it('that was made anew or read by somebody else', async () => {
    const source = await db.source(ordersDdl, [orders]);
    await db.snapshot(source);
    await db.client.query(`INSERT INTO ${source.schema}.orders (id) VALUES (1)`);
    await db.client.query(
      `SELECT count(*) FROM pg_logical_slot_get_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', $2)`,
      [source.slot, source.publication],
    );
    expect(await failure(db.drain(source))).toMatchObject({ code: 'MR3205', retryable: false });
  });

  it('that is being read: the other one goes first', async () => {
    const source = await db.source(ordersDdl, [orders]);
    await db.snapshot(source);
    await db.client.query(`INSERT INTO ${source.schema}.orders (id) SELECT generate_series(1, 3000)`);
    const upTo = await db.position(source);
    const results = await Promise.allSettled([1, 2, 3].map(() => db.drain(source, upTo)));
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'MR3208', retryable: true });
    }
    await db.drain(source, upTo);
    expect(await db.bronze(source, 'orders')).toHaveLength(3000);
    await db.client.query(`SELECT pg_advisory_lock(hashtextextended('millrace:' || $1, 0))`, [source.slot]);
    expect(await failure(db.drain(source, upTo))).toMatchObject({ code: 'MR3208', retryable: true });
    await db.client.query('SELECT pg_advisory_unlock_all()');
    expect(await db.drain(source, upTo)).toMatchObject({ rows: 0 });
  });

  it('that is left over from a snapshot that never ended is replaced', async () => {
    const source = await db.source(ordersDdl, [orders]);
    await db.client.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [source.slot]);
    await db.client.query(`INSERT INTO ${source.schema}.orders (id) VALUES (1)`);
    expect(await db.snapshot(source)).toMatchObject({ rows: 1 });
    expect(await db.drain(source)).toMatchObject({ rows: 0 });
  });
});

describe('settings that do not work', () => {
  const attempt = (source: PostgresSource) => failure(ensureSnapshot(source, test, testProgress()));

  it('a database that cannot be reached, without its password', async () => {
    const source = await db.source(ordersDdl, [orders]);
    for (const connection of [
      { ...db.database, port: 1, password: 'hunter2' },
      { ...db.database, database: 'no_such_database', password: db.database.password },
    ]) {
      const error = await attempt({ ...source, connection });
      expect(error).toMatchObject({ code: 'MR3201', retryable: true });
      expect(JSON.stringify([error.message, error.facts, error.hint])).not.toContain('hunter2');
    }
  });

  it('a table that is in use for long is not waited for, since others would wait behind', async () => {
    const source = await db.source(ordersDdl, [orders]);
    const reader = await db.connect();
    await reader.query(`BEGIN; SELECT * FROM ${source.schema}.orders`);
    expect(await attempt(source)).toMatchObject({ code: 'MR3210', retryable: true });
    await reader.query('COMMIT');
    await reader.end();
    expect(await db.snapshot(source)).toMatchObject({ skipped: false });
  });

  it('tables and columns that are not there', async () => {
    const source = await db.source(ordersDdl, [orders]);
    const [table] = source.tables;
    if (table === undefined) throw new Error('no table');
    expect(await attempt({ ...source, tables: [{ ...table, name: 'nowhere' }] })).toMatchObject({ code: 'MR3202' });
    const columns = [...table.columns, { name: 'extra', type: 'BIGINT' }];
    expect(await attempt({ ...source, tables: [{ ...table, columns }] })).toMatchObject({
      code: 'MR3212',
      facts: { columns: ['extra'] },
    });
    expect(await attempt({ ...source, tables: [{ ...table, key: [] }] })).toMatchObject({ code: 'MR3214' });
    expect(await attempt({ ...source, slot: 'Bad-Name' })).toMatchObject({ code: 'MR3214' });
  });

  it('a user who may not replicate, or does not own the tables', async () => {
    const source = await db.source(ordersDdl, [orders]);
    const user = `${source.schema}_reader`;
    await db.client.query(`CREATE ROLE ${user} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA ${source.schema} TO ${user};
      GRANT SELECT ON ALL TABLES IN SCHEMA ${source.schema} TO ${user}`);
    const limited = { ...source, connection: { ...db.database, user, password: 'x' } };
    expect(await attempt(limited)).toMatchObject({ code: 'MR3202' });
    await db.client.query(`ALTER ROLE ${user} REPLICATION`);
    const error = await attempt(limited);
    expect(error).toMatchObject({ code: 'MR3204' });
    expect(error.hint).toContain('REPLICA IDENTITY FULL');
  });

  it('positions that are none, or that the log has not reached', async () => {
    const source = await db.source(ordersDdl, [orders]);
    await db.snapshot(source);
    const drain = (upTo: string) => failure(drainChanges(source, { upTo }, test, testProgress()));
    expect(await drain('yesterday')).toMatchObject({ code: 'MR3213' });
    expect(parseLsn('16/B374D848')).toBe(0x16 * 2 ** 32 + 0xb374d848);
  });
});
