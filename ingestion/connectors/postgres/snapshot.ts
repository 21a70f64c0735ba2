import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lake } from '@millrace/lakehouse';
import type { Progress } from 'millrace';
import type pg from 'pg';
import type { LandingTarget } from '../shared/landing-target.ts';
import { mapLimit } from '../shared/map-limit.ts';
import { withTempFolder } from '../shared/temp-folder.ts';
import { CaptureState, type SnapshotManifest } from './capture-state.ts';
import { withClient } from './connection.ts';
import { copyJson, textLiteral } from './copy.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import { postgresError, sqlState } from './postgres-errors.ts';
import { type CapturedTable, checkSource, type PostgresSource, qualified, slotAppId } from './postgres-source.ts';
import {
  checkServer,
  claimSlot,
  ensurePublication,
  isLockTimeout,
  slotBusy,
  slotLost,
  slotState,
  withLockTimeout,
} from './slot.ts';
import { exportedColumns, type TableShape, tableShape } from './table-shape.ts';

export interface SnapshotResult {
  readonly slot: string;
  /** True if the snapshot had been landed before: nothing was read. */
  readonly skipped: boolean;
  readonly rows: number;
  /** Rows by bronze table. */
  readonly tables: { readonly [table: string]: number };
}

/** Size of a staged file, bytes. */
const stagedFileBytes = 128 * 2 ** 20;

/** Tables copied at the same time. */
const concurrency = 2;

/**
 * Sees to it that every table of the source is in bronze as it was at one moment, and that a replication slot holds every
 * change since that moment. Once that is done it returns at once. It may be stopped anywhere and called again: up to the
 * point where the snapshot's manifest is written it starts over with a new slot, from there it goes on with the staged files.
 *
 * Rows have `_op` 'r'. Their `_source_lsn` is the last position before the slot's first change.
 *
 * Throws MR3201 to MR3204, MR3208 to MR3210, MR3212, MR3214 to MR3216.
 */
export async function ensureSnapshot(
  source: PostgresSource,
  { lake, runId }: LandingTarget,
  progress: Progress,
): Promise<SnapshotResult> {
  checkSource(source);
  const state = new CaptureState(lake.s3, lake.config.prefixes.state, source);
  const nothing = { slot: source.slot, skipped: true, rows: 0, tables: {} };
  if ((await state.progress())?.snapshotLanded === true) {
    checkTables(source, await state.manifest());
    return nothing;
  }
  return withClient(source, progress, async (client) => {
    await claimSlot(client, source);
    const earlier = await state.progress();
    if (earlier?.snapshotLanded === true) return nothing;
    const manifest = (await state.manifest()) ?? (await takeSnapshot(client, source, state, lake, progress));
    checkTables(source, manifest);
    const tables = await landSnapshot(source, manifest, { lake, runId }, progress);
    const acknowledged = Math.max(earlier?.acknowledged ?? 0, manifest.consistentLsn);
    await state.saveProgress({ version: 1, acknowledged, snapshotLanded: true });
    await deleteStaged(state, lake);
    const rows = Object.values(tables).reduce((sum, count) => sum + count, 0);
    return { slot: source.slot, skipped: false, rows, tables };
  });
}

/**
 * Drops the slot and forgets the snapshot, so that the next {@link ensureSnapshot} takes a new one. Rows that were deleted
 * at the source in between stay in bronze: rebuild the silver tables from the new snapshot.
 */
export async function forgetSnapshot(source: PostgresSource, lake: Lake, progress: Progress): Promise<void> {
  const state = new CaptureState(lake.s3, lake.config.prefixes.state, source);
  await withClient(source, progress, async (client) => {
    await claimSlot(client, source);
    await dropSlot(client, source);
    await state.clear();
    await deleteStaged(state, lake);
  });
}

function checkTables(source: PostgresSource, manifest: SnapshotManifest | undefined): void {
  const taken = new Set(manifest?.tables.map(({ schema, name }) => `${schema}.${name}`));
  const added = source.tables.map(({ schema, name }) => `${schema}.${name}`).filter((name) => !taken.has(name));
  if (manifest === undefined || added.length === 0) return;
  throw postgresError('noSnapshot', {
    subject: added[0] ?? source.name,
    message: `Source ${source.name} declares ${added.join(', ')}, which the snapshot of slot ${source.slot} does not hold.`,
    hint: 'Capture added tables as a source with a slot of its own, or take a new snapshot (forgetSnapshot).',
    facts: { tables: added },
  });
}

