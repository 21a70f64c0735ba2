import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import pg from 'pg';
import type { Endpoints } from '../../stack/endpoints.ts';

let endpoints: Endpoints | undefined;

/** The stack that jest's global setup started for all test files. */
export function testStack(): Endpoints {
  endpoints ??= JSON.parse(readFileSync(fromSetup(), 'utf8')) as Endpoints;
  return endpoints;
}

function fromSetup(): string {
  const path = process.env.MILLRACE_TEST_STACK;
  if (path === undefined) throw new Error('MILLRACE_TEST_STACK is not set: run the tests with jest from the root.');
  return path;
}

/** A name that no other test file uses: letters, digits and dashes, short enough for a bucket. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(5).toString('hex')}`;
}

/** A client for the test stack; destroy it when done. */
export function s3Client(): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey } = testStack().s3;
  return new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
}

/** Makes a bucket of its own for a test file and gives its name. */
export async function createBucket(prefix = 'test'): Promise<string> {
  const bucket = uniqueName(prefix);
  const client = s3Client();
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    return bucket;
  } finally {
    client.destroy();
  }
}

export interface TestDatabase {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** Makes a database of its own for a test file and gives what a `pg` client or pool needs to connect to it. */
export async function createDatabase(prefix = 'test'): Promise<TestDatabase> {
  const { host, port, user, password } = testStack().postgres;
  const database = uniqueName(prefix).replaceAll('-', '_');
  const client = new pg.Client({ host, port, user, password, database: 'postgres' });
  await client.connect();
  try {
    await client.query(`create database ${pg.escapeIdentifier(database)}`);
    return { host, port, user, password, database };
  } finally {
    await client.end();
  }
}
