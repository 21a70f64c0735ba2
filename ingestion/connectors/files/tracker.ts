import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { LakeStorage } from '@millrace/lakehouse';
import { z } from 'zod';
import { mapLimit } from '../shared/map-limit.ts';
import { trackerError } from './file-errors.ts';
import type { FileFormat } from './file-pattern.ts';

/** One version of a file: a file that is replaced has another etag and is another version. */
export interface TrackedFile {
  readonly key: string;
  readonly etag: string;
  readonly size: number;
}

/** A manifest: which files make up a batch. Written once, never changed. */
export interface Batch {
  readonly sequence: number;
  readonly batchId: string;
  readonly format: FileFormat;
  readonly files: readonly TrackedFile[];
}

/** A batch as it goes from task to task. */
export interface BatchRef {
  readonly stream: string;
  readonly batchId: string;
  readonly files: number;
  /** As stored, before unpacking. */
  readonly bytes: number;
}

const file = z.object({ key: z.string(), etag: z.string(), size: z.number().int().nonnegative() });
const manifest = z.object({
  version: z.literal(1),
  sequence: z.number().int().positive(),
  batchId: z.string(),
  format: z.enum(['csv', 'jsonl']),
  files: z.array(file),
});
const reference = z.object({ stream: z.string(), batchId: z.string(), files: z.number(), bytes: z.number() });
const checkpoint = z.object({
  version: z.literal(1),
  sequence: z.number().int().positive(),
  /** key, etag, size */
  files: z.array(z.tuple([z.string(), z.string(), z.number()])),
  pending: z.array(reference),
});

/** Manifests after which the next discovery writes a checkpoint. */
const checkpointEvery = 16;

/**
 * Which files of a stream have been assigned to which batch: a log of manifests numbered without gaps, under
 * `<state>/files/<stream>/batches/`. Number N+1 is created by a conditional put by someone who has read 1 to N, so of
 * racing writers one wins and the others read on before they try again: no file is ever in two batches.
 *
 * Checkpoints hold what the log up to a number says. They are derived data and save reading it.
 */
export class FileTracker {
  readonly #storage: LakeStorage;
  readonly #stream: string;
  readonly #root: string;
  readonly #tracked = new Set<string>();
  readonly #candidates = new Map<string, BatchRef>();
  #head = 0;
  #checkpoint = 0;
  #files: TrackedFile[] = [];

  constructor(storage: LakeStorage, statePrefix: string, stream: string) {
    this.#storage = storage;
    this.#stream = stream;
    this.#root = `${statePrefix.replace(/\/+$/, '')}/files/${stream}`;
  }

  /** Number of files in all batches. */
  get size(): number {
    return this.#tracked.size;
  }

  has(file: TrackedFile): boolean {
    return this.#tracked.has(identity(file));
  }

