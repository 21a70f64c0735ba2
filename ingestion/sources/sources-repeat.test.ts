import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { compileSources, startSourceProcess } from '../../tests/support/source-process.ts';
import { listDrop, readSourceState, withClient } from '../../tests/support/source-state.ts';
import { createBucket, createDatabase, type TestDatabase, testStack } from '../../tests/support/stack.ts';
import { openSources, type Sources, type SourcesOptions } from './index.ts';

const historyEnd = '1998-03-31';
const lastDay = '1998-04-08';

interface Shop {
  readonly options: SourcesOptions;
  readonly bucket: string;
  readonly database: TestDatabase;
}

let home: string;
let reference: Shop;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-sources-'));
  reference = await newShop();
  await withSources(reference, async (sources) => {
    await sources.loadHistory(historyEnd);
    await sources.advanceTo(lastDay);
  });
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

async function newShop(): Promise<Shop> {
  const bucket = await createBucket('sources');
  const database = await createDatabase('sources');
  return {
    bucket,
    database,
    options: { endpoints: testStack(), home, bucket, scale: 0.01, database: database.database },
  };
}

async function withSources(shop: Shop, work: (sources: Sources) => Promise<void>): Promise<void> {
  const sources = await openSources(shop.options);
  try {
    await work(sources);
  } finally {
    await sources.close();
  }
}

async function expectSameAs(expected: Shop, actual: Shop): Promise<void> {
  expect(await readSourceState(actual.database)).toEqual(await readSourceState(expected.database));
  expect(await listDrop(actual.bucket)).toEqual(await listDrop(expected.bucket));
}

describe('the same scale and days', () => {
  it('make the same rows, change_seq included, and the same files', async () => {
    const other = await newShop();
    await withSources(other, async (sources) => {
      await sources.loadHistory(historyEnd);
      await sources.advanceTo(lastDay);
    });
    await expectSameAs(reference, other);
  });

  it('change nothing when they are asked for again', async () => {
    const before = await readSourceState(reference.database, true);
    const filesBefore = await listDrop(reference.bucket);
    await withSources(reference, async (sources) => {
      await sources.loadHistory(historyEnd);
      await sources.advanceTo('1998-04-02');
      await sources.advanceTo(lastDay);
    });
    expect(await readSourceState(reference.database, true)).toEqual(before);
    expect(await listDrop(reference.bucket)).toEqual(filesBefore);
  });

  it('make the same history in two parts as in one', async () => {
    const [whole, parts] = [await newShop(), await newShop()];
    await withSources(whole, (sources) => sources.loadHistory(historyEnd));
    await withSources(parts, async (sources) => {
      await sources.loadHistory('1998-02-10');
      await sources.loadHistory(historyEnd);
    });
    // The parts interleave stock levels and movements differently, so only change_seq, the last column, may differ.
    const withoutSequence = async (shop: Shop) =>
      [...(await readSourceState(shop.database))].map(([table, rows]) => [
        table,
        [...rows].map(([key, row]) => [key, table.startsWith('inventory.') ? row.replace(/,\d+\)$/, ')') : row]),
      ]);
    expect(await withoutSequence(parts)).toEqual(await withoutSequence(whole));
    expect(await listDrop(parts.bucket)).toEqual(await listDrop(whole.bucket));
  });

  it('are run by two processes at once as by one', async () => {
    const shop = await newShop();
    await withSources(shop, (sources) => sources.loadHistory(historyEnd));
    const run = () => withSources(shop, (sources) => sources.advanceTo(lastDay));
    await Promise.all([run(), run()]);
    await expectSameAs(reference, shop);
  });
});