async function takeSnapshot(
  client: pg.Client,
  source: PostgresSource,
  state: CaptureState,
  lake: Lake,
  progress: Progress,
): Promise<SnapshotManifest> {
  await checkServer(client, source);
  const shapes = new Map<CapturedTable, TableShape>();
  for (const table of source.tables) {
    const shape = await tableShape(client, source, table);
    if (shape.partitioned) throw partitioned(source, table);
    await ensureReplicaIdentity(client, source, table, shape);
    shapes.set(table, shape);
  }
  await ensurePublication(client, source);
  // One without a manifest is left over from an attempt that did not come to its end.
  await dropSlot(client, source);
  await deleteStaged(state, lake);
  const manifest = await withClient(
    source,
    progress,
    async (replication) => {
      const { consistentLsn, snapshot } = await createSlot(replication, source);
      // The exported snapshot lives as long as this connection stays idle.
      const tables = await mapLimit(source.tables, concurrency, async (table) => {
        const shape = shapes.get(table);
        if (shape === undefined) throw new Error(`no shape of ${table.name}`);
        const files = await copyTable(source, table, { shape, snapshot, consistentLsn }, state, lake, progress);
        const rows = files.reduce((sum, file) => sum + file.rows, 0);
        progress.log.info('table copied', { source: source.name, table: table.name, rows });
        return { schema: table.schema, name: table.name, rows, files };
      });
      return { version: 1, slot: source.slot, consistentLsn, tables } as const;
    },
    { replication: 'database' },
  );
  // Whoever has lost the claim by now must not decide anything.
  await client.query('SELECT 1');
  if (await state.createManifest(manifest)) return manifest;
  // It may be this very one, if the answer to its creation was lost.
  if ((await state.manifest())?.consistentLsn === manifest.consistentLsn) return manifest;
  await dropSlot(client, source);
  throw slotLost(source, 'was replaced while another process took a snapshot');
}

async function createSlot(
  client: pg.Client,
  source: PostgresSource,
): Promise<{ readonly consistentLsn: number; readonly snapshot: string }> {
  const { rows } = await client.query<{ consistent_point: string; snapshot_name: string }>(
    `CREATE_REPLICATION_SLOT ${client.escapeIdentifier(source.slot)} LOGICAL pgoutput EXPORT_SNAPSHOT`,
  );
  const created = rows[0];
  if (created === undefined) throw new Error(`CREATE_REPLICATION_SLOT ${source.slot} gave no answer`);
  return { consistentLsn: parseLsn(created.consistent_point), snapshot: created.snapshot_name };
}

interface StagedFile {
  readonly key: string;
  readonly rows: number;
  readonly bytes: number;
}

async function copyTable(
  source: PostgresSource,
  table: CapturedTable,
  at: { readonly shape: TableShape; readonly snapshot: string; readonly consistentLsn: number },
  state: CaptureState,
  lake: Lake,
  progress: Progress,
): Promise<StagedFile[]> {
  const staged: StagedFile[] = [];
  const prefix = `${state.stagingPrefix}${at.consistentLsn}/`;
  await withTempFolder(lake.config.tempDir, (folder) =>
    withClient(source, progress, async (client) => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await client.query(`SET TRANSACTION SNAPSHOT ${client.escapeLiteral(at.snapshot)}`);
      const query = {
        columns: exportedColumns(at.shape, table.exclude),
        from: qualified(table),
        fields: {
          _op: textLiteral('r'),
          _source_lsn: textLiteral(snapshotLsn(at.consistentLsn)),
          _source_seq: '(row_number() OVER ())::text',
        },
      };
      const name = `${table.schema}.${table.name}`.replaceAll(/[^A-Za-z0-9_.-]/g, '_');
      await copyJson(client, query, { folder, name, maxFileBytes: stagedFileBytes }, progress, async (file) => {
        const key = `${prefix}${name}/${String(staged.length).padStart(5, '0')}.jsonl`;
        await lake.s3.upload(file.path, key);
        await rm(file.path);
        staged.push({ key, rows: file.rows, bytes: file.bytes });
      });
      await client.query('COMMIT');
    }),
  );
  return staged;
}

/**
 * The position of a snapshot's rows. A transaction can begin to commit at the very consistent point, and belongs to what
 * the slot gives; so the snapshot stands one before it.
 */
function snapshotLsn(consistentLsn: number): number {
  return consistentLsn - 1;
}

