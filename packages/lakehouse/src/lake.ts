import type { Progress } from 'millrace';
import { append } from './append/append.ts';
import { retryConflicts } from './commit-conflicts.ts';
import { DeltaWriter, type Row, type WriterSession } from './delta-writer.ts';
import { exportChanges } from './export-changes.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { LakeStorage } from './lake-storage.ts';
import { checkPublish, publish } from './publish/publish.ts';
import { checksum, query } from './queries.ts';
import { QUIET } from './quiet-progress.ts';
import { checkRefine, refine } from './refine/refine.ts';
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

  /**
   * Brings what is new in a bronze table into a silver table: types, rules, latest row a key, merge. Throws MR3301
   * (non-retryable) if a rule that is declared to fail is violated.
   */
  async refine(request: RefineRequest, progress: Progress): Promise<RefineResult> {
    checkRefine(request);
    const at = {
      source: this.uri(request.source),
      target: this.uri(request.target),
      quarantine: this.uri({ layer: request.target.layer, name: QUARANTINE }),
    };
    return this.#alone(at.target, progress, (session) =>
      refine(session, request, at, (uri, work) => this.#queue.run(uri, work), progress),
    );
  }

  /** Brings what is new in silver tables, and in the tables that they join, into a gold table in one commit. */
  async publish(request: PublishRequest, progress: Progress): Promise<PublishResult> {
    checkPublish(request);
    return this.#alone(this.uri(request.target), progress, (session) =>
      publish(session, request, (table) => this.uri(table)),
    );
  }

  /** Writes a table's net changes since a version to S3, for a {@link WarehouseLoader}. */
  export(request: ExportRequest, progress: Progress): Promise<ExportResult> {
    const prefix = `${this.config.prefixes.state}/exports`;
    return this.#writer.session(progress, (session) =>
      exportChanges(session, this.s3, this.uri(request.table), prefix, request),
    );
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

  /** The process id of the Delta writer, while it runs. */
  get writerPid(): number | undefined {
    return this.#writer.pid;
  }

  /** The address of a table. */
  uri({ layer, name }: Table): string {
    return `s3://${this.config.bucket}/${this.config.prefixes[layer]}/${name}`;
  }

  /** One session on a table at a time; again from the start if another process was faster. */
  #alone<T>(uri: string, progress: Progress, work: (session: WriterSession) => Promise<T>): Promise<T> {
    return this.#queue.run(uri, () => retryConflicts(progress, () => this.#writer.session(progress, work)));
  }

  /** Stops the writer process; an operation under way fails and can be made again. */
  async close(): Promise<void> {
    await this.#writer.stop();
    this.s3.close();
  }
}

/** The silver table that keeps the rows which were left out. */
const QUARANTINE = 'quarantine';
