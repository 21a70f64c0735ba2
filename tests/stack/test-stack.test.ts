import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from '@jest/globals';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import { createBucket, createDatabase, s3Client, testStack } from '../support/stack.ts';

describe('the stack of the tests', () => {
  it('has Postgres with logical replication, and a database for each test file', async () => {
    const client = new pg.Client(await createDatabase());
    await client.connect();
    try {
      const { rows } = await client.query<{ wal_level: string; timezone: string }>(
        "select current_setting('wal_level') as wal_level, current_setting('timezone') as timezone",
      );
      expect(rows).toEqual([{ wal_level: 'logical', timezone: 'UTC' }]);
    } finally {
      await client.end();
    }
  });

  it('has S3 with conditional writes', async () => {
    const bucket = await createBucket();
    const s3 = s3Client();
    try {
      const put = () => s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'a/b', Body: 'x', IfNoneMatch: '*' }));
      await put();
      await expect(put()).rejects.toMatchObject({ $metadata: { httpStatusCode: 412 } });
    } finally {
      s3.destroy();
    }
  });

  it('has Temporal with the default namespace', async () => {
    const connection = await Connection.connect({ address: testStack().temporal.address });
    try {
      const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace: 'default' });
      expect(namespaceInfo?.name).toBe('default');
    } finally {
      await connection.close();
    }
  });

  it('has a Python whose DuckDB loads every extension without a download', async () => {
    const { python, duckdbExtensions } = testStack();
    const program = `
import duckdb, deltalake, dbt.version
c = duckdb.connect(config={"extension_directory": "${duckdbExtensions}", "autoinstall_known_extensions": False})
for name in ["httpfs", "delta", "tpcds", "postgres_scanner"]:
    c.execute("LOAD " + name)
print(duckdb.__version__, deltalake.__version__, dbt.version.__version__)`;
    const { stdout } = await promisify(execFile)(python, ['-c', program]);
    expect(stdout.trim()).toMatch(/^1\.5\.5 1\.6\.6 1\.11\.\d+$/);
  });
});
