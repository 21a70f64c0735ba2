import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { MillraceError } from 'millrace';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { scratchFile } from './scratch.ts';
import { identifier } from './sql-text.ts';
import type { Tpcds } from './tpcds.ts';

/** Where the Postgres server of the order and inventory systems is. */
export interface PostgresEndpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

const duplicateDatabase = '42P04';
const uniqueViolation = '23505';
const setupLock = 0x6d72_6001;

/**
 * Connects to the database, creating it when it is not there.
 * @throws MR6005 when the server refuses.
 */
export async function openDatabase(server: PostgresEndpoint, database: string): Promise<pg.Client> {
  const { host, port, user, password } = server;
  const client = new pg.Client({ host, port, user, password, database });
  client.on('error', () => {}); // the statement under way rejects with it; without a listener it would end the process
  try {
    await createIfMissing(server, database);
    await client.connect();
    return client;
  } catch (cause) {
    await client.end().catch(() => {});
    throw new MillraceError({
      code: 'MR6005',
      message: `The sources' database "${database}" on ${host}:${port} cannot be opened: ${String(cause)}`,
      subject: database,
      hint: 'Check that Postgres runs there and that the user may create databases.',
      facts: { host, port, user, database },
      cause,
    });
  }
}

async function createIfMissing(server: PostgresEndpoint, database: string): Promise<void> {
  const { host, port, user, password } = server;
  const client = new pg.Client({ host, port, user, password, database: 'postgres' });
  await client.connect();
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [database]);
    if (found.rowCount === 0)
      await client.query(`create database ${identifier(database)} encoding 'UTF8' template template0`);
  } catch (error) {
    // Somebody else created it in between.
    const code = (error as { code?: string }).code;
    if (code !== duplicateDatabase && code !== uniqueViolation) throw error;
  } finally {
    await client.end();
  }
}

/** Holds the sources' setup lock while `work` runs: "create if not exists" of two sessions at a time can collide. */
export async function inSetup(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query('select pg_advisory_lock($1)', [setupLock]);
  try {
    await work();
  } finally {
    await client.query('select pg_advisory_unlock($1)', [setupLock]);
  }
}

/** Runs `work` in one transaction; rolls back when it throws. */
export async function inTransaction<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {}); // the first error is the one to tell
    throw error;
  }
}

/**
 * Copies the rows of a DuckDB query into a Postgres table, in the query's order; `columns` in the order of its select
 * list. Resolves with the number of rows.
 */
export async function copyRows(
  client: pg.Client,
  tpcds: Tpcds,
  table: string,
  columns: readonly string[],
  query: string,
): Promise<number> {
  const file = scratchFile(tpcds.scratch, 'csv');
  try {
    await tpcds.copyTo(query, file);
    const target = client.query(
      copyFrom(`copy ${table} (${columns.map(identifier).join(', ')}) from stdin (format csv, null '\\N')`),
    );
    await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), target);
    return target.rowCount;
  } finally {
    await rm(file, { force: true });
  }
}
