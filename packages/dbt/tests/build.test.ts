import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { DbtBuildSummary, DbtNode } from '../src/index.ts';
import { Attempt, Shop } from './support.ts';

let shop: Shop | undefined;
afterEach(async () => {
  await shop?.remove();
  shop = undefined;
});

const warned = /^test\.shop\.accepted_values_stg_orders_status/;

describe('a build', () => {
  describe('of the whole project', () => {
    let attempt: Attempt;
    let summary: DbtBuildSummary;
    let nodes: readonly DbtNode[];

    beforeAll(async () => {
      const whole = await Shop.create();
      try {
        const dbt = whole.service({ threads: 4 });
        attempt = new Attempt();
        summary = await dbt.build({ onItems: attempt.onItems }, attempt);
        nodes = await dbt.nodes();
      } finally {
        await whole.remove();
      }
    });

    it('reports each node with state, attempt, start, duration and rows', () => {
      expect(summary).toMatchObject({ nodes: 26, models: 7, tests: 15, seeds: 3, snapshots: 1 });
      expect(summary).toMatchObject({ passed: 25, warned: 1, failed: 0, skipped: 0, resumed: 0 });
      expect(summary.durationMs).toBeGreaterThan(0);
      const last = attempt.last();
      expect(last.size).toBe(26);
      for (const record of last.values()) {
        expect(attempt.states(record.id)).toEqual(['queued', 'running', 'success']);
        expect(record.attempt).toBe(1);
        expect(record.startedAt).toMatch(/Z$/);
        expect(Date.parse(record.startedAt ?? '')).toBeLessThanOrEqual(Date.now());
        expect(record.durationMs).toBeGreaterThanOrEqual(0);
      }
      expect(last.get('seed.shop.raw_customers')).toMatchObject({ kind: 'seed', rows: 4 });
      expect(last.get('model.shop.fct_orders')).toMatchObject({ kind: 'model', rows: 5 });
      expect(last.get('model.shop.order_log')).toMatchObject({ kind: 'model', rows: 5 });
      expect(last.get('snapshot.shop.customers_snapshot')).toMatchObject({ kind: 'snapshot', rows: 4 });
      expect(last.get('model.shop.stg_orders')).not.toHaveProperty('rows');
      expect(last.get('unit_test.shop.fct_orders.orders_without_payment_total_zero')?.kind).toBe('unit_test');
      expect(last.has('model.shop.order_totals')).toBe(false);
    });

    it('announces all nodes in topological order before anything runs', () => {
      const order = attempt.items.filter((item) => item.state === 'queued').map((item) => item.id);
      expect(attempt.items.slice(0, order.length).every((item) => item.state === 'queued')).toBe(true);
      let edges = 0;
      for (const { id, dependsOn } of nodes.filter((node) => node.kind !== 'unit_test')) {
        for (const upstream of dependsOn.filter((other) => order.includes(other) && order.includes(id))) {
          expect(order.indexOf(upstream)).toBeLessThan(order.indexOf(id));
          edges++;
        }
      }
      expect(edges).toBeGreaterThan(20);
      const unit = order.indexOf('unit_test.shop.fct_orders.orders_without_payment_total_zero');
      expect(unit).toBeGreaterThan(-1);
      expect(unit).toBeLessThan(order.indexOf('model.shop.fct_orders'));
    });

    it('takes a test of severity warn for a success that says what it found', () => {
      const record = [...attempt.last().values()].find((item) => warned.test(item.id));
      expect(record).toMatchObject({ state: 'success', rows: 1, message: expect.stringMatching(/Got 1 result/) });
    });
  });

  it('reports while it runs, in batches, with heartbeats that count', async () => {
    const wide = Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [
        `models/wide/wide_${n}.sql`,
        `select ${n} as n from {{ ref('stg_orders') }}`,
      ]),
    );
    shop = await Shop.create(wide);
    const attempt = new Attempt();
    const summary = await shop.service({ threads: 4 }).build({ onItems: attempt.onItems }, attempt);
    expect(summary).toMatchObject({ nodes: 66, models: 47, passed: 65, failed: 0 });
    expect(attempt.batches.length).toBeGreaterThan(3);
    expect(attempt.batches.length).toBeLessThan(attempt.items.length / 2);
    expect(attempt.batches.every((batch) => batch.length <= 50)).toBe(true);
    expect(attempt.heartbeats.at(-1)).toEqual({ dbt: { nodes: 66, finished: 66, failed: 0, running: [] } });
  });

  it('builds again and again in one process, with the same result', async () => {
    shop = await Shop.create();
    const dbt = shop.service();
    const [first, second, third] = [new Attempt(), new Attempt(), new Attempt()];
    await dbt.build({ onItems: first.onItems }, first);
    const { pid } = dbt;
    const before = await shop.contents();
    await dbt.build({ onItems: second.onItems }, second);
    await dbt.build({ onItems: third.onItems, fullRefresh: true }, third);
    expect(dbt.pid).toBe(pid);
    expect(await shop.contents()).toEqual(before);
    expect(before.fct_orders).toHaveLength(5);
    expect(second.ids('success')).toHaveLength(26);
    expect(third.ids('success')).toHaveLength(26);
  });

  it('keeps history in the snapshot and adds to the incremental model', async () => {
    shop = await Shop.create();
    const dbt = shop.service();
    await dbt.build({}, new Attempt());
    await shop.write(
      'seeds/raw_customers.csv',
      'customer_id,first_name,updated_at\n1,Ada,2024-01-01 00:00:00\n2,Grace B.,2024-02-01 00:00:00\n3,Edsger,2024-01-01 00:00:00\n4,Barbara,2024-01-01 00:00:00\n',
    );
    await shop.write(
      'seeds/raw_orders.csv',
      'order_id,customer_id,order_date,status\n10,1,2024-01-02,shipped\n11,1,2024-01-05,placed\n12,2,2024-01-05,shipped\n13,3,2024-01-09,shipped\n14,2,2024-01-11,shipped\n15,4,2024-01-12,placed\n',
    );
    await dbt.build({}, new Attempt());
    expect(
      await shop.query(
        'select first_name, dbt_valid_to is null from customers_snapshot where customer_id = 2 order by dbt_valid_from',
      ),
    ).toEqual([
      ['Grace', false],
      ['Grace B.', true],
    ]);
    expect(await shop.query('select count(*) from order_log')).toEqual([['6']]);
  });

  it('builds what is selected, with vars, and reads the project again when they change', async () => {
    shop = await Shop.create({ 'models/as_of.sql': "select '{{ var('day', 'none') }}' as day" });
    const dbt = shop.service({ vars: { day: '2024-01-01' } });
    const attempt = new Attempt();
    const select = ['+stg_payments', 'as_of'];
    const exclude = ['test_type:generic'];
    const summary = await dbt.build({ select, exclude, onItems: attempt.onItems }, attempt);
    expect(summary).toMatchObject({ nodes: 3, seeds: 1, models: 2, tests: 0 });
    expect(attempt.ids('success')).toEqual(['model.shop.as_of', 'model.shop.stg_payments', 'seed.shop.raw_payments']);
    expect(await shop.query('select day from as_of')).toEqual([['2024-01-01']]);
    await dbt.build({ select: ['as_of'], vars: { day: '2024-01-02' } }, new Attempt());
    expect(await shop.query('select day from as_of')).toEqual([['2024-01-02']]);
  });
});

describe('the warehouse file', () => {
  it('is free for another process after every call, and the next call works', async () => {
    shop = await Shop.create();
    const dbt = shop.service({ threads: 4 });
    for (let round = 1; round <= 3; round++) {
      await dbt.build({}, new Attempt());
      expect(dbt.pid).toBeDefined();
      await shop.query(`create or replace table written_elsewhere as select ${round} as round`);
    }
    await dbt.docs(new Attempt());
    await dbt.compile({ select: ['fct_orders'] }, new Attempt());
    expect(await shop.query('select round from written_elsewhere')).toEqual([[3]]);
  });
});
