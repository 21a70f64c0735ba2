import { MillraceError } from 'millrace';
import type { DeltaWriter, Row, WriterSession } from '../delta-writer.ts';
import { checkType } from '../sql-types.ts';
import type { AppendedFile, AppendRequest, AppendResult } from '../types.ts';
import { checkHeader, checkInspection, fileError, withDefaults } from './file-rules.ts';
import { countRecords, groupByHeader, type InspectedFile, inspectFiles, readOptions } from './source-files.ts';
import { collectRejects, createBatch, createFiles, createStaged, stageGroup } from './staging-sql.ts';

/** A batch that is ready to be committed: the view `batch` in the session. */
interface StagedBatch {
  readonly rows: number;
  readonly rescued: { readonly [reason: string]: number };
  readonly files: readonly AppendedFile[];
}

/** Reads the files into the session and checks that no line was lost. Throws MR31xx. */
export async function stageBatch(session: WriterSession, request: AppendRequest): Promise<StagedBatch> {
  const rules = withDefaults(request.rules);
  const options = readOptions(request.input);
  for (const { name, type } of request.columns) checkType(name, type);
  const files = await inspectFiles(session, request.input.files, options);
  checkInspection(files, rules);
  const groups = groupByHeader(files);
  for (const group of groups) checkHeader(group, request.columns, rules);

  const run = async (statements: readonly string[]) => {
    for (const statement of statements) await session.execute(statement);
  };
  await run(createFiles(files, options.header));
  await run([createStaged(request.columns, options.kind)]);
  for (const group of groups) await run([stageGroup(group, request.columns, options), collectRejects(group)]);
  await run(['INSERT INTO skipped SELECT file, line FROM ragged']);
  const [skipped] = await session.execute('SELECT count(*) AS n FROM skipped');
  await run(
    createBatch(request.columns, options.kind, request.batch, {
      anySkipped: Number(skipped?.n) > 0,
      badEncoding: files.filter((file) => file.badEncoding.length > 0),
    }),
  );
  await checkRules(session, request, files);
  return summarize(session, files, options);
}

async function checkRules(session: WriterSession, request: AppendRequest, files: readonly InspectedFile[]) {
  const rules = withDefaults(request.rules);
  const name = (row: Row) => files[Number(row.file)]?.name ?? '';
  if (rules.raggedRow === 'fail') {
    const [row] = await session.execute(`
      SELECT file, line, coalesce(message, 'the line is not a JSON object') AS message FROM (
        SELECT file, line, message FROM ragged
        UNION ALL SELECT "#file", "#line", NULL FROM reasoned WHERE "#why" = 'ragged_row'
      ) ORDER BY file, line LIMIT 1`);
    if (row !== undefined) throw fileError('raggedRow', name(row), String(row.message), { line: Number(row.line) });
  }
  for (const [problem, column, said] of [
    ['badValue', '#bad', 'values that are not of their declared type'],
    ['unknownColumn', '#unknown', 'fields that are not declared'],
  ] as const) {
    if (rules[problem] === 'rescue') continue;
    const [row] = await session.execute(
      `SELECT "#file" AS file, "#line" AS line, "${column}" AS fields FROM reasoned WHERE "${column}" IS NOT NULL ORDER BY 1, 2 LIMIT 1`,
    );
    if (row === undefined) continue;
    const fields = JSON.parse(`{${String(row.fields)}}`) as Record<string, unknown>;
    throw fileError(problem, name(row), `${said}: ${Object.keys(fields).join(', ')}`, {
      line: Number(row.line),
      columns: Object.keys(fields),
    });
  }
}

