import { SILVER_LINEAGE } from '../audit-columns.ts';
import type { Expectation, ExpectationAction } from '../expectations.ts';
import { changesFrom, type SourceRange } from '../source-changes.ts';
import { quoteIdentifier, quoteIdentifiers, quoteLiteral } from '../sql.ts';
import type { Column, RefineRequest } from '../types.ts';

/** All rules of a request: those that it declares and those that every table has. */
export function rulesOf(request: RefineRequest): readonly Expectation[] {
  const keys = request.key.map((name) => `${quoteIdentifier(name)} IS NOT NULL`).join(' AND ');
  const typed = Object.entries(request.columns).flatMap(([name, { expr }]): readonly Expectation[] =>
    expr === undefined
      ? []
      : [{ name: `${name}_type`, check: `NOT list_contains("#uncast", ${quoteLiteral(name)})`, action: 'quarantine' }],
  );
  return [{ name: 'key_not_null', check: keys, action: 'quarantine' }, ...typed, ...(request.expectations ?? [])];
}

export function silverColumns(request: RefineRequest): readonly Column[] {
  return [...Object.entries(request.columns).map(([name, { type }]) => ({ name, type })), ...SILVER_LINEAGE];
}

/**
 * The temporary table `candidate`: every changed source row as a row of the target, with the rules that it violates
 * (`#rules`), the strongest of their actions (`#action`), and the source row as JSON where it is needed (`#row`).
 */
export function createCandidate(
  request: RefineRequest,
  range: SourceRange,
  sourceFields: readonly { readonly name: string }[],
): string {
  const columns = Object.entries(request.columns).map(([name, { expr, type }]) => {
    const text = expr === undefined ? quoteIdentifier(name) : `(${expr})`;
    return { name, text, value: `TRY_CAST(${text} AS ${type})`, computed: expr !== undefined };
  });
  const uncast = columns
    .filter(({ computed }) => computed)
    .map(
      ({ name, text, value }) => `CASE WHEN ${text} IS NOT NULL AND ${value} IS NULL THEN ${quoteLiteral(name)} END`,
    );
  const rules = rulesOf(request);
  const lineage = SILVER_LINEAGE.filter(({ name }) => name !== '_updated_run').map(({ name }) => quoteIdentifier(name));
  const row = sourceFields.flatMap(({ name }) => [quoteLiteral(name), `"#source".${quoteIdentifier(name)}::VARCHAR`]);
  return `
    CREATE TEMP TABLE candidate AS
    WITH "#changed" AS (${changesFrom(range, 'input')}),
    typed AS (
      SELECT ${columns.map(({ name, value }) => `${value} AS ${quoteIdentifier(name)}`).join(', ')},
        [${uncast.join(', ')}]::VARCHAR[] AS "#uncast",
        ${lineage.join(', ')}, _op, _rescued_data,
        ${quoteLiteral(request.run.runId)} AS _updated_run,
        coalesce((${request.deleteWhen ?? 'false'}), false) AS "#delete",
        _commit_version AS "#version", "#changed" AS "#source"
      FROM "#changed"
      WHERE _change_type IN ('insert', 'update_postimage') AND (${request.where ?? 'true'})
    ),
    judged AS (
      SELECT *, list_filter([${rules.map((rule) => violation(rule)).join(', ')}], lambda "#rule" : "#rule" IS NOT NULL) AS "#rules"
      FROM typed
    ),
    decided AS (
      SELECT *, CASE WHEN len("#rules") > 0 THEN ${strongest(rules)} END AS "#action" FROM judged
    )
    SELECT * EXCLUDE ("#uncast", "#source"),
      CASE WHEN "#action" IN ('quarantine', 'fail') THEN json_object(${row.join(', ')})::VARCHAR END AS "#row"
    FROM decided`;
}

/** A row that deletes has no values to check but its key. */
function violation({ name, check }: Expectation): string {
  const applies = name === 'key_not_null' ? 'true' : 'NOT "#delete"';
  return `CASE WHEN ${applies} AND NOT coalesce((${check}), true) THEN ${quoteLiteral(name)} END`;
}

const BY_STRENGTH: readonly ExpectationAction[] = ['fail', 'quarantine', 'drop', 'warn'];

function strongest(rules: readonly Expectation[]): string {
  const cases = BY_STRENGTH.flatMap((action) => {
    const names = rules.filter((rule) => rule.action === action).map((rule) => quoteLiteral(rule.name));
    return names.length === 0
      ? []
      : [`WHEN list_has_any("#rules", [${names.join(', ')}]) THEN ${quoteLiteral(action)}`];
  });
  return `CASE ${cases.join(' ')} END`;
}

/** The temporary table `net`: the latest row of each key among those that may enter. */
export function createNet(request: RefineRequest): string {
  const order = [
    ...request.orderBy.map(quoteIdentifier),
    // Rows that the declaration does not tell apart: the same choice each time.
    '"#version"',
    '_source_lsn',
    '_ingested_at',
    '_source_file',
    '_source_seq',
  ].map((name) => `${name} DESC NULLS LAST`);
  return `
    CREATE TEMP TABLE net AS
    SELECT ${quoteIdentifiers(silverColumns(request).map((column) => column.name))}, "#delete"
    FROM candidate
    WHERE "#action" IS NULL OR "#action" = 'warn'
    QUALIFY row_number() OVER (PARTITION BY ${quoteIdentifiers(request.key)} ORDER BY ${order.join(', ')}) = 1`;
}

/** Rows for the table `quarantine`, which all silver tables share. */
export function quarantineRows(request: RefineRequest): string {
  return `
    SELECT ${quoteLiteral(request.target.name)} AS target, ${quoteLiteral(request.source.name)} AS source,
      array_to_string("#rules", ', ') AS rules, "#action" AS action, "#row" AS row, _source_system AS source_system,
      _source_file AS source_file,
      TRY_CAST(coalesce(json_extract_string(_rescued_data, '$._line'), NULL) AS BIGINT) AS source_line,
      _source_lsn AS source_lsn, _source_seq AS source_seq, _batch_id AS batch_id, _run_id AS run_id,
      _ingested_at AS ingested_at, _updated_run AS quarantined_by, now()::TIMESTAMPTZ AS quarantined_at
    FROM candidate WHERE "#action" = 'quarantine'`;
}
