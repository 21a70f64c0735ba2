import { access, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { isMillraceError, MillraceError, type Progress } from 'millrace';
import type { LakeStorage } from '../lake-storage.ts';
import { QUIET } from '../quiet-progress.ts';
import { quoteIdentifier, quoteIdentifiers, quoteLiteral } from '../sql.ts';
import { DuckDbFile, type DuckDbFileOptions, warehouseError } from './duckdb-file.ts';
import type { LoadRequest, LoadResult, WarehouseLoader } from './warehouse-loader.ts';

export interface DuckDbLoaderOptions extends DuckDbFileOptions {
  /** Where the exported files are. */
  readonly storage: LakeStorage;
  /** For downloads; each load cleans up its own. */
  readonly tempDir: string;
  /** The landing schema. Default `lake`. */
  readonly schema?: string;
}

const BOOKKEEPING = `
  CREATE SCHEMA IF NOT EXISTS _millrace;
  CREATE TABLE IF NOT EXISTS _millrace.loads (
    table_name VARCHAR, version BIGINT, from_version BIGINT, inserted BIGINT, updated BIGINT, deleted BIGINT, loaded_at TIMESTAMPTZ)`;

const SKIPPED: LoadResult = { inserted: 0, updated: 0, deleted: 0, skipped: true };

/** Loads into a DuckDB file. The file is open only during a load, so that dbt and readers have it in between. */
export class DuckDbLoader implements WarehouseLoader {
  readonly #file: DuckDbFile;
  readonly #storage: LakeStorage;
  readonly #tempDir: string;
  readonly #schema: string;

  constructor(options: DuckDbLoaderOptions) {
    this.#file = new DuckDbFile(options);
    this.#storage = options.storage;
    this.#tempDir = options.tempDir;
    this.#schema = options.schema ?? 'lake';
  }

  async load(request: LoadRequest, progress: Progress): Promise<LoadResult> {
    await mkdir(this.#tempDir, { recursive: true });
    await mkdir(dirname(this.#file.path), { recursive: true });
    const directory = await mkdtemp(join(this.#tempDir, 'load-'));
    try {
      const paths: string[] = [];
      for (const [index, key] of request.files.entries()) {
        const path = join(directory, `${index}.parquet`);
        await this.#storage.download(key, path, { signal: progress.signal });
        paths.push(path);
        progress.heartbeat();
      }
      return await this.#file.use(progress, (connection) => this.#apply(connection, request, paths));
    } catch (error) {
      throw isMillraceError(error) ? error : warehouseError(`${this.#schema}.${request.table}`, error);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  async loadedVersion(table: string): Promise<number | undefined> {
    try {
      await access(this.#file.path);
    } catch {
      return undefined;
    }
    return this.#file.use(QUIET, async (connection) => {
      await connection.run(BOOKKEEPING);
      return lastVersion(connection, table);
    });
  }

  /** The file is closed between loads; nothing is left to close. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  async #apply(connection: DuckDBConnection, request: LoadRequest, paths: readonly string[]): Promise<LoadResult> {
    const target = `${quoteIdentifier(this.#schema)}.${quoteIdentifier(request.table)}`;
    await connection.run("SET TimeZone = 'UTC'");
    await connection.run(BOOKKEEPING);
    await connection.run('BEGIN TRANSACTION');
    try {
      const loaded = await lastVersion(connection, request.table);
      if (loaded !== undefined && loaded >= request.toVersion) {
        await connection.run('ROLLBACK');
        return SKIPPED;
      }
      if (request.fromVersion !== undefined && loaded !== request.fromVersion) throw gap(request, loaded);
      await this.#prepare(connection, request);
      const counts = await replaceRows(connection, target, request, paths);
      await connection.run(`INSERT INTO _millrace.loads VALUES ($1, $2, $3, $4, $5, $6, now())`, [
        request.table,
        BigInt(request.toVersion),
        request.fromVersion === undefined ? null : BigInt(request.fromVersion),
        BigInt(counts.inserted),
        BigInt(counts.updated),
        BigInt(counts.deleted),
      ]);
      await connection.run('COMMIT');
      return { ...counts, skipped: false };
    } catch (error) {
      await connection.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  /** Creates the table, or adds the columns that it lacks. */
  async #prepare(connection: DuckDBConnection, request: LoadRequest): Promise<void> {
    const schema = quoteIdentifier(this.#schema);
    const target = `${schema}.${quoteIdentifier(request.table)}`;
    const declared = request.columns.map(({ name, type }) => `${quoteIdentifier(name)} ${type}`);
    await connection.run(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await connection.run(`CREATE TABLE IF NOT EXISTS ${target} (${declared.join(', ')})`);
    for (const column of declared) await connection.run(`ALTER TABLE ${target} ADD COLUMN IF NOT EXISTS ${column}`);
  }
}

async function replaceRows(
  connection: DuckDBConnection,
  target: string,
  request: LoadRequest,
  paths: readonly string[],
): Promise<Omit<LoadResult, 'skipped'>> {
  const names = quoteIdentifiers(request.columns.map((column) => column.name));
  const rows = `read_parquet([${paths.map(quoteLiteral).join(', ')}])`;
  if (request.fromVersion === undefined) {
    const deleted = await changed(connection, `DELETE FROM ${target}`);
    if (paths.length === 0) return { inserted: 0, updated: 0, deleted };
    const inserted = await changed(connection, `INSERT INTO ${target} (${names}) SELECT ${names} FROM ${rows}`);
    return { inserted, updated: 0, deleted };
  }
  if (paths.length === 0) return { inserted: 0, updated: 0, deleted: 0 };
  const same = request.key.map((name) => `t.${quoteIdentifier(name)} = s.${quoteIdentifier(name)}`).join(' AND ');
  await connection.run(`CREATE OR REPLACE TEMP TABLE staged AS SELECT * FROM ${rows}`);
  const reader = await connection.runAndReadAll(`
    SELECT count(*) FILTER (s._change_type = 'upsert'), count(*) FILTER (s._change_type = 'delete')
    FROM staged AS s JOIN ${target} AS t ON ${same}`);
  const [updated = 0, deleted = 0] = (reader.getRows()[0] ?? []).map(Number);
  await connection.run(`DELETE FROM ${target} AS t USING staged AS s WHERE ${same}`);
  const upserted = await changed(
    connection,
    `INSERT INTO ${target} (${names}) SELECT ${names} FROM staged WHERE _change_type = 'upsert'`,
  );
  return { inserted: upserted - updated, updated, deleted };
}

async function changed(connection: DuckDBConnection, sql: string): Promise<number> {
  return (await connection.run(sql)).rowsChanged;
}

async function lastVersion(connection: DuckDBConnection, table: string): Promise<number | undefined> {
  const reader = await connection.runAndReadAll('SELECT max(version) FROM _millrace.loads WHERE table_name = $1', [
    table,
  ]);
  const version = reader.getRows()[0]?.[0];
  return version === null || version === undefined ? undefined : Number(version);
}

function gap({ table, fromVersion, toVersion }: LoadRequest, loaded: number | undefined): MillraceError {
  return new MillraceError({
    code: 'MR3402',
    message: `The changes of ${table} from version ${fromVersion} to ${toVersion} do not follow on version ${loaded ?? 'none'}, which the warehouse has.`,
    subject: table,
    hint: 'Export from the version that loadedVersion() answers, or the whole table.',
    facts: { table, fromVersion, toVersion, loaded: loaded ?? null },
    retryable: false,
  });
}
