import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Progress } from 'millrace';
import { createBucket, testStack } from '../../../../tests/support/stack.ts';
import { type BatchIdentity, type Column, Lake, type LakeConfig, type SourceFile } from '../../src/index.ts';

export interface LogEntry {
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

/** A progress that keeps what was logged. */
export function progress(signal = new AbortController().signal): Progress & { readonly logged: LogEntry[] } {
  const logged: LogEntry[] = [];
  const keep = (message: string, fields?: Readonly<Record<string, unknown>>) => {
    logged.push({ message, fields });
  };
  return {
    logged,
    signal,
    log: { debug: keep, info: keep, warn: keep, error: keep },
    heartbeat: () => undefined,
  };
}

/** A lake in a bucket of its own, and a directory for its files. */
export interface TestLake {
  readonly lake: Lake;
  readonly config: LakeConfig;
  readonly directory: string;
  /** Writes a local file and gives it as a source file whose key is its name. */
  file(name: string, content: string | Uint8Array): SourceFile;
  close(): Promise<void>;
}

export async function testLake(overrides: Partial<LakeConfig> = {}): Promise<TestLake> {
  const { s3, python } = testStack();
  const directory = mkdtempSync(join(tmpdir(), 'millrace-lake-'));
  const config: LakeConfig = {
    s3,
    bucket: await createBucket('lake'),
    prefixes: { bronze: 'bronze', silver: 'silver', gold: 'gold', state: '_millrace' },
    python,
    tempDir: join(directory, 'temp'),
    ...overrides,
  };
  const lake = new Lake(config);
  return {
    lake,
    config,
    directory,
    file: (name, content) => {
      const path = join(directory, name.replaceAll('/', '-'));
      writeFileSync(path, content);
      return { path, key: name };
    },
    close: async () => {
      await lake.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export const saleColumns: readonly Column[] = [
  { name: 'id', type: 'BIGINT' },
  { name: 'amount', type: 'DECIMAL(9,2)' },
  { name: 'zip', type: 'VARCHAR' },
  { name: 'day', type: 'DATE' },
];

export function batch(id: string): BatchIdentity {
  return { sourceSystem: 'pos', runId: `run-${id}`, batchId: id, ingestedAt: '2003-01-01T07:00:00Z' };
}

export const bronze = (name: string) => ({ layer: 'bronze', name }) as const;
export const silver = (name: string) => ({ layer: 'silver', name }) as const;
export const gold = (name: string) => ({ layer: 'gold', name }) as const;

/** The rejection of a promise; fails if it is fulfilled. */
export async function rejection(promise: Promise<unknown>): Promise<Record<string, unknown> & { message: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Record<string, unknown> & { message: string };
  }
  throw new Error('it was fulfilled');
}