/** Counts what was read against what the files hold. */
async function summarize(
  session: WriterSession,
  files: readonly InspectedFile[],
  options: ReturnType<typeof readOptions>,
): Promise<StagedBatch> {
  const counts = await session.execute(`
    SELECT file, sum(good)::BIGINT AS good, sum(ragged)::BIGINT AS ragged, sum(lines)::BIGINT AS lines, sum(rescued)::BIGINT AS rescued FROM (
      SELECT "#file" AS file, count(*) AS good, 0 AS ragged, count(*) AS lines, count("#why") AS rescued FROM reasoned GROUP BY 1
      UNION ALL
      SELECT file, 0, count(*), sum(1 + length(raw) - length(replace(raw, chr(10), ''))), count(*) FROM ragged GROUP BY 1
    ) GROUP BY 1`);
  const byFile = new Map(counts.map((row) => [Number(row.file), row]));
  const appended: AppendedFile[] = [];
  for (const file of files) {
    const row = byFile.get(file.number);
    const [good, ragged, lines] = [Number(row?.good ?? 0), Number(row?.ragged ?? 0), Number(row?.lines ?? 0)];
    const expected = Math.max(0, file.lines - (options.header ? 1 : 0) - file.blank.length);
    if (lines !== expected) await checkRecords(session, file, options, good + ragged);
    appended.push({ key: file.key, rows: good + ragged, rescued: Number(row?.rescued ?? 0) });
  }
  const reasons = await session.execute(`
    SELECT reason, sum(n)::BIGINT AS n FROM (
      SELECT "#why" AS reason, count(*) AS n FROM reasoned WHERE "#why" IS NOT NULL GROUP BY 1
      UNION ALL SELECT 'ragged_row', count(*) FROM ragged
    ) GROUP BY 1 HAVING sum(n) > 0`);
  return {
    rows: appended.reduce((sum, file) => sum + file.rows, 0),
    rescued: Object.fromEntries(reasons.map((row) => [String(row.reason), Number(row.n)])),
    files: appended,
  };
}

/** Lines and records differ where fields hold line breaks: then the records are counted by another reader. */
async function checkRecords(
  session: WriterSession,
  file: InspectedFile,
  options: ReturnType<typeof readOptions>,
  read: number,
): Promise<void> {
  const records =
    options.kind === 'csv' && options.quote !== ''
      ? await countRecords(session, file, options)
      : file.lines - (options.header ? 1 : 0) - file.blank.length;
  if (records === read) return;
  throw fileError('countMismatch', file.name, `the file has ${records} records, but ${read} could be told apart`, {
    records,
    read,
  });
}

/** Commits a request's files unless its transaction is in the table. `exclusive` runs what must be alone on the table. */
export async function append(
  writer: DeltaWriter,
  uri: string,
  request: AppendRequest,
  session: WriterSession,
  exclusive: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<AppendResult> {
  const { appId, version, after } = request.transaction;
  const isIn = async () => {
    const state = await writer.describe(uri, [appId]);
    const last = state.transactions[appId] ?? -1;
    if (last < version && after !== undefined && last !== after) throw overtaken(request, last);
    return { state, done: last >= version };
  };
  const skipped = (at: number): AppendResult => ({ skipped: true, version: at, rows: 0, rescued: {}, files: [] });
  const before = await isIn();
  if (before.done) return skipped(before.state.version);
  const batch = await stageBatch(session, request);
  return exclusive(async () => {
    const now = await isIn();
    if (now.done) return skipped(now.state.version);
    const seen = { [appId]: now.state.transactions[appId] ?? null };
    const commit = { transactions: { [appId]: version }, seen, run: request.batch.runId };
    const committed = await session.append(uri, 'SELECT * FROM batch', commit);
    return { skipped: false, version: committed, ...batch };
  });
}

/** MR3015: another process appended to the table what this request was made to come right after. */
function overtaken({ table, transaction }: AppendRequest, last: number): MillraceError {
  return new MillraceError({
    code: 'MR3015',
    message: `Another process appended to ${table.layer}.${table.name} for ${transaction.appId}: the table is at ${last}, not at ${transaction.after}.`,
    subject: `${table.layer}.${table.name}`,
    hint: 'Nothing was written; the next attempt goes on from there.',
    facts: { appId: transaction.appId, expected: transaction.after, found: last, version: transaction.version },
  });
}
