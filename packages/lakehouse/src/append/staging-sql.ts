import { quoteIdentifier, quoteLiteral } from '../sql.ts';
import { checkedCast } from '../sql-types.ts';
import type { BatchIdentity, Column } from '../types.ts';
import type { FileGroup, InspectedFile, ReadOptions } from './source-files.ts';

/**
 * The SQL that brings files into the temporary table `staged` (one row a record that could be split, values of their
 * declared types) and the tables `rejects_<group>` (lines that could not), and from there into the view `batch`.
 */

/** Audit fields of a change record, beside the declared columns. */
const CHANGE_FIELDS: readonly Column[] = [
  { name: '_op', type: 'VARCHAR' },
  { name: '_source_lsn', type: 'BIGINT' },
  { name: '_source_seq', type: 'BIGINT' },
];

const json = (name: string) => JSON.stringify(name);

/** `files`: number, path as DuckDB reports it, key, records before the file in this batch. */
export function createFiles(files: readonly InspectedFile[], header: boolean): readonly string[] {
  let before = 0;
  const rows = files.map(({ number, path, key, lines }) => {
    const row = `(${number}, ${quoteLiteral(path)}, ${key === null ? 'NULL' : quoteLiteral(key)}, ${before})`;
    before += lines;
    return row;
  });
  const skipped = files.flatMap(({ number, blank }) => blank.map((line) => `(${number}, ${line})`));
  return [
    'CREATE TEMP TABLE files (number INTEGER, path VARCHAR, key VARCHAR, lines_before BIGINT)',
    ...(rows.length === 0 ? [] : [`INSERT INTO files VALUES ${rows.join(', ')}`]),
    'CREATE TEMP TABLE skipped (file INTEGER, line BIGINT)',
    ...(skipped.length === 0 ? [] : [`INSERT INTO skipped VALUES ${skipped.join(', ')}`]),
    `CREATE TEMP TABLE ragged (file INTEGER, line BIGINT, raw VARCHAR, message VARCHAR)`,
    `CREATE TEMP MACRO header_lines() AS ${header ? 1 : 0}`,
  ];
}

export function createStaged(columns: readonly Column[], kind: ReadOptions['kind']): string {
  const changes = kind === 'changes' ? CHANGE_FIELDS : [];
  const declared = [...columns, ...changes].map(({ name, type }) => `${quoteIdentifier(name)} ${type}`);
  return `CREATE TEMP TABLE staged (${[
    ...declared,
    '"#file" INTEGER',
    '"#record" BIGINT',
    // Members of a JSON object: values that are not of their type; fields that are not declared.
    '"#bad" VARCHAR',
    '"#unknown" VARCHAR',
    // The line itself, of a repeated header or of JSON that is no object.
    '"#raw" VARCHAR',
    '"#reason" VARCHAR',
  ].join(', ')})`;
}

/** Reads one group of files into `staged` and `rejects_<group>`. */
export function stageGroup(group: FileGroup, columns: readonly Column[], options: ReadOptions): string {
  return options.kind === 'csv' ? stageCsv(group, columns, options) : stageJson(group, columns, options);
}

function stageCsv(group: FileGroup, columns: readonly Column[], options: ReadOptions): string {
  const header = group.header ?? columns.map((column) => column.name);
  const field = (index: number) => quoteIdentifier(`f${index}`);
  const position = new Map(header.map((name, index) => [name, field(index)]));
  const declared = new Set(columns.map((column) => column.name));
  const texts = columns.map((column) => position.get(column.name) ?? 'NULL::VARCHAR');
  const unknown = header.flatMap((name, index) =>
    declared.has(name)
      ? []
      : [member(quoteLiteral(json(name)), `to_json(${field(index)})`, `${field(index)} IS NOT NULL`)],
  );
  const hasRepeats = group.files.some((file) => file.repeatedHeader.length > 0);
  const repeated = hasRepeats
    ? header.map((name, index) => `${field(index)} IS NOT DISTINCT FROM ${quoteLiteral(name)}`).join(' AND ')
    : 'false';
  const raw = quoteLiteral(header.join(options.delimiter));
  const reader = readCsv(
    group,
    header.map((_, index) => `f${index}`),
    {
      delim: options.delimiter,
      quote: options.quote,
      header: options.header,
      nullText: options.nullText,
    },
  );
  return insertStaged(columns, texts, {
    from: `(SELECT *, row_number() OVER () AS "#n" FROM ${reader}) AS r`,
    unknown: unknown.length === 0 ? 'NULL' : joinMembers(unknown),
    raw: `CASE WHEN ${repeated} THEN ${raw} END`,
    reason: `CASE WHEN ${repeated} THEN 'repeated_header' END`,
    blankIf: repeated,
  });
}

