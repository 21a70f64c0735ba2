import { join } from 'node:path';
import type { Progress } from 'millrace';
import type pg from 'pg';
import { ChangeReader, type ChangeRow } from './change-reader.ts';
import { LineWriter } from './line-writer.ts';
import { formatLsn } from './lsn.ts';
import { sqlState } from './postgres-errors.ts';
import type { CapturedTable, PostgresSource } from './postgres-source.ts';
import { slotBusy, slotLost } from './slot.ts';

/** The changes of one bronze table in a batch, as JSON lines. */
export interface ChangeFile {
  readonly table: CapturedTable;
  readonly path: string;
  /** Position of the last transaction in it. */
  readonly lastLsn: number;
  readonly counts: { readonly c: number; readonly u: number; readonly d: number };
}

export interface ChangeBatch {
  readonly files: readonly ChangeFile[];
  readonly rows: number;
  readonly repeated: number;
  readonly transactions: number;
  /** The slot may be advanced to here once the files are landed: every transaction before it is in them. */
  readonly safeEnd: number;
  /** True if nothing is left before the end of the range. */
  readonly complete: boolean;
}

export interface BatchRange {
  /** Transactions whose commit begins here or later are left for another time. */
  readonly end: number;
  /** Position of the last transaction that each bronze table has; its changes up to there are left out. */
  readonly versions: ReadonlyMap<string, number>;
  readonly folder: string;
}

const defaultBatchChanges = 200_000;

/** What one fetch should bring, bytes; the number of rows follows from the size of those before. */
const fetchBytes = 4 * 2 ** 20;
const maxFetchRows = 2_000;

/**
 * Reads the next changes of a slot, without moving it, up to a number of changes and to the end of the transaction that
 * reaches it. A transaction of any size is streamed to disk.
 */
export async function readBatch(
  client: pg.Client,
  source: PostgresSource,
  range: BatchRange,
  progress: Progress,
): Promise<ChangeBatch> {
  const limit = source.maxBatchChanges ?? defaultBatchChanges;
  const collector = new Collector(source, range);
  let messages = 0;
  try {
    await client.query('BEGIN');
    await client.query(
      `DECLARE changes NO SCROLL CURSOR FOR
       SELECT data FROM pg_logical_slot_peek_binary_changes($1, $2::pg_lsn, $3, 'proto_version', '1', 'publication_names', $4)`,
      [source.slot, formatLsn(range.end), limit, client.escapeIdentifier(source.publication)],
    );
    let fetch = 100;
    for (;;) {
      const { rows } = await client.query<{ data: Buffer }>(`FETCH FORWARD ${fetch} FROM changes`);
      progress.heartbeat();
      progress.signal.throwIfAborted();
      let bytes = 0;
      for (const { data } of rows) {
        bytes += data.length;
        collector.add(data);
      }
      messages += rows.length;
      await collector.flush();
      if (rows.length < fetch || collector.beyond) break;
      fetch = Math.min(maxFetchRows, Math.max(1, Math.floor((fetchBytes * rows.length) / bytes)));
    }
    await client.query('ROLLBACK');
    return await collector.finish(messages < limit);
  } catch (error) {
    // object_in_use
    if (sqlState(error) === '55006') throw slotBusy(source, error);
    // undefined_object: dropped under our hands. object_not_in_prerequisite_state: invalidated.
    if (sqlState(error) === '42704' || sqlState(error) === '55000') {
      throw slotLost(source, `cannot be read (${String((error as Error).message)})`);
    }
    throw error;
  } finally {
    collector.discard();
  }
}

/** Gathers rows by table until the range is complete. */
class Collector {
  readonly #range: BatchRange;
  readonly #reader: ChangeReader;
  readonly #writers = new Map<CapturedTable, TableWriter>();
  #begin = 0;
  #lastEnd = 0;
  #repeated = 0;
  #transactions = 0;
  /** Where the first transaction that does not belong to the range begins to commit. */
  #beyondAt: number | undefined;

  constructor(source: PostgresSource, range: BatchRange) {
    this.#reader = new ChangeReader(source);
    this.#range = range;
  }

  /** True once a transaction has been seen that does not belong to the range any more. */
  get beyond(): boolean {
    return this.#beyondAt !== undefined;
  }

  add(message: Buffer): void {
    if (this.beyond) return;
    const event = this.#reader.read(message);
    if (event.kind === 'begin') {
      if (event.lsn >= this.#range.end) this.#beyondAt = event.lsn;
      this.#begin = event.lsn;
    } else if (event.kind === 'commit') {
      // The range ends within this commit: no position that captureLsn gave, but it must not lose anything either.
      this.#lastEnd = event.end;
      this.#transactions += 1;
    } else if (event.kind === 'rows') {
      for (const row of event.rows) this.#addRow(row);
    }
  }

  async flush(): Promise<void> {
    for (const writer of this.#writers.values()) await writer.lines.flush();
  }

  /** `reachedEnd`: the server had no more to give. */
  async finish(reachedEnd: boolean): Promise<ChangeBatch> {
    const files: ChangeFile[] = [];
    for (const [table, { lines, lastLsn, counts }] of this.#writers) {
      await lines.close();
      files.push({ table, path: lines.path, lastLsn, counts });
    }
    const complete = reachedEnd || this.beyond || this.#begin >= this.#range.end;
    return {
      files,
      rows: files.reduce((sum, { counts }) => sum + counts.c + counts.u + counts.d, 0),
      repeated: this.#repeated,
      transactions: this.#transactions,
      safeEnd: complete ? Math.max(this.#range.end, this.#lastEnd) : this.#lastEnd,
      complete,
    };
  }

  discard(): void {
    for (const { lines } of this.#writers.values()) lines.discard();
  }

  #addRow({ table, op, values, lsn, seq }: ChangeRow): void {
    if (lsn <= (this.#range.versions.get(table.table) ?? -1)) {
      this.#repeated += 1;
      return;
    }
    let writer = this.#writers.get(table);
    if (writer === undefined) {
      const path = join(this.#range.folder, `${this.#writers.size}.changes.jsonl`);
      writer = { lines: new LineWriter(path), lastLsn: lsn, counts: { c: 0, u: 0, d: 0 } };
      this.#writers.set(table, writer);
    }
    writer.lines.add(JSON.stringify({ ...values, _op: op, _source_lsn: String(lsn), _source_seq: String(seq) }));
    writer.lastLsn = lsn;
    writer.counts[op] += 1;
  }
}

interface TableWriter {
  readonly lines: LineWriter;
  lastLsn: number;
  readonly counts: { c: number; u: number; d: number };
}
