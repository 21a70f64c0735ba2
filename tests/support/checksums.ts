import { DuckDBInstance } from '@duckdb/node-api';
import { Lake, quoteIdentifier, type Table } from '@millrace/lakehouse';
import { bronze, gold, quarantine, silver } from '../../ingestion/lake/index.ts';
import type { Platform } from './platform.ts';
import { testStack } from './stack.ts';

export interface TableSum {
  readonly rows: number;
  readonly checksum: string;
}

/** By `layer.table`; for the warehouse by `schema.table`. */
export type Sums = Readonly<Record<string, TableSum>>;

/**
 * What differs between two runs that did the same: who ran, when, and where in the source's log. Everything else of a row
 * must be the same.
 */
const ofTheRun = [
  '_run_id',
  '_batch_id',
  '_ingested_at',
  '_source_lsn',
  '_source_seq',
  '_updated_run',
  'change_seq',
  // Of the quarantine table.
  'source_lsn',
  'source_seq',
  'batch_id',
  'run_id',
  'ingested_at',
  'quarantined_by',
  'quarantined_at',
  'row',
];

export function openLake(platform: Platform): Lake {
  const { lake } = platform.environment;
  const { s3, python } = testStack();
  return new Lake({ s3, bucket: lake.bucket, prefixes: lake.prefixes, python, tempDir: platform.home });
}

/** Checksums of every table of the lake and of the warehouse. */
export async function allSums(platform: Platform): Promise<Sums> {
  const lake = openLake(platform);
  try {
    return { ...(await lakeSums(lake)), ...(await warehouseSums(platform)) };
  } finally {
    await lake.close();
  }
}

export const lakeTables: readonly Table[] = [
  ...Object.values(bronze),
  ...Object.values(silver).map(({ target }) => target),
  ...Object.values(gold).map(({ target }) => target),
  quarantine,
];

async function lakeSums(lake: Lake): Promise<Sums> {
  const sums: Record<string, TableSum> = {};
  for (const table of lakeTables) {
    const { version, columns } = await lake.tableInfo(table);
    if (version < 0) continue;
    const exclude = ofTheRun.filter((name) => columns.some((column) => column.name === name));
    sums[`${table.layer}.${table.name}`] = await lake.checksum(table, { exclude });
  }
  return sums;
}

async function warehouseSums(platform: Platform): Promise<Sums> {
  return withWarehouse(platform, async (rows) => {
    const tables = await rows(
      `SELECT table_schema, table_name, string_agg(column_name, '\t' ORDER BY ordinal_position) AS columns
       FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
       WHERE table_type = 'BASE TABLE' AND table_schema <> '_millrace' AND column_name NOT LIKE '\\_%' ESCAPE '\\'
       GROUP BY ALL ORDER BY ALL`,
    );
    const sums: Record<string, TableSum> = {};
    for (const { table_schema, table_name, columns } of tables) {
      const list = String(columns).split('\t').map(quoteIdentifier).join(', ');
      const [sum] = await rows(
        `SELECT count(*) AS rows, coalesce(sum(hash(row(${list}))::HUGEINT), 0)::VARCHAR AS checksum
         FROM ${quoteIdentifier(String(table_schema))}.${quoteIdentifier(String(table_name))}`,
      );
      sums[`${table_schema}.${table_name}`] = { rows: Number(sum?.rows), checksum: String(sum?.checksum) };
    }
    return sums;
  });
}

type Query = (sql: string) => Promise<Record<string, unknown>[]>;

/** Reads the warehouse between two runs. */
export async function withWarehouse<T>(platform: Platform, read: (query: Query) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(platform.environment.warehouse.path, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    return await read(async (sql) => {
      const result = await connection.runAndReadAll(sql);
      return result.getRowObjectsJson() as Record<string, unknown>[];
    });
  } finally {
    // Both, or the file stays open until they are collected, and the next run waits for it.
    connection.closeSync();
    instance.closeSync();
  }
}

/** The tables whose rows differ, for a message that says which. */
export function differences(left: Sums, right: Sums): string[] {
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].filter((name) => JSON.stringify(left[name]) !== JSON.stringify(right[name])).sort();
}