function stageJson(group: FileGroup, columns: readonly Column[], options: ReadOptions): string {
  const all = options.kind === 'changes' ? [...columns, ...CHANGE_FIELDS] : columns;
  const paths = all.map(({ name }) => quoteLiteral(`$.${json(name)}`));
  const names = `[${all.map(({ name }) => quoteLiteral(name)).join(', ')}]`;
  const texts = all.map((_, index) => `"#texts"[${index + 1}]`);
  const keys = 'json_keys("#object")';
  const unknownKeys = `list_filter(${keys}, lambda k : NOT list_contains(${names}, k))`;
  const members = `list_transform(${unknownKeys}, lambda k : to_json(k)::VARCHAR || ':' || ("#object"->('$."' || k || '"'))::VARCHAR)`;
  // Neither character can stand in a line of JSON: each line is one field.
  const reader = readCsv(group, ['line'], { delim: '\u0001', quote: '', header: false, nullText: '\u0002' });
  return insertStaged(all, texts, {
    from: `(
      SELECT *, json_extract_string("#object", [${paths.join(', ')}]) AS "#texts"
      FROM (
        SELECT *, CASE WHEN json_valid(line) THEN CASE WHEN json_type(line) = 'OBJECT' THEN line END END AS "#object"
        FROM (SELECT *, row_number() OVER () AS "#n" FROM ${reader})
      )
    ) AS r`,
    unknown: `CASE WHEN ${keys} <> ${names} THEN nullif(array_to_string(${members}, ','), '') END`,
    raw: `CASE WHEN "#object" IS NULL THEN line END`,
    reason: `CASE WHEN "#object" IS NULL THEN 'ragged_row' END`,
    blankIf: 'false',
  });
}

interface StagedParts {
  readonly from: string;
  readonly unknown: string;
  readonly raw: string;
  readonly reason: string;
  /** Rows of which nothing is a value. */
  readonly blankIf: string;
}

function insertStaged(columns: readonly Column[], texts: readonly string[], parts: StagedParts): string {
  const cells = columns.map(({ name, type }, index) => {
    const text = texts[index] ?? 'NULL::VARCHAR';
    const { value, exact } = checkedCast(text, type);
    return { name, text, value: exact === 'true' ? value : `CASE WHEN ${exact} THEN ${value} END`, as: `"#v${index}"` };
  });
  const keep = (value: string) =>
    parts.blankIf === 'false' ? value : `CASE WHEN NOT (${parts.blankIf}) THEN ${value} END`;
  // A text without a value is one that was not exact: each cast is made and checked once.
  const lost = cells.filter(({ value, text }) => value !== text);
  const bad = lost.map(({ name, text, as }) =>
    member(quoteLiteral(json(name)), `to_json(${text})`, `${text} IS NOT NULL AND ${as} IS NULL`),
  );
  const anyBad = lost.map(({ text, as }) => `(${text} IS NOT NULL AND ${as} IS NULL)`);
  return `
    INSERT INTO staged
    SELECT ${cells.map(({ as }) => keep(as)).join(', ')}, files.number, "#n",
      ${anyBad.length === 0 ? 'NULL' : keep(`CASE WHEN ${anyBad.join(' OR ')} THEN ${joinMembers(bad)} END`)},
      ${keep(parts.unknown)}, ${parts.raw}, ${parts.reason}
    FROM (SELECT *, ${cells.map(({ value, as }) => `${value} AS ${as}`).join(', ')} FROM ${parts.from}) AS r
    JOIN files ON files.path = r."#path"`;
}

/** One member of a JSON object, or NULL. */
function member(name: string, value: string, condition: string): string {
  return `CASE WHEN ${condition} THEN ${name} || ':' || ${value}::VARCHAR END`;
}

function joinMembers(members: readonly string[]): string {
  return `nullif(concat_ws(',', ${members.join(', ')}), '')`;
}

function readCsv(
  group: FileGroup,
  fields: readonly string[],
  style: { readonly delim: string; readonly quote: string; readonly header: boolean; readonly nullText: string },
): string {
  const paths = group.files.map((file) => quoteLiteral(file.path)).join(', ');
  const columns = fields.map((field) => `${quoteLiteral(field)}: 'VARCHAR'`).join(', ');
  return `read_csv([${paths}], auto_detect = false, columns = {${columns}}, header = ${style.header},
    delim = ${quoteLiteral(style.delim)}, quote = ${quoteLiteral(style.quote)}, escape = ${quoteLiteral(style.quote)},
    nullstr = ${quoteLiteral(style.nullText)}, ${lineLimits(group)} filename = '#path', store_rejects = true, rejects_limit = 0,
    rejects_table = 'rejects_${group.number}', rejects_scan = 'scans_${group.number}')`;
}

