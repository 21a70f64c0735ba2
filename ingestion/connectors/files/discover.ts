import type { Lake, Table } from '@millrace/lakehouse';
import { MillraceError, type Progress } from 'millrace';
import { fileCodes } from './file-errors.ts';
import type { FileFormat } from './file-pattern.ts';
import { type FileStream, type ResolvedStream, resolveStream } from './file-stream.ts';
import { type BatchRef, FileTracker, type TrackedFile } from './tracker.ts';

export interface DiscoverOptions {
  /** Last business date to look at, YYYY-MM-DD. Files of a pattern without `{date}` are all taken. */
  readonly upTo: string;
  /** First business date to look at: makes listing a long history cheaper. Default: the oldest there is. */
  readonly since?: string;
}

interface FoundFile extends TrackedFile {
  readonly format: FileFormat;
}

/** How often a discovery lets others go first before it gives up (MR3153). */
const patience = 100;

/**
 * Assigns every file that has been delivered up to a date and is in no batch yet to a batch, and returns all batches that
 * have not been landed, those of earlier runs too, oldest first. May run twice at the same time, and be stopped anywhere.
 *
 * Throws MR3151 (declaration), MR3152 (tracker), MR3153 (too many at the same time).
 */
export async function discoverFiles(
  stream: FileStream,
  options: DiscoverOptions,
  lake: Lake,
  progress: Progress,
): Promise<BatchRef[]> {
  const resolved = resolveStream(stream);
  const found = await listFiles(resolved, options, lake, progress);
  const tracker = new FileTracker(lake.s3, lake.config.prefixes.state, stream.name);
  await tracker.read();
  const added = await track(resolved, found, tracker, progress);
  const candidates = tracker.candidates();
  const landed = await landedOf(resolved, candidates, lake);
  await tracker.settle(landed);
  const pending = candidates.filter(({ batchId }) => !landed.has(batchId));
  progress.log.info('files discovered', {
    stream: stream.name,
    listed: found.length,
    new: added,
    tracked: tracker.size,
    pendingBatches: pending.length,
  });
  return pending;
}

/** The application transaction of a batch; that it is in the table is what makes the batch's files landed. */
export function batchAppId(stream: string, batchId: string): string {
  return `files:${stream}:${batchId}`;
}

async function listFiles(
  stream: ResolvedStream,
  { upTo, since }: DiscoverOptions,
  lake: Lake,
  progress: Progress,
): Promise<FoundFile[]> {
  const { listPrefix, datesInKeyOrder } = stream.match;
  const after = since !== undefined && datesInKeyOrder ? { after: listPrefix + since } : {};
  const files: FoundFile[] = [];
  for await (const { key, etag, size } of lake.s3.list(listPrefix, after)) {
    progress.heartbeat();
    progress.signal.throwIfAborted();
    if (datesInKeyOrder && key.slice(listPrefix.length, listPrefix.length + 10) > upTo) break;
    const name = stream.match.read(key);
    if (name === undefined) continue;
    if (name.date !== undefined && (name.date > upTo || (since !== undefined && name.date < since))) continue;
    files.push({ key, etag, size, format: name.format });
  }
  return files;
}

async function track(
  stream: ResolvedStream,
  found: readonly FoundFile[],
  tracker: FileTracker,
  progress: Progress,
): Promise<number> {
  let added = 0;
  for (let lost = 0; lost < patience; lost += 1) {
    const fresh = found.filter((file) => !tracker.has(file));
    let won = true;
    for (const { format, files } of chunk(stream, fresh)) {
      progress.heartbeat();
      progress.signal.throwIfAborted();
      won = await tracker.append(format, files);
      if (!won) break;
      added += files.length;
    }
    if (won) return added;
    await tracker.read();
  }
  throw new MillraceError({
    code: fileCodes.contention,
    message: `File stream ${stream.name}: ${patience} other discoveries came first, one after the other.`,
    subject: stream.name,
    hint: 'Run one discovery of a stream at a time.',
    facts: { stream: stream.name, attempts: patience },
  });
}

/** Batches of one format, in key order, within the stream's limits. */
function chunk(
  { maxBatchFiles, maxBatchBytes }: ResolvedStream,
  found: readonly FoundFile[],
): { format: FileFormat; files: TrackedFile[] }[] {
  const open = new Map<FileFormat, { format: FileFormat; files: TrackedFile[]; bytes: number }>();
  const chunks: { format: FileFormat; files: TrackedFile[] }[] = [];
  const inOrder = [...found].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  for (const { format, ...file } of inOrder) {
    let current = open.get(format);
    if (current === undefined || current.files.length >= maxBatchFiles || current.bytes + file.size > maxBatchBytes) {
      current = { format, files: [], bytes: 0 };
      open.set(format, current);
      chunks.push(current);
    }
    current.files.push(file);
    current.bytes += file.size;
  }
  return chunks;
}

async function landedOf(stream: ResolvedStream, batches: readonly BatchRef[], lake: Lake): Promise<Set<string>> {
  const table: Table = { layer: 'bronze', name: stream.table };
  const ids = new Map(batches.map(({ batchId }) => [batchAppId(stream.name, batchId), batchId]));
  if (ids.size === 0) return new Set();
  const versions = await lake.transactionVersions(table, [...ids.keys()]);
  return new Set(Object.keys(versions).flatMap((appId) => ids.get(appId) ?? []));
}
