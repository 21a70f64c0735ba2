import type { Column } from '@millrace/lakehouse';
import { quoteIdentifier, quoteLiteral } from '@millrace/lakehouse';
import type { Progress } from 'millrace';
import type pg from 'pg';
import type { LandingTarget } from '../shared/landing-target.ts';
import { withTempFolder } from '../shared/temp-folder.ts';
import { withClient } from './connection.ts';
import { type CopiedFile, copyJson, textLiteral } from './copy.ts';
import { postgresError, sqlState } from './postgres-errors.ts';
import { type PostgresDatabase, qualified } from './postgres-source.ts';
import { isLockTimeout } from './slot.ts';
import { exportedColumns, type TableShape, tableShape } from './table-shape.ts';

/** A table of which each run takes the rows that were written since the last one. */
export interface IncrementalTable {
  readonly schema: string;
  readonly name: string;
  /** Name of the bronze table. */
  readonly table: string;
  readonly columns: readonly Column[];
  /**
   * An integer column that grows with every write to the row, by a trigger or default that takes the next value of a
   * sequence while it holds the row's table. An index on it keeps each run as cheap as what it finds.
   */
  readonly watermark: string;
  /** Columns that never leave the database. */
  readonly exclude?: readonly string[];
  /** How long to wait for writers to end, milliseconds. Others wait behind it meanwhile. Default 5,000. */
  readonly lockTimeoutMs?: number;
}

export interface IncrementalResult {
  readonly table: string;
  readonly rows: number;
  /** Rows with `from` < watermark <= `to` were taken. */
  readonly from: string | null;
  readonly to: string | null;
}

/** Size of a local file before the next is begun, bytes. */
const fileBytes = 128 * 2 ** 20;

/**
 * Lands the rows of a table whose watermark has grown since the last call; the first call takes them all. A row that was
 * written twice in between comes once, as it is now; a deleted row is not noticed.
 *
 * Without gaps: the upper bound is read under a brief SHARE lock, when no writer is in flight, so no row can appear below
 * it later. If a writer does not end within the lock's timeout: MR3210 (retryable).
 *
 * Rows have `_op` 'r' at first and 'u' later, and the watermark as `_source_seq`.
 *
 * Throws MR3201, MR3202, MR3210, MR3211 (no usable watermark), MR3212.
 */
export async function extractIncremental(
  database: PostgresDatabase,
  table: IncrementalTable,
  { lake, runId }: LandingTarget,
  progress: Progress,
): Promise<IncrementalResult> {
  const appId = `incremental:${database.name}.${table.table}`;
  const target = { layer: 'bronze', name: table.table } as const;
  const last = (await lake.transactionVersions(target, [appId]))[appId];
  return withClient(database, progress, async (client) => {
    const shape = await tableShape(client, database, table);
    await checkWatermark(client, database, table, shape);
    const upper = await upperBound(client, database, table);
    const from = last === undefined ? null : String(last);
    // Lower than last time: the rows above were deleted.
    if (upper === undefined || upper <= (last ?? -1)) return { table: table.table, rows: 0, from, to: from };
    return withTempFolder(lake.config.tempDir, async (folder) => {
      const files: CopiedFile[] = [];
      await copyJson(
        client,
        copyQuery(table, shape, last, upper),
        { folder, name: 'rows', maxFileBytes: fileBytes },
        progress,
        async (file) => {
          files.push(file);
        },
      );
      const appended = await lake.append(
        {
          table: target,
          input: { kind: 'changes', files: files.map(({ path }) => ({ path, key: null })) },
          columns: table.columns,
          transaction: { appId, version: upper, after: last ?? -1 },
          batch: {
            sourceSystem: database.sourceSystem,
            runId,
            batchId: `${database.name}.${table.table}:${upper}`,
            ingestedAt: new Date().toISOString(),
          },
        },
        progress,
      );
      return { table: table.table, rows: appended.rows, from, to: String(upper) };
    });
  });
}