/** DuckDB cuts lines of more than 2 MB, and allocates 16 times what it is told to expect unless it is told that too. */
function lineLimits({ files }: FileGroup): string {
  const longest = Math.max(...files.map((file) => file.longest));
  return longest <= 2 ** 20 ? '' : `max_line_size = ${2 * longest}, buffer_size = ${Math.max(4 * longest, 2 ** 25)},`;
}

/** Collects the rejected lines of a group; each counts as one record, however many faults it has. */
export function collectRejects(group: FileGroup): string {
  return `
    INSERT INTO ragged
    SELECT files.number, r.line, trim(any_value(r.csv_line), E'\\r\\n'), any_value(r.error_message)
    FROM rejects_${group.number} AS r
    JOIN scans_${group.number} AS s USING (scan_id, file_id)
    JOIN files ON files.path = s.file_path
    GROUP BY ALL`;
}

/**
 * The view `batch`: bronze rows. DuckDB numbers lines as records, blank ones included; the line of the n-th good record of a
 * file is n plus the skipped lines before it.
 */
export function createBatch(
  columns: readonly Column[],
  kind: ReadOptions['kind'],
  batch: BatchIdentity,
  parts: { readonly anySkipped: boolean; readonly badEncoding: readonly InspectedFile[] },
): readonly string[] {
  const names = columns.map((column) => quoteIdentifier(column.name));
  const numbered = `(
      SELECT *, "#record" - min("#record") OVER (PARTITION BY "#file") + 1 AS "#nth" FROM staged
    )`;
  const lined = parts.anySkipped
    ? `(
        SELECT good.*, good."#nth" + header_lines() + coalesce(gap.number, 0) AS "#line"
        FROM ${numbered} AS good
        ASOF LEFT JOIN (
          SELECT file, line - header_lines() - number AS before, max(number) AS number
          FROM (SELECT file, line, row_number() OVER (PARTITION BY file ORDER BY line) AS number FROM skipped)
          GROUP BY ALL
        ) AS gap ON gap.file = good."#file" AND good."#nth" > gap.before
      )`
    : `(SELECT *, "#nth" + header_lines() AS "#line" FROM ${numbered})`;
  const wrong = parts.badEncoding.flatMap(({ number, badEncoding }) =>
    badEncoding.map((line) => `(${number}, ${line})`),
  );
  const encoded = wrong.length === 0 ? 'false' : `(l."#file", l."#line") IN (${wrong.join(', ')})`;
  const reason = `CASE
      WHEN l."#reason" IS NOT NULL THEN l."#reason" WHEN l."#bad" IS NOT NULL THEN 'bad_value'
      WHEN l."#unknown" IS NOT NULL THEN 'unknown_column' WHEN ${encoded} THEN 'bad_encoding' END`;
  const audit = (op: string, lsn: string, seq: string) => `
      ${quoteLiteral(batch.sourceSystem)} AS _source_system, files.key AS _source_file, ${lsn} AS _source_lsn,
      ${seq} AS _source_seq, ${op} AS _op, ${quoteLiteral(batch.ingestedAt)}::TIMESTAMPTZ AS _ingested_at,
      ${quoteLiteral(batch.runId)} AS _run_id, ${quoteLiteral(batch.batchId)} AS _batch_id`;
  const place = 'files.lines_before + l."#line"';
  const own =
    kind === 'changes'
      ? audit('l._op', 'l._source_lsn', `coalesce(l._source_seq, ${place})`)
      : audit(`'c'`, 'NULL::BIGINT', place);
  return [
    `CREATE TEMP VIEW reasoned AS SELECT l.*, ${reason} AS "#why" FROM ${lined} AS l`,
    `CREATE TEMP VIEW batch AS
      SELECT ${names.map((name) => `l.${name}`).join(', ')}, ${own},
        CASE WHEN l."#why" IS NOT NULL THEN '{' || concat_ws(',', l."#bad", l."#unknown",
          '"_raw":' || to_json(l."#raw")::VARCHAR, '"_line":' || l."#line", '"_reason":"' || l."#why" || '"') || '}' END
          AS _rescued_data
      FROM reasoned AS l JOIN files ON files.number = l."#file"
      UNION ALL
      SELECT ${names.map((name) => `NULL AS ${name}`).join(', ')}, ${audit(`'c'`, 'NULL::BIGINT', 'files.lines_before + ragged.line')},
        '{"_raw":' || coalesce(to_json(raw)::VARCHAR, 'null') || ',"_line":' || ragged.line || ',"_reason":"ragged_row"}'
      FROM ragged JOIN files ON files.number = ragged.file`,
  ];
}
