import type { Lake } from '@millrace/lakehouse';
import type { Progress } from 'millrace';
import type pg from 'pg';
import type { LandingTarget } from '../shared/landing-target.ts';
import { withTempFolder } from '../shared/temp-folder.ts';
import { CaptureState } from './capture-state.ts';
import { type ChangeBatch, readBatch } from './change-batch.ts';
import { withClient } from './connection.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import { postgresError } from './postgres-errors.ts';
import { checkSource, type PostgresDatabase, type PostgresSource, slotAppId } from './postgres-source.ts';
import { checkPublished, claimSlot, slotLost, slotState } from './slot.ts';

export interface TableChanges {
  readonly inserts: number;
  readonly updates: number;
  readonly deletes: number;
}

export interface DrainResult {
  readonly slot: string;
  /** Where the slot stood before, and stands now. */
  readonly from: string;
  readonly to: string;
  readonly batches: number;
  /** Rows appended, of all tables. */
  readonly rows: number;
  /** By bronze table; those without changes are left out. */
  readonly tables: { readonly [table: string]: TableChanges };
  /** Rows that were read again and were in already. */
  readonly repeated: number;
  /** Bytes of log that the source has written since `to`. */
  readonly lagBytes: number;
}

/**
 * The end of the source's log at this moment, behind everything that has been committed. Keep it with the run: a retry
 * that drains up to the same position ends with the same rows.
 */
export async function captureLsn(database: PostgresDatabase, progress: Progress): Promise<string> {
  return withClient(database, progress, async (client) => {
    const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
    const lsn = rows[0]?.lsn ?? '';
    // Decoding reads what is on disk. A commit puts everything before it there.
    await client.query('BEGIN');
    await client.query('SET LOCAL synchronous_commit = on');
    await client.query(`SELECT pg_logical_emit_message(true, 'millrace', 'capture')`);
    await client.query('COMMIT');
    return lsn;
  });
}

/**
 * Lands every change that was committed before `upTo`, in the order of the log, each once, and then lets the source forget
 * them. Works in batches of whole transactions, in bounded memory, and ends at `upTo` whether or not anything follows.
 *
 * May be stopped anywhere and called again: a table's application transaction says up to which commit it has its changes,
 * and the slot is advanced only after every table has them.
 *
 * Throws MR3201, MR3202, MR3203 and MR3205 (changes are missing), MR3206 (TRUNCATE), MR3207 (values missing), MR3208, MR3209, MR3213.
 */
export async function drainChanges(
  source: PostgresSource,
  { upTo }: { readonly upTo: string },
  target: LandingTarget,
  progress: Progress,
): Promise<DrainResult> {
  checkSource(source);
  const end = parseLsn(upTo);
  const { lake } = target;
  const state = new CaptureState(lake.s3, lake.config.prefixes.state, source);
  return withClient(source, progress, async (client) => {
    await claimSlot(client, source);
    const from = await checkPosition(client, source, state, end, progress);
    const versions = await tableVersions(source, lake);
    const totals = new Totals();
    let position = from;
    while (position < end) {
      const batch = await withTempFolder(lake.config.tempDir, async (folder) => {
        const read = await readBatch(client, source, { end, versions, folder }, progress);
        await appendBatch(source, read, versions, target, progress);
        return read;
      });
      await acknowledge(client, source, state, batch.safeEnd);
      totals.add(batch);
      progress.log.info('changes landed', {
        slot: source.slot,
        upTo: formatLsn(batch.safeEnd),
        rows: batch.rows,
        transactions: batch.transactions,
      });
      if (batch.complete) break;
      position = batch.safeEnd;
    }
    const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
    const slot = await slotState(client, source);
    const to = slot?.confirmed ?? position;
    return {
      slot: source.slot,
      from: formatLsn(from),
      to: formatLsn(to),
      ...totals.result(),
      lagBytes: Math.max(0, parseLsn(rows[0]?.lsn ?? upTo) - to),
    };
  });
}

