import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip } from 'node:zlib';
import type { LakeStorage } from '@millrace/lakehouse';
import { isMillraceError, type Progress } from 'millrace';
import { Decoder } from './decode.ts';
import { FileFault, type FileFinding, type FileProblem, fileError } from './file-errors.ts';
import type { FileName } from './file-pattern.ts';
import type { ResolvedStream } from './file-stream.ts';
import { checkHeader, HeaderCheck } from './header.ts';
import type { TrackedFile } from './tracker.ts';

/** Why a file of a batch is no longer what the batch was made of. Its new version comes with a batch of its own. */
export type SupersededReason = 'changed' | 'vanished';

export type PreparedFile =
  | { readonly status: 'ready'; readonly key: string; readonly path: string }
  | { readonly status: 'empty'; readonly key: string }
  | { readonly status: 'superseded'; readonly key: string; readonly reason: SupersededReason }
  | { readonly status: 'rejected'; readonly file: TrackedFile; readonly finding: FileFinding };

/**
 * Brings one file into the folder as plain UTF-8 text, checked as a whole. Streams: memory does not grow with the file.
 * Throws the error of a problem that is declared `fail`.
 */
export async function prepareFile(
  stream: ResolvedStream,
  tracked: TrackedFile,
  index: number,
  folder: string,
  storage: LakeStorage,
  progress: Progress,
): Promise<PreparedFile> {
  const { key } = tracked;
  const name = stream.match.read(key);
  if (name === undefined) return { status: 'superseded', key, reason: 'vanished' };
  const stored = join(folder, `${index}.stored`);
  const path = join(folder, `${index}.${name.format}`);
  try {
    const superseded = await download(storage, tracked, stored, progress);
    if (superseded !== undefined) return { status: 'superseded', key, reason: superseded };
    const blank = await unpack(stream, tracked, name, stored, path, progress);
    if (!blank) return { status: 'ready', key, path };
    if (stream.problems.emptyFile === 'accept') return { status: 'empty', key };
    throw new FileFault({ problem: 'emptyFile', text: 'is empty' });
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    if (!quarantines(stream, error.finding.problem)) throw fileError(stream.name, key, error.finding);
    return { status: 'rejected', file: tracked, finding: error.finding };
  } finally {
    await rm(stored, { force: true });
  }
}

function quarantines({ problems }: ResolvedStream, problem: FileProblem): boolean {
  const outcomes: Record<FileProblem, string> = {
    corruptGzip: problems.truncated,
    tooLarge: problems.truncated,
    badEncoding: problems.badEncoding,
    emptyFile: problems.emptyFile,
    missingColumn: problems.missingColumn,
    duplicateColumn: problems.missingColumn,
    noHeader: problems.missingColumn,
    unknownColumn: problems.unknownColumn,
  };
  return outcomes[problem] === 'quarantine';
}

async function download(
  storage: LakeStorage,
  { key, etag }: TrackedFile,
  path: string,
  progress: Progress,
): Promise<SupersededReason | undefined> {
  progress.heartbeat();
  try {
    await storage.download(key, path, { ifMatch: etag, signal: progress.signal });
    return undefined;
  } catch (error) {
    progress.signal.throwIfAborted();
    if (isMillraceError(error) && error.code === 'MR3002') return 'vanished';
    if (isMillraceError(error) && error.facts.status === 412) return 'changed';
    throw error;
  }
}

/** True if there was nothing in the file. */
async function unpack(
  stream: ResolvedStream,
  { size }: TrackedFile,
  name: FileName,
  from: string,
  to: string,
  progress: Progress,
): Promise<boolean> {
  if (size === 0) return true;
  const csvHeader = name.format === 'csv' && (stream.csv?.header ?? true);
  const check = csvHeader ? checkHeader(stream, stream.csv?.delimiter ?? ',') : undefined;
  const header = new HeaderCheck(check, () => progress.heartbeat());
  const decoder = new Decoder(stream.encoding, stream.maxUnpackedBytes);
  if (name.gzip) await gunzipTo(from, size, [decoder, header], to, progress);
  else await pipeline(createReadStream(from), decoder, header, createWriteStream(to), { signal: progress.signal });
  return header.blank;
}

async function gunzipTo(
  from: string,
  size: number,
  stages: readonly [Transform, Transform],
  to: string,
  progress: Progress,
): Promise<void> {
  const gunzip = createGunzip();
  try {
    await pipeline(createReadStream(from), gunzip, ...stages, createWriteStream(to), { signal: progress.signal });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!code.startsWith('Z_')) throw error;
    const reason = code === 'Z_BUF_ERROR' ? 'is cut off: the gzip stream has no end' : 'is not a sound gzip file';
    const line = await lastReadableLine(from, progress);
    throw new FileFault({ problem: 'corruptGzip', text: reason, line, facts: { zlib: (error as Error).message } });
  }
  // zlib stops reading where the last member ends.
  if (gunzip.bytesWritten < size) {
    throw new FileFault({
      problem: 'corruptGzip',
      text: `has ${size - gunzip.bytesWritten} bytes after the end of its gzip stream`,
      facts: { size, gzipBytes: gunzip.bytesWritten },
    });
  }
}

/** The line in which a gzip file breaks off: what was unpacked before the break was dropped with the stream. */
async function lastReadableLine(from: string, progress: Progress): Promise<number> {
  let line = 1;
  const count = async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) line++;
    }
  };
  // With this flush, zlib gives what it has at the end of its input instead of an error.
  const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  try {
    await pipeline(createReadStream(from), gunzip, count, { signal: progress.signal });
  } catch (error) {
    if (!((error as NodeJS.ErrnoException).code ?? '').startsWith('Z_')) throw error;
  }
  return line;
}
