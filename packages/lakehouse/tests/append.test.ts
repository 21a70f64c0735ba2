import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AppendRequest } from '../src/index.ts';
import { batch, bronze, progress, rejection, saleColumns, type TestLake, testLake } from './support/lake.ts';

let at: TestLake;
beforeAll(async () => {
  at = await testLake();
});
afterAll(() => at.close());

function request(table: string, id: string, input: AppendRequest['input'], more: Partial<AppendRequest> = {}) {
  const transaction = { appId: `files:${table}:${id}`, version: 1 };
  return { table: bronze(table), input, columns: saleColumns, batch: batch(id), transaction, ...more };
}

const header = 'id,amount,zip,day';

describe('what fits', () => {
  it('keeps leading zeros, exact decimals, and maps columns by name', async () => {
    const file = at.file(
      'fits.csv',
      'zip,id,day,amount\n00042,1,2002-12-31,0.10\n01234,2,,1234567.89\n"a ""b"", c",3,,\n',
    );
    const result = await at.lake.append(request('fits', 'a', { kind: 'csv', files: [file] }), progress());
    expect(result).toMatchObject({ skipped: false, rows: 3, rescued: {} });
    expect(await at.lake.query('SELECT id, amount, zip, day, _rescued_data FROM bronze.fits ORDER BY id')).toEqual([
      { id: 1, amount: '0.10', zip: '00042', day: '2002-12-31', _rescued_data: null },
      { id: 2, amount: '1234567.89', zip: '01234', day: null, _rescued_data: null },
      { id: 3, amount: null, zip: 'a "b", c', day: null, _rescued_data: null },
    ]);
  });

  it('takes columns that are named like what the writer counts with', async () => {
    const names = ['reason', 'line', 'n', 'file', 'number', 'key', 'raw', 'path', 'lines_before', 'message'];
    const columns = names.map((name) => ({ name, type: 'VARCHAR' }));
    const file = at.file('names.csv', `${names.join(',')}\n${names.map((name) => `a ${name}`).join(',')}\n`);
    const result = await at.lake.append(request('names', 'a', { kind: 'csv', files: [file] }, { columns }), progress());
    expect(result).toMatchObject({ rows: 1, rescued: {} });
    expect(await at.lake.query('SELECT *, _source_seq AS seq, _rescued_data AS rest FROM bronze.names')).toMatchObject([
      { ...Object.fromEntries(names.map((name) => [name, `a ${name}`])), seq: 2, rest: null },
    ]);
  });

  it('stamps each row with its origin', async () => {
    const files = [at.file('x/a.csv', `${header}\n1,1,1,\n2,2,2,\n`), at.file('x/b.csv', `${header}\n3,3,3,\n`)];
    await at.lake.append(request('stamped', 'a', { kind: 'csv', files }), progress());
    const rows = await at.lake.query('SELECT * EXCLUDE (amount, zip, day) FROM bronze.stamped ORDER BY _source_seq');
    expect(rows.map((row) => [row.id, row._source_file, row._source_seq])).toEqual([
      [1, 'x/a.csv', 2],
      [2, 'x/a.csv', 3],
      [3, 'x/b.csv', 5],
    ]);
    expect(rows[0]).toMatchObject({
      _source_system: 'pos',
      _source_lsn: null,
      _op: 'c',
      _run_id: 'run-a',
      _batch_id: 'a',
      _ingested_at: '2003-01-01T07:00:00+00:00',
    });
  });

  it('reads gzip, carriage returns, a byte order mark, another delimiter, quote and encoding, and no header', async () => {
    const crlf = at.file('crlf.csv.gz', gzipSync(`\uFEFF${header}\r\n1,1.50,007,2002-12-31\r\n2,2,008,\r\n`));
    await at.lake.append(request('styles', 'crlf', { kind: 'csv', files: [crlf] }), progress());
    const bare = at.file('bare.csv', Buffer.from("3|3|'Z|\xFCrich'|\n", 'latin1'));
    const style = {
      kind: 'csv',
      files: [bare],
      header: false,
      delimiter: '|',
      quote: "'",
      encoding: 'latin-1',
    } as const;
    await at.lake.append(request('styles', 'bare', style), progress());
    expect(await at.lake.query('SELECT id, amount, zip FROM bronze.styles ORDER BY id')).toEqual([
      { id: 1, amount: '1.50', zip: '007' },
      { id: 2, amount: '2.00', zip: '008' },
      { id: 3, amount: '3.00', zip: 'Z|ürich' },
    ]);
  });

  it('reads JSON lines without a detour through floating point', async () => {
    const columns = [...saleColumns, { name: 'precise', type: 'DECIMAL(38,20)' }];
    const file = at.file(
      'exact.jsonl',
      '{"id": 12345678901234567, "amount": "0.10", "zip": "00501", "precise": 0.12345678901234567891}\n' +
        '{"precise": "1.5", "amount": 1234567.89, "id": "2", "day": "2002-12-31", "zip": null}\n',
    );
    const input = { kind: 'jsonl', files: [file] } as const;
    const result = await at.lake.append(request('exact', 'a', input, { columns }), progress());
    expect(result.rescued).toEqual({});
    expect(await at.lake.query('SELECT id::VARCHAR AS id, amount, zip, precise FROM bronze.exact ORDER BY 1')).toEqual([
      { id: '12345678901234567', amount: '0.10', zip: '00501', precise: '0.12345678901234567891' },
      { id: '2', amount: '1234567.89', zip: null, precise: '1.50000000000000000000' },
    ]);
  });

  it('reads change records with their own position', async () => {
    const file = at.file(
      'changes.ndjson',
      '{"_op":"u","_source_lsn":"987654321","_source_seq":"7","id":"1","amount":"5.00","zip":"1","day":null}\n',
    );
    await at.lake.append(request('changed', 'a', { kind: 'changes', files: [{ ...file, key: null }] }), progress());
    expect(
      await at.lake.query('SELECT id, amount, _op, _source_lsn, _source_seq, _source_file FROM bronze.changed'),
    ).toEqual([{ id: 1, amount: '5.00', _op: 'u', _source_lsn: 987654321, _source_seq: 7, _source_file: null }]);
  });

  it('reads thousands of small files in one commit', async () => {
    const files = Array.from({ length: 3000 }, (_, day) =>
      at.file(`days/${day}.csv`, `${header}\n${day},${day}.25,${day},2002-12-31\n`),
    );
    const result = await at.lake.append(request('days', 'a', { kind: 'csv', files }), progress());
    expect(result).toMatchObject({ rows: 3000, version: 0 });
    expect(result.files).toHaveLength(3000);
    expect(
      await at.lake.query('SELECT count(DISTINCT _source_file) AS n, sum(amount) AS total FROM bronze.days'),
    ).toEqual([{ n: 3000, total: '4499250.00' }]);
  });
});

