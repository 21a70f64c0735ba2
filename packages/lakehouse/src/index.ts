export type { Row } from './delta-writer.ts';
export { type Bound, type Expectation, type ExpectationAction, expect, Rule, type RuleResult } from './expectations.ts';
export { Lake } from './lake.ts';
export { LakeStorage, type StoredObject } from './lake-storage.ts';
export { quoteIdentifier, quoteIdentifiers, quoteLiteral } from './sql.ts';
export type {
  AppendedFile,
  AppendInput,
  AppendRequest,
  AppendResult,
  AppTransaction,
  BatchIdentity,
  Checksum,
  Column,
  ExportRequest,
  ExportResult,
  FileRule,
  FileRules,
  LakeConfig,
  Layer,
  PublishJoin,
  PublishRequest,
  PublishResult,
  PublishSource,
  RefineRequest,
  RefineResult,
  SourceFile,
  Table,
  TableInfo,
} from './types.ts';
export { DuckDbLoader, type DuckDbLoaderOptions } from './warehouse/duckdb-loader.ts';
export type { LoadRequest, LoadResult, WarehouseLoader } from './warehouse/warehouse-loader.ts';