/** Where the slot stands, once it is certain that nothing was skipped before it. */
async function checkPosition(
  client: pg.Client,
  source: PostgresSource,
  state: CaptureState,
  end: number,
  progress: Progress,
): Promise<number> {
  const known = await state.progress();
  if (known?.snapshotLanded !== true) {
    throw postgresError('noSnapshot', {
      subject: source.slot,
      message: `The snapshot of slot ${source.slot} of source ${source.name} has not been landed.`,
      hint: 'Run ensureSnapshot first.',
    });
  }
  const slot = await slotState(client, source);
  if (slot === undefined) throw slotLost(source, 'does not exist any more');
  if (slot.confirmed > known.acknowledged) {
    throw postgresError('slotMoved', {
      subject: source.slot,
      message: `Replication slot ${source.slot} of source ${source.name} stands at ${formatLsn(slot.confirmed)}, but only changes up to ${formatLsn(known.acknowledged)} have been landed: it was made anew or read by somebody else.`,
      hint: 'The changes in between are lost: take a new snapshot (forgetSnapshot, then ensureSnapshot). Let nobody else use the slot.',
      facts: { confirmed: formatLsn(slot.confirmed), acknowledged: formatLsn(known.acknowledged) },
    });
  }
  await checkPublished(client, source);
  await waitForLog(client, source, end, progress);
  return slot.confirmed;
}

/** How long the log may take to reach `upTo`, milliseconds. captureLsn has seen it on disk. */
const logPatience = 30_000;

async function waitForLog(client: pg.Client, source: PostgresSource, end: number, progress: Progress): Promise<void> {
  const deadline = Date.now() + logPatience;
  for (;;) {
    const { rows } = await client.query<{ lsn: string }>(
      'SELECT pg_current_wal_flush_lsn()::text AS lsn, pg_sleep(0.02)',
    );
    const flushed = parseLsn(rows[0]?.lsn ?? '');
    if (flushed >= end) return;
    progress.signal.throwIfAborted();
    if (Date.now() < deadline) continue;
    throw postgresError('position', {
      subject: source.name,
      message: `The log of source ${source.name} ends at ${formatLsn(flushed)}, before ${formatLsn(end)}, up to which this run is to read.`,
      hint: 'Was the database restored from a backup, or is this another server? Then take a new snapshot (forgetSnapshot).',
      facts: { flushed: formatLsn(flushed), upTo: formatLsn(end) },
    });
  }
}

async function tableVersions(source: PostgresSource, lake: Lake): Promise<Map<string, number>> {
  const appId = slotAppId(source);
  const entries = await Promise.all(
    source.tables.map(async ({ table }) => {
      const versions = await lake.transactionVersions({ layer: 'bronze', name: table }, [appId]);
      return [table, versions[appId] ?? -1] as const;
    }),
  );
  return new Map(entries);
}

async function appendBatch(
  source: PostgresSource,
  batch: ChangeBatch,
  versions: Map<string, number>,
  { lake, runId }: LandingTarget,
  progress: Progress,
): Promise<void> {
  const ingestedAt = new Date().toISOString();
  const appended = await Promise.allSettled(
    batch.files.map(async ({ table, path, lastLsn }) => {
      await lake.append(
        {
          table: { layer: 'bronze', name: table.table },
          input: { kind: 'changes', files: [{ path, key: null }] },
          columns: table.columns,
          transaction: { appId: slotAppId(source), version: lastLsn, after: versions.get(table.table) ?? -1 },
          batch: {
            sourceSystem: source.sourceSystem,
            runId,
            batchId: `${source.slot}:${lastLsn}`,
            ingestedAt,
          },
        },
        progress,
      );
      versions.set(table.table, lastLsn);
    }),
  );
  const failed = appended.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** The intent goes first: the slot is never further than what is on record as landed. */
async function acknowledge(
  client: pg.Client,
  source: PostgresSource,
  state: CaptureState,
  position: number,
): Promise<void> {
  const slot = await slotState(client, source);
  if (slot === undefined) throw slotLost(source, 'does not exist any more');
  if (slot.confirmed >= position) return;
  await state.saveProgress({ version: 1, acknowledged: position, snapshotLanded: true });
  await client.query('SELECT pg_replication_slot_advance($1, $2::pg_lsn)', [source.slot, formatLsn(position)]);
}

class Totals {
  #batches = 0;
  #rows = 0;
  #repeated = 0;
  readonly #tables: Record<string, { inserts: number; updates: number; deletes: number }> = {};

  add(batch: ChangeBatch): void {
    if (batch.rows > 0) this.#batches += 1;
    this.#rows += batch.rows;
    this.#repeated += batch.repeated;
    for (const { table, counts } of batch.files) {
      this.#tables[table.table] ??= { inserts: 0, updates: 0, deletes: 0 };
      const total = this.#tables[table.table];
      if (total === undefined) continue;
      total.inserts += counts.c;
      total.updates += counts.u;
      total.deletes += counts.d;
    }
  }

  result() {
    return { batches: this.#batches, rows: this.#rows, repeated: this.#repeated, tables: this.#tables };
  }
}
