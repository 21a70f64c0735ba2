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
  return test.lake.s3.put(prefix + path, body);
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
