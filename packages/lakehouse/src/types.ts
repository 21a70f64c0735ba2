import type { Expectation, RuleResult } from './expectations.ts';

export type Layer = 'bronze' | 'silver' | 'gold';

/** A Delta table of the lake: `{ layer: 'silver', name: 'pos_sales' }` lives under the prefix of its layer. */
export interface Table {
  readonly layer: Layer;
  readonly name: string;
}

/** A declared column. Types are DuckDB type text (`BIGINT`, `DECIMAL(9,2)`, `TIMESTAMPTZ`) and are never sniffed. */
export interface Column {
  readonly name: string;
  readonly type: string;
}

/** Where the lake is and what its writer may use. */
export interface LakeConfig {
  readonly s3: {
    /** Without it: AWS itself. With it: path-style addressing. */
    readonly endpoint?: string;
    readonly region: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  };
  readonly bucket: string;
  readonly prefixes: { readonly [layer in Layer]: string } & {
    /** Trackers, manifests and exports. */
    readonly state: string;
  };
  /** A Python 3.10 or newer with the packages of packages/lakehouse/python/requirements.txt. */
  readonly python: string;
  /** Spill files and downloads; each operation cleans up its own. */
  readonly tempDir: string;
  /** DuckDB threads of one operation. Default 2. */
  readonly threads?: number;
  /** DuckDB memory of one operation, `1GB`; it spills to `tempDir` beyond that. Default `1GB`. */
  readonly memoryLimit?: string;
  /** Operations at the same time in the writer process. Default 3. Those on one table wait for each other. */
  readonly parallelism?: number;
}

/**
 * An application transaction: a commit with this `appId` and `version` enters a table at most once. Versions grow within
 * one `appId`.
 */
export interface AppTransaction {
  readonly appId: string;
  readonly version: number;
  /**
   * The application's last version as the caller knows it, -1 for none. If another one is in the table, and it is not
   * `version` or later, someone else has gone on from there: MR3015 (retryable), nothing is written. Default: not checked.
   */
  readonly after?: number;
}

/** Which run and batch a row came with; written to its audit columns. */
export interface BatchIdentity {
  readonly sourceSystem: string;
  readonly runId: string;
  readonly batchId: string;
  /** ISO 8601, UTC. */
  readonly ingestedAt: string;
}

/** A local file to append; `key` is the S3 key that it came from and goes to `_source_file`. */
export interface SourceFile {
  readonly path: string;
  readonly key: string | null;
}

/**
 * What happens to a line that does not fit. `rescue`: the row is kept with what could be read, the rest goes to
 * `_rescued_data`. `fail`: nothing is written and a non-retryable MR31xx error names file and line.
 */
export type FileRule = 'rescue' | 'fail';

export interface FileRules {
  /** A line with too few or too many fields, an unclosed quote, or that is not a JSON object. Default `rescue`. */
  readonly raggedRow: FileRule;
  /** A value that is not of its column's declared type. Default `rescue`. */
  readonly badValue: FileRule;
  /** The header line again in the middle of a file. Default `rescue`. */
  readonly repeatedHeader: FileRule;
  /** A column (or JSON field) that is not declared. Default `rescue`. */
  readonly unknownColumn: FileRule;
  /** A declared column that a file's header lacks. `rescue`: NULL in each of its rows. Default `fail`. */
  readonly missingColumn: FileRule;
  /** A line that is not of the declared encoding. Default `fail`. */
  readonly badEncoding: FileRule;
  /** A file without any byte. `rescue`: no rows. Default `rescue`. */
  readonly emptyFile: FileRule;
}

/** Files ending in `.gz` are unpacked; a truncated or corrupt one always fails (MR3101). */
export type AppendInput =
  | {
      readonly kind: 'csv';
      readonly files: readonly SourceFile[];
      /** Whether the first line names the columns. Default true; without one, fields are in declared order. */
      readonly header?: boolean;
      /** Default `,`. */
      readonly delimiter?: string;
      /** Default `"`; an empty string for none. */
      readonly quote?: string;
      /** The text that stands for NULL. Default the empty field. */
      readonly nullText?: string;
      /** Default `utf-8`; any name that Python knows. */
      readonly encoding?: string;
    }
  /** One JSON object a line. */
  | { readonly kind: 'jsonl'; readonly files: readonly SourceFile[]; readonly encoding?: string }
  /**
   * JSON lines of a connector that reads changes: the declared columns as string or null, and `_op` ('r', 'c', 'u', 'd'),
   * `_source_lsn` (string, number or null), `_source_seq` (string or number).
   */
  | { readonly kind: 'changes'; readonly files: readonly SourceFile[] };

