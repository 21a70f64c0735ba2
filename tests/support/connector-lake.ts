import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lake, type LakeConfig } from '@millrace/lakehouse';
import type { Progress } from 'millrace';
import { createBucket, testStack } from './stack.ts';

export interface TestLake {
  readonly lake: Lake;
  readonly runId: string;
  /** What another process needs to open the same lake. */
  readonly config: LakeConfig;
  close(): Promise<void>;
}

/** A lake in a bucket of its own on the test stack. */
export async function openTestLake(prefix: string): Promise<TestLake> {
  const { s3, python } = testStack();
  const tempDir = mkdtempSync(join(tmpdir(), 'millrace-lake-'));
  const config: LakeConfig = {
    s3,
    bucket: await createBucket(prefix),
    prefixes: { bronze: 'bronze', silver: 'silver', gold: 'gold', state: '_millrace' },
    python,
    tempDir,
  };
  const lake = new Lake(config);
  return {
    lake,
    runId: `${prefix}-run`,
    config,
    async close() {
      await lake.close();
      rmSync(tempDir, { recursive: true, force: true });
    },
  };
}

export interface RecordedLog {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Progress outside a task: keeps what was logged, counts heartbeats. */
export function testProgress(signal: AbortSignal = new AbortController().signal): Progress & {
  readonly logs: RecordedLog[];
  readonly beats: { count: number };
} {
  const logs: RecordedLog[] = [];
  const beats = { count: 0 };
  const at =
    (level: RecordedLog['level']) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      logs.push({ level, message, fields });
    };
  return {
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    signal,
    heartbeat: () => {
      beats.count += 1;
    },
    logs,
    beats,
  };
}

/** The coded error that a promise must end with. */
export async function failure(promise: Promise<unknown>) {
  try {
    await promise;
  } catch (error) {
    return error as Error & { code: string; facts: Record<string, unknown>; retryable: boolean; hint?: string };
  }
  throw new Error('it did not fail');
}
