import { setMaxListeners } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppendInput, AppendResult, AppTransaction, BatchIdentity, Column, SourceFile } from '@millrace/lakehouse';
import type { Progress } from 'millrace';
import type { LandingTarget } from '../shared/landing-target.ts';
import { mapLimit } from '../shared/map-limit.ts';
import { withTempFolder } from '../shared/temp-folder.ts';
import { batchAppId } from './discover.ts';
import { fileCodes } from './file-errors.ts';
import { type FileStream, type ResolvedStream, resolveStream } from './file-stream.ts';
import { type PreparedFile, prepareFile, type SupersededReason } from './prepare.ts';
import { type Batch, type BatchRef, FileTracker } from './tracker.ts';

/** The bronze table that names every file that was quarantined as a whole. */
export const rejectedFiles: { readonly table: string; readonly columns: readonly Column[] } = {
  table: 'rejected_files',
  columns: [
    { name: 'stream', type: 'VARCHAR' },
    { name: 'file', type: 'VARCHAR' },
    { name: 'etag', type: 'VARCHAR' },
    { name: 'size', type: 'BIGINT' },
    { name: 'code', type: 'VARCHAR' },
    { name: 'problem', type: 'VARCHAR' },
    { name: 'reason', type: 'VARCHAR' },
    { name: 'line', type: 'BIGINT' },
  ],
};

export interface LandResult {
  readonly stream: string;
  readonly batchId: string;
  readonly table: string;
  /** True if the batch was in the table already. The counts are then those that can still be known: files only. */
  readonly skipped: boolean;
  readonly rows: number;
  /** Rows with `_rescued_data`. */
  readonly rescued: number;
  /** Files that were landed, empty ones included. */
  readonly files: number;
  /** Files that are no longer what the batch was made of; a new version is in another batch. */
  readonly superseded: readonly { readonly file: string; readonly reason: SupersededReason }[];
  /** Files that were quarantined as a whole; they are in bronze.rejected_files. */
  readonly rejected: readonly { readonly file: string; readonly code: string; readonly line: number | null }[];
}

/** Downloads at the same time. */
const concurrency = 16;

/** The same attempt, with a signal that as many may listen to as there are downloads. */
function forMany(progress: Progress): Progress {
  const signal = AbortSignal.any([progress.signal]);
  setMaxListeners(0, signal);
  return { log: progress.log, signal, heartbeat: (details) => progress.heartbeat(details) };
}

/**
 * Lands one batch in one commit of the bronze table, once, however often it is called. Throws the coded error of the first
 * file with a problem that its stream declares as `fail`; nothing of the batch is then in the table.
 */
