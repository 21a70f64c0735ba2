import { setTimeout } from 'node:timers/promises';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { MillraceError, type Progress } from 'millrace';
import { KeyedQueue } from '../keyed-queue.ts';

export interface DuckDbFileOptions {
  readonly path: string;
  /** How long to wait for another process that has the file open, milliseconds. Default 30,000. */
  readonly lockTimeoutMs?: number;
  /** DuckDB settings by name, such as `threads` and `memory_limit`. */
  readonly settings?: Readonly<Record<string, string>>;
}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

/** All loaders of this process on one file take turns; DuckDB keeps other processes out. */
const turns = new KeyedQueue();

/**
 * A DuckDB file that is open only while it is used: a file has one writing process at a time, and whoever holds it open keeps
 * all others out, readers too.
 */
export class DuckDbFile {
  readonly path: string;
  readonly #options: DuckDbFileOptions;

  constructor(options: DuckDbFileOptions) {
    this.path = options.path;
    this.#options = options;
  }

  /** Opens the file, runs the work and closes it again. Throws MR3401 if another process does not let go of it in time. */
  use<T>(progress: Progress, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return turns.run(this.path, async () => {
      const instance = await this.#open(progress);
      const connection = await instance.connect();
      try {
        return await work(connection);
      } finally {
        connection.closeSync();
        instance.closeSync();
      }
    });
  }

  async #open(progress: Progress): Promise<DuckDBInstance> {
    const { path, lockTimeoutMs = 30_000, settings = {} } = this.#options;
    const deadline = Date.now() + lockTimeoutMs;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        return await DuckDBInstance.create(path, { ...settings });
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        if (!/could not set lock/i.test(text)) throw warehouseError(path, error);
        if (Date.now() + pause > deadline) throw locked(path, text, error);
      }
      progress.heartbeat();
      await setTimeout(pause, undefined, { signal: progress.signal });
    }
  }
}

function locked(path: string, text: string, cause: unknown): MillraceError {
  return new MillraceError({
    code: 'MR3401',
    message: `The warehouse file ${path} is held open by another process.`,
    subject: path,
    hint: 'Close the DuckDB shell or program that has it open; the next attempt waits for it again.',
    facts: { holder: /PID (\d+)/.exec(text)?.[1] ?? null },
    cause,
  });
}

/** MR3403: whatever else DuckDB says. */
export function warehouseError(subject: string, cause: unknown): MillraceError {
  return new MillraceError({
    code: 'MR3403',
    message: `The warehouse refused an operation on ${subject}: ${cause instanceof Error ? cause.message : String(cause)}.`,
    subject,
    hint: 'Check that the file is a DuckDB database of this version and that its disk has room.',
    cause,
  });
}
