import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { isMillraceError, type MillraceError } from 'millrace';
import type { DbtService } from '../src/index.ts';
import { Attempt, python, Shop } from './support.ts';

let shop: Shop | undefined;
afterEach(async () => {
  await shop?.remove();
  shop = undefined;
});

async function failureOf(work: Promise<unknown>): Promise<MillraceError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isMillraceError(error)) throw new Error('expected a coded error', { cause: error });
  return error;
}

/** Models that fail each in their own way, and what hangs on them. */
const troubled = {
  'models/trouble/late.sql': "select * from read_csv('{{ env_var('SHOP_FOLDER') }}/late.csv')",
  'models/trouble/later.sql': "select n + 1 as n from {{ ref('late') }}",
  'models/trouble/late.yml':
    'version: 2\nmodels:\n  - name: late\n    columns: [{ name: n, data_tests: [not_null] }]\n  - name: later\n    columns: [{ name: n, data_tests: [not_null] }]\n',
  'models/trouble/beside.sql': 'select 1 as n',
  'models/trouble/odd.sql': 'select unnest([1, 2, 3]) as n',
  'models/trouble/after_odd.sql': "select * from {{ ref('odd') }}",
  'tests/nothing_odd.sql': "select * from {{ ref('odd') }} where n % 2 = 1",
  'models/trouble/doubled.sql': "select n * 3 as n from {{ ref('beside') }}",
  'models/trouble/unit.yml':
    "version: 2\nunit_tests:\n  - name: doubles\n    model: doubled\n    given: [{ input: ref('beside'), rows: [{ n: 2 }] }]\n    expect: { rows: [{ n: 4 }] }\n",
  'models/wrong.sql': "{% if execute %}{{ exceptions.raise_compiler_error('no such mood') }}{% endif %} select 1 as n",
};

