import type { ItemRecord, Json, Logger } from 'millrace';

/** What a {@link DbtService} works with. Paths are absolute or relative to the current directory. */
export interface DbtOptions {
  /** Python with dbt-core (1.11) and the adapter of the warehouse. */
  readonly python: string;
  readonly projectDir: string;
  /** Folder of profiles.yml. Default: the project's folder. */
  readonly profilesDir?: string;
  /** Target of the profile (`dev`, `qa`, `prod`). Default: the profile's own. */
  readonly target?: string;
  /** Where dbt writes compiled SQL, the manifest, documentation and its log. Default: `<projectDir>/target`. */
  readonly targetPath?: string;
  /** The environment variables that profiles.yml and the models read. dbt sees no others but PATH, HOME, TMPDIR, LANG. */
  readonly env?: Readonly<Record<string, string>>;
  /** Nodes at a time. Default: the profile's. */
  readonly threads?: number;
  /** dbt vars of every call. */
  readonly vars?: { readonly [name: string]: Json };
  /** Takes what dbt prints, which is little: its warnings and its crashes. */
  readonly log?: Logger;
  /** Level of dbt's log file (`<targetPath>/logs/dbt.log`). Default `info`. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'none';
  /** How long a cancelled build may take to stop before the process is killed, milliseconds. Default 10,000. */
  readonly cancelGraceMs?: number;
}

/** Which nodes, in dbt's selection syntax. Everything if nothing is given. */
export interface DbtSelection {
  readonly select?: readonly string[];
  readonly exclude?: readonly string[];
  /** Over the service's vars. Other vars than the last call's make dbt read the project again. */
  readonly vars?: { readonly [name: string]: Json };
  readonly threads?: number;
}

export interface DbtBuildRequest extends DbtSelection {
  /**
   * unique_ids of nodes that an earlier attempt of the same run finished: they are not run again. A map by unique_id, as
   * a task's `context.items.completed()` gives it, will do.
   */
  readonly completed?: readonly string[] | ReadonlyMap<string, unknown>;
  /** How often a failed node is run again in this build. Failed assertions and nodes that do not compile never are. Default 0. */
  readonly nodeRetries?: number;
  /** Pause before the first repetition, milliseconds; doubles with each, up to 30 s. Default 500. */
  readonly retryDelayMs?: number;
  /** How long to wait for a DuckDB file that another process holds, milliseconds. Default 10,000. */
  readonly lockWaitMs?: number;
  /** Rebuild incremental models and seeds from scratch. */
  readonly fullRefresh?: boolean;
  /** Receives each change of a node's state, in batches, within 50 ms. */
  readonly onItems?: (items: readonly ItemRecord[]) => void;
}

/** A node that failed for good. */
export interface DbtFailure {
  readonly id: string;
  readonly kind: string;
  /** `assertion`: a test found rows. `compile`: the node's code. `run`: the warehouse. `hook`: on-run-start, on-run-end. */
  readonly reason: 'assertion' | 'compile' | 'run' | 'hook';
  readonly message: string;
  /** The node's source file, relative to the project. */
  readonly file?: string;
  /** The SQL that was sent, below the target path. */
  readonly compiled?: string;
}

/** Counts of one build. `nodes` are those that this call had to run. */
export interface DbtBuildSummary {
  readonly nodes: number;
  readonly models: number;
  readonly tests: number;
  readonly seeds: number;
  readonly snapshots: number;
  readonly passed: number;
  /** Tests of severity `warn` that found rows; their item is in state success, with a message. */
  readonly warned: number;
  readonly failed: number;
  /** Skipped because of a failure upstream. */
  readonly skipped: number;
  /** Selected nodes that were left alone because they were in `completed`. */
  readonly resumed: number;
  /** Rows written by models, seeds and snapshots, as far as the warehouse tells. */
  readonly rows: number;
  readonly durationMs: number;
}

export interface DbtNode {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  /** Source file, relative to the project. */
  readonly path: string;
  readonly dependsOn: readonly string[];
  /** `table`, `view`, `incremental`, ...; null where it has no meaning. */
  readonly materialized: string | null;
}

/** Files that documentation was written to. */
export interface DbtDocs {
  readonly index: string;
  /** One file that needs no server. */
  readonly static: string;
  readonly catalog: string;
  readonly manifest: string;
  readonly tables: number;
  readonly sources: number;
}

export interface DbtCompiled {
  readonly id: string;
  readonly sql: string;
}