  /** Batches that may not have been landed yet. */
  candidates(): readonly BatchRef[] {
    return [...this.#candidates.values()];
  }

  /** Reads what has been written since this object last read. Throws MR3152. */
  async read(): Promise<void> {
    if (this.#head === 0) await this.#readCheckpoint();
    const keys: string[] = [];
    for await (const { key } of this.#storage.list(`${this.#root}/batches/`, { after: this.#batchKey(this.#head) })) {
      keys.push(key);
    }
    const batches = await mapLimit(keys, 16, (key) => this.#readBatch(key));
    for (const batch of batches) {
      if (batch.sequence !== this.#head + 1) {
        throw trackerError(this.#stream, this.#batchKey(this.#head + 1), 'is missing');
      }
      this.#add(batch);
    }
  }

  /**
   * Makes the next batch of these files. False if another process made a batch first: then {@link read}, leave out what is
   * tracked by now, and try again.
   */
  async append(format: FileFormat, files: readonly TrackedFile[]): Promise<boolean> {
    const sequence = this.#head + 1;
    const batch: Batch = { sequence, batchId: batchIdOf(sequence, files), format, files };
    const body = JSON.stringify({ version: 1, ...batch });
    if (!(await this.#storage.putIfAbsent(this.#batchKey(sequence), body))) return false;
    this.#add(batch);
    return true;
  }

  /** The manifest of a batch. Throws MR3152 if there is none or if it was changed. */
  async batch(batchId: string): Promise<Batch> {
    const key = this.#batchKey(Number.parseInt(batchId, 10));
    const batch = await this.#readBatch(key);
    if (batch.batchId !== batchId) throw trackerError(this.#stream, key, `is not the manifest of batch ${batchId}`);
    return batch;
  }

  /** Forgets that these batches could be unlanded, and writes a checkpoint if it is time for one. */
  async settle(landed: ReadonlySet<string>): Promise<void> {
    for (const batchId of landed) this.#candidates.delete(batchId);
    if (this.#head < this.#checkpoint + checkpointEvery) return;
    const body = JSON.stringify({
      version: 1,
      sequence: this.#head,
      files: this.#files.map(({ key, etag, size }) => [key, etag, size]),
      pending: this.candidates(),
    });
    await this.#storage.putIfAbsent(this.#checkpointKey(this.#head), gzipSync(body));
    // The one before stays for a reader that has just listed it.
    for await (const { key } of this.#storage.list(`${this.#root}/checkpoints/`)) {
      if (key < this.#checkpointKey(this.#checkpoint)) await this.#storage.delete(key);
    }
    this.#checkpoint = this.#head;
  }

  #add(batch: Batch): void {
    for (const tracked of batch.files) {
      this.#tracked.add(identity(tracked));
      this.#files.push(tracked);
    }
    this.#candidates.set(batch.batchId, refOf(this.#stream, batch));
    this.#head = batch.sequence;
  }

  async #readCheckpoint(): Promise<void> {
    let latest: string | undefined;
    for await (const { key } of this.#storage.list(`${this.#root}/checkpoints/`)) latest = key;
    if (latest === undefined) return;
    const found = await this.#parse(latest, checkpoint, async (key) =>
      gunzipSync(await this.#storage.get(key)).toString('utf8'),
    );
    for (const [key, etag, size] of found.files) {
      this.#tracked.add(identity({ key, etag, size }));
      this.#files.push({ key, etag, size });
    }
    for (const ref of found.pending) this.#candidates.set(ref.batchId, ref);
    this.#head = found.sequence;
    this.#checkpoint = found.sequence;
  }

  async #readBatch(key: string): Promise<Batch> {
    const batch = await this.#parse(key, manifest, async (of) =>
      Buffer.from(await this.#storage.get(of)).toString('utf8'),
    );
    if (this.#batchKey(batch.sequence) !== key || batch.batchId !== batchIdOf(batch.sequence, batch.files)) {
      throw trackerError(this.#stream, key, 'does not hold the batch that was written there');
    }
    return batch;
  }

  async #parse<T>(key: string, schema: z.ZodType<T>, load: (key: string) => Promise<string>): Promise<T> {
    const text = await load(key);
    try {
      return schema.parse(JSON.parse(text));
    } catch (cause) {
      throw trackerError(this.#stream, key, 'cannot be read', cause);
    }
  }

  #batchKey(sequence: number): string {
    return `${this.#root}/batches/${digits(sequence)}.json`;
  }

  #checkpointKey(sequence: number): string {
    return `${this.#root}/checkpoints/${digits(sequence)}.json.gz`;
  }
}

function digits(sequence: number): string {
  return String(sequence).padStart(10, '0');
}

function identity({ key, etag, size }: TrackedFile): string {
  return `${key}\n${etag}\n${size}`;
}

function batchIdOf(sequence: number, files: readonly TrackedFile[]): string {
  const hash = createHash('sha256').update(files.map(identity).join('\n')).digest('hex').slice(0, 16);
  return `${digits(sequence)}-${hash}`;
}

function refOf(stream: string, { batchId, files }: Batch): BatchRef {
  return { stream, batchId, files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}
