import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Lake } from '@millrace/lakehouse';
import { discoverFiles, type FileStream, landBatch } from '../ingestion/connectors/files/index.ts';
import { failure, openTestLake, type TestLake, testProgress } from './support/connector-lake.ts';
import { type CompiledConnectors, compileConnectors, killWhen, startConnectors } from './support/connector-process.ts';

let test: TestLake;
let compiled: CompiledConnectors;
let count = 0;

beforeAll(async () => {
  test = await openTestLake('once');
  compiled = compileConnectors();
});

afterAll(async () => {
  await test.close();
  compiled.remove();
});

function stream(options: Partial<FileStream> = {}): FileStream {
  const name = `o${++count}`;
  return {
    name,
    sourceSystem: 'pos',
    prefix: `landing/${name}/`,
    pattern: '{date}/sales*.csv',
    table: name,
    columns: [{ name: 'id', type: 'BIGINT' }],
    ...options,
  };
}

const put = ({ prefix }: FileStream, path: string, body: string) => test.lake.s3.put(prefix + path, body);

const day = (number: number) => new Date(Date.UTC(2024, 0, number)).toISOString().slice(0, 10);

/** One file a day, each with its own ids. */
async function putDays(of: FileStream, days: number, rowsEach = 1): Promise<void> {
  for (let number = 1; number <= days; number += 1) {
    const ids = Array.from({ length: rowsEach }, (_, index) => number * 1_000_000 + index);
    await put(of, `${day(number)}/sales.csv`, `id\n${ids.join('\n')}\n`);
  }
}

const discover = (of: FileStream, upTo = '2030-01-01') => discoverFiles(of, { upTo }, test.lake, testProgress());

async function landAll(of: FileStream): Promise<void> {
  for (const ref of await discover(of)) await landBatch(of, ref, test, testProgress());
}

async function total({ table }: FileStream) {
  const [row] = await test.lake.query(
    `SELECT count(*) AS rows, count(DISTINCT id) AS ids, count(DISTINCT _source_file) AS files FROM bronze.${table}`,
  );
  return row;
}

async function manifests({ name }: FileStream): Promise<{ files: { key: string }[] }[]> {
  const found = [];
  for await (const { key } of test.lake.s3.list(`_millrace/files/${name}/batches/`)) {
    found.push(JSON.parse(Buffer.from(await test.lake.s3.get(key)).toString()) as { files: { key: string }[] });
  }
  return found;
}

