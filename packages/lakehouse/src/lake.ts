import type { Progress } from 'millrace';
import { MillraceError } from 'millrace';
import { append } from './append/append.ts';
import { retryConflicts } from './commit-conflicts.ts';
import { DeltaWriter, type Row } from './delta-writer.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { LakeStorage } from './lake-storage.ts';
import { checksum, query } from './queries.ts';
import { duckdbType } from './sql-types.ts';
import type {
  AppendRequest,
  AppendResult,
  Checksum,
  ExportRequest,
  ExportResult,
  LakeConfig,
  PublishRequest,
  PublishResult,
  RefineRequest,
  RefineResult,
  Table,
  TableInfo,
} from './types.ts';

/** Bronze, silver and gold Delta tables on S3. Every method that writes does so at most once; call it again at will. */
export class Lake {
  readonly s3: LakeStorage;
  readonly config: LakeConfig;

  readonly #writer: DeltaWriter;
  readonly #queue = new KeyedQueue();

  constructor(config: LakeConfig) {
    this.config = config;
    this.s3 = new LakeStorage(config);
    this.#writer = new DeltaWriter(config);
  }

  /** Appends files to a bronze table, once. Throws MR31xx (non-retryable) for a file that its rules do not accept. */
  append(request: AppendRequest, progress: Progress): Promise<AppendResult> {
    const uri = this.uri(request.table);
    return retryConflicts(progress, () =>
      this.#writer.session(progress, (session) =>
        append(this.#writer, uri, request, session, (work) => this.#queue.run(uri, work)),
      ),
    );
  }

  refine(_request: RefineRequest, _progress: Progress): Promise<RefineResult> {
    return soon();
  }

  publish(_request: PublishRequest, _progress: Progress): Promise<PublishResult> {
    return soon();
  }

  export(_request: ExportRequest, _progress: Progress): Promise<ExportResult> {
    return soon();
  }

  /**
   * The last version of each application whose transactions are in the table; an application without any is left out. A
   * table that does not exist has none. The connectors ask it what is in before they read a source again.
   */
  async transactionVersions(table: Table, appIds: readonly string[]): Promise<{ readonly [appId: string]: number }> {
    const { transactions } = await this.#writer.describe(this.uri(table), appIds);
    return Object.fromEntries(
      Object.entries(transactions).flatMap(([appId, version]) => (version === null ? [] : [[appId, version]])),
    );
  }

  /** Version, rows and columns of a table; version -1 if there is none. */
  async tableInfo(table: Table): Promise<TableInfo> {
    const { version, rows, fields } = await this.#writer.describe(this.uri(table));
    return { version, rows, columns: fields.map(({ name, type }) => ({ name, type: duckdbType(type) })) };
  }

  /**
   * A checksum of all rows that does not depend on their order; two tables with the same rows have the same. `exclude`:
   * columns that differ from run to run. Throws MR3006 if there is no such table.
   */
  checksum(table: Table, options: { readonly exclude?: readonly string[] } = {}): Promise<Checksum> {
    return this.#writer.session(QUIET, (session) => checksum(session, this.uri(table), options.exclude ?? []));
  }

  /**
   * Runs one query; tables are `layer.name` in it. For small results (100,000 rows at most): decimals and integers beyond
   * 2^53 are text, dates and times ISO 8601.
   */
  query(sql: string): Promise<readonly Row[]> {
    return this.#writer.session(QUIET, (session) => query(session, sql, (table) => this.uri(table)));
  }

  /** The address of a table. */
  uri({ layer, name }: Table): string {
    return `s3://${this.config.bucket}/${this.config.prefixes[layer]}/${name}`;
  }

  /** Stops the writer process; an operation under way fails and can be made again. */
  async close(): Promise<void> {
    await this.#writer.stop();
    this.s3.close();
  }
}

/** For reading outside a task. */
const QUIET: Progress = {
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  signal: new AbortController().signal,
  heartbeat: () => undefined,
};

function soon(): Promise<never> {
  return Promise.reject(new MillraceError({ code: 'MR3099', message: 'Not there yet.' }));
}
