import type { Commit, MergeOutcome, TableState, WriterSession } from './delta-writer.ts';
import { quoteIdentifier, quoteIdentifiers } from './sql.ts';
import type { Column } from './types.ts';

/** Net changes of a target: a temporary table with one row a key, the target's columns and a boolean `#delete`. */
export interface NetChanges {
  readonly from: string;
  readonly rows: number;
  readonly columns: readonly Column[];
  readonly key: readonly string[];
  /** Columns that decide; an unchanged row stays as it is, whatever its other columns say. */
  readonly compared: readonly string[];
  /** Columns by which a row is older than the target's, most significant first; older ones are left out. */
  readonly orderBy: readonly string[];
}

const source = (name: string) => `source.${quoteIdentifier(name)}`;
const target = (name: string) => `target.${quoteIdentifier(name)}`;

/**
 * Brings net changes into a table in one commit with `transactions`, which is made even if nothing changes. A table without
 * rows is appended to, which spares the merge.
 */
export async function mergeInto(
  session: WriterSession,
  uri: string,
  state: TableState,
  net: NetChanges,
  transactions: Commit['transactions'],
  run: string,
): Promise<MergeOutcome> {
  const commit = { transactions, seen: state.transactions, run };
  const columns = quoteIdentifiers(net.columns.map((column) => column.name));
  if (state.version < 0 || (state.rows === 0 && net.rows > 0)) {
    const kept = `FROM ${net.from} WHERE NOT "#delete"`;
    const [count] = await session.execute(`SELECT count(*) AS n ${kept}`);
    const version = await session.append(uri, `SELECT ${columns} ${kept}`, commit);
    return { version, inserted: Number(count?.n), updated: 0, deleted: 0 };
  }
  await addColumns(session, uri, state, net.columns, run);
  if (net.rows === 0) {
    return { version: await session.touch(uri, commit), inserted: 0, updated: 0, deleted: 0 };
  }
  const notOlder = laterOrSame(net.orderBy);
  const changed = net.compared.map((name) => `(${target(name)} IS DISTINCT FROM ${source(name)})`);
  const clauses = {
    on: net.key.map((name) => `${target(name)} = ${source(name)}`).join(' AND '),
    delete: `${source('#delete')} AND ${notOlder}`,
    update: `NOT ${source('#delete')} AND ${notOlder} AND (${changed.length === 0 ? 'false' : changed.join(' OR ')})`,
    insert: `NOT ${source('#delete')}`,
    values: Object.fromEntries(net.columns.map(({ name }) => [quoteIdentifier(name), source(name)])),
    rows: net.rows,
  };
  return session.merge(uri, `SELECT ${columns}, "#delete" FROM ${net.from}`, clauses, commit);
}

/** Columns that were declared after the table was created. */
async function addColumns(
  session: WriterSession,
  uri: string,
  state: TableState,
  columns: readonly Column[],
  run: string,
): Promise<void> {
  const known = new Set(state.fields.map((field) => field.name));
  if (columns.every((column) => known.has(column.name))) return;
  const nulls = columns.map(({ name, type }) => `NULL::${type} AS ${quoteIdentifier(name)}`).join(', ');
  await session.append(uri, `SELECT ${nulls} WHERE false`, { transactions: {}, seen: {}, run });
}

/** True unless the source row is older; NULL is older than everything. */
function laterOrSame([first, ...rest]: readonly string[]): string {
  if (first === undefined) return 'true';
  const [s, t] = [source(first), target(first)];
  return `(${s} > ${t} OR (${t} IS NULL AND ${s} IS NOT NULL)
    OR ((${s} = ${t} OR (${s} IS NULL AND ${t} IS NULL)) AND ${laterOrSame(rest)}))`;
}
