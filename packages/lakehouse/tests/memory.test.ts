import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { batch, bronze, gold, progress, saleColumns, silver, type TestLake, testLake } from './support/lake.ts';

const ROWS = 1_000_000;

let at: TestLake;
beforeAll(async () => {
  at = await testLake({ memoryLimit: '200MB' });
});
afterAll(() => at.close());

/** The most memory that the writer process has held, MB. */
function peak(): number {
  const status = readFileSync(`/proc/${at.lake.writerPid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

function* lines(): Generator<string> {
  yield 'id,amount,zip,day\n';
  for (let row = 0; row < ROWS; row += 1000) {
    let text = '';
    for (let id = row; id < row + 1000; id++)
      text += `${id},${id % 9973}.25,${String(id % 99999).padStart(5, '0')},2002-12-31\n`;
    yield text;
  }
}

const onLinux = process.platform === 'linux' ? it : it.skip;

onLinux('a million rows pass through all layers in bounded memory', async () => {
  const path = join(at.directory, 'million.csv');
  await pipeline(Readable.from(lines()), createWriteStream(path));
  const appended = await at.lake.append(
    {
      table: bronze('million'),
      input: { kind: 'csv', files: [{ path, key: 'million.csv' }] },
      columns: saleColumns,
      batch: batch('million'),
      transaction: { appId: 'files:million', version: 1 },
    },
    progress(),
  );
  expect(appended).toMatchObject({ rows: ROWS, rescued: {} });
  const columns = Object.fromEntries(saleColumns.map(({ name, type }) => [name, { type }]));
  const request = {
    source: bronze('million'),
    target: silver('million'),
    columns,
    key: ['id'],
    orderBy: ['_source_seq'],
  };
  const refined = await at.lake.refine({ ...request, run: { runId: 'run' } }, progress());
  expect(refined).toMatchObject({ rowsIn: ROWS, inserted: ROWS });
  const mapping = Object.fromEntries(saleColumns.map(({ name }) => [name, `source.${name}`]));
  await at.lake.publish(
    {
      target: gold('million'),
      columns: saleColumns,
      key: ['id'],
      sources: [{ source: silver('million'), key: ['id'], columns: mapping }],
      run: { runId: 'run' },
    },
    progress(),
  );
  expect(await at.lake.export({ table: gold('million'), key: ['id'] }, progress())).toMatchObject({ rows: ROWS });
  expect(peak()).toBeLessThan(800);
});