/** Appends files to a bronze table in one commit. */
export interface AppendRequest {
  readonly table: Table;
  readonly input: AppendInput;
  /** All columns but the audit columns. A column added here later is added to the table. */
  readonly columns: readonly Column[];
  readonly transaction: AppTransaction;
  readonly batch: BatchIdentity;
  readonly rules?: Partial<FileRules>;
}

export interface AppendResult {
  /** True if the application transaction was in the table already: nothing was read or written. */
  readonly skipped: boolean;
  /** The table's version after the append. */
  readonly version: number;
  readonly rows: number;
  /** Rows with `_rescued_data`, by reason: bad_value, ragged_row, repeated_header, unknown_column, bad_encoding. */
  readonly rescued: { readonly [reason: string]: number };
  readonly files: readonly AppendedFile[];
}

export interface AppendedFile {
  readonly key: string | null;
  /** Records in the file without header and blank lines. */
  readonly rows: number;
  readonly rescued: number;
}

/** Brings the changes of a bronze table into a silver table. */
export interface RefineRequest {
  readonly source: Table;
  readonly target: Table;
  /** The target's columns. `expr` is SQL over the source's columns; default: the source's column of that name. */
  readonly columns: { readonly [name: string]: { readonly type: string; readonly expr?: string } };
  /** Target columns that identify a row. A NULL in one is a violation of the built-in rule `key` (quarantine). */
  readonly key: readonly string[];
  /**
   * Which of two rows of a key is the later one: target or lineage columns, most significant first. Rows that are older
   * than the target's are ignored. Lineage columns: `_source_file`, `_source_lsn`, `_source_seq`, `_ingested_at`.
   */
  readonly orderBy: readonly string[];
  /** Source rows to leave out, as SQL over the source's columns that must hold for a row to stay. */
  readonly where?: string;
  /** SQL over the source's columns: rows that delete their key, such as `_op = 'd'`. */
  readonly deleteWhen?: string;
  /** Checks are SQL over the target's columns, the source's audit columns and `_rescued_data`. */
  readonly expectations?: readonly Expectation[];
  readonly run: { readonly runId: string };
}

export interface RefineResult {
  /** The target's version afterwards; -1 while it does not exist because its source has no row yet. */
  readonly version: number;
  /** The source's version that has now been consumed; -1 while the source does not exist. */
  readonly sourceVersion: number;
  readonly rowsIn: number;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  readonly dropped: number;
  readonly quarantined: number;
  /** Every rule that was violated, and how often. */
  readonly rules: readonly RuleResult[];
}

/** Another silver table that a published row takes columns from. */
export interface PublishJoin {
  readonly table: Table;
  /** Its name in expressions; the source itself is `source`. */
  readonly alias: string;
  /** Source column -> column of this table; together unique in this table. Left join. */
  readonly on: { readonly [sourceColumn: string]: string };
}

/** One silver table and how its rows become rows of the gold table. */
export interface PublishSource {
  readonly source: Table;
  /** The source's key. */
  readonly key: readonly string[];
  /** Target column -> SQL over `source` and the joins' aliases. A column that is left out is NULL. */
  readonly columns: { readonly [targetColumn: string]: string };
  /** A change in a joined table publishes the source rows that refer to it again. */
  readonly joins?: readonly PublishJoin[];
  /** Rows for which this does not hold are not in the target. */
  readonly where?: string;
}

/** Brings the changes of silver tables into one gold table. */
export interface PublishRequest {
  readonly target: Table;
  readonly columns: readonly Column[];
  /** Target columns; must be expressions of the source alone, not of joins. */
  readonly key: readonly string[];
  readonly sources: readonly PublishSource[];
  readonly run: { readonly runId: string };
}

export interface PublishResult {
  readonly version: number;
  readonly rowsIn: number;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

/** Writes what changed in a table since a version to Parquet files on S3, for warehouse loaders. */
export interface ExportRequest {
  readonly table: Table;
  readonly key: readonly string[];
  /** The version that the warehouse has; `undefined`: everything. */
  readonly fromVersion?: number | undefined;
}

/** Net changes, one row a key: the table's columns and `_change_type` ('upsert' or 'delete'). */
export interface ExportResult {
  readonly table: Table;
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  /** Undefined: the files hold the whole table. */
  readonly fromVersion: number | undefined;
  readonly toVersion: number;
  readonly rows: number;
  /** S3 keys; none if nothing changed. */
  readonly files: readonly string[];
}

export interface TableInfo {
  /** -1 if the table does not exist. */
  readonly version: number;
  readonly rows: number;
  readonly columns: readonly Column[];
}

export interface Checksum {
  readonly rows: number;
  /** Does not depend on the order of rows or files. */
  readonly checksum: string;
}
