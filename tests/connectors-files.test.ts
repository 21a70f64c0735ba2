import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FileStream, landBatch } from '../ingestion/connectors/files/index.ts';
import { failure, testProgress } from './support/connector-lake.ts';
import { TestStreams } from './support/connector-streams.ts';

let at: TestStreams;

beforeAll(async () => {
  at = await TestStreams.open();
});

afterAll(async () => {
  await at.close();
});

describe('landing', () => {
  it('lands every format with its audit columns, and nothing twice', async () => {
    const pos = at.stream();
    await at.put(pos, '2024-01-01/sales.csv', 'id,name,amount\n1,Ä,1.10\n2,,\n');
    await at.put(pos, '2024-01-02/sales.csv.gz', gzipSync('name,id,amount\r\n"three, ""3""",3,3.30\r\n'));
    await at.put(pos, '2024-01-03/sales.jsonl', '{"id":4,"name":"vier","amount":"4.40"}\n');
    await at.put(pos, '2024-01-03/notes.txt', 'not of this stream');
    const results = await at.landAll(pos);
    expect(results.map(({ rows: n, files, skipped }) => ({ n, files, skipped }))).toEqual([
      { n: 3, files: 2, skipped: false },
      { n: 1, files: 1, skipped: false },
    ]);
    expect(await at.rows(pos)).toEqual([
      { id: 1, name: 'Ä', amount: '1.10', rescued: null },
      { id: 2, name: null, amount: null, rescued: null },
      { id: 3, name: 'three, "3"', amount: '3.30', rescued: null },
      { id: 4, name: 'vier', amount: '4.40', rescued: null },
    ]);
    const [audit] = await at.test.lake.query(
      `SELECT _source_system, _source_file, _op, _run_id, _batch_id FROM bronze.${pos.table} WHERE id = 3`,
    );
    expect(audit).toEqual({
      _source_system: 'pos',
      _source_file: `${pos.prefix}2024-01-02/sales.csv.gz`,
      _op: 'c',
      _run_id: at.test.runId,
      _batch_id: results[0]?.batchId,
    });
    expect(await at.discover(pos)).toEqual([]);
  });

  it('takes only days up to the date', async () => {
    const pos = at.stream();
    await at.put(pos, '2024-01-01/sales.csv', 'id,name,amount\n1,a,1\n');
    await at.put(pos, '2024-01-02/sales.csv', 'id,name,amount\n2,b,2\n');
    expect((await at.landAll(pos, '2024-01-01')).map(({ rows: n }) => n)).toEqual([1]);
    expect((await at.landAll(pos, '2024-01-02')).map(({ rows: n }) => n)).toEqual([1]);
    expect(await at.rows(pos)).toHaveLength(2);
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
      line: 3,
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
      const pos = at.stream(options);
      const utf16 = options.encoding === 'utf-16';
      await at.put(
        pos,
        `2024-01-01/sales.${file.endsWith('jsonl') ? 'jsonl' : 'csv'}`,
        file.endsWith('jsonl') ? '{"id":1}\n' : utf16 ? Buffer.from(good, 'utf16le') : good,
      );
      await at.put(pos, `2024-01-02/${file}`, body);
      const [ref] = await at.discover(pos);
      if (ref === undefined) throw new Error('no batch');
      const error = await failure(landBatch(pos, ref, at.test, testProgress()));
      expect(error).toMatchObject({ code, retryable: false });
      expect(error.message).toContain(`${pos.prefix}2024-01-02/${file}`);
      expect(error.facts.file).toBe(`${pos.prefix}2024-01-02/${file}`);
      if (message !== undefined) expect(error.message).toContain(message);
      if (line !== undefined) {
        expect(error.facts.line).toBe(line);
        expect(error.message).toContain(`line ${line}`);
      }
      expect(await at.rows(pos)).toEqual([]);
      expect(await at.discover(pos)).toEqual([ref]);
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
    const pos = at.stream(options);
    await at.put(pos, '2024-01-01/sales.csv', good);
    await at.put(pos, '2024-01-02/sales.csv', body);
    const [result] = await at.landAll(pos);
    expect(result).toMatchObject({ rows: 2 + kept.length, rescued, files: 2, superseded: [], rejected: [] });
    const found = (await at.rows(pos)).map((row) => ({
      ...row,
      rescued: row.rescued === null ? null : JSON.parse(String(row.rescued)),
    }));
    expect(found).toEqual([...goodRows, ...kept]);
    expect(await at.discover(pos)).toEqual([]);
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
      line: 3,
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
      const pos = at.stream(options);
      await at.put(pos, '2024-01-01/sales.csv', good);
      await at.put(pos, `2024-01-02/${file}`, body);
      const key = `${pos.prefix}2024-01-02/${file}`;
      const [result] = await at.landAll(pos);
      expect(result).toMatchObject({ rows: 2, files: 1, rejected: [{ file: key, code, line }] });
      expect(await at.rows(pos)).toEqual(goodRows);
      const recorded = await at.test.lake.query(
        `SELECT file, code, line, size, _batch_id FROM bronze.rejected_files WHERE stream = '${pos.name}'`,
      );
      expect(recorded).toEqual([{ file: key, code, line, size: body.length, _batch_id: result?.batchId }]);
      expect(await at.discover(pos)).toEqual([]);
    },
  );

  it('a batch of nothing but bad files is done all the same', async () => {
    const pos = at.stream({ problems: { truncated: 'quarantine' } });
    await at.put(pos, '2024-01-02/sales.csv.gz', gzip.subarray(0, -9));
    expect(await at.landAll(pos)).toMatchObject([{ rows: 0, files: 0, rejected: [{ code: 'MR3101' }] }]);
    expect(await at.discover(pos)).toEqual([]);
    expect(await at.landAll(pos)).toEqual([]);
  });
});