describe('discovery', () => {
  it('cuts batches by number and by size, the same way each time', async () => {
    const pos = stream({ maxBatchFiles: 4 });
    await putDays(pos, 10);
    const refs = await discover(pos);
    expect(refs.map(({ files }) => files)).toEqual([4, 4, 2]);
    expect(await discover(pos)).toEqual(refs);
    const small = stream({ maxBatchBytes: 25 });
    await putDays(small, 5);
    expect((await discover(small)).map(({ files, bytes }) => [files, bytes])).toEqual([
      [2, 22],
      [2, 22],
      [1, 11],
    ]);
  });

  it('puts no file into two batches when many discover at the same time, and leaves none out', async () => {
    const pos = stream({ maxBatchFiles: 3 });
    await putDays(pos, 60);
    // They see different, overlapping sets of files.
    const results = await Promise.all([60, 20, 40, 60, 10, 50, 30, 60].map((upTo) => discover(pos, day(upTo))));
    const keys = (await manifests(pos)).flatMap(({ files }) => files.map(({ key }) => key));
    expect(keys).toHaveLength(60);
    expect(new Set(keys).size).toBe(60);
    // Each was told of every batch that it had to land.
    const everyone = await discover(pos);
    expect(results[0]?.length).toBeGreaterThanOrEqual(20);
    await Promise.all(everyone.map((ref) => landBatch(pos, ref, test, testProgress())));
    expect(await total(pos)).toEqual({ rows: 60, ids: 60, files: 60 });
  });

  it('gives the batches of a run that ended before it landed them, with those that are new', async () => {
    const pos = stream();
    await putDays(pos, 2);
    const [first] = await discover(pos);
    await put(pos, '2024-02-01/sales.csv', 'id\n99\n');
    const refs = await discover(pos);
    expect(refs).toHaveLength(2);
    expect(refs[0]).toEqual(first);
    await landAll(pos);
    expect(await discover(pos)).toEqual([]);
    expect(await total(pos)).toEqual({ rows: 3, ids: 3, files: 3 });
  });

  it('goes on from a checkpoint', async () => {
    const pos = stream({ maxBatchFiles: 1 });
    await putDays(pos, 18);
    const refs = await discover(pos);
    const keys = [];
    for await (const { key } of test.lake.s3.list(`_millrace/files/${pos.name}/checkpoints/`)) keys.push(key);
    expect(keys).toHaveLength(1);
    for (const ref of refs.slice(3)) await landBatch(pos, ref, test, testProgress());
    // The three that the checkpoint says are pending, and no other.
    expect(await discover(pos)).toEqual(refs.slice(0, 3));
    for (let number = 19; number <= 22; number += 1) await put(pos, `${day(number)}/sales.csv`, `id\n${number}\n`);
    expect(await discover(pos)).toHaveLength(7);
    await landAll(pos);
    expect(await discover(pos)).toEqual([]);
    expect(await total(pos)).toEqual({ rows: 22, ids: 22, files: 22 });
  });

  it('reads thousands of tracked files quickly', async () => {
    const pos = stream({ maxBatchFiles: 400 });
    const files = Array.from({ length: 3_000 }, (_, index) => `2024-01-01/sales${index}.csv`);
    for (let at = 0; at < files.length; at += 50) {
      await Promise.all(files.slice(at, at + 50).map((path) => put(pos, path, 'id\n1\n')));
    }
    expect(await discover(pos)).toHaveLength(8);
    const started = performance.now();
    expect(await discover(pos)).toHaveLength(8);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('says so when its log has a gap or was changed', async () => {
    const pos = stream({ maxBatchFiles: 1 });
    await putDays(pos, 3);
    const [first] = await discover(pos);
    if (first === undefined) throw new Error('no batch');
    const key = `_millrace/files/${pos.name}/batches/0000000001.json`;
    const manifest = Buffer.from(await test.lake.s3.get(key)).toString();
    await test.lake.s3.put(key, manifest.replace('2024-01-01', '2024-01-09'));
    expect(await failure(discover(pos))).toMatchObject({ code: 'MR3152', retryable: false });
    expect(await failure(landBatch(pos, first, test, testProgress()))).toMatchObject({ code: 'MR3152' });
    await test.lake.s3.delete(key);
    const error = await failure(discover(pos));
    expect(error).toMatchObject({ code: 'MR3152' });
    expect(error.message).toContain('0000000001.json is missing');
  });
});

describe('a file that is replaced', () => {
  it('lands again as another version if it had been landed', async () => {
    const pos = stream();
    await put(pos, '2024-01-01/sales.csv', 'id\n1\n');
    await landAll(pos);
    await put(pos, '2024-01-01/sales.csv', 'id\n1\n2\n');
    await landAll(pos);
    expect(await total(pos)).toEqual({ rows: 3, ids: 2, files: 1 });
    expect(await discover(pos)).toEqual([]);
  });

  it('is left out of the batch of its old version, and lands with a batch of its own', async () => {
    const pos = stream();
    await putDays(pos, 3);
    const [old] = await discover(pos);
    if (old === undefined) throw new Error('no batch');
    await put(pos, '2024-01-01/sales.csv', 'id\n7\n8\n');
    await test.lake.s3.delete(`${pos.prefix}2024-01-02/sales.csv`);
    const progress = testProgress();
    expect(await landBatch(pos, old, test, progress)).toMatchObject({
      rows: 1,
      files: 1,
      superseded: [
        { file: `${pos.prefix}2024-01-01/sales.csv`, reason: 'changed' },
        { file: `${pos.prefix}2024-01-02/sales.csv`, reason: 'vanished' },
      ],
    });
    expect(progress.logs.filter(({ level }) => level === 'warn')).toHaveLength(2);
    await landAll(pos);
    const ids = await test.lake.query(`SELECT id FROM bronze.${pos.table} ORDER BY id`);
    expect(ids).toEqual([{ id: 7 }, { id: 8 }, { id: 3_000_000 }]);
  });
});

describe('landing', () => {
  it('lands a batch once when several land it at the same time', async () => {
    const pos = stream();
    await putDays(pos, 5, 200);
    const [ref] = await discover(pos);
    if (ref === undefined) throw new Error('no batch');
    const others = [1, 2, 3].map(() => new Lake(test.config));
    const results = await Promise.all(
      [test.lake, ...others].map((lake) => landBatch(pos, ref, { lake, runId: test.runId }, testProgress())),
    );
    await Promise.all(others.map((lake) => lake.close()));
    expect(results.filter(({ skipped }) => !skipped)).toHaveLength(1);
    expect(await total(pos)).toEqual({ rows: 1000, ids: 1000, files: 5 });
  });

  it('leaves nothing behind on the local disk', async () => {
    const pos = stream();
    await putDays(pos, 3);
    await put(pos, '2024-01-09/sales.csv', 'other\n');
    const [ref] = await discover(pos);
    if (ref === undefined) throw new Error('no batch');
    const { readdir } = await import('node:fs/promises');
    await failure(landBatch(pos, ref, test, testProgress()));
    expect(await readdir(test.config.tempDir)).toEqual([]);
  });

  it('stops when the attempt is cancelled', async () => {
    const pos = stream();
    await putDays(pos, 3);
    const [ref] = await discover(pos);
    if (ref === undefined) throw new Error('no batch');
    const cancelled = AbortSignal.abort(new Error('cancelled'));
    expect((await failure(landBatch(pos, ref, test, testProgress(cancelled)))).message).toContain('cancelled');
    await landAll(pos);
    expect(await total(pos)).toEqual({ rows: 3, ids: 3, files: 3 });
  });

  it('ends with the same rows when its process is killed, wherever that is', async () => {
    const pos = stream({ maxBatchFiles: 4 });
    await putDays(pos, 20, 2_000);
    const refs = await discover(pos);
    const has = (prefix: string, wanted: number) => async () => {
      let found = 0;
      for await (const { key } of test.lake.s3.list(prefix)) found += key === '' ? 0 : 1;
      return found >= wanted;
    };
    // After the first data file of the table, after its first commit, after the third.
    const moments = [
      has(`bronze/${pos.table}/`, 1),
      has(`bronze/${pos.table}/_delta_log/`, 2),
      has(`bronze/${pos.table}/_delta_log/`, 4),
    ];
    for (const moment of moments) {
      const process = startConnectors(
        compiled,
        test,
        refs.map((ref) => ['landBatch', pos, ref] as const),
      );
      expect(await killWhen(process, moment)).toBe(true);
    }
    await landAll(pos);
    expect(await total(pos)).toEqual({ rows: 40_000, ids: 40_000, files: 20 });
    expect(await discover(pos)).toEqual([]);
  });
});
