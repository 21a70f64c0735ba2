import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { PublishRequest } from '../src/index.ts';
import { changeFeed } from './support/changes.ts';
import { bronze, gold, progress, rejection, silver, type TestLake, testLake } from './support/lake.ts';

let at: TestLake;
beforeAll(async () => {
  at = await testLake();
});
afterAll(() => at.close());

const text = (...names: string[]) => names.map((name) => ({ name, type: 'VARCHAR' }));

async function silverTable(name: string, ...names: string[]) {
  const feed = changeFeed(at, name, text(...names));
  const [key = ''] = names;
  return async (changes: Parameters<typeof feed>[0]) => {
    await feed(changes);
    return at.lake.refine(
      {
        source: bronze(name),
        target: silver(name),
        columns: Object.fromEntries(names.map((column) => [column, { type: 'VARCHAR' }])),
        key: [key],
        orderBy: ['_source_lsn', '_source_seq'],
        deleteWhen: "_op = 'd'",
        run: { runId: 'run' },
      },
      progress(),
    );
  };
}

const lines: PublishRequest = {
  target: gold('sales'),
  columns: text('channel', 'id', 'customer', 'price'),
  key: ['channel', 'id'],
  sources: [
    {
      source: silver('till'),
      key: ['id'],
      columns: { channel: "'store'", id: 'source.id', customer: 'source.customer', price: 'source.price' },
      where: 'source.price IS NOT NULL',
    },
    {
      source: silver('lines'),
      key: ['id'],
      joins: [{ table: silver('orders'), alias: 'o', on: { order_id: 'order_id' } }],
      columns: { channel: "'web'", id: 'source.id', customer: 'o.customer', price: 'source.price' },
    },
  ],
  run: { runId: 'run' },
};

const content = async () =>
  (await at.lake.query('SELECT * FROM gold.sales ORDER BY channel, id')).map((row) => Object.values(row).join(' '));

it('brings changes of several tables and of what they join, in one commit each time', async () => {
  const till = await silverTable('till', 'id', 'customer', 'price');
  const webLines = await silverTable('lines', 'id', 'order_id', 'price');
  const orders = await silverTable('orders', 'order_id', 'customer');

  expect(await at.lake.publish(lines, progress())).toMatchObject({ version: -1, rowsIn: 0 });
  await till([
    { lsn: 1, id: '1', customer: 'ann', price: '1' },
    { lsn: 1, id: '2', customer: 'bob', price: null },
  ]);
  expect(await at.lake.publish(lines, progress())).toMatchObject({ version: 0, inserted: 1 });

  await webLines([
    { lsn: 1, id: '1', order_id: '10', price: '5' },
    { lsn: 1, id: '2', order_id: '11', price: '6' },
  ]);
  const early = await rejection(at.lake.publish(lines, progress()));
  expect(early).toMatchObject({ code: 'MR3006', retryable: false });
  await orders([{ lsn: 1, order_id: '10', customer: 'cem' }]);
  expect(await at.lake.publish(lines, progress())).toMatchObject({ version: 1, inserted: 2 });
  expect(await content()).toEqual(['store 1 ann 1', 'web 1 cem 5', 'web 2  6']);

  // The second order arrives after its line; the first changes hands.
  await orders([
    { lsn: 2, order_id: '11', customer: 'dee' },
    { op: 'u', lsn: 3, order_id: '10', customer: 'eve' },
  ]);
  expect(await at.lake.publish(lines, progress())).toMatchObject({ version: 2, inserted: 0, updated: 2 });
  expect(await content()).toEqual(['store 1 ann 1', 'web 1 eve 5', 'web 2 dee 6']);

  // A row leaves by its filter, one enters, one is deleted.
  await till([
    { op: 'u', lsn: 4, id: '1', customer: 'ann', price: null },
    { op: 'u', lsn: 4, id: '2', customer: 'bob', price: '2' },
  ]);
  await webLines([{ op: 'd', lsn: 4, id: '1', order_id: null, price: null }]);
  expect(await at.lake.publish(lines, progress())).toMatchObject({ version: 3, inserted: 1, deleted: 2 });
  expect(await content()).toEqual(['store 2 bob 2', 'web 2 dee 6']);

  const settled = await at.lake.tableInfo(gold('sales'));
  expect(await at.lake.publish(lines, progress())).toMatchObject({ rowsIn: 0, inserted: 0, updated: 0, deleted: 0 });
  expect(await at.lake.tableInfo(gold('sales'))).toEqual(settled);
});

it('records what it consumed even where nothing changed in the target', async () => {
  const things = await silverTable('things', 'id', 'shown', 'hidden');
  const request: PublishRequest = {
    target: gold('things'),
    columns: text('id', 'shown'),
    key: ['id'],
    sources: [{ source: silver('things'), key: ['id'], columns: { id: 'source.id', shown: 'source.shown' } }],
    run: { runId: 'run' },
  };
  await things([{ lsn: 1, id: '1', shown: 'a', hidden: 'x' }]);
  await at.lake.publish(request, progress());
  await things([{ op: 'u', lsn: 2, id: '1', shown: 'a', hidden: 'y' }]);
  expect(await at.lake.publish(request, progress())).toMatchObject({ rowsIn: 2, updated: 0 });
  expect(await at.lake.publish(request, progress())).toMatchObject({ rowsIn: 0, updated: 0 });
});
