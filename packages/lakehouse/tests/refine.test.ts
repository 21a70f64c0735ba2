import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RefineRequest, expect as rule } from '../src/index.ts';
import { changeFeed } from './support/changes.ts';
import { bronze, progress, rejection, silver, type TestLake, testLake } from './support/lake.ts';

let at: TestLake;
beforeAll(async () => {
  at = await testLake();
});
afterAll(() => at.close());

const columns = [
  { name: 'id', type: 'BIGINT' },
  { name: 'amount', type: 'DECIMAL(9,2)' },
  { name: 'note', type: 'VARCHAR' },
];

function request(name: string, more: Partial<RefineRequest> = {}): RefineRequest {
  return {
    source: bronze(name),
    target: silver(name),
    columns: { id: { type: 'BIGINT' }, amount: { type: 'DECIMAL(9,2)' }, note: { type: 'VARCHAR' } },
    key: ['id'],
    orderBy: ['_source_lsn', '_source_seq'],
    deleteWhen: "_op = 'd'",
    run: { runId: 'run-1' },
    ...more,
  };
}

const content = (name: string) => at.lake.query(`SELECT id, amount, note FROM silver.${name} ORDER BY id`);
const quarantined = (name: string) =>
  at.lake.query(`SELECT * FROM silver.quarantine WHERE target = '${name}' ORDER BY source_lsn, source_seq`);