describe('kill -9 of the process that fills the systems', () => {
  let compiled: string;

  beforeAll(() => {
    compiled = compileSources();
  });
  afterAll(async () => {
    await rm(compiled, { recursive: true, force: true });
  });

  /** Kills a process as soon as `reached`, then finishes undisturbed. */
  async function killAndResume(shop: Shop, reached: () => Promise<boolean>): Promise<void> {
    const child = startSourceProcess(compiled, shop.options, [
      ['loadHistory', historyEnd],
      ['advanceTo', lastDay],
    ]);
    let ended = false;
    void child.ended.then(() => {
      ended = true;
    });
    while (!ended && !(await reached())) await setImmediate();
    child.kill();
    const { signal, errors } = await child.ended;
    expect({ signal, errors: signal === null ? errors : '' }).toEqual({ signal: 'SIGKILL', errors: '' });
    await withSources(shop, async (sources) => {
      await sources.loadHistory(historyEnd);
      await sources.advanceTo(lastDay);
    });
  }

  it('while the files of the history are dropped', async () => {
    const shop = await newShop();
    await killAndResume(shop, async () => (await listDrop(shop.bucket)).size >= 20);
    await expectSameAs(reference, shop);
  });

  // The steps of a day in both systems; the kill comes at whatever the process does right after that commit.
  it.each(['placed', 'profiles', 'shipped', 'prices'])('after a day has committed its step "%s"', async (step) => {
    const shop = await newShop();
    await withClient(shop.database, async (client) => {
      await killAndResume(shop, async () => {
        const table = await client.query(`select to_regclass('public.source_progress') is not null as there`);
        if (!(table.rows[0] as { there: boolean }).there) return false;
        const found = await client.query('select from public.source_progress where day = $1 and step = $2', [
          '1998-04-03',
          step,
        ]);
        return found.rowCount !== 0;
      });
    });
    await expectSameAs(reference, shop);
  });

  it('while the data is generated: nothing half-made takes the name of the file', async () => {
    const shop = await newShop();
    const ownHome = await mkdtemp(join(tmpdir(), 'millrace-sources-'));
    try {
      const scratch = join(ownHome, 'sources', 'tmp');
      const options = { ...shop.options, home: ownHome };
      await killAndResume({ ...shop, options }, async () => existsSync(scratch) && (await readdir(scratch)).length > 0);
      expect(await readdir(scratch)).toEqual([]);
      expect(await readdir(join(ownHome, 'sources'))).toEqual(['tmp', 'tpcds-0.01.duckdb']);
    } finally {
      await rm(ownHome, { recursive: true, force: true });
    }
    await expectSameAs(reference, shop);
  });
});

describe('what cannot be', () => {
  const open = (change: Partial<SourcesOptions>) => openSources({ ...reference.options, ...change });

  it.each([
    ['a scale of nothing', { scale: 0 }, { code: 'MR6003', retryable: false }],
    ['another scale than the database has', { scale: 0.02 }, { code: 'MR6006', facts: { scale: 0.02, found: 0.01 } }],
  ])('%s', async (_, change, error) => {
    await expect(open(change)).rejects.toMatchObject(error);
  });

  it('no extension to generate with (MR6001)', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'millrace-sources-'));
    try {
      const endpoints = { ...testStack(), duckdbExtensions: empty };
      await expect(open({ home: empty, endpoints })).rejects.toMatchObject({ code: 'MR6001', subject: empty });
      expect(await readdir(join(empty, 'sources', 'tmp'))).toEqual([]);
    } finally {
      await rm(empty, { recursive: true, force: true });
    }
  });

  it('no Postgres (MR6005): the password is not told', async () => {
    const { postgres, ...others } = testStack();
    const endpoints = { ...others, postgres: { ...postgres, port: 1, password: 'not-to-be-told' } };
    const failure = await open({ endpoints }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'MR6005', facts: { port: 1 } });
    expect(JSON.stringify(failure)).not.toContain('not-to-be-told');
  });

  it('no bucket (MR6007): the day does not count as done', async () => {
    const shop = await newShop();
    await withSources({ ...shop, options: { ...shop.options, bucket: 'no-such-bucket-here' } }, async (sources) => {
      await expect(sources.loadHistory('1998-01-02')).rejects.toMatchObject({
        code: 'MR6007',
        facts: { bucket: 'no-such-bucket-here' },
      });
      expect(await sources.position()).toBeUndefined();
    });
    await withSources(shop, async (sources) => {
      await sources.loadHistory('1998-01-02');
      expect(await sources.position()).toBe('1998-01-02');
    });
  });

  it.each(['1997-12-31', '1998-02-30', 'tomorrow', '1998-1-1'])('the day %s (MR6004)', async (day) => {
    await withSources(reference, async (sources) => {
      await expect(sources.advanceTo(day)).rejects.toMatchObject({ code: 'MR6004', subject: day });
    });
  });
});
