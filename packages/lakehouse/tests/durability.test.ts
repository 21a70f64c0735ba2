import { existsSync, readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execa } from 'execa';
import { testStack } from '../../../tests/support/stack.ts';
import {
  type AppendRequest,
  type PublishRequest,
  type RefineRequest,
  expect as rule,
  type Table,
} from '../src/index.ts';
import {
  batch,
  bronze,
  gold,
  progress,
  rejection,
  saleColumns,
  silver,
  type TestLake,
  testLake,
} from './support/lake.ts';
import { type Moment, type Tripwire, tripwire } from './support/tripwire.ts';

let at: TestLake;
let wire: Tripwire;
beforeAll(async () => {
  wire = await tripwire(testStack().s3.endpoint);
  at = await testLake({ s3: { ...testStack().s3, endpoint: wire.endpoint } });
});
afterAll(async () => {
  await at.close();
  await wire.close();
});

const ROWS = 5_000;

function appendRequest(name: string, id: string, scale: number): AppendRequest {
  const lines = Array.from({ length: ROWS }, (_, row) => `${row},${row % 97}.${row % 10}${scale},${row},2002-12-31`);
  const file = at.file(`${id}.csv`, `id,amount,zip,day\n${lines.join('\n')}\n`);
  const input = { kind: 'csv', files: [file] } as const;
  const transaction = { appId: `files:sales:${id}`, version: 1 };
  return { table: bronze(name), input, columns: saleColumns, batch: batch(id), transaction };
}

function refineRequest(name: string): RefineRequest {
  return {
    source: bronze(name),
    target: silver(name),
    columns: Object.fromEntries(saleColumns.map((column) => [column.name, { type: column.type }])),
    key: ['id'],
    orderBy: ['_batch_id', '_source_seq'],
    expectations: [rule.sql('not_seventh', 'id % 7 <> 0').quarantine()],
    run: { runId: 'run' },
  };
}

function publishRequest(name: string): PublishRequest {
  return {
    target: gold(name),
    columns: saleColumns,
    key: ['id'],
    sources: [
      {
        source: silver(name),
        key: ['id'],
        columns: Object.fromEntries(saleColumns.map((column) => [column.name, `source.${column.name}`])),
      },
    ],
    run: { runId: 'run' },
  };
}

/** Runs work and kills the writer at the request that writes a key, before or after the S3 server has had it. */
async function killedAt(moment: Moment, key: string, work: () => Promise<unknown>): Promise<void> {
  wire.set(new RegExp(key), moment, () => {
    const pid = at.lake.writerPid;
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  });
  const error = await rejection(work());
  expect({ key, moment, code: error.code, tripped: wire.tripped }).toEqual({
    key,
    moment,
    code: 'MR2902',
    tripped: true,
  });
}

const same = async (one: Table, other: Table) =>
  expect(await at.lake.checksum(one)).toEqual(await at.lake.checksum(other));

