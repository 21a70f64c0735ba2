import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { MillraceError } from 'millrace';
import type pg from 'pg';
import type { BusinessDay } from './business-days.ts';
import { type PosStream, posFormat, posHeader, posLines, posStreams } from './pos-columns.ts';
import { type Changes, historyStep, SourceProgress } from './source-progress.ts';
import type { SourceSystem } from './source-system.ts';
import { literal } from './sql-text.ts';
import type { Tpcds } from './tpcds.ts';

const compress = promisify(gzip);
const step = 'files';
const concurrency = 48;

/** Where the S3 server is; addressed by path. */
export interface S3Endpoint {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface PosDropOptions {
  readonly s3: S3Endpoint;
  readonly bucket: string;
  /** Key prefix of the drop, without a slash at the end. */
  readonly prefix: string;
}

/**
 * The POS system: a folder of files a business day, `<prefix>/<day>/<stream>.<csv | csv.gz | jsonl>`. A file's bytes follow
 * from scale and day, so dropping it again changes nothing.
 */
export class PosDrop implements SourceSystem {
  readonly name: string;
  readonly #options: PosDropOptions;
  readonly #client: pg.Client;
  readonly #s3: S3Client;
  readonly #tpcds: Tpcds;
  readonly #progress: SourceProgress;

  /** Takes over the client and closes it. */
  constructor(client: pg.Client, tpcds: Tpcds, options: PosDropOptions) {
    const { endpoint, region, accessKeyId, secretAccessKey } = options.s3;
    this.name = `pos:${options.bucket}/${options.prefix}`;
    this.#options = options;
    this.#client = client;
    this.#tpcds = tpcds;
    this.#s3 = new S3Client({
      endpoint,
      region,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
      requestHandler: { httpAgent: { maxSockets: concurrency }, httpsAgent: { maxSockets: concurrency } },
    });
    this.#progress = new SourceProgress(client);
  }

  async position(): ReturnType<SourceSystem['position']> {
    return await this.#progress.position(this.name, step);
  }

  async loadHistory(from: BusinessDay, to: BusinessDay): Promise<void> {
    const changes = await this.#drop(from, to);
    await this.#progress.once(this.name, to, historyStep, async () => changes);
  }

  async runDay(day: BusinessDay): Promise<void> {
    const changes = await this.#drop(day, day);
    await this.#progress.once(this.name, day, step, async () => changes);
  }

  async close(): Promise<void> {
    this.#s3.destroy();
    await this.#client.end();
  }

  /** Puts the files of these days; a day without rows gets none. Not in a transaction: repeating it is harmless. */
  async #drop(from: BusinessDay, to: BusinessDay): Promise<Changes> {
    const changes: Record<string, { inserted: number }> = {};
    const days = `between ${literal(from)} and ${literal(to)}`;
    const puts = new PutQueue(concurrency);
    for (const stream of posStreams) {
      let rows = 0;
      for await (const { day, lines } of byDay(this.#tpcds.stream(posLines(stream, days)))) {
        rows += lines.length;
        await puts.add(() => this.#put(stream, day, lines));
      }
      changes[stream.name] = { inserted: rows };
    }
    await puts.drained();
    return changes;
  }

  async #put(stream: PosStream, day: BusinessDay, lines: readonly string[]): Promise<void> {
    const format = posFormat(day);
    const text = `${(format === 'jsonl' ? lines : [posHeader(stream), ...lines]).join('\n')}\n`;
    const key = `${this.#options.prefix}/${day}/${stream.name}.${format}`;
    const body = format === 'csv.gz' ? await compress(text) : Buffer.from(text);
    const { bucket } = this.#options;
    await this.#s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body })).catch((cause: unknown) => {
      throw new MillraceError({
        code: 'MR6007',
        message: `The POS file s3://${bucket}/${key} cannot be written: ${String(cause)}`,
        subject: `s3://${bucket}/${key}`,
        hint: 'Check that the S3 server runs, that the bucket exists and that the key may write to it.',
        facts: { bucket, key, endpoint: this.#options.s3.endpoint },
        cause,
      });
    });
  }
}

/** Gathers the lines of each day from rows (day, line) that come in order of days. */
async function* byDay(
  rows: AsyncIterable<readonly (string | null)[]>,
): AsyncGenerator<{ day: BusinessDay; lines: string[] }> {
  let day = '';
  let lines: string[] = [];
  for await (const [next, line] of rows) {
    if (next !== day && lines.length > 0) {
      yield { day, lines };
      lines = [];
    }
    day = next ?? '';
    lines.push(line ?? '');
  }
  if (lines.length > 0) yield { day, lines };
}

/** At most `limit` jobs at a time; the first failure is thrown by the next call, and nothing more is begun. */
class PutQueue {
  readonly #limit: number;
  readonly #running = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  async add(job: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#limit) await Promise.race(this.#running);
    if (this.#failure !== undefined) await this.drained();
    const running: Promise<void> = job()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async drained(): Promise<void> {
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
