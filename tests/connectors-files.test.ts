import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { discoverFiles, type FileStream, landBatch } from '../ingestion/connectors/files/index.ts';
import { failure, openTestLake, type TestLake, testProgress } from './support/connector-lake.ts';

const columns = [
  { name: 'id', type: 'BIGINT' },
  { name: 'name', type: 'VARCHAR' },
  { name: 'amount', type: 'DECIMAL(9,2)' },
] as const;

let test: TestLake;
let count = 0;

beforeAll(async () => {
  test = await openTestLake('files');
});

afterAll(async () => {
  await test.close();
});

/** A stream with a prefix and a table of its own. */
function stream(options: Partial<FileStream> = {}): FileStream {
  const name = `s${++count}`;
  return {
    name,
    sourceSystem: 'pos',
    prefix: `landing/${name}/`,
    pattern: '{date}/sales.{csv,csv.gz,jsonl}',
    table: name,
    columns,
    ...options,
  };
}

function put({ prefix }: FileStream, path: string, body: string | Uint8Array): Promise<void> {
  // The S3 client warns of an empty text.
  return test.lake.s3.put(prefix + path, body === '' ? new Uint8Array() : body);
}

const discover = (of: FileStream, upTo = '2024-12-31') => discoverFiles(of, { upTo }, test.lake, testProgress());

async function landAll(of: FileStream, upTo?: string) {
  const results = [];
  for (const ref of await discover(of, upTo)) results.push(await landBatch(of, ref, test, testProgress()));
  return results;
}

/** Values of a bronze table by id; none if there is no table yet. */
async function rows({ table }: FileStream) {
  if ((await test.lake.tableInfo({ layer: 'bronze', name: table })).version < 0) return [];
  return test.lake.query(`SELECT id, name, amount, _rescued_data AS rescued FROM bronze.${table} ORDER BY id, name`);
}

describe('landing', () => {
  it('lands every format with its audit columns, and nothing twice', async () => {
    const pos = stream();
    await put(pos, '2024-01-01/sales.csv', 'id,name,amount\n1,Ä,1.10\n2,,\n');
    await put(pos, '2024-01-02/sales.csv.gz', gzipSync('name,id,amount\r\n"three, ""3""",3,3.30\r\n'));
    await put(pos, '2024-01-03/sales.jsonl', '{"id":4,"name":"vier","amount":"4.40"}\n');
    await put(pos, '2024-01-03/notes.txt', 'not of this stream');
    const results = await landAll(pos);
    expect(results.map(({ rows: n, files, skipped }) => ({ n, files, skipped }))).toEqual([
      { n: 3, files: 2, skipped: false },
      { n: 1, files: 1, skipped: false },
    ]);
    expect(await rows(pos)).toEqual([
      { id: 1, name: 'Ä', amount: '1.10', rescued: null },
      { id: 2, name: null, amount: null, rescued: null },
      { id: 3, name: 'three, "3"', amount: '3.30', rescued: null },
      { id: 4, name: 'vier', amount: '4.40', rescued: null },
    ]);
    const [audit] = await test.lake.query(
      `SELECT _source_system, _source_file, _op, _run_id, _batch_id FROM bronze.${pos.table} WHERE id = 3`,
    );
    expect(audit).toEqual({
      _source_system: 'pos',
      _source_file: `${pos.prefix}2024-01-02/sales.csv.gz`,
      _op: 'c',
      _run_id: test.runId,
      _batch_id: results[0]?.batchId,
    });
    expect(await discover(pos)).toEqual([]);
  });

  it('takes only days up to the date', async () => {
    const pos = stream();
    await put(pos, '2024-01-01/sales.csv', 'id,name,amount\n1,a,1\n');
    await put(pos, '2024-01-02/sales.csv', 'id,name,amount\n2,b,2\n');
    expect((await landAll(pos, '2024-01-01')).map(({ rows: n }) => n)).toEqual([1]);
    expect((await landAll(pos, '2024-01-02')).map(({ rows: n }) => n)).toEqual([1]);
    expect(await rows(pos)).toHaveLength(2);
  });
});

const good = 'id,name,amount\n1,one,1.10\n2,two,2.20\n';
const goodRows = [
  { id: 1, name: 'one', amount: '1.10', rescued: null },
  { id: 2, name: 'two', amount: '2.20', rescued: null },
];
const ragged = 'id,name,amount\n3,three,3.30\n4,four\n5,five,5.50\n';
const gzip = gzipSync('id,name,amount\n3,three,3.30\n');

