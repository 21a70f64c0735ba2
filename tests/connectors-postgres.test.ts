import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { duckdbType } from '../ingestion/connectors/postgres/index.ts';
import { SourceDatabase, type TestTable } from './support/connector-database.ts';
import { failure, type TestLake } from './support/connector-lake.ts';
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

describe('snapshot and drain', () => {
  it('lands the rows there are, then each change once', async () => {
    const source = await db.source(ordersDdl, [orders]);
    const at = '1998-01-02 03:04:05.678901+02';
    await db.client.query(
      `INSERT INTO ${source.schema}.orders VALUES (1, '', 12345678901234.5678, '${at}'), (2, NULL, 0.10, NULL)`,
    );
    expect(await db.snapshot(source)).toMatchObject({ skipped: false, rows: 2 });
    expect(await db.snapshot(source)).toMatchObject({ skipped: true, rows: 0 });
    await db.client.query(`INSERT INTO ${source.schema}.orders VALUES (3, E'a"b\\\\c\\nd', -0.0001, '${at}')`);
    await db.client.query(`UPDATE ${source.schema}.orders SET total = 7 WHERE id = 2`);
    await db.client.query(`DELETE FROM ${source.schema}.orders WHERE id = 1`);
    const result = await db.drain(source);
    expect(result).toMatchObject({ rows: 3, batches: 1, repeated: 0 });
    expect(result.tables).toEqual({ [`${source.schema}_orders`]: { inserts: 1, updates: 1, deletes: 1 } });
    expect(await db.drain(source)).toMatchObject({ rows: 0, batches: 0 });
    const rows = await db.bronze(source, 'orders');
    expect(brief(rows, 'id', 'customer', 'total', '_op')).toEqual([
      [1, '', '12345678901234.5678', 'r'],
      [2, null, '0.1000', 'r'],
      [3, 'a"b\\c\nd', '-0.0001', 'c'],
      [2, null, '7.0000', 'u'],
      [1, '', '12345678901234.5678', 'd'],
    ]);
    expect(rows.every((row) => row._rescued_data === null)).toBe(true);
    const staged = [];
    for await (const { key } of test.lake.s3.list('_staging/')) staged.push(key);
    expect(staged).toEqual([]);
  });

  it('drains nothing before the snapshot is landed', async () => {
    const source = await db.source(ordersDdl, [orders]);
    expect(await failure(db.drain(source))).toMatchObject({ code: 'MR3209', retryable: false });
  });

  it('ends exactly at the position, with or without traffic behind it', async () => {
    const source = await db.source(ordersDdl, [orders]);
    await db.snapshot(source);
    const other = await db.connect();
    await other.query('BEGIN');
    await other.query(`INSERT INTO ${source.schema}.orders (id) VALUES (10)`);
    await db.client.query(`INSERT INTO ${source.schema}.orders (id) VALUES (1)`);
    const first = await db.position(source);
    await db.client.query(`INSERT INTO ${source.schema}.orders (id) VALUES (2)`);
    await other.query('COMMIT');
    await other.end();
    const second = await db.position(source);
    // A later position exists; a retry of the earlier one takes what the first attempt would have taken.
    expect(await db.drain(source, first)).toMatchObject({ rows: 1 });
    expect(await db.drain(source, first)).toMatchObject({ rows: 0 });
    expect(brief(await db.bronze(source, 'orders'), 'id')).toEqual([[1]]);
    expect(await db.drain(source, second)).toMatchObject({ rows: 2 });
    expect(brief(await db.bronze(source, 'orders'), 'id')).toEqual([[1], [2], [10]]);
    // Log that is not of these tables is passed over, so that the server need not keep it.
    await db.client.query(`CREATE TABLE ${source.schema}.noise AS SELECT generate_series(1, 10000) AS n`);
    const third = await db.position(source);
    const result = await db.drain(source, third);
    expect(result).toMatchObject({ rows: 0, to: third });
    expect(result.lagBytes).toBeLessThan(100_000);
  });

  it('keeps the order of a transaction over several tables', async () => {
    const source = await db.source(pairDdl, pair);
    await db.snapshot(source);
    const { schema } = source;
    await db.client.query(`BEGIN;
      INSERT INTO ${schema}.a VALUES (1, 'x'); INSERT INTO ${schema}.b VALUES (1, 'y');
      UPDATE ${schema}.a SET note = 'z' WHERE id = 1; DELETE FROM ${schema}.b WHERE id = 1; COMMIT`);
    await db.client.query(`BEGIN; INSERT INTO ${schema}.a VALUES (9, 'rolled back'); ROLLBACK`);
    await db.drain(source);
    const [a, b] = [await db.bronze(source, 'a'), await db.bronze(source, 'b')];
    expect(brief(a, '_source_seq', '_op', 'note')).toEqual([
      [1, 'c', 'x'],
      [3, 'u', 'z'],
    ]);
    expect(brief(b, '_source_seq', '_op', 'note')).toEqual([
      [2, 'c', 'y'],
      [4, 'd', 'y'],
    ]);
    expect(new Set([...a, ...b].map((row) => row._source_lsn)).size).toBe(1);
  });

  it('works in batches of whole transactions, also when one is larger than a batch', async () => {
    const source = await db.source(pairDdl, pair, { maxBatchChanges: 50 });
    await db.snapshot(source);
    const { schema } = source;
    for (let id = 1; id <= 60; id += 1) await db.client.query(`INSERT INTO ${schema}.a VALUES (${id}, 'small')`);
    await db.client.query(`INSERT INTO ${schema}.b SELECT n, repeat('x', 200) FROM generate_series(1, 20000) n`);
    for (let id = 61; id <= 90; id += 1) await db.client.query(`INSERT INTO ${schema}.a VALUES (${id}, 'small')`);
    const result = await db.drain(source);
    expect(result.rows).toBe(20_090);
    expect(result.batches).toBeGreaterThan(3);
    expect(await db.differences(source, 'a')).toEqual([]);
    expect(await db.differences(source, 'b')).toEqual([]);
  });
});