function copyQuery(table: IncrementalTable, shape: TableShape, last: number | undefined, upper: number) {
  const watermark = `source.${quoteIdentifier(table.watermark)}`;
  const above = last === undefined ? '' : `${watermark} > ${quoteLiteral(last)} AND `;
  return {
    columns: exportedColumns(shape, table.exclude),
    from: qualified(table),
    where: `${above}${watermark} <= ${quoteLiteral(upper)}`,
    orderBy: watermark,
    fields: {
      _op: textLiteral(last === undefined ? 'r' : 'u'),
      _source_lsn: 'NULL::text',
      _source_seq: `${watermark}::text`,
    },
  };
}

/** The largest watermark at a moment without a writer in flight; undefined for an empty table. */
async function upperBound(
  client: pg.Client,
  database: PostgresDatabase,
  table: IncrementalTable,
): Promise<number | undefined> {
  const { lockTimeoutMs = 5_000 } = table;
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL lock_timeout = ${quoteLiteral(`${Math.round(lockTimeoutMs)}ms`)}`);
    await client.query(`LOCK TABLE ${qualified(table)} IN SHARE MODE`);
    const { rows } = await client.query<{ upper: string | null }>(
      `SELECT max(${quoteIdentifier(table.watermark)})::text AS upper FROM ${qualified(table)}`,
    );
    const text = rows[0]?.upper ?? null;
    if (text === null) return undefined;
    const upper = Number(text);
    if (Number.isSafeInteger(upper) && upper >= 0) return upper;
    throw unusable(database, table, `holds ${text}, which is not between 0 and ${Number.MAX_SAFE_INTEGER}`);
  } catch (cause) {
    // insufficient_privilege
    if (sqlState(cause) === '42501') {
      throw postgresError('notReady', {
        subject: `${table.schema}.${table.name}`,
        message: `The user of source ${database.name} may not lock table ${table.schema}.${table.name}, which it needs to tell which rows are in.`,
        hint: `Postgres asks for more than SELECT for a SHARE lock: GRANT UPDATE ON ${qualified(table)} (from version 17 on, MAINTAIN is enough).`,
        cause,
      });
    }
    if (!isLockTimeout(cause)) throw cause;
    throw postgresError('lockTimeout', {
      subject: `${table.schema}.${table.name}`,
      message: `A transaction that writes to table ${table.schema}.${table.name} of source ${database.name} did not end within ${lockTimeoutMs} ms, so its rows cannot be counted in or out.`,
      hint: 'A later attempt takes them. Look in pg_stat_activity for a transaction that stays open.',
      facts: { lockTimeoutMs },
      cause,
    });
  } finally {
    await client.query('ROLLBACK');
  }
}

async function checkWatermark(
  client: pg.Client,
  database: PostgresDatabase,
  table: IncrementalTable,
  shape: TableShape,
): Promise<void> {
  const column = shape.columns.find(({ name }) => name === table.watermark);
  if (column === undefined) throw unusable(database, table, 'does not exist');
  if (!['smallint', 'integer', 'bigint'].includes(column.type)) {
    throw unusable(database, table, `is of type ${column.type}, and must be an integer`);
  }
  if (column.notNull) return;
  const { rows } = await client.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM ${qualified(table)} WHERE ${quoteIdentifier(table.watermark)} IS NULL) AS found`,
  );
  if (rows[0]?.found === true) throw unusable(database, table, 'is NULL in some rows, which would never be taken');
}

function unusable(database: PostgresDatabase, table: IncrementalTable, what: string) {
  return postgresError('watermark', {
    subject: `${table.schema}.${table.name}.${table.watermark}`,
    message: `Watermark ${table.watermark} of table ${table.schema}.${table.name} of source ${database.name} ${what}.`,
    hint: 'It needs an integer column that is never NULL and grows with each write to a row.',
  });
}