export async function landBatch(
  stream: FileStream,
  ref: BatchRef,
  { lake, runId }: LandingTarget,
  progress: Progress,
): Promise<LandResult> {
  const resolved = resolveStream(stream);
  const transaction: AppTransaction = { appId: batchAppId(stream.name, ref.batchId), version: 1 };
  const table = { layer: 'bronze', name: stream.table } as const;
  const known = { stream: stream.name, batchId: ref.batchId, table: stream.table };
  const versions = await lake.transactionVersions(table, [transaction.appId]);
  if (versions[transaction.appId] !== undefined) {
    return { ...known, skipped: true, rows: 0, rescued: 0, files: ref.files, superseded: [], rejected: [] };
  }
  const batch = await new FileTracker(lake.s3, lake.config.prefixes.state, stream.name).batch(ref.batchId);
  const identity: BatchIdentity = {
    sourceSystem: stream.sourceSystem,
    runId,
    batchId: batch.batchId,
    ingestedAt: new Date().toISOString(),
  };
  return withTempFolder(lake.config.tempDir, async (folder) => {
    const many = forMany(progress);
    const prepared = await mapLimit(batch.files, concurrency, (file, index) =>
      prepareFile(resolved, file, index, folder, lake.s3, many),
    );
    const groups = groupByStatus(prepared);
    const rejected = groups.rejected.map(({ file, finding }) => ({
      file: file.key,
      code: fileCodes[finding.problem],
      line: finding.line ?? null,
    }));
    // First, so that a batch never counts as landed while its rejected files are not on record.
    if (groups.rejected.length > 0) {
      await recordRejected(stream.name, groups.rejected, folder, { transaction, identity }, lake, progress);
    }
    const appended = await lake.append(
      {
        table,
        input: inputOf(resolved, batch, groups.ready),
        columns: stream.columns,
        transaction,
        batch: identity,
        rules: {
          ...pickRules(resolved),
          // Checked above; what is still wrong with a whole file at this point must not pass.
          badEncoding: 'fail',
          emptyFile: 'rescue',
        },
      },
      progress,
    );
    const result: LandResult = {
      ...known,
      skipped: appended.skipped,
      rows: appended.rows,
      rescued: rescuedRows(appended),
      files: groups.ready.length + groups.empty,
      superseded: groups.superseded.map(({ key, reason }) => ({ file: key, reason })),
      rejected,
    };
    for (const { file, reason } of result.superseded) {
      progress.log.warn('file left out: it is no longer the version of this batch', {
        stream: stream.name,
        file,
        reason,
      });
    }
    for (const entry of rejected) progress.log.warn('file quarantined', { stream: stream.name, ...entry });
    return result;
  });
}

function groupByStatus(prepared: readonly PreparedFile[]) {
  return {
    ready: prepared.flatMap((file) => (file.status === 'ready' ? [{ path: file.path, key: file.key }] : [])),
    empty: prepared.filter(({ status }) => status === 'empty').length,
    superseded: prepared.flatMap((file) => (file.status === 'superseded' ? [file] : [])),
    rejected: prepared.flatMap((file) => (file.status === 'rejected' ? [file] : [])),
  };
}

function pickRules({ problems }: ResolvedStream) {
  const { raggedRow, badValue, repeatedHeader, unknownColumn, missingColumn } = problems;
  return {
    raggedRow,
    badValue,
    repeatedHeader,
    unknownColumn,
    missingColumn: missingColumn === 'rescue' ? 'rescue' : 'fail',
  } as const;
}

function inputOf({ csv }: ResolvedStream, batch: Batch, files: readonly SourceFile[]): AppendInput {
  if (batch.format === 'jsonl') return { kind: 'jsonl', files };
  return {
    kind: 'csv',
    files,
    header: csv?.header ?? true,
    ...(csv?.delimiter === undefined ? {} : { delimiter: csv.delimiter }),
    ...(csv?.quote === undefined ? {} : { quote: csv.quote }),
    ...(csv?.nullText === undefined ? {} : { nullText: csv.nullText }),
  };
}

function rescuedRows({ files }: AppendResult): number {
  return files.reduce((sum, { rescued }) => sum + rescued, 0);
}

async function recordRejected(
  stream: string,
  rejected: readonly Extract<PreparedFile, { status: 'rejected' }>[],
  folder: string,
  { transaction, identity }: { transaction: AppTransaction; identity: BatchIdentity },
  lake: LandingTarget['lake'],
  progress: Progress,
): Promise<void> {
  const files = await Promise.all(
    rejected.map(async ({ file, finding }, index) => {
      const path = join(folder, `${index}.rejected`);
      const row = {
        stream,
        file: file.key,
        etag: file.etag,
        size: file.size,
        code: fileCodes[finding.problem],
        problem: finding.problem,
        reason: finding.text,
        line: finding.line ?? null,
      };
      await writeFile(path, `${JSON.stringify(row)}\n`);
      return { path, key: file.key };
    }),
  );
  await lake.append(
    {
      table: { layer: 'bronze', name: rejectedFiles.table },
      input: { kind: 'jsonl', files },
      columns: rejectedFiles.columns,
      transaction,
      batch: identity,
    },
    progress,
  );
}