describe('a node that fails', () => {
  let shared: Shop;
  let dbt: DbtService;
  beforeAll(async () => {
    shared = await Shop.create(troubled);
    dbt = shared.service();
  });
  afterAll(() => shared.remove());

  it('fails for good after its repetitions; what hangs on it is skipped and the rest is built', async () => {
    const attempt = new Attempt();
    const error = await failureOf(
      dbt.build({ select: ['late+', 'beside'], nodeRetries: 2, retryDelayMs: 1, onItems: attempt.onItems }, attempt),
    );
    expect(error).toMatchObject({ code: 'MR4101', subject: 'model.shop.late', retryable: true });
    expect(error.message).toMatch(/late\.csv/);
    expect(error.hint).toMatch(/compiled.*late\.sql/);
    expect(error.facts).toMatchObject({
      failed: 1,
      failures: [{ id: 'model.shop.late', file: 'models/trouble/late.sql' }],
    });
    expect(attempt.states('model.shop.late')).toEqual([
      'queued',
      ...['running', 'up_for_retry', 'running', 'up_for_retry', 'running', 'failed'],
    ]);
    expect(attempt.last().get('model.shop.late')?.attempt).toBe(3);
    expect(attempt.ids('upstream_failed')).toHaveLength(3);
    expect(attempt.last().get('model.shop.later')?.message).toMatch(/because of model\.shop\.late/);
    expect(attempt.ids('success')).toEqual(['model.shop.beside']);
  });

  it('is run again alone in the same process, then what hangs on it', async () => {
    const attempt = new Attempt();
    const { pid } = dbt;
    const failedOnce = attempt.reached('model.shop.late', 'up_for_retry');
    const select = ['late+', 'beside'];
    const build = dbt.build({ select, nodeRetries: 10, retryDelayMs: 50, onItems: attempt.onItems }, attempt);
    expect((await failedOnce).message).toMatch(/late\.csv/);
    await writeFile(join(shared.folder, 'late.csv'), 'n\n1\n');

    expect(await build).toMatchObject({ nodes: 5, passed: 5, failed: 0, skipped: 0 });
    expect(dbt.pid).toBe(pid);
    const states = attempt.states('model.shop.late');
    expect(states.slice(0, 3)).toEqual(['queued', 'running', 'up_for_retry']);
    expect(states.slice(-2)).toEqual(['running', 'success']);
    expect(attempt.last().get('model.shop.late')?.attempt).toBeGreaterThan(1);
    expect(attempt.states('model.shop.later')).toEqual(['queued', 'running', 'success']);
    expect(attempt.states('model.shop.beside')).toEqual(['queued', 'running', 'success']);
    expect(await shared.query('select n from later')).toEqual([['2']]);
  });

  it('is not run again when a test found rows: the rows stay the same', async () => {
    const attempt = new Attempt();
    const error = await failureOf(dbt.build({ select: ['odd+'], nodeRetries: 3, onItems: attempt.onItems }, attempt));
    expect(error).toMatchObject({ code: 'MR4102', subject: 'test.shop.nothing_odd', retryable: false });
    expect(attempt.states('test.shop.nothing_odd')).toEqual(['queued', 'running', 'failed']);
    expect(attempt.last().get('test.shop.nothing_odd')).toMatchObject({
      rows: 2,
      message: expect.stringMatching(/2 results/),
    });
    expect(attempt.ids('success')).toEqual(['model.shop.odd']);
    expect(attempt.ids('upstream_failed')).toEqual(['model.shop.after_odd']);
  });

  it('skips the model whose unit test fails', async () => {
    const attempt = new Attempt();
    const error = await failureOf(dbt.build({ select: ['+doubled'], onItems: attempt.onItems }, attempt));
    expect(error).toMatchObject({ code: 'MR4102', subject: 'unit_test.shop.doubled.doubles' });
    expect(attempt.last().get('model.shop.doubled')).toMatchObject({
      state: 'upstream_failed',
      message: expect.stringMatching(/because of unit_test/),
    });
  });

  it('is not run again when it does not compile', async () => {
    const attempt = new Attempt();
    const error = await failureOf(dbt.build({ select: ['wrong'], nodeRetries: 3, onItems: attempt.onItems }, attempt));
    expect(error).toMatchObject({ code: 'MR4103', subject: 'model.shop.wrong', retryable: false });
    expect(error.message).toMatch(/no such mood/);
    expect(attempt.states('model.shop.wrong')).toEqual(['queued', 'running', 'failed']);
    expect(await failureOf(dbt.compile({ select: ['wrong'] }, new Attempt()))).toMatchObject({ code: 'MR4103' });
  });
});

describe('an on-run-end hook that fails', () => {
  it('is named', async () => {
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
    const noSql = await failureOf(dbt.build({}, new Attempt()));
    expect(noSql).toMatchObject({ code: 'MR4001', subject: 'models/broken.sql', retryable: false });
    expect(noSql.facts).toMatchObject({ file: 'models/broken.sql', line: 3 });
    const { pid } = dbt;

    await shop.write('models/broken.sql', "select * from {{ ref('nobody') }}");
    const noModel = await failureOf(dbt.start());
    expect(noModel).toMatchObject({ code: 'MR4001', subject: 'models/broken.sql' });
    expect(noModel.message).toMatch(/nobody/);

    await shop.write('models/broken.sql', 'select 2 as n');
    await shop.write('models/more/bad.yml', 'version: 2\nmodels:\n  - name: x\n   columns: []\n');
    const noYaml = await failureOf(dbt.start());
    expect(noYaml).toMatchObject({ code: 'MR4001', retryable: false });
    expect(noYaml.facts).toMatchObject({ file: 'models/more/bad.yml', line: expect.any(Number) });

    await shop.write('models/more/bad.yml', 'version: 2\n');
    await dbt.build({ select: ['broken'] }, new Attempt());
    expect(dbt.pid).toBe(pid);
    expect(await shop.query('select n from broken')).toEqual([[2]]);
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
    await shop.write('without/dbt.py', "raise ImportError(\"No module named 'dbt'\", name='dbt')");
    const error = await failureOf(shop.service({ env: { PYTHONPATH: join(shop.project, 'without') } }).start());
    expect(error).toMatchObject({ code: 'MR4005', retryable: false, facts: { module: 'dbt' } });
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
