import type { Progress } from 'millrace';
import type { Column } from '../types.ts';

/** What a warehouse gets: the result of {@link Lake.export}, by name. */
export interface LoadRequest {
  /** Name of the target table in the warehouse's landing schema. */
  readonly table: string;
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  /** S3 keys of Parquet files with one row a key and `_change_type`. */
  readonly files: readonly string[];
  /** Undefined: the files replace the whole table. */
  readonly fromVersion: number | undefined;
  readonly toVersion: number;
}

export interface LoadResult {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** True if `toVersion` was loaded before: nothing was done. */
  readonly skipped: boolean;
}

/** Brings exported changes into a warehouse, each version exactly once. Every implementation runs the same contract suite. */
export interface WarehouseLoader {
  /**
   * Applies one export in one transaction. Throws MR3402 (non-retryable) if the table is not at `fromVersion`, MR3401 if the
   * warehouse is locked by another process.
   */
  load(request: LoadRequest, progress: Progress): Promise<LoadResult>;
  /** The last version that was loaded; undefined if none was. */
  loadedVersion(table: string): Promise<number | undefined>;
  close(): Promise<void>;
}
