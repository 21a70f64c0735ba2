import pg from 'pg';
import {
  type CapturedTable,
  captureLsn,
  drainChanges,
  ensureSnapshot,
  type PostgresSource,
} from '../../ingestion/connectors/postgres/index.ts';
import { openTestLake, type TestLake, testProgress } from './connector-lake.ts';
import { createDatabase, type TestDatabase, uniqueName } from './stack.ts';

export type TestSource = PostgresSource & { readonly schema: string };

/** A table of a test source, without what {@link SourceDatabase.source} fills in. */
export type TestTable = Omit<CapturedTable, 'schema' | 'table'>;

/** A database that is captured into a lake of its own. */
export class SourceDatabase {
  readonly test: TestLake;
  readonly database: TestDatabase;
  /** A connection that stays open. */
  readonly client: pg.Client;

  private constructor(test: TestLake, database: TestDatabase, client: pg.Client) {
    this.test = test;
    this.database = database;
    this.client = client;
  }

  static async open(prefix: string): Promise<SourceDatabase> {
    const test = await openTestLake(prefix);
    const database = await createDatabase(prefix);
    return new SourceDatabase(test, database, await connectTo(database));
  }

  /** A server has only so many slots, and each keeps its log: drop them after each test. */
  async dropSlots(): Promise<void> {
    await this.client.query(
      'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database() AND NOT active',
    );
  }

  async close(): Promise<void> {
    await this.dropSlots();
    await this.client.end();
    await this.test.close();
  }

  connect(): Promise<pg.Client> {
    return connectTo(this.database);
  }

  /** Makes a schema with tables, and a source with a slot and bronze tables of its own. */
  async source(ddl: string, tables: readonly TestTable[], options: Partial<PostgresSource> = {}): Promise<TestSource> {
    const schema = uniqueName('s').replaceAll('-', '_');
    await this.client.query(`CREATE SCHEMA ${schema}; SET search_path = ${schema}; ${ddl}; RESET search_path`);
    return {
      schema,
      name: schema,
      sourceSystem: 'orders',
      connection: this.database,
      publication: schema,
      slot: schema,
      tables: tables.map((table) => ({ ...table, schema, table: `${schema}_${table.name}` })),
      ...options,
    };
  }

  snapshot(source: PostgresSource) {
    return ensureSnapshot(source, this.test, testProgress());
  }

  position(source: PostgresSource): Promise<string> {
    return captureLsn(source, testProgress());
  }

  async drain(source: PostgresSource, upTo?: string) {
    return drainChanges(source, { upTo: upTo ?? (await this.position(source)) }, this.test, testProgress());
  }

  /** Everything in a bronze table, in the order of the source's log. */
  bronze({ schema }: TestSource, name: string): Promise<readonly Record<string, unknown>[]> {
    return this.test.lake.query(
      `SELECT * EXCLUDE (_ingested_at) FROM bronze.${schema}_${name} ORDER BY _source_lsn, _source_seq`,
    );
  }

  /** Rows of the source that differ from what the bronze rows, applied in order, make of them. Empty if all is well. */
  async differences(source: TestSource, name: string): Promise<unknown[]> {
    const table = source.tables.find((candidate) => candidate.name === name);
    if (table === undefined) throw new Error(`no table ${name}`);
    const columns = table.columns.map((column) => column.name);
    const key = (row: Record<string, unknown>) => table.key.map((column) => String(row[column])).join('|');
    const single = new Set(table.columns.filter(({ type }) => type === 'FLOAT').map((column) => column.name));
    const text = (row: Record<string, unknown>) =>
      JSON.stringify(
        columns.map((column) => {
          const value = row[column];
          if (value === null) return null;
          return single.has(column) ? String(Math.fround(Number(value))) : String(value);
        }),
      );
    const applied = new Map<string, string>();
    for (const row of await this.bronze(source, name)) {
      if (row._op === 'd') applied.delete(key(row));
      else applied.set(key(row), text(row));
    }
    const { rows } = await this.client.query<Record<string, string | null>>(
      `SELECT ${columns.map((column) => `"${column}"::text`).join(', ')} FROM ${source.schema}."${name}"`,
    );
    const different: unknown[] = [];
    for (const row of rows) {
      if (applied.get(key(row)) !== text(row))
        different.push({ source: text(row), bronze: applied.get(key(row)) ?? null });
      applied.delete(key(row));
    }
    return [...different, ...[...applied].map(([, bronze]) => ({ source: null, bronze }))];
  }
}

async function connectTo(database: TestDatabase): Promise<pg.Client> {
  const client = new pg.Client({ ...database });
  await client.connect();
  return client;
}
