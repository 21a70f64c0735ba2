import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { isMillraceError, type MillraceError } from 'millrace';
import { Attempt, python, Shop } from './support.ts';

let shop: Shop;
afterEach(() => shop.remove());

async function failureOf(work: Promise<unknown>): Promise<MillraceError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isMillraceError(error)) throw new Error('expected a coded error', { cause: error });
  return error;
}

/** Reads a file that a test brings later, and what hangs on it. */
const late = {
  'models/late/late.sql': "select * from read_csv('{{ env_var('SHOP_FOLDER') }}/late.csv')",
  'models/late/later.sql': "select n + 1 as n from {{ ref('late') }}",
  'models/late/late.yml':
    'version: 2\nmodels:\n  - name: late\n    columns: [{ name: n, data_tests: [not_null] }]\n  - name: later\n    columns: [{ name: n, data_tests: [not_null] }]\n',
};

describe('a node that fails', () => {
  it('is run again alone in the same process, then what hangs on it', async () => {
    shop = await Shop.create(late);
    const dbt = shop.service();
    const attempt = new Attempt();
    const failedOnce = attempt.reached('model.shop.late', 'up_for_retry');
    const build = dbt.build({ nodeRetries: 5, retryDelayMs: 50, onItems: attempt.onItems }, attempt);
    expect((await failedOnce).message).toMatch(/late\.csv/);
    const { pid } = dbt;
    await writeFile(join(shop.folder, 'late.csv'), 'n\n1\n');
    const summary = await build;

    expect(dbt.pid).toBe(pid);
    expect(summary).toMatchObject({ nodes: 30, passed: 29, warned: 1, failed: 0, skipped: 0 });
    const states = attempt.states('model.shop.late');
    expect(states.slice(0, 3)).toEqual(['queued', 'running', 'up_for_retry']);
    expect(states.slice(-2)).toEqual(['running', 'success']);
    expect(attempt.last().get('model.shop.late')?.attempt).toBeGreaterThan(1);
    expect(attempt.states('model.shop.later')).toEqual(['queued', 'running', 'success']);
    expect(attempt.states('model.shop.fct_orders')).toEqual(['queued', 'running', 'success']);
    expect(await shop.query('select n from later')).toEqual([['2']]);
  });

  it('fails for good after its repetitions; what hangs on it is skipped and the rest is built', async () => {
    shop = await Shop.create(late);
    const attempt = new Attempt();
    const error = await failureOf(
      shop.service().build({ nodeRetries: 2, retryDelayMs: 1, onItems: attempt.onItems }, attempt),
    );
    expect(error).toMatchObject({ code: 'MR4101', subject: 'model.shop.late', retryable: true });
    expect(error.message).toMatch(/late\.csv/);
    expect(error.hint).toMatch(/compiled.*late\.sql/);
    expect(error.facts).toMatchObject({
      failed: 1,
      failures: [{ id: 'model.shop.late', file: 'models/late/late.sql' }],
    });
    expect(attempt.states('model.shop.late')).toEqual([
      'queued',
      ...['running', 'up_for_retry', 'running', 'up_for_retry', 'running', 'failed'],
    ]);
    expect(attempt.last().get('model.shop.late')?.attempt).toBe(3);
    expect(attempt.ids('upstream_failed')).toHaveLength(3);
    expect(attempt.last().get('model.shop.later')?.message).toMatch(/because of model\.shop\.late/);
    expect(attempt.ids('success')).toHaveLength(26);
  });

  it('is not run again when a test found rows: the rows stay the same', async () => {
    shop = await Shop.create({ 'tests/no_orders.sql': "select * from {{ ref('fct_orders') }}" });
    const attempt = new Attempt();
    const error = await failureOf(shop.service().build({ nodeRetries: 3, onItems: attempt.onItems }, attempt));
    expect(error).toMatchObject({ code: 'MR4102', subject: 'test.shop.no_orders', retryable: false });
    expect(attempt.states('test.shop.no_orders')).toEqual(['queued', 'running', 'failed']);
    expect(attempt.last().get('test.shop.no_orders')).toMatchObject({
      rows: 5,
      message: expect.stringMatching(/5 results/),
    });
    expect(attempt.last().get('model.shop.daily_sales')?.state).toBe('upstream_failed');
    expect(attempt.last().get('model.shop.order_log')?.state).toBe('upstream_failed');
    expect(attempt.last().get('seed.shop.raw_orders')?.state).toBe('success');
  });

  it('skips the model whose unit test fails', async () => {
    shop = await Shop.create();
    await shop.write(
      'models/marts/fct_orders.sql',
      "select order_id, customer_id, order_date, coalesce(total, 1)::decimal(9, 2) as total from {{ ref('stg_orders') }} left join {{ ref('order_totals') }} using (order_id)",
    );
    const attempt = new Attempt();
    const error = await failureOf(shop.service().build({ onItems: attempt.onItems }, attempt));
    expect(error.code).toBe('MR4102');
    expect(error.subject).toBe('unit_test.shop.fct_orders.orders_without_payment_total_zero');
    expect(attempt.last().get('model.shop.fct_orders')).toMatchObject({
      state: 'upstream_failed',
      message: expect.stringMatching(/because of unit_test/),
    });
  });

  it('is not run again when it does not compile', async () => {
    shop = await Shop.create({
      'models/wrong.sql':
        "{% if execute %}{{ exceptions.raise_compiler_error('no such mood') }}{% endif %} select 1 as n",
    });
    const attempt = new Attempt();
    const error = await failureOf(shop.service().build({ nodeRetries: 3, onItems: attempt.onItems }, attempt));
    expect(error).toMatchObject({ code: 'MR4103', subject: 'model.shop.wrong', retryable: false });
    expect(error.message).toMatch(/no such mood/);
    expect(attempt.states('model.shop.wrong')).toEqual(['queued', 'running', 'failed']);
  });

  it('names a hook that failed', async () => {
    shop = await Shop.create();
    await shop.write(
      'dbt_project.yml',
      'name: shop\nprofile: shop\nversion: \'1.0.0\'\non-run-end: ["select * from nowhere_at_all"]\n',
    );
    const attempt = new Attempt();
    const error = await failureOf(shop.service().build({ onItems: attempt.onItems }, attempt));
    expect(error).toMatchObject({ code: 'MR4104', retryable: false });
    expect(error.message).toMatch(/nowhere_at_all/);
    expect(attempt.ids('failed')).toEqual(['operation.shop.shop-on-run-end-0']);
  });
});

