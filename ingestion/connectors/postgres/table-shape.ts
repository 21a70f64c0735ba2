import type { Column } from '@millrace/lakehouse';
import type pg from 'pg';
import { postgresError } from './postgres-errors.ts';
import type { PostgresDatabase } from './postgres-source.ts';

/** What the catalogue says about a table. */
export interface TableShape {
  /** In order; without dropped and generated ones. */
  readonly columns: readonly { readonly name: string; readonly type: string; readonly notNull: boolean }[];
  /** `d`: primary key, `f`: full, `i`: index, `n`: nothing. */
  readonly replicaIdentity: string;
  readonly hasPrimaryKey: boolean;
  /** True if rows can be so wide that values are stored out of line. */
  readonly hasToast: boolean;
  readonly partitioned: boolean;
}

/** Reads the catalogue. Throws MR3202 without the table, MR3212 if it lacks a declared column. */
export async function tableShape(
  client: pg.Client,
  database: PostgresDatabase,
  table: { readonly schema: string; readonly name: string; readonly columns: readonly Column[] },
): Promise<TableShape> {
  const { rows } = await client.query<{
    relreplident: string;
    toast: boolean;
    partitioned: boolean;
    has_key: boolean;
    columns: TableShape['columns'] | null;
  }>(
    `SELECT c.relreplident, c.reltoastrelid <> 0 AS toast, c.relkind = 'p' AS partitioned,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_key,
       (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull) ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')`,
    [table.schema, table.name],
  );
  const found = rows[0];
  if (found === undefined) {
    throw postgresError('notReady', {
      subject: `${table.schema}.${table.name}`,
      message: `Source ${database.name} has no table ${table.schema}.${table.name} that its user can see.`,
      hint: 'Check the name, and that the user may use the schema and read the table.',
    });
  }
  const columns = found.columns ?? [];
  const names = new Set(columns.map(({ name }) => name));
  const missing = table.columns.map(({ name }) => name).filter((name) => !names.has(name));
  if (missing.length > 0) {
    throw postgresError('missingColumn', {
      subject: `${table.schema}.${table.name}`,
      message: `Table ${table.schema}.${table.name} of source ${database.name} lacks the declared ${missing.length === 1 ? 'column' : 'columns'} ${missing.join(', ')}.`,
      hint: 'Correct the declaration, or wait for the migration of the source that adds it.',
      facts: { columns: missing },
    });
  }
  return {
    columns,
    replicaIdentity: found.relreplident,
    hasPrimaryKey: found.has_key,
    hasToast: found.toast,
    partitioned: found.partitioned,
  };
}

/** Fields of a row: all columns but those that may not leave the database. */
export function exportedColumns(shape: TableShape, exclude: readonly string[] = []): string[] {
  const left = new Set(exclude);
  return shape.columns.map(({ name }) => name).filter((name) => !left.has(name));
}

const simpleTypes: Readonly<Record<string, string>> = {
  smallint: 'SMALLINT',
  integer: 'INTEGER',
  bigint: 'BIGINT',
  real: 'FLOAT',
  'double precision': 'DOUBLE',
  boolean: 'BOOLEAN',
  date: 'DATE',
  'timestamp without time zone': 'TIMESTAMP',
  'timestamp with time zone': 'TIMESTAMPTZ',
  'time without time zone': 'TIME',
};

/**
 * The DuckDB type that holds every value of a Postgres type, as `format_type` names it: decimals stay exact, what has
 * no such type is text as Postgres writes it.
 */
export function duckdbType(postgresType: string): string {
  const type = postgresType.replace(/\(\d+\)( with| without|$)/, '$1');
  const decimal = /^numeric\((\d+),(\d+)\)$/.exec(postgresType);
  if (decimal !== null && Number(decimal[1]) <= 38 && Number(decimal[2]) <= Number(decimal[1])) {
    return `DECIMAL(${decimal[1]},${decimal[2]})`;
  }
  return simpleTypes[type] ?? 'VARCHAR';
}

/** Declared columns for a table that is not declared by hand, from the catalogue. */
export async function describeColumns(
  client: pg.Client,
  database: PostgresDatabase,
  table: { readonly schema: string; readonly name: string },
): Promise<Column[]> {
  const shape = await tableShape(client, database, { ...table, columns: [] });
  return shape.columns.map(({ name, type }) => ({ name, type: duckdbType(type) }));
}
