import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Attempt, Shop, slowModel } from './support.ts';

let shop: Shop;
afterEach(() => shop.remove());

const slow = {
  'models/slow.sql': `{{ config(materialized='table') }} -- depends_on: {{ ref('fct_orders') }}\n${slowModel}`,
  'models/after_slow.sql': "select not done as undone from {{ ref('slow') }}",
};

describe('a later attempt', () => {
  it('runs only what had not finished, and the tables equal those of an undisturbed build', async () => {
    const undisturbed = await Shop.create(slow);
    let expected: Record<string, unknown>;
    try {
      await undisturbed.service().build({}, new Attempt());
      expected = await undisturbed.contents();
    } finally {
      await undisturbed.remove();
    }

    shop = await Shop.create(slow);
    const dbt = shop.service();
    const first = new Attempt();
    const running = first.reached('model.shop.slow', 'running');
    const build = dbt.build({ vars: { slow: true }, onItems: first.onItems }, first);
    const outcome = build.then(
      () => undefined,
      (error: unknown) => error,
    );
    await running;
    const { pid } = dbt;
    if (pid === undefined) throw new Error('dbt does not run');
    process.kill(pid, 'SIGKILL');
    expect(await outcome).toMatchObject({ code: 'MR2902' });
    expect(first.last().get('model.shop.slow')).toMatchObject({ state: 'failed' });
    expect(first.completed().size).toBeGreaterThan(3);

    const second = new Attempt();
    const summary = await dbt.build({ completed: first.completed(), onItems: second.onItems }, second);
    expect(dbt.pid).not.toBe(pid);
    expect(summary).toMatchObject({ nodes: 28 - first.completed().size, resumed: first.completed().size, failed: 0 });
    for (const id of second.last().keys()) expect(first.completed().has(id)).toBe(false);
    expect(await shop.contents()).toEqual(expected);
  });

  it('runs the tests of a model that was finished when they were not, and nothing when all was', async () => {
    shop = await Shop.create();
    const dbt = shop.service();
    const first = new Attempt();
    await dbt.build({ onItems: first.onItems }, first);
    const completed = [...first.completed().keys()].filter((id) => !/^test.*fct_orders/.test(id));
    const second = new Attempt();
    const summary = await dbt.build({ completed, onItems: second.onItems }, second);
    expect(summary).toMatchObject({ nodes: 2, models: 0, tests: 2, passed: 2, resumed: 24 });
    expect(second.ids('success').map((id) => id.split('.')[2])).toEqual([
      'not_null_fct_orders_order_id',
      'unique_fct_orders_order_id',
    ]);

    const third = new Attempt();
    expect(await dbt.build({ completed: first.completed(), onItems: third.onItems }, third)).toMatchObject({
      nodes: 0,
      passed: 0,
      resumed: 26,
    });
    expect(third.items).toEqual([]);
  });
});

describe('cancelling', () => {
  it('interrupts the statement that runs and leaves the process usable', async () => {
    shop = await Shop.create(slow);
    const dbt = shop.service();
    const first = new Attempt();
    const running = first.reached('model.shop.slow', 'running');
    const build = dbt.build({ vars: { slow: true }, onItems: first.onItems }, first);
    const outcome = build.then(
      () => undefined,
      (error: unknown) => error,
    );
    await running;
    const { pid } = dbt;
    first.cancel();
    expect(await outcome).toMatchObject({ code: 'MR4301' });
    expect(first.ids('running')).toEqual([]);
    expect(first.ids('queued')).toEqual([]);
    expect(first.last().get('model.shop.slow')?.state).toBe('cancelled');
    expect(first.last().get('model.shop.after_slow')?.state).toBe('cancelled');

    const second = new Attempt();
    expect(await dbt.build({ completed: first.completed(), onItems: second.onItems }, second)).toMatchObject({
      failed: 0,
    });
    expect(dbt.pid).toBe(pid);
    expect(await shop.query('select undone from after_slow')).toEqual([[false]]);
  });

  it('kills a process that does not stop in time, and starts it again for the next build', async () => {
    shop = await Shop.create({
      'models/deaf.py': `def model(dbt, session):
    dbt.config(materialized="table")
    import os, time
    open(os.environ["SHOP_FOLDER"] + "/deaf", "a").close()
    while not os.path.exists(os.environ["SHOP_FOLDER"] + "/awake"):
        time.sleep(0.05)
    return session.sql("select 1 as n")
`,
    });
    const dbt = shop.service({ cancelGraceMs: 200 });
    const first = new Attempt();
    const outcome = dbt.build({ select: ['deaf'], onItems: first.onItems }, first).then(
      () => undefined,
      (error: unknown) => error,
    );
    while (!existsSync(join(shop.folder, 'deaf'))) await setTimeout(20);
    const { pid } = dbt;
    first.cancel();
    expect(await outcome).toMatchObject({ code: 'MR4301' });
    expect(first.last().get('model.shop.deaf')?.state).toBe('cancelled');
    const second = new Attempt();
    expect(await dbt.build({ select: ['raw_payments'], onItems: second.onItems }, second)).toMatchObject({ passed: 1 });
    expect(dbt.pid).not.toBe(pid);
    expect(await shop.query('select count(*) from raw_payments')).toEqual([['5']]);
  });
});

describe('the resident process', () => {
  it('lets go of the warehouse when its parent closes it in the middle of a build', async () => {
    shop = await Shop.create(slow);
    const dbt = shop.service();
    const attempt = new Attempt();
    const running = attempt.reached('model.shop.slow', 'running');
    const outcome = dbt.build({ vars: { slow: true }, onItems: attempt.onItems }, attempt).then(
      () => undefined,
      (error: unknown) => error,
    );
    await running;
    await dbt.close();
    expect(await outcome).toMatchObject({ code: 'MR2902', message: expect.stringMatching(/exit code 0/) });
    expect(await shop.query('select count(*) from fct_orders')).toEqual([['5']]);
  });

  it('reads changed files again, and only then', async () => {
    shop = await Shop.create({ 'models/number.sql': 'select 1 as n' });
    const dbt = shop.service();
    await dbt.build({ select: ['number'] }, new Attempt());
    expect(await shop.query('select n from number')).toEqual([[1]]);
    await shop.write('models/number.sql', 'select 22 as n');
    await shop.write('models/other.sql', "select n from {{ ref('number') }}");
    await dbt.build({ select: ['number+'] }, new Attempt());
    expect(await shop.query('select n from other')).toEqual([[22]]);
    expect((await dbt.nodes()).map((node) => node.id)).toContain('model.shop.other');
  });

  it('lists, compiles and documents', async () => {
    shop = await Shop.create();
    const dbt = shop.service();
    const nodes = await dbt.nodes({
      select: ['fct_orders'],
      exclude: ['resource_type:test', 'resource_type:unit_test'],
    });
    expect(nodes).toEqual([
      {
        id: 'model.shop.fct_orders',
        name: 'fct_orders',
        kind: 'model',
        path: 'models/marts/fct_orders.sql',
        dependsOn: ['model.shop.order_totals', 'model.shop.stg_orders'],
        materialized: 'table',
      },
    ]);
    const [compiled] = await dbt.compile({ select: ['fct_orders'] }, new Attempt());
    expect(compiled?.sql).toMatch(/with __dbt__cte__order_totals as/);
    await dbt.build({}, new Attempt());
    const docs = await dbt.docs(new Attempt());
    expect(docs.tables).toBeGreaterThan(9);
    for (const file of [docs.index, docs.static, docs.catalog, docs.manifest]) expect(existsSync(file)).toBe(true);
  });
});
