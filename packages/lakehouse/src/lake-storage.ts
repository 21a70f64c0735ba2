import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { MillraceError } from 'millrace';
import type { LakeConfig } from './types.ts';

export interface StoredObject {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly lastModified: Date;
}

export interface DownloadOptions {
  readonly signal?: AbortSignal;
  /** The ETag that the object must still have. */
  readonly ifMatch?: string;
}

/**
 * One bucket of an S3 server: whole objects by key. A failure of the server is MR3001, a missing object MR3002
 * (non-retryable).
 */
export class LakeStorage {
  readonly bucket: string;
  readonly #client: S3Client;

  constructor({ s3, bucket }: Pick<LakeConfig, 's3' | 'bucket'>) {
    this.bucket = bucket;
    this.#client = new S3Client({
      region: s3.region,
      ...(s3.endpoint === undefined ? {} : { endpoint: s3.endpoint, forcePathStyle: true }),
      credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
    });
  }

  async get(key: string): Promise<Uint8Array> {
    const { Body } = await this.#run(key, () =>
      this.#client.send(new GetObjectCommand({ Bucket: this.bucket, Key: key })),
    );
    return (await Body?.transformToByteArray()) ?? new Uint8Array();
  }

  /** The object's text, or undefined if there is none. */
  async getTextIfExists(key: string): Promise<string | undefined> {
    try {
      return new TextDecoder().decode(await this.get(key));
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'MR3002') return undefined;
      throw error;
    }
  }

  async put(key: string, body: string | Uint8Array): Promise<void> {
    await this.#run(key, () => this.#client.send(new PutObjectCommand({ Bucket: this.bucket, Key: key, Body: body })));
  }

  /** Creates an object unless there is one of that key (`If-None-Match: *`). Of racing calls one gets true. */
  async putIfAbsent(key: string, body: string | Uint8Array): Promise<boolean> {
    try {
      await this.#run(key, () =>
        this.#client.send(new PutObjectCommand({ Bucket: this.bucket, Key: key, Body: body, IfNoneMatch: '*' })),
      );
      return true;
    } catch (error) {
      const status = statusOf(error);
      if (status === 412) return false;
      // Two creations at the same moment: S3 asks the loser to look again.
      if (status === 409 && (await this.head(key)) !== undefined) return false;
      throw error;
    }
  }

  async head(key: string): Promise<StoredObject | undefined> {
    try {
      const found = await this.#run(key, () =>
        this.#client.send(new HeadObjectCommand({ Bucket: this.bucket, Key: key })),
      );
      return {
        key,
        size: found.ContentLength ?? 0,
        etag: found.ETag ?? '',
        lastModified: found.LastModified ?? new Date(0),
      };
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'MR3002') return undefined;
      throw error;
    }
  }

  /** Every object whose key starts with `prefix`, in key order, page by page. */
  async *list(prefix: string, options: { readonly after?: string } = {}): AsyncGenerator<StoredObject> {
    let token: string | undefined;
    do {
      const page = await this.#run(prefix, () =>
        this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.bucket,
            Prefix: prefix,
            ...(options.after === undefined ? {} : { StartAfter: options.after }),
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
        ),
      );
      for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
        if (Key === undefined) continue;
        yield { key: Key, size: Size ?? 0, etag: ETag ?? '', lastModified: LastModified ?? new Date(0) };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  /** Deletes one object; none of that key is no error. */
  async delete(key: string): Promise<void> {
    await this.#run(key, () => this.#client.send(new DeleteObjectCommand({ Bucket: this.bucket, Key: key })));
  }

  /**
   * Streams an object into a local file. With `ifMatch`: only that version of it; if it has been replaced, MR3001 with
   * `facts.status` 412.
   */
  async download(key: string, path: string, options: DownloadOptions = {}): Promise<void> {
    const { signal, ifMatch } = options;
    await this.#run(key, async () => {
      const { Body } = await this.#client.send(
        new GetObjectCommand({ Bucket: this.bucket, Key: key, ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }) }),
      );
      if (Body === undefined) throw new Error('the answer has no body');
      await pipeline(Body as NodeJS.ReadableStream, createWriteStream(path), signal === undefined ? {} : { signal });
    });
  }

  /** Streams a local file (up to 5 GB) into an object. */
  async upload(path: string, key: string): Promise<void> {
    const { size } = await stat(path);
    await this.#run(key, () =>
      this.#client.send(
        new PutObjectCommand({ Bucket: this.bucket, Key: key, Body: createReadStream(path), ContentLength: size }),
      ),
    );
  }

  close(): void {
    this.#client.destroy();
  }

  async #run<T>(key: string, request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      if (error instanceof MillraceError) throw error;
      const missing = error instanceof S3ServiceException && ['NoSuchKey', 'NotFound'].includes(error.name);
      throw new MillraceError({
        code: missing ? 'MR3002' : 'MR3001',
        message: missing
          ? `There is no object ${key} in bucket ${this.bucket}.`
          : `The S3 server refused or did not answer a request for ${key} in bucket ${this.bucket}: ${text(error)}.`,
        subject: `s3://${this.bucket}/${key}`,
        hint: missing ? 'Check the key and the bucket of the environment.' : 'Check that the endpoint is up.',
        facts: { status: statusOf(error) ?? null },
        retryable: !missing,
        cause: error,
      });
    }
  }
}

function statusOf(error: unknown): number | undefined {
  const cause = error instanceof MillraceError ? error.cause : error;
  return cause instanceof S3ServiceException ? cause.$metadata.httpStatusCode : undefined;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
