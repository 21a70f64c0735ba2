import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStreams } from './support/connector-streams.ts';

let at: TestStreams;

beforeAll(async () => {
  at = await TestStreams.open();
});

afterAll(async () => {
  await at.close();
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
    const pos = at.stream(options);
    await at.put(pos, '2024-01-01/sales.csv', body);
    await at.landAll(pos);
    expect(await at.rows(pos)).toEqual(expected);
  });

  it('latin1, with carriage returns', async () => {
    const pos = at.stream({ encoding: 'latin1' });
    await at.put(pos, '2024-01-01/sales.csv', Buffer.from('id,name,amount\r\n1,K\xf6ln,1.10\r\n', 'latin1'));
    await at.landAll(pos);
    expect(await at.rows(pos)).toEqual([{ id: 1, name: 'Köln', amount: '1.10', rescued: null }]);
  });

  it('characters that lie across chunks, in a large file', async () => {
    const pos = at.stream();
    const lines = Array.from({ length: 40_000 }, (_, id) => `${id},€${'ü'.repeat(id % 7)}😀,0.01`);
    await at.put(pos, '2024-01-01/sales.csv.gz', gzipSync(`id,name,amount\n${lines.join('\n')}`));
    await at.landAll(pos);
    const [sums] = await at.test.lake.query(
      `SELECT count(*) AS n, sum(length(name)) AS chars, count(_rescued_data) AS rescued FROM bronze.${pos.table}`,
    );
    expect(sums).toEqual({ n: 40_000, chars: 199_995, rescued: 0 });
  });
});