describe('what does not fit', () => {
  const lines = [
    'id,amount,zip,day,colour',
    '1,1.00,1,2002-12-31,red',
    'x,1.239,2,2002-02-30,',
    '',
    '3,3',
    '4,4,4,,,too,many',
    'id,amount,zip,day,colour',
    '5.0,5,5,,',
    '1.5,6,6,,',
  ];

  it('is rescued by default, with line and reason', async () => {
    const file = at.file('bad.csv', `${lines.join('\n')}\n`);
    const result = await at.lake.append(request('bad', 'a', { kind: 'csv', files: [file] }), progress());
    expect(result).toMatchObject({
      rows: 7,
      rescued: { unknown_column: 1, bad_value: 2, ragged_row: 2, repeated_header: 1 },
    });
    const rows = await at.lake.query('SELECT id, zip, _rescued_data FROM bronze.bad ORDER BY _source_seq');
    expect(rows.map((row) => [row.id, row.zip, JSON.parse(String(row._rescued_data))])).toEqual([
      [1, '1', { colour: 'red', _line: 2, _reason: 'unknown_column' }],
      [null, '2', { id: 'x', amount: '1.239', day: '2002-02-30', _line: 3, _reason: 'bad_value' }],
      [null, null, { _raw: '3,3', _line: 5, _reason: 'ragged_row' }],
      [null, null, { _raw: '4,4,4,,,too,many', _line: 6, _reason: 'ragged_row' }],
      [null, null, { _raw: 'id,amount,zip,day,colour', _line: 7, _reason: 'repeated_header' }],
      [5, '5', null],
      [null, '6', { id: '1.5', _line: 9, _reason: 'bad_value' }],
    ]);
  });

  it.each([
    ['raggedRow', 'MR3102', 5],
    ['badValue', 'MR3103', 3],
    ['repeatedHeader', 'MR3104', 7],
    ['unknownColumn', 'MR3105', 1],
  ] as const)('fails if %s is declared to: %s', async (rule, code, line) => {
    const file = at.file(`bad-${rule}.csv`, `${lines.join('\n')}\n`);
    const rules = { [rule]: 'fail' };
    const error = await rejection(
      at.lake.append(request(`bad_${rule}`, 'a', { kind: 'csv', files: [file] }, { rules }), progress()),
    );
    expect(error).toMatchObject({ code, retryable: false, subject: `bad-${rule}.csv`, facts: { line } });
    expect((await at.lake.tableInfo(bronze(`bad_${rule}`))).version).toBe(-1);
  });

  it('rescues JSON lines that are no objects, and unknown fields as they are', async () => {
    const file = at.file('bad.jsonl', '{"id":1,"tags":["a",{"b":1}]}\n[1]\nnonsense\n{"id":"x"}\n{"id":{"a":1}}\n');
    await at.lake.append(request('bad_json', 'a', { kind: 'jsonl', files: [file] }), progress());
    const rows = await at.lake.query('SELECT id, _rescued_data FROM bronze.bad_json ORDER BY _source_seq');
    expect(rows.map((row) => [row.id, JSON.parse(String(row._rescued_data))])).toEqual([
      [1, { tags: ['a', { b: 1 }], _line: 1, _reason: 'unknown_column' }],
      [null, { _raw: '[1]', _line: 2, _reason: 'ragged_row' }],
      [null, { _raw: 'nonsense', _line: 3, _reason: 'ragged_row' }],
      [null, { id: 'x', _line: 4, _reason: 'bad_value' }],
      [null, { id: '{"a":1}', _line: 5, _reason: 'bad_value' }],
    ]);
  });

  it('refuses a truncated gzip, whatever the rules', async () => {
    const whole = gzipSync(`${header}\n${Array.from({ length: 5000 }, (_, id) => `${id},${id * 7},z,`).join('\n')}\n`);
    const file = at.file('cut.csv.gz', whole.subarray(0, whole.length >> 1));
    const error = await rejection(at.lake.append(request('cut', 'a', { kind: 'csv', files: [file] }), progress()));
    expect(error).toMatchObject({ code: 'MR3101', retryable: false, subject: 'cut.csv.gz' });
    expect((await at.lake.tableInfo(bronze('cut'))).version).toBe(-1);
  });

  it('refuses a missing column and a wrong encoding, or rescues them if that is declared', async () => {
    const file = at.file('odd.csv', Buffer.from('id,zip,day\n1,\xFC,\n2,ok,\n', 'latin1'));
    const files = [file];
    const input = { kind: 'csv', files } as const;
    const wrong = await rejection(at.lake.append(request('odd', 'a', input), progress()));
    expect(wrong).toMatchObject({ code: 'MR3107', facts: { line: 2 } });
    const rules = { badEncoding: 'rescue' } as const;
    const missing = await rejection(at.lake.append(request('odd', 'a', input, { rules }), progress()));
    expect(missing).toMatchObject({ code: 'MR3106', facts: { columns: ['amount'] } });
    await at.lake.append(request('odd', 'a', input, { rules: { ...rules, missingColumn: 'rescue' } }), progress());
    expect(await at.lake.query('SELECT id, zip, _rescued_data FROM bronze.odd ORDER BY id')).toEqual([
      { id: 1, zip: '\\xfc', _rescued_data: '{"_line":2,"_reason":"bad_encoding"}' },
      { id: 2, zip: 'ok', _rescued_data: null },
    ]);
  });

  it('counts records, not lines, where fields hold line breaks', async () => {
    const file = at.file('breaks.csv', `${header}\n1,1,"a\nb\n\nc",\n2,2,d,\n3,3\n`);
    const result = await at.lake.append(request('breaks', 'a', { kind: 'csv', files: [file] }), progress());
    expect(result).toMatchObject({ rows: 3, rescued: { ragged_row: 1 } });
    expect(await at.lake.query('SELECT zip FROM bronze.breaks WHERE id = 1')).toEqual([{ zip: 'a\nb\n\nc' }]);
  });

  it('accepts an empty file as no rows, and refuses it if that is declared', async () => {
    const files = [at.file('empty.csv', ''), at.file('header-only.csv', `${header}\n`)];
    const result = await at.lake.append(request('empty', 'a', { kind: 'csv', files }), progress());
    expect(result).toMatchObject({ skipped: false, rows: 0 });
    const rules = { emptyFile: 'fail' } as const;
    const error = await rejection(at.lake.append(request('empty', 'b', { kind: 'csv', files }, { rules }), progress()));
    expect(error).toMatchObject({ code: 'MR3108', subject: 'empty.csv' });
  });
});

