import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execa } from 'execa';
import { testStack } from '../../../tests/support/stack.ts';
import { DuckDbLoader, LakeStorage } from '../src/index.ts';
import { progress, rejection } from './support/lake.ts';
import { warehouseLoaderContract } from './support/warehouse-loader-contract.ts';

warehouseLoaderContract('DuckDbLoader', async (storage, directory) => {
  const path = join(directory, `${randomUUID()}.duckdb`);
  const loader = new DuckDbLoader({ path, storage, tempDir: join(directory, 'load') });
  return {
    loader,
    rows: async (table) => {
      const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
      const connection = await instance.connect();
      try {
        await connection.run("SET TimeZone = 'UTC'");
        const reader = await connection.runAndReadAll(`SELECT COLUMNS(*)::VARCHAR FROM lake."${table}" ORDER BY 1`);
        return reader.getRowObjectsJson() as Record<string, string | null>[];
      } finally {
        connection.closeSync();
        instance.closeSync();
      }
    },
    close: () => loader.close(),
  };
});

describe('a file that another process holds open', () => {
  let directory: string;
  let path: string;
  let storage: LakeStorage;
  const empty = {
    table: 't',
    key: ['id'],
    columns: [{ name: 'id', type: 'BIGINT' }],
    files: [],
    fromVersion: undefined,
  };

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-warehouse-'));
    path = join(directory, 'warehouse.duckdb');
    storage = new LakeStorage({ s3: testStack().s3, bucket: 'unused' });
  });
  afterAll(() => {
    storage.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** A process that has the file open until its standard input closes. */
  async function holder() {
    const script = `import duckdb, sys\nc = duckdb.connect(sys.argv[1])\nprint("open", flush=True)\nsys.stdin.read()`;
    const child = execa(testStack().python, ['-c', script, path], { stdin: 'pipe', reject: false });
    await once(child.stdout, 'data');
    // A child is a promise of its end: bare, it would be awaited here.
    return { child };
  }

  it('is MR3401, which says who holds it', async () => {
    const { child } = await holder();
    const loader = new DuckDbLoader({ path, storage, tempDir: directory, lockTimeoutMs: 200 });
    const error = await rejection(loader.load({ ...empty, toVersion: 1 }, progress()));
    expect(error).toMatchObject({
      code: 'MR3401',
      retryable: true,
      subject: path,
      facts: { holder: String(child.pid) },
    });
    child.stdin.end();
    await child;
  });

  it('is loaded as soon as it is let go', async () => {
    const { child } = await holder();
    const loader = new DuckDbLoader({ path, storage, tempDir: directory });
    let beats = 0;
    const waiting = {
      ...progress(),
      heartbeat: () => {
        beats += 1;
        if (beats === 2) child.stdin.end();
      },
    };
    expect(await loader.load({ ...empty, toVersion: 1 }, waiting)).toMatchObject({ skipped: false });
    expect(beats).toBeGreaterThanOrEqual(2);
    await child;
  });
});
