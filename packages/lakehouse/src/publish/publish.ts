import { MillraceError } from 'millrace';
import type { TableState, WriterSession } from '../delta-writer.ts';
import { mergeInto } from '../merge-into.ts';
import { inputOf, isEmpty, rangeOf, type SourceRange } from '../source-changes.ts';
import { checkType } from '../sql-types.ts';
import type { PublishJoin, PublishRequest, PublishResult, PublishSource, Table } from '../types.ts';
import {
  addReferring,
  countDriver,
  createDriver,
  createJoined,
  createMoved,
  createNet,
  mappedRows,
} from './publish-sql.ts';

/** Throws MR3011 for a declaration that cannot work. */
export function checkPublish(request: PublishRequest): void {
  const columns = new Set(request.columns.map((column) => column.name));
  const problem = (message: string) =>
    new MillraceError({
      code: 'MR3011',
      message: `Gold table ${request.target.name}: ${message}.`,
      subject: request.target.name,
      hint: 'Correct the declaration of the table.',
      retryable: false,
    });
  for (const { name, type } of request.columns) checkType(name, type);
  if (request.key.length === 0) throw problem('it has no key');
  for (const name of request.key) if (!columns.has(name)) throw problem(`its key names ${name}, which is not a column`);
  for (const source of request.sources) {
    for (const name of Object.keys(source.columns)) {
      if (!columns.has(name)) throw problem(`source ${source.source.name} fills ${name}, which is not a column`);
    }
    for (const name of request.key) {
      if (source.columns[name] === undefined) throw problem(`source ${source.source.name} does not fill key ${name}`);
    }
  }
}

/** Brings what is new in the sources, and in what they join, into the target in one commit. */
export async function publish(
  session: WriterSession,
  request: PublishRequest,
  address: (table: Table) => string,
): Promise<PublishResult> {
  const target = address(request.target);
  const consumedBy = (table: Table) => `${request.target.layer}:${request.target.name}:${table.layer}.${table.name}`;
  const tables = distinct(
    request.sources.flatMap((source) => [source.source, ...joinsOf(source).map((join) => join.table)]),
  );
  const state = await session.describe(target, tables.map(consumedBy));
  // Every table at one version throughout, so that a row is never joined to what came after it was read.
  const pinned = new Map<string, { readonly range: SourceRange; readonly state: TableState }>();
  for (const table of tables) {
    const uri = address(table);
    const found = await session.describe(uri);
    pinned.set(uri, { range: rangeOf(uri, state.transactions[consumedBy(table)], found.version), state: found });
  }
  const pin = (table: Table) => {
    const found = pinned.get(address(table));
    if (found === undefined) throw new RangeError(`${table.name} is not pinned`);
    return found.range;
  };
  if (tables.every((table) => isEmpty(pin(table)))) {
    return { version: state.version, rowsIn: 0, inserted: 0, updated: 0, deleted: 0 };
  }

  const mapped: string[] = [];
  let rowsIn = 0;
  for (const [index, source] of request.sources.entries()) {
    if (pin(source.source).to < 0) continue;
    rowsIn += await collect(session, index, source, pin, target);
    mapped.push(mappedRows(index, request, source));
  }
  if (mapped.length === 0) return { version: state.version, rowsIn: 0, inserted: 0, updated: 0, deleted: 0 };
  await session.execute(createNet(request, mapped), {}, target);
  const [net] = await session.execute('SELECT count(*) AS n FROM net');
  const transactions = Object.fromEntries(
    tables.filter((table) => pin(table).to >= 0).map((table) => [consumedBy(table), pin(table).to]),
  );
  const names = request.columns.map((column) => column.name);
  const outcome = await mergeInto(
    session,
    target,
    state,
    {
      from: 'net',
      rows: Number(net?.n),
      columns: request.columns,
      key: request.key,
      compared: names.filter((name) => !request.key.includes(name)),
      orderBy: [],
    },
    transactions,
    request.run.runId,
  );
  return { ...outcome, rowsIn };
}

/** Fills the temporary tables of one source; answers the number of rows that it brings. */
async function collect(
  session: WriterSession,
  index: number,
  source: PublishSource,
  pin: (table: Table) => SourceRange,
  about: string,
): Promise<number> {
  const own = pin(source.source);
  const whole: SourceRange = { uri: own.uri, from: undefined, to: own.to };
  if (isEmpty(own)) await session.execute(`${createDriver(index, whole)} LIMIT 0`, { input: inputOf(whole) }, about);
  else await session.execute(createDriver(index, own), { input: inputOf(own) }, about);

  const moves: { join: number; on: PublishJoin['on'] }[] = [];
  for (const [join, declared] of joinsOf(source).entries()) {
    const range = pin(declared.table);
    if (range.to < 0) throw missing(declared.table.name, range.uri);
    if (own.from === undefined || isEmpty(range)) continue;
    await session.execute(createMoved(index, join, declared, range), { input: inputOf(range) }, about);
    moves.push({ join, on: declared.on });
  }
  if (moves.length > 0) {
    await session.execute(addReferring(index, source, moves, own.to), { input: inputOf(whole) }, about);
  }
  for (const [join, declared] of joinsOf(source).entries()) {
    const { uri, to } = pin(declared.table);
    await session.execute(createJoined(index, join, declared), { input: { table: uri, version: to } }, about);
  }
  const [count] = await session.execute(countDriver(index));
  return Number(count?.n);
}

function missing(name: string, uri: string): MillraceError {
  return new MillraceError({
    code: 'MR3006',
    message: `The joined table ${name} does not exist yet (${uri}).`,
    subject: uri,
    hint: 'It is created by the first rows that reach it; refine it before what joins it is published.',
    retryable: false,
  });
}

function joinsOf(source: PublishSource) {
  return source.joins ?? [];
}

function distinct(tables: readonly Table[]): readonly Table[] {
  return [...new Map(tables.map((table) => [`${table.layer}.${table.name}`, table])).values()];
}