describe('a project that dbt cannot use', () => {
  it('is named with file and line, and is read again once it is mended', async () => {
    shop = await Shop.create({ 'models/broken.sql': 'select 1 as n\n\nfrom {{ ref( }}\n' });
    const dbt = shop.service();
    const error = await failureOf(dbt.build({}, new Attempt()));
    expect(error).toMatchObject({ code: 'MR4001', subject: 'models/broken.sql', retryable: false });
    expect(error.facts).toMatchObject({ file: 'models/broken.sql', line: 3 });
    const { pid } = dbt;
    await shop.write('models/broken.sql', 'select 2 as n');
    await dbt.build({ select: ['broken'] }, new Attempt());
    expect(dbt.pid).toBe(pid);
    expect(await shop.query('select n from broken')).toEqual([[2]]);
  });

  it('names the model that refers to one that is not there', async () => {
    shop = await Shop.create({ 'models/lost.sql': "select * from {{ ref('nobody') }}" });
    const error = await failureOf(shop.service().start());
    expect(error).toMatchObject({ code: 'MR4001', subject: 'models/lost.sql' });
    expect(error.message).toMatch(/nobody/);
  });

  it('names the YAML file that is none', async () => {
    shop = await Shop.create({ 'models/bad.yml': 'version: 2\nmodels:\n  - name: x\n   columns: []\n' });
    const error = await failureOf(shop.service().start());
    expect(error).toMatchObject({ code: 'MR4001', retryable: false });
    expect(error.facts).toMatchObject({ file: 'models/bad.yml', line: expect.any(Number) });
  });

  it('names the environment variable that the profile misses', async () => {
    shop = await Shop.create();
    await shop.write(
      'profiles.yml',
      'shop:\n  target: dev\n  outputs:\n    dev: { type: duckdb, path: "{{ env_var(\'NOT_GIVEN\') }}" }\n',
    );
    const error = await failureOf(shop.service().start());
    expect(error).toMatchObject({ code: 'MR4002', retryable: false });
    expect(error.message).toMatch(/NOT_GIVEN/);
  });

  it('names the target that the profile has not', async () => {
    shop = await Shop.create();
    const error = await failureOf(shop.service({ target: 'moon' }).start());
    expect(error).toMatchObject({ code: 'MR4002', retryable: false });
    expect(error.message).toMatch(/moon/);
  });

  it('refuses a selection that matches nothing, or that is an option', async () => {
    shop = await Shop.create();
    const dbt = shop.service();
    expect(await failureOf(dbt.build({ select: ['no_such_model'] }, new Attempt()))).toMatchObject({
      code: 'MR4003',
      retryable: false,
    });
    expect(await failureOf(dbt.build({ select: ['--full-refresh'] }, new Attempt()))).toMatchObject({ code: 'MR4003' });
    expect(await failureOf(dbt.build({ select: ['colour:blue'] }, new Attempt()))).toMatchObject({ code: 'MR4003' });
  });

  it('says that dbt is missing', async () => {
    shop = await Shop.create();
    const bare = shop.service({ python: 'python3', env: { PYTHONPATH: '', PYTHONNOUSERSITE: '1' } });
    const error = await failureOf(bare.start());
    expect(error).toMatchObject({ code: 'MR4005', retryable: false });
  });
});

describe('a warehouse file that another process holds', () => {
  let holder: ChildProcess | undefined;
  afterEach(() => {
    holder?.kill('SIGKILL');
    holder = undefined;
  });

  async function hold(path: string): Promise<ChildProcess> {
    holder = spawn(
      python(),
      [
        '-c',
        `import duckdb,sys; c=duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read(); c.close()`,
        path,
      ],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    if (holder.stdout === null) throw new Error('no stdout');
    await once(holder.stdout, 'data');
    return holder;
  }

  it('is named with its holder, for another attempt', async () => {
    shop = await Shop.create();
    const dbt = shop.service();
    const { pid } = await hold(shop.warehouse);
    const attempt = new Attempt();
    const error = await failureOf(dbt.build({ lockWaitMs: 0, onItems: attempt.onItems }, attempt));
    expect(error).toMatchObject({ code: 'MR4201', retryable: true, facts: { pid } });
    expect(error.message).toContain('warehouse.duckdb');
    expect(attempt.ids('queued')).toHaveLength(26);
  });

  it('is waited for', async () => {
    shop = await Shop.create();
    const dbt = shop.service();
    await dbt.start();
    const held = await hold(shop.warehouse);
    const attempt = new Attempt();
    const announced = attempt.reached('seed.shop.raw_orders', 'queued');
    const build = dbt.build({ lockWaitMs: 60_000, onItems: attempt.onItems }, attempt);
    await announced;
    held.stdin?.end();
    expect(await build).toMatchObject({ nodes: 26, failed: 0 });
  });
});
