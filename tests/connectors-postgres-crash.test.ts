import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { isMillraceError } from 'millrace';
import { SourceDatabase, type TestSource, type TestTable } from './support/connector-database.ts';
import {
  type CompiledConnectors,
  type ConnectorCall,
  compileConnectors,
  killWhen,
  startConnectors,
} from './support/connector-process.ts';

let db: SourceDatabase;
let compiled: CompiledConnectors;

beforeAll(async () => {
  db = await SourceDatabase.open('crash');
  compiled = compileConnectors();
});

afterEach(async () => {
  await db.dropSlots();
});

afterAll(async () => {
  await db.close();
  compiled.remove();
});

const names = ['a', 'b', 'c'] as const;
const ddl = names.map((name) => `CREATE TABLE ${name} (id bigint PRIMARY KEY, n bigint, note text)`).join('; ');
const tables: readonly TestTable[] = names.map((name) => ({
  name,
  columns: [
    { name: 'id', type: 'BIGINT' },
    { name: 'n', type: 'BIGINT' },
    { name: 'note', type: 'VARCHAR' },
  ],
  key: ['id'],
}));

/** Writes to all tables, in transactions of several rows, until it is stopped. */
async function startWriter({ schema }: TestSource, from: number) {
  const client = await db.connect();
  let running = true;
  let transactions = 0;
  const done = (async () => {
    for (let id = from; running; id += 1) {
      await client.query('BEGIN');
      for (const name of names) await client.query(`INSERT INTO ${schema}.${name} VALUES ($1, 0, 'written')`, [id]);
      await client.query(`UPDATE ${schema}.a SET n = n + 1 WHERE id = ANY ($1)`, [[id, id - 3]]);
      if (id % 5 === 0) await client.query(`DELETE FROM ${schema}.b WHERE id = $1`, [id - 4]);
      await client.query(id % 7 === 0 ? 'ROLLBACK' : 'COMMIT');
      // On a fast machine it would write more than the tests can compare.
      await client.query('SELECT pg_sleep(0.002)');
      transactions += 1;
    }
    await client.end();
  })();
  return {
    count: () => transactions,
    stop: async () => {
      running = false;
      await done;
    },
  };
}

/** Bronze gives the source's rows, and none was taken twice: not by snapshot and log both, not by two attempts. */
async function expectExactlyOnce(source: TestSource): Promise<void> {
  for (const name of names) {
    expect(await db.differences(source, name)).toEqual([]);
    const twice = await db.test.lake.query(
      `SELECT id, count(*) AS times FROM bronze.${source.schema}_${name} WHERE _op IN ('r', 'c') GROUP BY id HAVING count(*) > 1`,
    );
    expect(twice).toEqual([]);
    const repeated = await db.test.lake.query(
      `SELECT _source_lsn, _source_seq FROM bronze.${source.schema}_${name} GROUP BY ALL HAVING count(*) > 1`,
    );
    expect(repeated).toEqual([]);
  }
}

const fill = ({ schema }: TestSource, rows: number) =>
  db.client.query(
    names
      .map((name) => `INSERT INTO ${schema}.${name} SELECT -i, 0, repeat('x', 50) FROM generate_series(1, ${rows}) i`)
      .join('; '),
  );

/** Tries again while the server still counts the dead process as the reader of the slot. */
async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isMillraceError(error) || error.code !== 'MR3208') throw error;
    }
  }
}

async function countObjects(prefix: string): Promise<number> {
  let count = 0;
  for await (const { key } of db.test.lake.s3.list(prefix)) count += key === '' ? 0 : 1;
  return count;
}

const start = (...calls: ConnectorCall[]) => startConnectors(compiled, db.test, calls);

describe('a writer that never stops', () => {
  it('loses no row and has none twice between the snapshot and the log', async () => {
    const source = await db.source(ddl, tables);
    await fill(source, 20_000);
    const writer = await startWriter(source, 1);
    await db.snapshot(source);
    const before = writer.count();
    // Not only rows from before the slot and after the copy: some were written in between.
    expect(before).toBeGreaterThan(10);
    for (let round = 0; round < 3; round += 1) await db.drain(source);
    expect(writer.count()).toBeGreaterThan(before);
    await writer.stop();
    await db.drain(source);
    await expectExactlyOnce(source);
  });
});

describe('a snapshot whose process is killed', () => {
  const moments: readonly [string, (source: TestSource) => Promise<boolean>][] = [
    [
      'when the slot is made',
      async ({ slot }) =>
        ((await db.client.query('SELECT FROM pg_replication_slots WHERE slot_name = $1', [slot])).rowCount ?? 0) > 0,
    ],
    ['when files are staged', async ({ slot }) => (await countObjects(`_staging/snapshots/${slot}/`)) > 0],
    ['when the manifest is written', async ({ slot }) => (await countObjects(`_millrace/snapshots/${slot}.json`)) > 0],
    ['when the first table is in', async ({ schema }) => (await countObjects(`bronze/${schema}_a/_delta_log/`)) > 0],
    ['when the second table is in', async ({ schema }) => (await countObjects(`bronze/${schema}_b/_delta_log/`)) > 0],
  ];

  it.each(moments)('%s: the next attempt completes it', async (_when, seen) => {
    const source = await db.source(ddl, tables);
    await fill(source, 5_000);
    const writer = await startWriter(source, 1);
    const process = start(['ensureSnapshot', source]);
    const killed = await killWhen(process, () => seen(source));
    expect({ killed, errors: killed ? '' : (await process.ended).errors }).toEqual({ killed: true, errors: '' });
    await insist(() => db.snapshot(source));
    await writer.stop();
    await db.drain(source);
    await expectExactlyOnce(source);
    expect(await countObjects(`_staging/snapshots/${source.slot}/`)).toBe(0);
  });
});

describe('a drain whose process is killed', () => {
  it('when some tables have the changes and others do not, or all have them and the slot does not know', async () => {
    const source = await db.source(ddl, tables, { maxBatchChanges: 400 });
    await fill(source, 100);
    await db.snapshot(source);
    const writer = await startWriter(source, 1);
    while (writer.count() < 600) await db.client.query('SELECT pg_sleep(0.02)');
    await writer.stop();
    const upTo = await db.position(source);
    const commits = (name: string) => countObjects(`bronze/${source.schema}_${name}/_delta_log/`);
    for (let round = 0; round < 4; round += 1) {
      const before = { a: await commits('a'), c: await commits('c') };
      const process = start(['drainChanges', source, { upTo }]);
      // Two tables at first, then any: each time at another point of the batch.
      const killed = await killWhen(process, async () =>
        round % 2 === 0 ? (await commits('a')) > before.a : (await commits('c')) > before.c,
      );
      expect({ killed, errors: killed ? '' : (await process.ended).errors }).toEqual({ killed: true, errors: '' });
      // The next process must not be refused because of the dead one.
      await insist(async () => {
        await db.drain(
          source,
          (
            await db.client.query(
              'SELECT confirmed_flush_lsn::text AS at FROM pg_replication_slots WHERE slot_name = $1',
              [source.slot],
            )
          ).rows[0].at,
        );
      });
    }
    await insist(() => db.drain(source, upTo));
    await expectExactlyOnce(source);
  });
});