describe('a writer that is killed with -9', () => {
  it('leaves every table as if nothing had happened, wherever it is struck', async () => {
    for (const [id, scale] of [
      ['1', 1],
      ['2', 2],
    ] as const) {
      await at.lake.append(appendRequest('calm', id, scale), progress());
      await at.lake.refine(refineRequest('calm'), progress());
      await at.lake.publish(publishRequest('calm'), progress());

      const append = () => at.lake.append(appendRequest('struck', id, scale), progress());
      await killedAt('before', 'bronze/struck/.*parquet', append);
      await killedAt('before', 'bronze/struck/_delta_log/', append);
      await killedAt('after', 'bronze/struck/_delta_log/', append);
      expect(await append()).toMatchObject({ skipped: true });
      await same(bronze('calm'), bronze('struck'));

      const refine = () => at.lake.refine(refineRequest('struck'), progress());
      await killedAt('before', 'silver/quarantine/.*parquet', refine);
      await killedAt('before', 'silver/quarantine/_delta_log/', refine);
      await killedAt('after', 'silver/quarantine/_delta_log/', refine);
      await killedAt('before', 'silver/struck/.*parquet', refine);
      await killedAt('before', 'silver/struck/_delta_log/', refine);
      await killedAt('after', 'silver/struck/_delta_log/', refine);
      expect(await refine()).toMatchObject({ rowsIn: 0 });
      await same(silver('calm'), silver('struck'));

      const publish = () => at.lake.publish(publishRequest('struck'), progress());
      await killedAt('before', 'gold/struck/.*parquet', publish);
      await killedAt('before', 'gold/struck/_delta_log/', publish);
      await killedAt('after', 'gold/struck/_delta_log/', publish);
      expect(await publish()).toMatchObject({ rowsIn: 0 });
      await same(gold('calm'), gold('struck'));
    }
    const kept = await at.lake.query(`
      SELECT target, count(*) AS n, count(DISTINCT (batch_id, source_seq)) AS once
      FROM silver.quarantine GROUP BY 1 ORDER BY 1`);
    const sevenths = 2 * Math.ceil(ROWS / 7);
    expect(kept).toEqual(['calm', 'struck'].map((target) => ({ target, n: sevenths, once: sevenths })));
  });

  it('completes the range whose rows are in quarantine before it takes later versions', async () => {
    const name = 'interrupted';
    const append = (id: string, scale: number) => at.lake.append(appendRequest(name, id, scale), progress());
    const refine = () => at.lake.refine(refineRequest(name), progress());
    await append('1', 1);
    await refine();
    await append('2', 2);
    await killedAt('after', 'silver/quarantine/_delta_log/', refine);
    await append('3', 3);
    expect(await refine()).toMatchObject({ rowsIn: 2 * ROWS, quarantined: 2 * Math.ceil(ROWS / 7) });
    expect(
      await at.lake.query(
        `SELECT batch_id, count(*) AS n FROM silver.quarantine WHERE target = '${name}' GROUP BY 1 ORDER BY 1`,
      ),
    ).toEqual(['1', '2', '3'].map((batch_id) => ({ batch_id, n: Math.ceil(ROWS / 7) })));
    await at.lake.append(appendRequest('calm', '3', 3), progress());
    await at.lake.refine(refineRequest('calm'), progress());
    await same(silver(name), silver('calm'));
  });
});

describe('the writer process', () => {
  const script = fileURLToPath(new URL('../python/delta_writer.py', import.meta.url));
  const line = (message: unknown) => `${JSON.stringify(message)}\n`;

  it('ends at once when its standard input closes, even in the middle of an operation', async () => {
    const child = execa(testStack().python, ['-u', script], { stdin: 'pipe', reject: false });
    const lines = child.iterable()[Symbol.asyncIterator]();
    const next = async () => JSON.parse(String((await lines.next()).value)) as Record<string, unknown>;
    expect(await next()).toEqual({ ready: true });
    child.stdin.write(line({ id: 1, op: 'open', session: 's', directory: at.directory, threads: 1, memory: '200MB' }));
    expect(await next()).toEqual({ id: 1, ok: null });
    const endless = 'SELECT count(*) FROM range(1000000000000) AS a(x) WHERE x % 7 = 8';
    child.stdin.write(line({ id: 2, op: 'execute', session: 's', sql: endless }));
    child.stdin.write(line({ id: 3, op: 'table_names', session: 'none', sql: 'SELECT 1' }));
    expect(await next()).toMatchObject({ id: 3, error: { code: 'MR3008' } });
    child.stdin.end();
    expect(await child).toMatchObject({ exitCode: 0 });
  });

  it('stops an operation that is cancelled, writes nothing, and cleans up', async () => {
    const controller = new AbortController();
    const request = appendRequest('cancelled', 'cancelled', 1);
    const appended = rejection(at.lake.append(request, progress(controller.signal)));
    const sessions = () => (existsSync(at.config.tempDir) ? readdirSync(at.config.tempDir) : []);
    while (sessions().length === 0) await setTimeout(1);
    controller.abort();
    await appended;
    expect((await at.lake.tableInfo(bronze('cancelled'))).version).toBe(-1);
    expect(sessions()).toEqual([]);
    expect(await at.lake.append(request, progress())).toMatchObject({ skipped: false, rows: ROWS });
  });
});
