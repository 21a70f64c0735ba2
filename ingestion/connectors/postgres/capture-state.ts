import type { LakeStorage } from '@millrace/lakehouse';
import { z } from 'zod';
import { postgresError } from './postgres-errors.ts';
import type { PostgresSource } from './postgres-source.ts';

const snapshotManifest = z.object({
  version: z.literal(1),
  slot: z.string(),
  /** The slot's consistent point: the snapshot holds what was committed before it, the slot gives what comes after. */
  consistentLsn: z.number().int().positive(),
  tables: z.array(
    z.object({
      schema: z.string(),
      name: z.string(),
      rows: z.number().int().nonnegative(),
      files: z.array(z.object({ key: z.string(), rows: z.number(), bytes: z.number() })),
    }),
  ),
});

/** Which staged files make up a snapshot. That it exists is the point from which a snapshot is never taken again. */
export type SnapshotManifest = z.infer<typeof snapshotManifest>;

const slotProgress = z.object({
  version: z.literal(1),
  /** The slot may have been advanced up to here, and no further: more would mean that changes were skipped. */
  acknowledged: z.number().int().nonnegative(),
  /** True once each table has its snapshot and the staged files are gone. */
  snapshotLanded: z.boolean(),
});

export type SlotProgress = z.infer<typeof slotProgress>;

/** What is kept in the lake's bucket about a slot. */
export class CaptureState {
  readonly #storage: LakeStorage;
  readonly #source: PostgresSource;
  readonly #root: string;

  constructor(storage: LakeStorage, statePrefix: string, source: PostgresSource) {
    this.#storage = storage;
    this.#source = source;
    this.#root = statePrefix.replace(/\/+$/, '');
  }

  get manifestKey(): string {
    return `${this.#root}/snapshots/${this.#source.slot}.json`;
  }

  get progressKey(): string {
    return `${this.#root}/cdc/${this.#source.slot}.json`;
  }

  /** Where the files of this slot's snapshots are staged. */
  get stagingPrefix(): string {
    return `_staging/snapshots/${this.#source.slot}/`;
  }

  manifest(): Promise<SnapshotManifest | undefined> {
    return this.#read(this.manifestKey, snapshotManifest);
  }

  /** False if there is one already. */
  createManifest(manifest: SnapshotManifest): Promise<boolean> {
    return this.#storage.putIfAbsent(this.manifestKey, JSON.stringify(manifest));
  }

  progress(): Promise<SlotProgress | undefined> {
    return this.#read(this.progressKey, slotProgress);
  }

  async saveProgress(progress: SlotProgress): Promise<void> {
    await this.#storage.put(this.progressKey, JSON.stringify(progress));
  }

  async clear(): Promise<void> {
    await this.#storage.delete(this.progressKey);
    await this.#storage.delete(this.manifestKey);
  }

  async #read<T>(key: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const text = await this.#storage.getTextIfExists(key);
    if (text === undefined) return undefined;
    try {
      return schema.parse(JSON.parse(text));
    } catch (cause) {
      throw postgresError('stagedState', {
        subject: key,
        message: `The state of source ${this.#source.name} is damaged: ${key} cannot be read.`,
        hint: 'Restore the object from a version or a backup of the bucket, or take a new snapshot (forgetSnapshot).',
        cause,
      });
    }
  }
}
