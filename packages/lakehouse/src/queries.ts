import { MillraceError } from 'millrace';
import type { Row, WriterSession } from './delta-writer.ts';
import { quoteIdentifier, quoteLiteral } from './sql.ts';
import type { Checksum, Layer, Table } from './types.ts';

const LAYERS: readonly Layer[] = ['bronze', 'silver', 'gold'];

/** Reads a table once, as a stream. */
export async function checksum(session: WriterSession, uri: string, exclude: readonly string[]): Promise<Checksum> {
  const { version, fields } = await existing(session, uri);
  const columns = fields.map(({ name }) => name).filter((name) => !exclude.includes(name));
  // Each value with its name, so that neither a NULL nor a moved value goes unnoticed.
  const values = columns.map((name) => `${quoteLiteral(`${name}=`)}, ${quoteIdentifier(name)}::VARCHAR`).sort();
  const [row] = await session.execute(
    `SELECT count(*) AS n, printf('%032x', coalesce(sum(hash(${values.join(', ')})::HUGEINT), 0)) AS checksum FROM input`,
    { input: { table: uri, version } },
  );
  return { rows: Number(row?.n ?? 0), checksum: String(row?.checksum) };
}

/** Brings the tables that a query names into the session and runs it. */
export async function query(
  session: WriterSession,
  sql: string,
  address: (table: Table) => string,
): Promise<readonly Row[]> {
  for (const name of await session.tableNames(sql)) {
    const table = parse(name);
    if (table === undefined) continue;
    const uri = address(table);
    const { version } = await existing(session, uri);
    await session.execute(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(table.layer)}`);
    await session.execute(
      `CREATE TABLE ${quoteIdentifier(table.layer)}.${quoteIdentifier(table.name)} AS SELECT * FROM input`,
      { input: { table: uri, version } },
    );
  }
  return session.execute(sql);
}

async function existing(session: WriterSession, uri: string) {
  const state = await session.describe(uri);
  if (state.version >= 0) return state;
  throw new MillraceError({
    code: 'MR3006',
    message: `There is no Delta table at ${uri}.`,
    subject: uri,
    hint: 'It is created by the first rows that reach it.',
    retryable: false,
  });
}

function parse(name: string): Table | undefined {
  const [layer, table] = name.split('.').map((part) => part.replace(/^"(.*)"$/, '$1'));
  const found = LAYERS.find((known) => known === layer);
  return found === undefined || table === undefined ? undefined : { layer: found, name: table };
}