describe('exactly once', () => {
  it('skips a transaction that is in', async () => {
    const input = { kind: 'csv', files: [at.file('once.csv', `${header}\n1,1,1,\n`)] } as const;
    expect(await at.lake.append(request('once', 'a', input), progress())).toMatchObject({ skipped: false, version: 0 });
    expect(await at.lake.append(request('once', 'a', input), progress())).toMatchObject({ skipped: true, version: 0 });
    expect(await at.lake.tableInfo(bronze('once'))).toMatchObject({ rows: 1, version: 0 });
  });

  it('loses nothing to four appends at once, and takes the same one only once', async () => {
    const input = { kind: 'csv', files: [at.file('race.csv', `${header}\n1,1,1,\n2,2,2,\n`)] } as const;
    const ids = ['a', 'b', 'c', 'd', 'a', 'b', 'c', 'd'];
    const results = await Promise.all(ids.map((id) => at.lake.append(request('race', id, input), progress())));
    expect(results.filter((result) => !result.skipped)).toHaveLength(4);
    expect(await at.lake.query('SELECT _batch_id AS id, count(*) AS n FROM bronze.race GROUP BY 1 ORDER BY 1')).toEqual(
      ['a', 'b', 'c', 'd'].map((id) => ({ id, n: 2 })),
    );
  });

  it('adds a column that was declared later', async () => {
    const first = at.file('early.csv', `${header}\n1,1,1,\n`);
    await at.lake.append(request('grown', 'a', { kind: 'csv', files: [first] }), progress());
    const second = at.file('later.csv', `${header},colour\n2,2,2,,blue\n`);
    const columns = [...saleColumns, { name: 'colour', type: 'VARCHAR' }];
    await at.lake.append(request('grown', 'b', { kind: 'csv', files: [second] }, { columns }), progress());
    expect(await at.lake.query('SELECT id, colour FROM bronze.grown ORDER BY id')).toEqual([
      { id: 1, colour: null },
      { id: 2, colour: 'blue' },
    ]);
  });
});
