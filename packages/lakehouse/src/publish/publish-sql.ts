import { changesFrom, type SourceRange } from '../source-changes.ts';
import { quoteIdentifier, quoteIdentifiers } from '../sql.ts';
import type { PublishJoin, PublishRequest, PublishSource } from '../types.ts';

/**
 * One source's changes as rows of the target. Temporary tables carry the source's number: `driver_0` (changed source rows,
 * `#upsert` says whether they are the present state), `join_0_1` (the joined tables' rows that they refer to).
 */

const driver = (index: number) => `driver_${index}`;
const joined = (index: number, join: number) => `join_${index}_${join}`;
const moved = (index: number, join: number) => `moved_${index}_${join}`;

/** Both images of an update count: the old one deletes the key that it had, should that have changed. */
export function createDriver(index: number, range: SourceRange): string {
  return `
    CREATE TEMP TABLE ${driver(index)} AS
    SELECT * EXCLUDE (_change_type), _change_type IN ('insert', 'update_postimage') AS "#upsert"
    FROM (${changesFrom(range, 'input')})`;
}

export function countDriver(index: number): string {
  return `SELECT count(*) AS n FROM ${driver(index)}`;
}

/** The keys by which changed rows of a joined table are referred to. */
export function createMoved(index: number, join: number, { on }: PublishJoin, range: SourceRange): string {
  return `
    CREATE TEMP TABLE ${moved(index, join)} AS
    SELECT DISTINCT ${quoteIdentifiers(Object.values(on))} FROM (${changesFrom(range, 'input')})`;
}

/** Adds the source's present rows that refer to changed rows of a joined table, unless they changed themselves. */
export function addReferring(
  index: number,
  source: PublishSource,
  moves: readonly { readonly join: number; readonly on: PublishJoin['on'] }[],
  version: number,
): string {
  const refers = moves.map(({ join, on }) => {
    const equal = Object.entries(on).map(
      ([from, to]) => `input.${quoteIdentifier(from)} = ${moved(index, join)}.${quoteIdentifier(to)}`,
    );
    return `EXISTS (FROM ${moved(index, join)} WHERE ${equal.join(' AND ')})`;
  });
  const same = source.key.map((name) => `d.${quoteIdentifier(name)} = input.${quoteIdentifier(name)}`);
  return `
    INSERT INTO ${driver(index)} BY NAME
    SELECT *, ${version}::BIGINT AS _commit_version, true AS "#upsert" FROM input
    WHERE (${refers.join(' OR ')})
      AND NOT EXISTS (FROM ${driver(index)} AS d WHERE ${same.join(' AND ')})`;
}

/** The rows of a joined table that the driver refers to. */
export function createJoined(index: number, join: number, { on }: PublishJoin): string {
  const equal = Object.entries(on).map(([from, to]) => `d.${quoteIdentifier(from)} = input.${quoteIdentifier(to)}`);
  return `
    CREATE TEMP TABLE ${joined(index, join)} AS
    SELECT * FROM input WHERE EXISTS (FROM ${driver(index)} AS d WHERE ${equal.join(' AND ')})`;
}

/** The target's rows of one source: `#delete` where the key has left the source. */
export function mappedRows(index: number, request: PublishRequest, source: PublishSource): string {
  const columns = request.columns.map(({ name, type }) => {
    const expression = source.columns[name];
    return `CAST(${expression === undefined ? 'NULL' : `(${expression})`} AS ${type}) AS ${quoteIdentifier(name)}`;
  });
  const joins = (source.joins ?? []).map(({ alias, on }, join) => {
    const name = quoteIdentifier(alias);
    const equal = Object.entries(on).map(
      ([from, to]) => `source.${quoteIdentifier(from)} = ${name}.${quoteIdentifier(to)}`,
    );
    return `LEFT JOIN ${joined(index, join)} AS ${name} ON ${equal.join(' AND ')}`;
  });
  return `
    SELECT ${columns.join(', ')}, NOT (source."#upsert" AND coalesce((${source.where ?? 'true'}), false)) AS "#delete",
      source._commit_version AS "#version", ${index} AS "#source"
    FROM ${driver(index)} AS source ${joins.join(' ')}`;
}

/**
 * The temporary table `net`: per key its latest state. Within one version, a row that is there wins over one that left;
 * between sources too, for a key that moves from one to the other.
 */
export function createNet(request: PublishRequest, mapped: readonly string[]): string {
  const key = quoteIdentifiers(request.key);
  return `
    CREATE TEMP TABLE net AS
    SELECT * EXCLUDE ("#version", "#source", "#latest") FROM (
      SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY "#source", ${key} ORDER BY "#version" DESC, "#delete") AS "#latest"
        FROM (${mapped.join(' UNION ALL ')})
      ) WHERE "#latest" = 1
    )
    QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY "#delete", "#source") = 1`;
}
