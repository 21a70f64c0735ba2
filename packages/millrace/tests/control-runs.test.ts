import { createServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { connectControl } from '../src/control/control.ts';
import { runWorkflowId } from '../src/control/run-id.ts';
import { each } from '../src/dag/control.ts';
import { dag } from '../src/dag/dag.ts';
import { MillraceError } from '../src/dag/errors.ts';
import { task } from '../src/dag/task.ts';
import { Bench, collect, stateOf } from './control-support.ts';

/** What the tasks do is up to each test. */
let executed: string[] = [];
let landFails: (item: number, attempt: number) => boolean = () => false;
let gate = Promise.resolve();
let openGate = (): void => undefined;

function closeGate(): void {
  gate = new Promise((resolve) => {
    openGate = resolve;
  });
}

const list = task('list', {}, async (_: unknown, { rows }) => {
  executed.push('list');
  rows(3);
  return [0, 1, 2];
});
const land = task(
  'land',
  { retry: { attempts: 2, backoff: '2s' } },
  async ({ item }: { item: number }, { attempt }) => {
    executed.push(`land ${item}`);
    if (landFails(item, attempt)) {
      throw new MillraceError({ code: 'MR3101', message: `File ${item} is torn.`, hint: 'Have it sent again.' });
    }
    return item * 10;
  },
);
const load = task('load', {}, async ({ landed }: { landed: number[] }, { signal }) => {
  executed.push('load');
  const stopped = new Promise<never>((_, reject) => {
    (signal as EventTarget & typeof signal).addEventListener?.('abort', () => reject(new Error('stopped')));
  });
  await Promise.race([gate, stopped]);
  return landed.length;
});
const shop = dag('shop', {}, () => {
  const landed = each(list(), (item) => land({ item }));
  load({ landed });
});

const bulky = task('bulky', {}, async () => 'x'.repeat(950_000));
const broken = task('broken', { retry: { attempts: 1 } }, async (_: unknown): Promise<string> => {
  throw new Error('always');
});
const heavy = dag('heavy', {}, () => {
  broken.with({ after: [bulky(), bulky.as('bulky2')()] })();
});

const bench = new Bench([shop, heavy]);
const { taskQueue } = bench;

beforeAll(async () => {
  await bench.open();
  await bench.startWorker();
});
afterAll(() => bench.close());
beforeEach(() => {
  executed = [];
  landFails = () => false;
  gate = Promise.resolve();
});

describe('the id of a run', () => {
  it('is made of the DAG and its interval', () => {
    expect(runWorkflowId('shop', { date: '2002-12-31' })).toBe('shop/2002-12-31');
    expect(runWorkflowId('shop', { interval: { start: '2002-12-31', end: '2003-01-01' } })).toBe('shop/2002-12-31');
    expect(runWorkflowId('shop', { interval: { start: '1998-01-01', end: '2002-12-31' } })).toBe(
      'shop/1998-01-01..2002-12-31',
    );
    const instants = { start: '2002-12-31T05:00:00Z', end: '2003-01-01T05:00:00Z' };
    expect(runWorkflowId('shop', { interval: instants })).toBe('shop/2002-12-31T05:00:00Z..2003-01-01T05:00:00Z');
    expect(runWorkflowId('shop', {}, new Date(0))).toBe('shop/manual-1970-01-01T00:00:00.000Z');
  });

  it.each([
    [{ date: '2003-02-29' }],
    [{ date: '31.12.2002' }],
    [{ interval: { start: '2003-01-01', end: '2003-01-01' } }],
    [{ interval: { start: '2003-01-02', end: '2003-01-01' } }],
    [{ interval: { start: '2003-01-01T00:00:00', end: '2003-01-02' } }],
    [{ date: '2003-01-01', interval: { start: '2003-01-01', end: '2003-01-02' } }],
  ])('is refused for %j', (target) => {
    expect(() => runWorkflowId('shop', target)).toThrow(
      expect.objectContaining({ code: 'MR2510', retryable: false, hint: expect.any(String) }),
    );
  });
});

describe('a run', () => {
  it('is started for a day, followed to its end, and can be run again', async () => {
    const started = await bench.control.startRun('shop', { date: '2001-01-01' });
    expect(started).toMatchObject({ dag: 'shop', workflowId: 'shop/2001-01-01', attached: false });
    const states = await collect(bench.control.watchRun(started.workflowId, { intervalMs: 50 }));
    const final = states.at(-1);
    expect(final).toMatchObject({
      runId: started.runId,
      status: 'success',
      source: 'worker',
      interval: { start: '2001-01-01T00:00:00.000Z', end: '2001-01-02T00:00:00.000Z' },
    });
    expect(final?.nodes.find((node) => node.id === 'list')).toMatchObject({ state: 'success', attempt: 1, rows: 3 });
    expect(states.slice(0, -1).every((state) => state.status === 'running')).toBe(true);

    const again = await bench.control.startRun('shop', { date: '2001-01-01' });
    expect(again.workflowId).toBe(started.workflowId);
    expect(again.runId).not.toBe(started.runId);
    expect(await bench.control.waitForRun(again.workflowId)).toMatchObject({ runId: again.runId, status: 'success' });
  });

  it('is not started twice at a time, but attached to if asked', async () => {
    closeGate();
    const interval = { start: '2001-02-01', end: '2001-03-01' };
    const started = await bench.control.startRun('shop', { interval });
    await expect(bench.control.startRun('shop', { interval })).rejects.toMatchObject({
      code: 'MR2502',
      subject: 'shop/2001-02-01..2001-03-01',
      retryable: false,
    });
    const attached = await bench.control.startRun('shop', { interval }, { ifRunning: 'attach' });
    expect(attached).toEqual({ ...started, attached: true });
    openGate();
    expect((await bench.control.waitForRun(started.workflowId)).status).toBe('success');
  });

  it('shows attempts and failures while they happen, and why it failed', async () => {
    landFails = (item) => item === 1;
    const { workflowId } = await bench.control.startRun('shop', { date: '2001-01-03' });
    const waiting = await bench.until(workflowId, (view) => stateOf(view, 'land[1]') === 'up_for_retry');
    expect(waiting.nodes.find((node) => node.id === 'land[1]')).toMatchObject({
      attempt: 2,
      nextAttemptAt: expect.stringMatching(/Z$/),
      error: { code: 'MR3101', message: 'File 1 is torn.', hint: 'Have it sent again.' },
    });
    const final = await bench.control.waitForRun(workflowId);
    expect(final).toMatchObject({ status: 'failed', error: { code: 'MR2001' } });
    expect(final.nodes.find((node) => node.id === 'land[1]')).toMatchObject({
      state: 'failed',
      attempt: 2,
      error: { code: 'MR3101' },
    });
    expect(stateOf(final, 'load')).toBe('upstream_failed');
  });

  it('is retried from where it failed', async () => {
    landFails = (item) => item === 2;
    const first = await bench.control.startRun('shop', { date: '2001-01-04' });
    expect((await bench.control.waitForRun(first.workflowId)).status).toBe('failed');
    executed = [];
    landFails = () => false;
    const second = await bench.control.retryRun(first.workflowId);
    expect(second.workflowId).toBe(first.workflowId);
    expect(second.runId).not.toBe(first.runId);
    const final = await bench.control.waitForRun(first.workflowId);
    expect(final).toMatchObject({ runId: second.runId, status: 'success' });
    expect(final.interval.start).toBe('2001-01-04T00:00:00.000Z');
    expect(executed).toEqual(['land 2', 'load']);
    await expect(bench.control.retryRun(first.workflowId)).rejects.toMatchObject({ code: 'MR2506' });
  });

  it('is not retried when its results are too large to be handed over', async () => {
    const { workflowId } = await bench.control.startRun('heavy', { date: '2001-01-01' });
    expect((await bench.control.waitForRun(workflowId)).status).toBe('failed');
    await expect(bench.control.retryRun(workflowId)).rejects.toMatchObject({ code: 'MR2509', subject: workflowId });
  });

  it('is cancelled, and finished by a retry', async () => {
    closeGate();
    const { workflowId } = await bench.control.startRun('shop', { date: '2001-01-05' });
    await bench.until(workflowId, (view) => stateOf(view, 'load') === 'running');
    await expect(bench.control.retryRun(workflowId)).rejects.toMatchObject({ code: 'MR2506' });
    await bench.control.cancelRun(workflowId);
    expect((await bench.control.waitForRun(workflowId)).status).toBe('cancelled');
    await expect(bench.control.cancelRun(workflowId)).rejects.toMatchObject({ code: 'MR2505' });
    openGate();
    executed = [];
    await bench.control.retryRun(workflowId);
    expect((await bench.control.waitForRun(workflowId)).status).toBe('success');
    expect(executed).toEqual(['load']);
  });

  it('that is not there is said not to be there', async () => {
    for (const ask of ['getRun', 'waitForRun', 'cancelRun', 'retryRun'] as const) {
      await expect(bench.control[ask]('shop/1999-01-01')).rejects.toMatchObject({
        code: 'MR2503',
        subject: 'shop/1999-01-01',
      });
    }
  });

  it('of a DAG that no worker knows fails with the reason', async () => {
    const { workflowId } = await bench.control.startRun('shopp', { date: '2001-01-01' });
    expect(await bench.control.waitForRun(workflowId)).toMatchObject({
      status: 'failed',
      error: { code: 'MR2002', subject: 'shopp', facts: { known: ['heavy', 'shop'] } },
    });
  });

  it('that was terminated is failed, not running', async () => {
    closeGate();
    const { workflowId } = await bench.control.startRun('shop', { date: '2001-01-06' });
    await bench.until(workflowId, (view) => stateOf(view, 'load') === 'running');
    const connection = await Connection.connect({ address: bench.address });
    try {
      await new Client({ connection }).workflow.getHandle(workflowId).terminate('by hand');
    } finally {
      await connection.close();
    }
    openGate();
    const final = await bench.control.waitForRun(workflowId);
    expect(final).toMatchObject({ status: 'failed', error: { message: 'The run was terminated: by hand' } });
    expect(final.endedAt).toBeDefined();
  });
});

describe('the list of runs', () => {
  it('holds the runs of this task queue by DAG and status, newest first', async () => {
    const list = () => collect(bench.control.listRuns({ limit: 500 }));
    const all = await list();
    expect(all.length).toBeGreaterThanOrEqual(10);
    expect(all.map((run) => run.startedAt)).toEqual(
      all
        .map((run) => run.startedAt)
        .sort()
        .reverse(),
    );
    const failed = await collect(bench.control.listRuns({ dag: 'shop', status: 'failed' }));
    expect(failed.map((run) => run.workflowId)).toContain('shop/2001-01-03');
    expect(failed.every((run) => run.status === 'failed' && run.dag === 'shop')).toBe(true);
    expect(failed.find((run) => run.workflowId === 'shop/2001-01-03')).toMatchObject({
      date: '2001-01-03',
      failed: ['land[1]'],
      counts: { failed: expect.any(Number), upstream_failed: 1 },
      startedBy: 'person',
    });
    expect(await collect(bench.control.listRuns({ limit: 2 }))).toEqual(all.slice(0, 2));
    expect(await collect(bench.control.listRuns({ dag: "it's none" }))).toEqual([]);
  });
});

describe('without a worker', () => {
  const quiet = new Bench([shop]);
  beforeAll(() => quiet.open());
  afterAll(() => quiet.close());

  it('a run tells what its history knows, and goes on when a worker comes back', async () => {
    closeGate();
    const { workflowId } = await quiet.control.startRun('shop', { date: '2001-03-01' });
    await expect(quiet.control.getRun(workflowId)).rejects.toMatchObject({ code: 'MR2504', subject: workflowId });
    await quiet.startWorker();
    await quiet.until(workflowId, (view) => stateOf(view, 'load') === 'running');
    await quiet.stopWorker();
    const view = await quiet.control.getRun(workflowId);
    expect(view).toMatchObject({
      source: 'history',
      status: 'running',
      interval: { start: '2001-03-01T00:00:00.000Z' },
    });
    expect(view.nodes.find((node) => node.id === 'list')).toMatchObject({ state: 'success', rows: 3 });
    expect(view.nodes.map((node) => node.id)).toEqual(['list', 'land[0]', 'land[1]', 'land[2]', 'load']);
    expect((await collect(quiet.control.listRuns())).map((run) => run.workflowId)).toEqual([workflowId]);
    await quiet.startWorker();
    openGate();
    expect((await quiet.control.waitForRun(workflowId)).status).toBe('success');
  });
});

describe('a backfill', () => {
  it('runs every day once, and stops at a failure', async () => {
    const range = { from: '2001-04-01', to: '2001-04-05' };
    await bench.control.startRun('shop', { date: '2001-04-01' });
    await bench.control.waitForRun('shop/2001-04-01');
    let days = 0;
    landFails = (item) => item === 0 && ++days > 1;
    const first = await collect(bench.control.backfill('shop', range));
    expect(first.map(({ date, outcome }) => `${date} ${outcome}`)).toEqual([
      '2001-04-01 skipped',
      '2001-04-02 success',
      '2001-04-03 failed',
      '2001-04-04 not started',
    ]);
    landFails = () => false;
    const second = await collect(bench.control.backfill('shop', { ...range, parallel: 2 }));
    expect(second.map(({ outcome }) => outcome).sort()).toEqual(['skipped', 'skipped', 'success', 'success']);
    await expect(
      collect(bench.control.backfill('shop', { from: '2001-04-05', to: '2001-04-01' })),
    ).rejects.toMatchObject({
      code: 'MR2510',
    });
  });
});

describe('the server', () => {
  it('that is not there is named', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    await new Promise((resolve) => server.close(resolve));
    const address = `127.0.0.1:${port}`;
    await expect(
      connectControl({ address, namespace: 'default', taskQueue, connectTimeoutMs: 500 }),
    ).rejects.toMatchObject({ code: 'MR2501', subject: address });
  });

  it('that lacks the namespace is asked in vain', async () => {
    const { address } = bench;
    await expect(connectControl({ address, namespace: 'nowhere', taskQueue })).rejects.toMatchObject({
      code: 'MR2511',
      subject: 'nowhere',
    });
  });
});
