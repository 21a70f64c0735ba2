export { captureLsn, type DrainResult, drainChanges, type TableChanges } from './drain.ts';
export { extractIncremental, type IncrementalResult, type IncrementalTable } from './incremental.ts';
export { formatLsn, parseLsn } from './lsn.ts';
export { postgresCodes } from './postgres-errors.ts';
export type { CapturedTable, PostgresDatabase, PostgresSource } from './postgres-source.ts';
export { ensureSnapshot, forgetSnapshot, type SnapshotResult } from './snapshot.ts';
export { describeColumns, duckdbType } from './table-shape.ts';
