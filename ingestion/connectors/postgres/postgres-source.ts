import { type Column, quoteIdentifier } from '@millrace/lakehouse';
import type { ClientConfig } from 'pg';
import { postgresError } from './postgres-errors.ts';

/** A database, and how to reach it. `connection` holds a password: it never enters a payload or a log. */
export interface PostgresDatabase {
  /** Part of transaction ids and messages: `orders`. Never change it. */
  readonly name: string;
  readonly sourceSystem: string;
  readonly connection: ClientConfig;
}

/** A table whose changes are captured. */
export interface CapturedTable {
  readonly schema: string;
  readonly name: string;
  /** Name of the bronze table. */
  readonly table: string;
  /** Columns of the bronze table. A column of the source that is not here goes to `_rescued_data`. */
  readonly columns: readonly Column[];
  /** The columns that identify a row. An update that changes one becomes a delete and an insert. */
  readonly key: readonly string[];
  /** Columns that never leave the database. */
  readonly exclude?: readonly string[];
}

/** Tables that are captured together, by one publication and one logical replication slot. */
export interface PostgresSource extends PostgresDatabase {
  readonly publication: string;
  /** Lower-case letters, digits and underscores. Part of transaction ids: never change it. */
  readonly slot: string;
  readonly tables: readonly CapturedTable[];
  /**
   * `full` (default): tables whose rows can hold values out of line get REPLICA IDENTITY FULL, so that each change comes
   * with all its values. `keep`: they are left as they are; an update that leaves out a value is then MR3207.
   */
  readonly replicaIdentity?: 'full' | 'keep';
  /** Changes after which a batch ends, at the next end of a transaction. Default 200,000. */
  readonly maxBatchChanges?: number;
}

export function qualified({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/** The application whose versions are positions in the log of the source: what is in a table and what is not. */
export function slotAppId(source: PostgresSource): string {
  return `cdc:${source.slot}`;
}

/** Throws MR3214. */
export function checkSource(source: PostgresSource): void {
  const fail = (text: string) => {
    throw postgresError('declaration', {
      subject: source.name,
      message: `Postgres source ${source.name}: ${text}.`,
      hint: 'Correct the declaration of the source.',
    });
  };
  if (!/^[a-z0-9_]{1,63}$/.test(source.slot)) fail(`${source.slot} is no name for a replication slot`);
  if (source.tables.length === 0) fail('it declares no table');
  const targets = new Set(source.tables.map(({ table }) => table));
  if (targets.size < source.tables.length) fail('two of its tables go to the same bronze table');
  for (const { schema, name, columns, key } of source.tables) {
    if (key.length === 0) fail(`table ${schema}.${name} declares no key`);
    const declared = new Set(columns.map((column) => column.name));
    const stray = key.find((column) => !declared.has(column));
    if (stray !== undefined) fail(`key column ${stray} of table ${schema}.${name} is not among its columns`);
  }
}
