import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Json, Progress } from 'millrace';
import { JsonProcess } from 'millrace/process';
import type { LakeConfig } from './types.ts';

export type Row = { readonly [column: string]: Json };

/** A one-pass stream of a Delta table, under a name that the SQL can use once. */
export type TableInput =
  | { readonly table: string; readonly version: number }
  /** Changes of versions `from` to `to`, both included. */
  | { readonly table: string; readonly from: number; readonly to: number };

export interface TableState {
  /** -1 if there is no such table. */
  readonly version: number;
  readonly rows: number;
  readonly fields: readonly { readonly name: string; readonly type: string }[];
  /** The last version of each application that was asked for, null if it never committed. */
  readonly transactions: { readonly [appId: string]: number | null };
}

/** What a commit carries and under which condition it is made. */
export interface Commit {
  /** Application id -> version. */
  readonly transactions: { readonly [appId: string]: number };
  /**
   * What the caller found of these applications in the table. If another process has committed one since, nothing is written:
   * MR3004.
   */
  readonly seen: TableState['transactions'];
  readonly run: string;
}

export interface MergeClauses {
  readonly on: string;
  readonly delete: string;
  readonly update: string;
  readonly insert: string;
  readonly values: { readonly [column: string]: string };
  /** Rows of the source. */
  readonly rows: number;
}

export interface MergeOutcome {
  readonly version: number;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

const HEARTBEAT_MS = 1_000;
const SCRIPT = fileURLToPath(new URL('../python/delta_writer.py', import.meta.url));

/** The resident Python process that commits to Delta tables. It holds no state but that of operations under way. */
export class DeltaWriter {
  readonly #process: JsonProcess;
  readonly #config: LakeConfig;

  constructor(config: LakeConfig) {
    const { s3, python, parallelism = 3 } = config;
    this.#config = config;
    this.#process = new JsonProcess({
      name: 'delta writer',
      command: python,
      args: ['-u', SCRIPT, '--parallelism', String(parallelism)],
      env: {
        AWS_ACCESS_KEY_ID: s3.accessKeyId,
        AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
        AWS_REGION: s3.region,
        ...(s3.endpoint === undefined ? {} : { AWS_ENDPOINT_URL: s3.endpoint }),
        ...(s3.endpoint?.startsWith('http:') ? { AWS_ALLOW_HTTP: 'true' } : {}),
      },
    });
  }

  /** The process id, while it runs. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /**
   * Opens a DuckDB for one operation, with a directory of its own that is removed afterwards, and heartbeats as long as
   * the operation lasts.
   */
  async session<T>(progress: Progress, work: (session: WriterSession) => Promise<T>): Promise<T> {
    const { tempDir, threads = 2, memoryLimit = '1GB' } = this.#config;
    await mkdir(tempDir, { recursive: true });
    const directory = await mkdtemp(join(tempDir, 'lake-'));
    const name = randomUUID();
    const beat = setInterval(() => progress.heartbeat(), HEARTBEAT_MS);
    const session = new WriterSession(this.#process, name, directory, progress);
    try {
      await session.call('open', { directory, threads, memory: memoryLimit });
      return await work(session);
    } finally {
      clearInterval(beat);
      if (this.#process.pid !== undefined) await this.#process.call('close', { session: name }).catch(() => undefined);
      await rm(directory, { recursive: true, force: true });
    }
  }

  async describe(table: string, applications: readonly string[] = []): Promise<TableState> {
    return (await this.#process.call('describe', { table, applications })) as unknown as TableState;
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}

/** One operation's DuckDB in the writer process, and the commits it makes. */
export class WriterSession {
  readonly directory: string;
  readonly #process: JsonProcess;
  readonly #name: string;
  readonly #progress: Progress;

  constructor(process: JsonProcess, name: string, directory: string, progress: Progress) {
    this.#process = process;
    this.#name = name;
    this.directory = directory;
    this.#progress = progress;
  }

  call(op: string, body: { readonly [key: string]: Json }): Promise<Json> {
    return this.#process.call(op, { session: this.#name, ...body }, { signal: this.#progress.signal });
  }

  /** Runs one statement; at most 100,000 rows come back. Throws MR3003 if DuckDB refuses it. */
  async execute(
    sql: string,
    inputs: { readonly [name: string]: TableInput } = {},
    /** The table that the statement is about, for errors. */
    table = Object.values(inputs)[0]?.table,
  ): Promise<readonly Row[]> {
    const about = table === undefined ? {} : { table };
    return (await this.call('execute', { sql, inputs, ...about })) as readonly Row[];
  }

  /** Appends the rows of a query in one commit; creates the table, adds missing columns. Answers the new version. */
  async append(table: string, sql: string, commit: Commit): Promise<number> {
    return ((await this.call('append', { table, sql, ...commit })) as { version: number }).version;
  }

  /** Merges the rows of a query (alias `source`) into a table (alias `target`). */
  async merge(table: string, sql: string, clauses: MergeClauses, commit: Commit): Promise<MergeOutcome> {
    const body = { table, sql, clauses: clauses as unknown as Json, ...commit };
    return (await this.call('merge', body)) as unknown as MergeOutcome;
  }

  /** Commits application transactions without rows. */
  async touch(table: string, commit: Commit): Promise<number> {
    return ((await this.call('touch', { table, ...commit })) as { version: number }).version;
  }

  async describe(table: string, applications: readonly string[] = []): Promise<TableState> {
    return (await this.call('describe', { table, applications })) as unknown as TableState;
  }

  async tableNames(sql: string): Promise<readonly string[]> {
    return (await this.call('table_names', { sql })) as readonly string[];
  }
}
