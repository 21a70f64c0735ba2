import { MillraceError, type Progress } from 'millrace';
import { SILVER_LINEAGE } from '../audit-columns.ts';
import type { TableState, WriterSession } from '../delta-writer.ts';
import type { RuleResult } from '../expectations.ts';
import { mergeInto } from '../merge-into.ts';
import { inputOf, isEmpty, rangeOf, type SourceRange } from '../source-changes.ts';
import { quoteIdentifiers } from '../sql.ts';
import { checkType } from '../sql-types.ts';
import type { RefineRequest, RefineResult } from '../types.ts';
import { createCandidate, createNet, quarantineRows, rulesOf, silverColumns } from './refine-sql.ts';

export interface RefineAddresses {
  readonly source: string;
  readonly target: string;
  readonly quarantine: string;
}

/** Runs what must be alone on a table. */
export type Exclusive = <T>(uri: string, work: () => Promise<T>) => Promise<T>;

/** Throws MR3011 for a declaration that cannot work. */
export function checkRefine(request: RefineRequest): void {
  const columns = new Set(silverColumns(request).map((column) => column.name));
  const problem = (message: string) =>
    new MillraceError({
      code: 'MR3011',
      message: `Silver table ${request.target.name}: ${message}.`,
      subject: request.target.name,
      hint: 'Correct the declaration of the table.',
      retryable: false,
    });
  for (const [name, { type }] of Object.entries(request.columns)) {
    checkType(name, type);
    if (SILVER_LINEAGE.some((lineage) => lineage.name === name)) throw problem(`column ${name} is a lineage column`);
  }
  if (request.key.length === 0) throw problem('it has no key');
  const unknown = [...request.key, ...request.orderBy].find((name) => !columns.has(name));
  if (unknown !== undefined) throw problem(`key or orderBy names ${unknown}, which is not one of its columns`);
  const names = rulesOf(request).map((rule) => rule.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw problem(`two rules are named ${twice}`);
}

/** Brings what is new in the source into the target; the caller holds the target's turn. */
export async function refine(
  session: WriterSession,
  request: RefineRequest,
  at: RefineAddresses,
  exclusive: Exclusive,
  progress: Progress,
): Promise<RefineResult> {
  const { layer, name } = request.source;
  const consumedBy = `${request.target.layer}:${request.target.name}:${layer}.${name}`;
  const quarantinedBy = `${request.target.layer}:quarantine:${request.target.name}:${layer}.${name}`;
  const [source, target, quarantine] = await Promise.all([
    session.describe(at.source),
    session.describe(at.target, [consumedBy]),
    session.describe(at.quarantine, [quarantinedBy]),
  ]);
  const consumed = target.transactions[consumedBy] ?? undefined;
  const all = rangeOf(at.source, consumed, source.version);
  if (isEmpty(all)) return nothing(target.version, source.version);

  // An attempt that ended between its quarantine and its merge is completed over the same range, so that no row enters
  // the quarantine twice.
  const begun = quarantine.transactions[quarantinedBy] ?? -1;
  const step = { request, at, exclusive, progress, source, consumedBy, quarantinedBy };
  if (begun <= (consumed ?? -1) || begun >= all.to) {
    return refineRange(session, step, { ...all, to: Math.max(begun, all.to) }, target, begun);
  }
  const first = await refineRange(session, step, { ...all, to: begun }, target, begun);
  await session.execute('DROP TABLE candidate');
  await session.execute('DROP TABLE net');
  const now = await session.describe(at.target, [consumedBy]);
  const second = await refineRange(session, step, { ...all, from: begun }, now, begun);
  return added(first, second);
}

interface Step {
  readonly request: RefineRequest;
  readonly at: RefineAddresses;
  readonly exclusive: Exclusive;
  readonly progress: Progress;
  readonly source: TableState;
  readonly consumedBy: string;
  readonly quarantinedBy: string;
}

async function refineRange(
  session: WriterSession,
  step: Step,
  range: SourceRange,
  target: TableState,
  quarantinedUpTo: number,
): Promise<RefineResult> {
  const { request, at } = step;
  await session.execute(createCandidate(request, range, step.source.fields), { input: inputOf(range) }, at.target);
  const [counts] = await session.execute(`
    SELECT count(*) AS n, count(*) FILTER ("#action" = 'drop') AS dropped,
      count(*) FILTER ("#action" = 'quarantine') AS quarantined FROM candidate`);
  const rules = await countRules(session, request);
  await failIfAsked(session, request, rules);
  for (const { name, action, count } of rules) {
    step.progress.log.warn('Rows violate a rule.', { table: request.target.name, rule: name, action, count });
  }
  await session.execute(createNet(request), {}, at.target);
  const [net] = await session.execute('SELECT count(*) AS n FROM net');

  if (Number(counts?.quarantined) > 0 && quarantinedUpTo < range.to) {
    await step.exclusive(at.quarantine, () =>
      session.append(at.quarantine, quarantineRows(request), {
        transactions: { [step.quarantinedBy]: range.to },
        seen: { [step.quarantinedBy]: quarantinedUpTo < 0 ? null : quarantinedUpTo },
        run: request.run.runId,
      }),
    );
  }
  const outcome = await mergeInto(
    session,
    at.target,
    target,
    {
      from: 'net',
      rows: Number(net?.n),
      columns: silverColumns(request),
      key: request.key,
      compared: Object.keys(request.columns).filter((name) => !request.key.includes(name)),
      orderBy: request.orderBy,
    },
    { [step.consumedBy]: range.to },
    request.run.runId,
  );
  return {
    ...outcome,
    sourceVersion: range.to,
    rowsIn: Number(counts?.n),
    dropped: Number(counts?.dropped),
    quarantined: Number(counts?.quarantined),
    rules,
  };
}

async function countRules(session: WriterSession, request: RefineRequest): Promise<readonly RuleResult[]> {
  const rows = await session.execute(
    'SELECT name, count(*) AS n FROM (SELECT unnest("#rules") AS name FROM candidate) GROUP BY 1',
  );
  const counts = new Map(rows.map((row) => [String(row.name), Number(row.n)]));
  return rulesOf(request).flatMap(({ name, action }) => {
    const count = counts.get(name);
    return count === undefined ? [] : [{ name, action, count }];
  });
}

async function failIfAsked(
  session: WriterSession,
  request: RefineRequest,
  rules: readonly RuleResult[],
): Promise<void> {
  const broken = rules.find((rule) => rule.action === 'fail');
  if (broken === undefined) return;
  const sample = await session.execute(
    `SELECT ${quoteIdentifiers(request.key)}, _source_file, _source_lsn, _source_seq FROM candidate
     WHERE "#action" = 'fail' ORDER BY _source_lsn, _source_seq LIMIT 5`,
  );
  throw new MillraceError({
    code: 'MR3301',
    message: `${broken.count} row${broken.count === 1 ? '' : 's'} for ${request.target.name} violate${broken.count === 1 ? 's' : ''} the rule ${broken.name}, which is declared to fail. Nothing was written.`,
    subject: request.target.name,
    hint: 'Correct the rows at the source, or declare another action for the rule.',
    facts: { table: request.target.name, rule: broken.name, count: broken.count, sample },
    retryable: false,
  });
}

function nothing(version: number, sourceVersion: number): RefineResult {
  return {
    version,
    sourceVersion,
    rowsIn: 0,
    inserted: 0,
    updated: 0,
    deleted: 0,
    dropped: 0,
    quarantined: 0,
    rules: [],
  };
}

function added(first: RefineResult, second: RefineResult): RefineResult {
  const rules = new Map<string, RuleResult>();
  for (const rule of [...first.rules, ...second.rules]) {
    rules.set(rule.name, { ...rule, count: rule.count + (rules.get(rule.name)?.count ?? 0) });
  }
  return {
    version: second.version,
    sourceVersion: second.sourceVersion,
    rowsIn: first.rowsIn + second.rowsIn,
    inserted: first.inserted + second.inserted,
    updated: first.updated + second.updated,
    deleted: first.deleted + second.deleted,
    dropped: first.dropped + second.dropped,
    quarantined: first.quarantined + second.quarantined,
    rules: [...rules.values()],
  };
}
