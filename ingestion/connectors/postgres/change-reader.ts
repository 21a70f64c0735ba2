import { type Pgoutput, PgoutputPlugin } from 'pg-logical-replication';
import { parseLsn } from './lsn.ts';
import { postgresError } from './postgres-errors.ts';
import { type CapturedTable, type PostgresSource, qualified } from './postgres-source.ts';

/** Column values as Postgres writes them. A column that the log left out is absent. */
export type RowText = Readonly<Record<string, string | null>>;

/** One row for a bronze table. */
export interface ChangeRow {
  readonly table: CapturedTable;
  readonly op: 'c' | 'u' | 'd';
  readonly values: RowText;
  /** Where the transaction's commit begins in the log; grows from transaction to transaction. */
  readonly lsn: number;
  /** Order within the transaction, from 1. */
  readonly seq: number;
}

export type ChangeEvent =
  | { readonly kind: 'begin'; readonly lsn: number }
  | { readonly kind: 'rows'; readonly rows: readonly ChangeRow[] }
  /** `end`: where the transaction's commit ends in the log. */
  | { readonly kind: 'commit'; readonly end: number }
  | { readonly kind: 'none' };

type Tuple = Record<string, string | null | undefined>;

/** Reads pgoutput messages, in the order of the log, into rows of the declared tables. Throws MR3206 and MR3207. */
export class ChangeReader {
  readonly #source: PostgresSource;
  readonly #plugin: PgoutputPlugin;
  readonly #tables: ReadonlyMap<string, { readonly table: CapturedTable; readonly exclude: ReadonlySet<string> }>;
  #lsn = 0;
  #seq = 0;

  constructor(source: PostgresSource) {
    this.#source = source;
    this.#plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [source.publication] });
    this.#tables = new Map(
      source.tables.map((table) => [qualified(table), { table, exclude: new Set(table.exclude ?? []) }]),
    );
  }

  read(message: Buffer): ChangeEvent {
    const parsed = this.#plugin.parse(message);
    switch (parsed.tag) {
      case 'begin':
        this.#lsn = parseLsn(parsed.commitLsn ?? '');
        this.#seq = 0;
        return { kind: 'begin', lsn: this.#lsn };
      case 'commit':
        return { kind: 'commit', end: parseLsn(parsed.commitEndLsn ?? '') };
      case 'relation':
        // Values stay the text that Postgres sent: a decimal never becomes a float, a date never a Date.
        for (const column of parsed.columns) column.parser = (raw: unknown) => raw;
        return { kind: 'none' };
      case 'insert':
        return this.#rows(parsed.relation, [['c', parsed.new]]);
      case 'update':
        return this.#rows(parsed.relation, this.#update(parsed));
      case 'delete':
        return this.#rows(parsed.relation, [['d', (parsed.old ?? parsed.key ?? {}) as Tuple]]);
      case 'truncate':
        return this.#truncate(parsed.relations);
      default:
        return { kind: 'none' };
    }
  }

  #update({ relation, key, old, new: values }: Pgoutput.MessageUpdate): ['c' | 'u' | 'd', Tuple][] {
    const table = this.#tables.get(nameOf(relation))?.table;
    const before = (old ?? key) as Tuple | null;
    const moved =
      before !== null && table?.key.some((name) => before[name] !== undefined && before[name] !== values[name]);
    return moved === true
      ? [
          ['d', before],
          ['c', values as Tuple],
        ]
      : [['u', values as Tuple]];
  }

  #rows(relation: Pgoutput.MessageRelation, changes: readonly (readonly ['c' | 'u' | 'd', Tuple])[]): ChangeEvent {
    const known = this.#tables.get(nameOf(relation));
    // Published for somebody else.
    if (known === undefined) return { kind: 'none' };
    const rows = changes.map(([op, tuple]) => ({
      table: known.table,
      op,
      values: this.#values(known.table, known.exclude, op, tuple),
      lsn: this.#lsn,
      seq: ++this.#seq,
    }));
    return { kind: 'rows', rows };
  }

  #values(table: CapturedTable, exclude: ReadonlySet<string>, op: string, tuple: Tuple): RowText {
    const values: Record<string, string | null> = {};
    for (const [name, value] of Object.entries(tuple)) {
      if (exclude.has(name)) continue;
      if (value !== undefined) values[name] = value;
      else if (op !== 'd') throw this.#unchangedToast(table, name, tuple);
    }
    return values;
  }

  #unchangedToast(table: CapturedTable, column: string, tuple: Tuple): Error {
    return postgresError('unchangedToast', {
      subject: `${table.schema}.${table.name}`,
      message: `A change of table ${table.schema}.${table.name} of source ${this.#source.name} came without the value of ${column}, which it did not touch.`,
      hint: `ALTER TABLE ${qualified(table)} REPLICA IDENTITY FULL, then take a new snapshot (forgetSnapshot): the log does not hold the value.`,
      facts: { column, key: Object.fromEntries(table.key.map((name) => [name, tuple[name] ?? null])), lsn: this.#lsn },
    });
  }

  #truncate(relations: readonly Pgoutput.MessageRelation[]): ChangeEvent {
    const tables = relations.flatMap((relation) => {
      const table = this.#tables.get(nameOf(relation))?.table;
      return table === undefined ? [] : [`${table.schema}.${table.name}`];
    });
    if (tables.length === 0) return { kind: 'none' };
    throw postgresError('truncated', {
      subject: tables[0] ?? this.#source.name,
      message: `${tables.join(', ')} of source ${this.#source.name} was truncated: the log does not say which rows that deleted.`,
      hint: 'Take a new snapshot (forgetSnapshot, then ensureSnapshot) and rebuild the silver tables from it.',
      facts: { tables, lsn: this.#lsn },
    });
  }
}

function nameOf({ schema, name }: Pgoutput.MessageRelation): string {
  return qualified({ schema, name });
}