interface BadInput {
  readonly what: string;
  readonly body: string | Uint8Array;
  readonly file?: string;
  readonly options: Partial<FileStream>;
}

describe('bad input that is declared to fail', () => {
  const cases: readonly (BadInput & { readonly code: string; readonly line?: number; readonly message?: string })[] = [
    {
      what: 'a truncated gzip',
      body: gzip.subarray(0, -9),
      file: 'sales.csv.gz',
      options: {},
      code: 'MR3101',
      message: 'is cut off',
    },
    {
      what: 'a gzip without its checksum',
      body: gzip.subarray(0, -4),
      file: 'sales.csv.gz',
      options: {},
      code: 'MR3101',
    },
    {
      what: 'bytes after a gzip',
      body: Buffer.concat([gzip, Buffer.from('x')]),
      file: 'sales.csv.gz',
      options: {},
      code: 'MR3101',
    },
    {
      what: 'padding after a gzip',
      body: Buffer.concat([gzip, Buffer.alloc(9)]),
      file: 'sales.csv.gz',
      options: {},
      code: 'MR3101',
      message: 'has 9 bytes after the end',
    },
    { what: 'a plain file named gz', body: good, file: 'sales.csv.gz', options: {}, code: 'MR3101' },
    { what: 'a ragged row', body: ragged, options: { problems: { raggedRow: 'fail' } }, code: 'MR3102', line: 3 },
    {
      what: 'a line that is no JSON',
      body: '{"id":3}\n{"id":4',
      file: 'sales.jsonl',
      options: { problems: { raggedRow: 'fail' } },
      code: 'MR3102',
      line: 2,
    },
    {
      what: 'a wrong encoding',
      body: Buffer.from('id,name,amount\n3,three,3\n4,K\xf6ln,4\n', 'latin1'),
      options: {},
      code: 'MR3107',
      line: 3,
      message: 'byte 0xf6',
    },
    {
      what: 'a wrong encoding in JSON',
      body: Buffer.from('{"id":3}\n{"name":"K\xf6ln"}\n', 'latin1'),
      file: 'sales.jsonl',
      options: {},
      code: 'MR3107',
      line: 2,
    },
    {
      what: 'UTF-16 where UTF-8 is declared',
      body: Buffer.from(good, 'utf16le'),
      options: {},
      code: 'MR3107',
      line: 1,
    },
    {
      what: 'a cut character at the end',
      body: Buffer.from('id,name,amount\n3,three,3\n4,\xc3', 'latin1'),
      options: {},
      code: 'MR3107',
      line: 3,
    },
    {
      what: 'half a UTF-16 pair',
      body: Buffer.from('id,name,amount\n3,\ud83d!,3\n', 'utf16le'),
      options: { encoding: 'utf-16' },
      code: 'MR3107',
      line: 2,
    },
    {
      what: 'a missing column',
      body: 'id,amount\n3,3\n',
      options: {},
      code: 'MR3106',
      line: 1,
      message: 'column name',
    },
    {
      what: 'an undeclared column',
      body: 'id,name,amount,extra\n3,a,3,x\n',
      options: { problems: { unknownColumn: 'fail' } },
      code: 'MR3105',
      line: 1,
      message: 'extra',
    },
    {
      what: 'an undeclared field',
      body: '{"id":3}\n{"id":4,"extra":1}\n',
      file: 'sales.jsonl',
      options: { problems: { unknownColumn: 'fail' } },
      code: 'MR3105',
      line: 2,
    },
    {
      what: 'a column that is named twice',
      body: 'id,name,amount,name\n3,a,3,b\n',
      options: {},
      code: 'MR3154',
      line: 1,
    },
    { what: 'no header', body: '3,three,3\n', options: {}, code: 'MR3155', line: 1 },
    {
      what: 'no header, with missing columns rescued',
      body: '3,three,3\n',
      options: { problems: { missingColumn: 'rescue' } },
      code: 'MR3155',
      line: 1,
    },
    {
      what: 'the header in the middle',
      body: `${good}id,name,amount\n3,a,3\n`,
      options: { problems: { repeatedHeader: 'fail' } },
      code: 'MR3104',
      line: 4,
    },
    { what: 'an empty file', body: '', options: { problems: { emptyFile: 'fail' } }, code: 'MR3108' },
    {
      what: 'an empty gzip',
      body: gzipSync(''),
      file: 'sales.csv.gz',
      options: { problems: { emptyFile: 'fail' } },
      code: 'MR3108',
    },
    { what: 'a byte order mark alone', body: '\ufeff', options: { problems: { emptyFile: 'fail' } }, code: 'MR3108' },
    {
      what: 'a bad value',
      body: 'id,name,amount\n3,three,3\nvier,four,4\n',
      options: { problems: { badValue: 'fail' } },
      code: 'MR3103',
      line: 3,
    },
    {
      what: 'a gzip bomb',
      body: gzipSync(Buffer.alloc(4_000_000, 'a')),
      file: 'sales.csv.gz',
      options: { maxUnpackedBytes: 1_000_000 },
      code: 'MR3156',
    },
  ];

  it.each(cases)(
    '$what: coded error, nothing of the batch is in',
    async ({ body, file = 'sales.csv', options, code, line, message }) => {
      const pos = stream(options);
      const utf16 = options.encoding === 'utf-16';
      await put(
        pos,
        `2024-01-01/sales.${file.endsWith('jsonl') ? 'jsonl' : 'csv'}`,
        file.endsWith('jsonl') ? '{"id":1}\n' : utf16 ? Buffer.from(good, 'utf16le') : good,
      );
      await put(pos, `2024-01-02/${file}`, body);
      const [ref] = await discover(pos);
      if (ref === undefined) throw new Error('no batch');
      const error = await failure(landBatch(pos, ref, test, testProgress()));
      expect(error).toMatchObject({ code, retryable: false });
      expect(error.message).toContain(`${pos.prefix}2024-01-02/${file}`);
      expect(error.facts.file).toBe(`${pos.prefix}2024-01-02/${file}`);
      if (message !== undefined) expect(error.message).toContain(message);
      if (line !== undefined) {
        expect(error.facts.line).toBe(line);
        expect(error.message).toContain(`line ${line}`);
      }
      expect(await rows(pos)).toEqual([]);
      expect(await discover(pos)).toEqual([ref]);
    },
  );
});