async function landSnapshot(
  source: PostgresSource,
  manifest: SnapshotManifest,
  { lake, runId }: LandingTarget,
  progress: Progress,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const version = snapshotLsn(manifest.consistentLsn);
  const appId = slotAppId(source);
  for (const table of source.tables) {
    const taken = manifest.tables.find(({ schema, name }) => schema === table.schema && name === table.name);
    if (taken === undefined) continue;
    const target = { layer: 'bronze', name: table.table } as const;
    counts[table.table] = taken.rows;
    const last = (await lake.transactionVersions(target, [appId]))[appId] ?? -1;
    if (last === version) continue;
    if (last > version) throw otherHistory(source, table, last, version);
    await withTempFolder(lake.config.tempDir, async (folder) => {
      const files = await mapLimit(taken.files, 4, async ({ key }, index) => {
        const path = join(folder, `${index}.jsonl`);
        await lake.s3.download(key, path, { signal: progress.signal });
        progress.heartbeat();
        return { path, key: null };
      });
      await lake.append(
        {
          table: target,
          input: { kind: 'changes', files },
          columns: table.columns,
          transaction: { appId, version, after: last },
          batch: {
            sourceSystem: source.sourceSystem,
            runId,
            batchId: `${source.slot}:snapshot:${version}`,
            ingestedAt: new Date().toISOString(),
          },
        },
        progress,
      );
    });
  }
  return counts;
}

function otherHistory(source: PostgresSource, { table }: CapturedTable, last: number, version: number) {
  return postgresError('otherHistory', {
    subject: table,
    message: `bronze.${table} has changes of slot ${source.slot} up to ${formatLsn(last)}, but the new snapshot of source ${source.name} was taken at ${formatLsn(version)}, before them.`,
    hint: 'The log belongs to another server or to a restored backup, and its positions start over: capture it under a slot with another name.',
    facts: { landed: formatLsn(last), snapshot: formatLsn(version) },
  });
}

async function deleteStaged(state: CaptureState, lake: Lake): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of lake.s3.list(state.stagingPrefix)) keys.push(key);
  await mapLimit(keys, 8, (key) => lake.s3.delete(key));
}

async function dropSlot(client: pg.Client, source: PostgresSource): Promise<void> {
  if ((await slotState(client, source).catch(() => null)) === undefined) return;
  try {
    await client.query('SELECT pg_drop_replication_slot($1)', [source.slot]);
  } catch (error) {
    if (sqlState(error) === '42704') return;
    // object_in_use: the server has not noticed yet that the process that read it is gone.
    if (sqlState(error) === '55006') throw slotBusy(source, error);
    throw error;
  }
}

function partitioned(source: PostgresSource, { schema, name }: CapturedTable) {
  return postgresError('notReady', {
    subject: `${schema}.${name}`,
    message: `Table ${schema}.${name} of source ${source.name} is partitioned, which capturing changes does not support.`,
    hint: 'Declare its partitions as tables, or read it with extractIncremental.',
  });
}

/** Rows wider than a page keep values out of line, and an update's log entry then leaves out those it does not change. */
async function ensureReplicaIdentity(
  client: pg.Client,
  source: PostgresSource,
  table: CapturedTable,
  shape: TableShape,
): Promise<void> {
  const identifies =
    shape.replicaIdentity === 'f' ||
    shape.replicaIdentity === 'i' ||
    (shape.replicaIdentity === 'd' && shape.hasPrimaryKey);
  const complete = shape.replicaIdentity === 'f' || !shape.hasToast;
  if (identifies && (complete || source.replicaIdentity === 'keep')) return;
  const statement = `ALTER TABLE ${qualified(table)} REPLICA IDENTITY FULL`;
  try {
    await withLockTimeout(client, statement);
  } catch (cause) {
    if (isLockTimeout(cause)) {
      throw postgresError('lockTimeout', {
        subject: `${table.schema}.${table.name}`,
        message: `Table ${table.schema}.${table.name} of source ${source.name} was in use for longer than others can be kept waiting, so its replica identity was not changed.`,
        hint: 'A later attempt does it. Look in pg_stat_activity for a transaction that stays open.',
        facts: { statement },
        cause,
      });
    }
    throw postgresError('replicaIdentity', {
      subject: `${table.schema}.${table.name}`,
      message: `The log entries of table ${table.schema}.${table.name} of source ${source.name} would leave out values, and its replica identity cannot be changed: ${String((cause as Error).message)}.`,
      hint: `Have the table's owner run: ${statement};`,
      facts: { statement },
      cause,
    });
  }
}
