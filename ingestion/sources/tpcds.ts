import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, type Json } from '@duckdb/node-api';
import { MillraceError } from 'millrace';
import { deliveryModel, deliveryModelVersion } from './delivery-model.ts';
import { scratchFile, sweepScratch } from './scratch.ts';
import { literal } from './sql-text.ts';

/** The generated TPC-DS tables and the delivery model over them, opened for reading. */
export interface Tpcds {
  readonly scale: number;
  /** Path of the DuckDB file. */
  readonly file: string;
  /** A directory beside the file for what is on its way to a source system. */
  readonly scratch: string;
  /** All rows of a small result; values as JSON (64-bit integers and decimals as text). */
  rows(sql: string): Promise<Record<string, Json>[]>;
  /** Rows in order, read as they come: for results of any size. Columns are text. */
  stream(sql: string): AsyncIterable<readonly (string | null)[]>;
  /** Writes a query's rows to a CSV file without header, NULL as `\N`. */
  copyTo(sql: string, path: string): Promise<void>;
  close(): void;
}

export interface TpcdsOptions {
  /** Directory with `v<version>/<platform>/tpcds.duckdb_extension`. */
  readonly extensions: string;
  /** Directory that keeps the generated files. */
  readonly directory: string;
  /** TPC-DS scale factor: 1 is 2.9 million store sales. */
  readonly scale: number;
}

/**
 * Opens the TPC-DS data of a scale, generating it the first time: into a temporary file that takes its name when it is
 * complete, so that a process that dies or a second one that generates at the same time leaves no half file.
 * @throws MR6001 when the extension cannot be loaded, MR6002 when generating fails, MR6003 for a scale that is none.
 */
export async function openTpcds(options: TpcdsOptions): Promise<Tpcds> {
  const { directory, scale } = options;
  if (!(Number.isFinite(scale) && scale > 0))
    throw new MillraceError({
      code: 'MR6003',
      message: `${scale} is not a scale of the sources.`,
      subject: String(scale),
      hint: 'Give a number greater than 0: 0.01 makes 29 thousand store sales, 1 makes 2.9 million.',
      facts: { scale },
      retryable: false,
    });
  const file = join(directory, `tpcds-${scale}.duckdb`);
  const scratch = join(directory, 'tmp');
  await mkdir(scratch, { recursive: true });
  await sweepScratch(scratch);
  if (!(await isCurrent(file))) await generate(options, file, scratch);
  const instance = await DuckDBInstance.create(file, {
    access_mode: 'READ_ONLY',
    temp_directory: scratchFile(scratch, 'spill'),
  });
  return reader(instance, { scale, file, scratch });
}

/** Each statement gets a connection of its own: the three systems read at the same time. */
function reader(instance: DuckDBInstance, facts: Pick<Tpcds, 'scale' | 'file' | 'scratch'>): Tpcds {
  return {
    ...facts,
    async rows(sql) {
      return await connected(instance, async (connection) => (await connection.runAndReadAll(sql)).getRowObjectsJson());
    },
    async *stream(sql) {
      const connection = await instance.connect();
      try {
        const result = await connection.stream(sql);
        for await (const rows of result.yieldRowsJson())
          for (const row of rows) yield row.map((value) => (value === null ? null : String(value)));
      } finally {
        connection.closeSync();
      }
    },
    async copyTo(sql, path) {
      const options = "format csv, header false, nullstr '\\N'";
      await connected(instance, (connection) => connection.run(`copy (${sql}) to ${literal(path)} (${options})`));
    },
    close() {
      instance.closeSync();
    },
  };
}

async function isCurrent(file: string): Promise<boolean> {
  try {
    await access(file);
  } catch {
    return false;
  }
  const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
  try {
    const about = await connected(instance, (connection) =>
      connection.runAndReadAll('select version from delivery.about'),
    );
    return about.getRowObjectsJson()[0]?.version === deliveryModelVersion;
  } catch {
    return false; // no such table: made by another version
  } finally {
    instance.closeSync();
  }
}

async function connected<T>(instance: DuckDBInstance, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const connection = await instance.connect();
  try {
    return await work(connection);
  } finally {
    connection.closeSync();
  }
}

async function generate(options: TpcdsOptions, file: string, scratch: string): Promise<void> {
  const temporary = scratchFile(scratch, 'duckdb');
  try {
    await generateInto(options, temporary, scratch);
    await rename(temporary, file);
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    throw new MillraceError({
      code: 'MR6002',
      message: `TPC-DS data of scale ${options.scale} could not be generated into ${file}: ${String(cause)}`,
      subject: file,
      hint: 'Check the free space of that disk (about 1.2 GB for each unit of scale) and the memory, then start again.',
      facts: { file, scale: options.scale },
      cause,
    });
  } finally {
    await rm(temporary, { force: true });
    await rm(`${temporary}.wal`, { force: true });
  }
}

async function generateInto(options: TpcdsOptions, file: string, scratch: string): Promise<void> {
  const instance = await DuckDBInstance.create(file, {
    extension_directory: options.extensions,
    autoinstall_known_extensions: 'false',
    temp_directory: scratchFile(scratch, 'spill'),
  });
  try {
    await connected(instance, async (connection) => {
      await connection.run('load tpcds').catch((cause: unknown) => {
        throw new MillraceError({
          code: 'MR6001',
          message: `DuckDB's tpcds extension cannot be loaded from ${options.extensions}.`,
          subject: options.extensions,
          hint: 'Put tpcds.duckdb_extension under v<DuckDB version>/<platform>/ there (Python package duckdb-extension-tpcds).',
          facts: { directory: options.extensions },
          retryable: false,
          cause,
        });
      });
      await connection.run(`call dsdgen(sf = ${options.scale})`);
      for (const statement of deliveryModel(options.scale)) await connection.run(statement);
      await connection.run('checkpoint');
    });
  } finally {
    instance.closeSync();
  }
}