describe('bad input that is declared to be kept', () => {
  const cases: readonly (BadInput & { readonly kept: readonly Record<string, unknown>[]; readonly rescued: number })[] =
    [
      {
        what: 'a ragged row',
        body: ragged,
        options: {},
        rescued: 1,
        kept: [
          { id: 3, name: 'three', amount: '3.30', rescued: null },
          { id: 5, name: 'five', amount: '5.50', rescued: null },
          { id: null, name: null, amount: null, rescued: { _raw: '4,four', _line: 3, _reason: 'ragged_row' } },
        ],
      },
      {
        what: 'a missing column',
        body: 'id,amount\n3,3\n',
        options: { problems: { missingColumn: 'rescue' } },
        rescued: 0,
        kept: [{ id: 3, name: null, amount: '3.00', rescued: null }],
      },
      {
        what: 'the header in the middle',
        body: 'id,name,amount\n3,a,3\nid,name,amount\n4,b,4\n',
        options: {},
        rescued: 1,
        kept: [
          { id: 3, name: 'a', amount: '3.00', rescued: null },
          { id: 4, name: 'b', amount: '4.00', rescued: null },
          {
            id: null,
            name: null,
            amount: null,
            rescued: { _raw: 'id,name,amount', _line: 3, _reason: 'repeated_header' },
          },
        ],
      },
      { what: 'an empty file', body: '', options: {}, rescued: 0, kept: [] },
      { what: 'a header alone', body: 'id,name,amount\n', options: {}, rescued: 0, kept: [] },
      {
        what: 'a bad value and an undeclared column',
        body: 'id,name,amount,extra\n3,a,much,x\n',
        options: {},
        rescued: 1,
        kept: [
          { id: 3, name: 'a', amount: null, rescued: { amount: 'much', extra: 'x', _line: 2, _reason: 'bad_value' } },
        ],
      },
    ];

  it.each(cases)('$what', async ({ body, options, kept, rescued }) => {
    const pos = stream(options);
    await put(pos, '2024-01-01/sales.csv', good);
    await put(pos, '2024-01-02/sales.csv', body);
    const [result] = await landAll(pos);
    expect(result).toMatchObject({ rows: 2 + kept.length, rescued, files: 2, superseded: [], rejected: [] });
    const found = (await rows(pos)).map((row) => ({
      ...row,
      rescued: row.rescued === null ? null : JSON.parse(String(row.rescued)),
    }));
    expect(found).toEqual([...goodRows, ...kept]);
    expect(await discover(pos)).toEqual([]);
  });
});