describe('values', () => {
  it('are the same text in the snapshot and in a change, for every type', async () => {
    const values = {
      bool: 'true',
      small: '(-32768)::int2',
      big: '9223372036854775807',
      exact: "'12345678901234567890.123456789012345678'::numeric",
      nan: "'NaN'::numeric",
      float: "'1e-300'::float8",
      single: '0.1::float4',
      fixed: "'ab'::char(5)",
      limited: "' a '::varchar(10)",
      empty: "''",
      text: `E'tab\\t "quotes" \\\\ newline\\n bell\\x07 é 😀 \\x01\\x02'`,
      json: `'{"a": 1.10, "b": [null, "x"]}'::json`,
      jsonb: `'{"b": 2, "a": 1.10}'::jsonb`,
      bytes: `'\\x00ff'::bytea`,
      day: "'0044-03-15 BC'::date",
      moment: "'1998-01-02 03:04:05.678901+02'::timestamptz",
      clock: "'24:00:00'::time",
      span: "'1 year 2 mons 3 days 04:05:06.7'::interval",
      list: `'{1,NULL,"a b"}'::text[]`,
      id: "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid",
      nothing: 'NULL::text',
      'odd "name"': "'x'",
    };
    const names = Object.keys(values);
    const columns = names.map((name) => `${JSON.stringify(name).replaceAll('\\"', '""')}`);
    const select = Object.values(values).map((sql, index) => `${sql} AS ${columns[index]}`);
    const source = await db.source(
      `CREATE TABLE kinds AS SELECT 1::bigint AS key, ${select.join(', ')}; ALTER TABLE kinds ADD PRIMARY KEY (key)`,
      [
        {
          name: 'kinds',
          key: ['key'],
          columns: [{ name: 'key', type: 'BIGINT' }, ...names.map((name) => ({ name, type: 'VARCHAR' }))],
        },
      ],
    );
    await db.snapshot(source);
    await db.client.query(`UPDATE ${source.schema}.kinds SET key = key`);
    await db.drain(source);
    const [read, changed] = await db.bronze(source, 'kinds');
    expect(brief([changed ?? {}], ...names)).toEqual(brief([read ?? {}], ...names));
    expect(changed).toMatchObject({
      _op: 'u',
      bool: 't',
      exact: '12345678901234567890.123456789012345678',
      nan: 'NaN',
      fixed: 'ab   ',
      limited: ' a ',
      empty: '',
      text: 'tab\t "quotes" \\ newline\n bell\x07 é 😀 \x01\x02',
      bytes: '\\x00ff',
      moment: '1998-01-02 01:04:05.678901+00',
      list: '{1,NULL,"a b"}',
      nothing: null,
      'odd "name"': 'x',
    });
  });

  it('have DuckDB types that hold them', () => {
    const types = [
      ['bigint', 'BIGINT'],
      ['numeric(9,2)', 'DECIMAL(9,2)'],
      ['numeric(50,2)', 'VARCHAR'],
      ['numeric(3,-2)', 'VARCHAR'],
      ['numeric', 'VARCHAR'],
      ['character varying(20)', 'VARCHAR'],
      ['timestamp(3) with time zone', 'TIMESTAMPTZ'],
      ['timestamp without time zone', 'TIMESTAMP'],
      ['integer[]', 'VARCHAR'],
      ['boolean', 'BOOLEAN'],
    ];
    expect(types.map(([type]) => [type, duckdbType(type ?? '')])).toEqual(types);
  });

  const wide: TestTable = {
    name: 'docs',
    columns: [
      { name: 'id', type: 'BIGINT' },
      { name: 'state', type: 'VARCHAR' },
      { name: 'body', type: 'VARCHAR' },
    ],
    key: ['id'],
  };
  const docsDdl =
    'CREATE TABLE docs (id bigint PRIMARY KEY, state text, body text); ALTER TABLE docs ALTER body SET STORAGE EXTERNAL';

  it('that a change did not touch are there, however large', async () => {
    const source = await db.source(docsDdl, [wide]);
    const { schema } = source;
    await db.client.query(
      `INSERT INTO ${schema}.docs VALUES (1, 'new', repeat('ab', 50000)), (2, 'new', repeat('é', 3000000))`,
    );
    await db.snapshot(source);
    await db.client.query(`UPDATE ${schema}.docs SET state = 'read'`);
    await db.client.query(`DELETE FROM ${schema}.docs WHERE id = 1`);
    await db.drain(source);
    const rows = await test.lake.query(
      `SELECT id, state, length(body) AS chars, _op, _rescued_data AS rescued FROM bronze.${schema}_docs ORDER BY _source_lsn, _source_seq`,
    );
    expect(rows).toEqual([
      { id: 1, state: 'new', chars: 100_000, _op: 'r', rescued: null },
      { id: 2, state: 'new', chars: 3_000_000, _op: 'r', rescued: null },
      { id: 1, state: 'read', chars: 100_000, _op: 'u', rescued: null },
      { id: 2, state: 'read', chars: 3_000_000, _op: 'u', rescued: null },
      { id: 1, state: 'read', chars: 100_000, _op: 'd', rescued: null },
    ]);
  });

  it('that the log left out are an error, not a NULL', async () => {
    const source = await db.source(docsDdl, [wide], { replicaIdentity: 'keep' });
    await db.client.query(`INSERT INTO ${source.schema}.docs VALUES (1, 'new', repeat('ab', 50000))`);
    await db.snapshot(source);
    await db.client.query(`UPDATE ${source.schema}.docs SET state = 'read'`);
    const error = await failure(db.drain(source));
    expect(error).toMatchObject({ code: 'MR3207', retryable: false, facts: { column: 'body', key: { id: '1' } } });
    expect(await db.bronze(source, 'docs')).toHaveLength(1);
  });

  it('of the key: a change of one is a delete and an insert', async () => {
    for (const replicaIdentity of ['full', 'keep'] as const) {
      const source = await db.source(ordersDdl, [orders], { replicaIdentity });
      await db.client.query(`INSERT INTO ${source.schema}.orders (id, customer) VALUES (1, 'x')`);
      await db.snapshot(source);
      await db.client.query(`UPDATE ${source.schema}.orders SET id = 2`);
      await db.client.query(`DELETE FROM ${source.schema}.orders`);
      await db.drain(source);
      expect(brief(await db.bronze(source, 'orders'), '_op', 'id')).toEqual([
        ['r', 1],
        ['d', 1],
        ['c', 2],
        ['d', 2],
      ]);
    }
  });

  it('of tables without a primary key are captured too', async () => {
    const source = await db.source(
      'CREATE TABLE orders (id bigint, customer text, total numeric, placed_at timestamptz)',
      [orders],
    );
    await db.snapshot(source);
    await db.client.query(`INSERT INTO ${source.schema}.orders (id, customer) VALUES (1, 'x'), (2, 'y')`);
    await db.client.query(`UPDATE ${source.schema}.orders SET customer = 'z' WHERE id = 1`);
    await db.client.query(`DELETE FROM ${source.schema}.orders WHERE id = 2`);
    await db.drain(source);
    expect(await db.differences(source, 'orders')).toEqual([]);
  });

  it('of excluded columns never leave the database', async () => {
    const source = await db.source('CREATE TABLE people (id bigint PRIMARY KEY, name text, card text)', [
      {
        name: 'people',
        columns: [
          { name: 'id', type: 'BIGINT' },
          { name: 'name', type: 'VARCHAR' },
        ],
        key: ['id'],
        exclude: ['card'],
      },
    ]);
    await db.client.query(`INSERT INTO ${source.schema}.people VALUES (1, 'a', 'secret')`);
    await db.snapshot(source);
    await db.client.query(`UPDATE ${source.schema}.people SET name = 'b'; DELETE FROM ${source.schema}.people`);
    await db.drain(source);
    const rows = await db.bronze(source, 'people');
    expect(rows).toHaveLength(3);
    expect(JSON.stringify(rows)).not.toContain('secret');
  });
});