describe('incremental merge', () => {
  it('keeps the latest row of a key, updates, deletes, and consumes each version once', async () => {
    const feed = changeFeed(at, 'orders', columns);
    expect(await at.lake.refine(request('orders'), progress())).toMatchObject({ version: -1, sourceVersion: -1 });
    await feed([
      { op: 'r', id: '1', amount: '1.00', note: 'first' },
      { op: 'r', id: '2', amount: '2.00', note: 'second' },
      { op: 'u', lsn: 10, id: '1', amount: '1.50', note: 'changed' },
    ]);
    expect(await at.lake.refine(request('orders'), progress())).toMatchObject({ rowsIn: 3, inserted: 2 });
    const before = await at.lake.tableInfo(silver('orders'));
    expect(await at.lake.refine(request('orders'), progress())).toMatchObject({ rowsIn: 0, inserted: 0, updated: 0 });
    expect(await at.lake.tableInfo(silver('orders'))).toEqual(before);

    await feed([
      { op: 'd', lsn: 20, id: '2', amount: null, note: null },
      { op: 'u', lsn: 21, id: '1', amount: '1.75', note: 'again' },
      { op: 'c', lsn: 22, id: '3', amount: '3.00', note: null },
    ]);
    await feed([{ op: 'u', lsn: 30, id: '3', amount: '3.25', note: 'filled' }]);
    expect(await at.lake.refine(request('orders'), progress())).toMatchObject({
      rowsIn: 4,
      inserted: 1,
      updated: 1,
      deleted: 1,
    });
    expect(await content('orders')).toEqual([
      { id: 1, amount: '1.75', note: 'again' },
      { id: 3, amount: '3.25', note: 'filled' },
    ]);
  });

  it('leaves a row alone that would not change, and one that is later already', async () => {
    const feed = changeFeed(at, 'late', columns);
    await feed([
      { op: 'c', lsn: 10, id: '1', amount: '1.00', note: 'ten' },
      { op: 'c', lsn: 10, id: '2', amount: '2.00', note: 'ten' },
    ]);
    await at.lake.refine(request('late'), progress());
    await feed([
      { op: 'u', lsn: 5, id: '1', amount: '9.00', note: 'out of order' },
      { op: 'd', lsn: 6, id: '2', amount: null, note: null },
      { op: 'r', lsn: null, id: '1', amount: '8.00', note: 'snapshot' },
    ]);
    const none = { inserted: 0, updated: 0, deleted: 0 };
    expect(await at.lake.refine(request('late'), progress())).toMatchObject({ rowsIn: 3, ...none });
    await feed([{ op: 'u', lsn: 11, id: '2', amount: '2.00', note: 'ten' }]);
    expect(await at.lake.refine(request('late', { run: { runId: 'run-2' } }), progress())).toMatchObject(none);
    expect(await at.lake.query('SELECT id, note, _source_lsn, _updated_run FROM silver.late ORDER BY id')).toEqual([
      { id: 1, note: 'ten', _source_lsn: 10, _updated_run: 'run-1' },
      { id: 2, note: 'ten', _source_lsn: 10, _updated_run: 'run-1' },
    ]);
  });

  it('computes columns, filters rows, and adds a column that was declared later', async () => {
    const feed = changeFeed(at, 'computed', columns);
    const first = request('computed', {
      columns: { id: { type: 'BIGINT' }, label: { type: 'VARCHAR', expr: 'upper(note)' } },
      where: "note <> 'skip'",
    });
    await feed([
      { id: '1', amount: '1.00', note: 'a' },
      { id: '2', amount: '2.00', note: 'skip' },
    ]);
    await at.lake.refine(first, progress());
    await feed([{ lsn: 5, id: '3', amount: '3.00', note: 'c' }]);
    const second = { ...first, columns: { ...first.columns, twice: { type: 'DECIMAL(10,2)', expr: 'amount * 2' } } };
    await at.lake.refine(second, progress());
    expect(await at.lake.query('SELECT id, label, twice FROM silver.computed ORDER BY id')).toEqual([
      { id: 1, label: 'A', twice: null },
      { id: 3, label: 'C', twice: '6.00' },
    ]);
  });

  it('takes columns that are named like what its own SQL uses', async () => {
    const names = [
      'id',
      'name',
      'changed',
      'source',
      'target',
      'input',
      'line',
      'reason',
      'number',
      'version',
      'typed',
    ];
    const feed = changeFeed(
      at,
      'names',
      names.map((name) => ({ name, type: 'VARCHAR' })),
    );
    const row = Object.fromEntries(names.map((name) => [name, `${name}-1`]));
    const named = request('names', {
      columns: Object.fromEntries(names.map((name) => [name, { type: 'VARCHAR' }])),
      expectations: [rule.sql('name_known', "name = 'name-1'").quarantine()],
    });
    await feed([
      { lsn: 1, ...row },
      { lsn: 2, ...row, id: 'other', name: 'other' },
    ]);
    expect(await at.lake.refine(named, progress())).toMatchObject({ inserted: 1, quarantined: 1 });
    await feed([{ op: 'u', lsn: 3, ...row, changed: 'yes' }]);
    expect(await at.lake.refine(named, progress())).toMatchObject({ updated: 1 });
    const [stored] = await at.lake.query('SELECT * FROM silver.names');
    expect(stored).toMatchObject({ ...row, changed: 'yes' });
    const [kept] = await quarantined('names');
    expect(JSON.parse(String(kept?.row))).toMatchObject({ ...row, id: 'other', name: 'other' });
  });

  it('refuses declarations that cannot work', async () => {
    const wrong: Partial<RefineRequest>[] = [
      { key: [] },
      { key: ['nothing'] },
      { orderBy: ['nothing'] },
      { columns: { id: { type: 'BIGINT' }, _run_id: { type: 'VARCHAR' } } },
      { columns: { id: { type: 'MONEY' } } },
      { expectations: [rule.notNull('id').warn(), rule.notNull('id').drop()] },
    ];
    for (const part of wrong) {
      expect(await rejection(at.lake.refine(request('wrong', part), progress()))).toMatchObject({
        code: 'MR3011',
        retryable: false,
      });
    }
  });
});