describe('bad input that is declared to be quarantined', () => {
  const cases: readonly (BadInput & { readonly code: string; readonly line: number | null })[] = [
    {
      what: 'a truncated gzip',
      body: gzip.subarray(0, -9),
      file: 'sales.csv.gz',
      options: { problems: { truncated: 'quarantine' } },
      code: 'MR3101',
      line: null,
    },
    {
      what: 'a wrong encoding',
      body: Buffer.from('id,name,amount\n4,K\xf6ln,4\n', 'latin1'),
      options: { problems: { badEncoding: 'quarantine' } },
      code: 'MR3107',
      line: 2,
    },
    {
      what: 'a missing column',
      body: 'id,amount\n3,3\n',
      options: { problems: { missingColumn: 'quarantine' } },
      code: 'MR3106',
      line: 1,
    },
    { what: 'an empty file', body: '', options: { problems: { emptyFile: 'quarantine' } }, code: 'MR3108', line: null },
  ];

  it.each(cases)(
    '$what: the file is on record, the others land',
    async ({ body, file = 'sales.csv', options, code, line }) => {
      const pos = stream(options);
      await put(pos, '2024-01-01/sales.csv', good);
      await put(pos, `2024-01-02/${file}`, body);
      const key = `${pos.prefix}2024-01-02/${file}`;
      const [result] = await landAll(pos);
      expect(result).toMatchObject({ rows: 2, files: 1, rejected: [{ file: key, code, line }] });
      expect(await rows(pos)).toEqual(goodRows);
      const recorded = await test.lake.query(
        `SELECT file, code, line, size, _batch_id FROM bronze.rejected_files WHERE stream = '${pos.name}'`,
      );
      expect(recorded).toEqual([{ file: key, code, line, size: body.length, _batch_id: result?.batchId }]);
      expect(await discover(pos)).toEqual([]);
    },
  );

  it('a batch of nothing but bad files is done all the same', async () => {
    const pos = stream({ problems: { truncated: 'quarantine' } });
    await put(pos, '2024-01-02/sales.csv.gz', gzip.subarray(0, -9));
    expect(await landAll(pos)).toMatchObject([{ rows: 0, files: 0, rejected: [{ code: 'MR3101' }] }]);
    expect(await discover(pos)).toEqual([]);
    expect(await landAll(pos)).toEqual([]);
  });
});

describe('encodings and dialects', () => {
  const text = 'id,name,amount\n1,Zoë €😀,1.10\n2,"two\nlines",2.20\n';
  const expected = [
    { id: 1, name: 'Zoë €😀', amount: '1.10', rescued: null },
    { id: 2, name: 'two\nlines', amount: '2.20', rescued: null },
  ];
  const bigEndian = (bytes: Buffer) => Buffer.from(bytes).swap16();
  it.each([
    ['utf-8 with a byte order mark', Buffer.from(`\ufeff${text}`), {}],
    ['utf-16 little-endian with a mark', Buffer.from(`\ufeff${text}`, 'utf16le'), { encoding: 'utf-16' }],
    ['utf-16 big-endian with a mark', bigEndian(Buffer.from(`\ufeff${text}`, 'utf16le')), { encoding: 'utf-16' }],
    ['utf-16 without a mark', Buffer.from(text, 'utf16le'), { encoding: 'utf-16' }],
    ['tabs', Buffer.from(text.replaceAll(',', '\t')), { csv: { delimiter: '\t' } }],
    ['no header', Buffer.from(text.slice(text.indexOf('\n') + 1)), { csv: { header: false } }],
  ] as const)('%s', async (_what, body, options) => {
    const pos = stream(options);
    await put(pos, '2024-01-01/sales.csv', body);
    await landAll(pos);
    expect(await rows(pos)).toEqual(expected);
  });

  it('latin1, with carriage returns', async () => {
    const pos = stream({ encoding: 'latin1' });
    await put(pos, '2024-01-01/sales.csv', Buffer.from('id,name,amount\r\n1,K\xf6ln,1.10\r\n', 'latin1'));
    await landAll(pos);
    expect(await rows(pos)).toEqual([{ id: 1, name: 'Köln', amount: '1.10', rescued: null }]);
  });

  it('characters that lie across chunks, in a large file', async () => {
    const pos = stream();
    const lines = Array.from({ length: 40_000 }, (_, id) => `${id},€${'ü'.repeat(id % 7)}😀,0.01`);
    await put(pos, '2024-01-01/sales.csv.gz', gzipSync(`id,name,amount\n${lines.join('\n')}`));
    await landAll(pos);
    const [sums] = await test.lake.query(
      `SELECT count(*) AS n, sum(length(name)) AS chars, count(_rescued_data) AS rescued FROM bronze.${pos.table}`,
    );
    expect(sums).toEqual({ n: 40_000, chars: 199_995, rescued: 0 });
  });
});