describe('expectations', () => {
  it('warn, drop and quarantine as declared; NULL violates nothing; rows that delete are not judged', async () => {
    const expectations = [
      rule.inRange('amount', { min: '0.00', max: '100.00' }).quarantine(),
      rule.notNull('note').warn(),
      rule.oneOf('note', ['a', 'b', 'c']).named('known_note').warn(),
      rule.sql('not_a_test', "note <> 'test'").drop(),
      rule.matches('note', '[a-z]+').drop(),
    ];
    const feed = changeFeed(at, 'judged', columns);
    await feed([
      { lsn: 1, id: '1', amount: '1.00', note: 'a' },
      { lsn: 2, id: '2', amount: '-1.00', note: 'b' },
      { lsn: 3, id: '3', amount: '101.00', note: 'test' },
      { lsn: 4, id: '4', amount: null, note: null },
      { lsn: 5, id: '5', amount: '5.00', note: 'test' },
      { lsn: 6, id: '6', amount: '6.00', note: 'z' },
      { lsn: 7, id: null, amount: '7.00', note: 'a' },
    ]);
    const log = progress();
    const result = await at.lake.refine(request('judged', { expectations }), log);
    expect(result).toMatchObject({ rowsIn: 7, inserted: 3, dropped: 1, quarantined: 3 });
    expect(result.rules).toEqual([
      { name: 'key_not_null', action: 'quarantine', count: 1 },
      { name: 'amount_in_range', action: 'quarantine', count: 2 },
      { name: 'note_not_null', action: 'warn', count: 1 },
      { name: 'known_note', action: 'warn', count: 3 },
      { name: 'not_a_test', action: 'drop', count: 2 },
    ]);
    expect(log.logged.map((entry) => entry.fields?.rule)).toContain('known_note');
    expect((await content('judged')).map((row) => row.id)).toEqual([1, 4, 6]);
    const kept = await quarantined('judged');
    expect(kept.map((row) => [row.rules, row.action, row.source_lsn, row.batch_id, row.quarantined_by])).toEqual([
      ['amount_in_range', 'quarantine', 2, 'judged-1', 'run-1'],
      ['amount_in_range, known_note, not_a_test', 'quarantine', 3, 'judged-1', 'run-1'],
      ['key_not_null', 'quarantine', 7, 'judged-1', 'run-1'],
    ]);
    expect(JSON.parse(String(kept[0]?.row))).toMatchObject({ id: '2', amount: '-1.00', note: 'b', _op: 'c' });

    await feed([{ op: 'd', lsn: 8, id: '1', amount: '-5.00', note: 'test' }]);
    expect(await at.lake.refine(request('judged', { expectations }), progress())).toMatchObject({ deleted: 1 });
  });

  it('fail writes nothing, neither to the table nor to the quarantine, and names rule, table, count and sample', async () => {
    const expectations = [rule.notNull('amount').fail(), rule.notNull('note').quarantine()];
    const feed = changeFeed(at, 'strict', columns);
    await feed([{ lsn: 1, id: '1', amount: '1.00', note: 'a' }]);
    await at.lake.refine(request('strict', { expectations }), progress());
    const before = await at.lake.tableInfo(silver('strict'));
    await feed([
      { lsn: 2, id: '2', amount: null, note: 'b' },
      { lsn: 3, id: '3', amount: '3.00', note: null },
    ]);
    const error = await rejection(at.lake.refine(request('strict', { expectations }), progress()));
    expect(error).toMatchObject({
      code: 'MR3301',
      retryable: false,
      subject: 'strict',
      facts: { table: 'strict', rule: 'amount_not_null', count: 1, sample: [{ id: 2, _source_lsn: 2 }] },
    });
    expect(await at.lake.tableInfo(silver('strict'))).toEqual(before);
    expect(await quarantined('strict')).toEqual([]);
  });

  it('quarantines what was rescued and what cannot be cast', async () => {
    const feed = changeFeed(at, 'rescued', columns);
    await feed([
      { lsn: 1, id: '1', amount: 'a lot', note: '2002-12-31' },
      { lsn: 2, id: '2', amount: '2.00', note: 'no date' },
      { lsn: 3, id: '3', amount: '3.00', note: '2003-01-01' },
    ]);
    const more = {
      columns: { id: { type: 'BIGINT' }, amount: { type: 'DECIMAL(9,2)' }, day: { type: 'DATE', expr: 'note' } },
      expectations: [rule.notRescued().quarantine()],
    };
    await at.lake.refine(request('rescued', more), progress());
    expect(await at.lake.query('SELECT id, day FROM silver.rescued')).toEqual([{ id: 3, day: '2003-01-01' }]);
    const kept = await quarantined('rescued');
    expect(kept.map((row) => [row.rules, row.source_line])).toEqual([
      ['not_rescued', 1],
      ['day_type', null],
    ]);
  });
});
