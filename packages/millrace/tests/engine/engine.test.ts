import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { presetQuery, type RunPreset } from '../../src/dag/index.ts';
import { Engine, failureOf, nodes, runState } from './harness.ts';

const engine = new Engine();
beforeAll(() => engine.worker());
afterAll(() => engine.close());

describe('a run', () => {
  it('maps, chooses, retries and passes results on; its records say what happened', async () => {
    const run = await engine.start('pipeline', { date: '2003-01-01', params: { mode: 'delta' } });
    await expect(run.result()).resolves.toEqual({
      loaded: { count: 3, mode: 'delta', date: '2003-01-01' },
      interval: { start: '2003-01-01T00:00:00.000Z', end: '2003-01-02T00:00:00.000Z' },
    });
    const state = await runState(run);
    expect(state).toMatchObject({
      dag: 'pipeline',
      status: 'success',
      planHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(await nodes(run)).toMatchObject({
      list: { state: 'success', rows: 3, attempt: 1, durationMs: expect.any(Number) },
      land: { kind: 'each', state: 'success' },
      'land[0]': { state: 'success', attempt: 1, task: 'land' },
      'land[1]': { state: 'success', attempt: 2 },
      load: { state: 'skipped' },
      loadDelta: { state: 'success' },
    });
  });

  it('has its node ids as activity ids and the task ids as activity types', async () => {
    const run = await engine.start('pipeline', { params: { count: 1 } });
    await run.result();
    const { events } = await run.fetchHistory();
    const scheduled = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: it }) =>
      it ? [[it.activityId, it.activityType?.name]] : [],
    );
    expect(scheduled).toEqual([
      ['list', 'list'],
      ['land[0]', 'land'],
      ['load', 'load'],
      ['finish', 'finish'],
    ]);
  });

  it('leaves a memo for lists of runs', async () => {
    const run = await engine.start('pipeline', { date: '2003-01-01' });
    await run.result();
    const { memo } = await run.describe();
    expect(memo).toMatchObject({
      millrace: {
        dag: 'pipeline',
        date: '2003-01-01',
        status: 'success',
        counts: { success: 8, skipped: 1 },
        failed: [],
      },
    });
  });

  it('goes through more mapped tasks than may be under way at once', async () => {
    const run = await engine.start('wide', { params: { count: 700 } });
    await expect(run.result()).resolves.toMatchObject({ count: 700 });
  });
});

describe('a start that cannot be', () => {
  it('of an unknown DAG fails at once with the known ones: MR2002', async () => {
    const failure = await failureOf(await engine.start('nightly'));
    expect(failure).toMatchObject({ type: 'MR2002', message: expect.stringContaining('pipeline') });
  });

  it('with parameters that do not fit fails before anything runs: MR1021', async () => {
    const run = await engine.start('pipeline', { params: { mode: 'none' } });
    expect(await failureOf(run)).toMatchObject({ type: 'MR1021', details: [{ subject: 'pipeline' }] });
    expect((await runState(run)).status).toBe('failed');
  });

  it('with an input that means nothing: MR2010', async () => {
    expect(await failureOf(await engine.start('pipeline', { day: '2003-01-01' }))).toMatchObject({ type: 'MR2010' });
  });
});

describe('a task that fails', () => {
  it('is tried as often as its policy says; the run fails and names it', async () => {
    const before = (await engine.log()).length;
    const run = await engine.start('failing', { params: { code: 'MR3001', retryable: true } });
    expect(await failureOf(run)).toMatchObject({
      type: 'MR2001',
      message: "The run of 'failing' failed in 'broken': MR3001 no such table",
      details: [
        { failedCount: 1, failed: [{ id: 'broken', error: { code: 'MR3001', hint: 'make it', facts: { line: 7 } } }] },
      ],
    });
    expect((await engine.log()).length - before).toBe(3);
    expect(await nodes(run)).toMatchObject({
      broken: { state: 'failed', attempt: 3, error: { code: 'MR3001', subject: 'sales' } },
      finish: { state: 'upstream_failed' },
      alert: { state: 'success' },
      other: { state: 'upstream_failed' },
    });
  });

  it('for good is not tried again', async () => {
    const before = (await engine.log()).length;
    await failureOf(await engine.start('failing', { params: { code: 'MR3001', retryable: false } }));
    expect((await engine.log()).length - before).toBe(1);
  });

  it('by its timeout: MR2008', async () => {
    const run = await engine.start('tooSlow');
    expect(await failureOf(run)).toMatchObject({ type: 'MR2001' });
    expect(await nodes(run)).toMatchObject({ slow: { state: 'failed', error: { code: 'MR2008' } } });
  });

  it('by a result that is too large, once: MR2005', async () => {
    const before = (await engine.log()).length;
    const run = await engine.start('tooLarge', { params: { bytes: 1_200_000 } });
    expect((await failureOf(run)).message).toContain('MR2005');
    expect((await engine.log()).length - before).toBe(1);
  });

  it('by an input that is too large together: MR2006', async () => {
    const run = await engine.start('tooLargeTogether');
    await failureOf(run);
    expect(await nodes(run)).toMatchObject({ finish: { state: 'failed', error: { code: 'MR2006' } } });
  });

  it('by a result that JSON cannot hold, once: MR1007', async () => {
    const before = (await engine.log()).length;
    const run = await engine.start('notJson');
    await failureOf(run);
    expect(await nodes(run)).toMatchObject({
      odd: { error: { code: 'MR1007', message: expect.stringContaining('a Date') } },
    });
    expect((await engine.log()).length - before).toBe(1);
  });
});

it('a run whose own result cannot be made fails: MR1020', async () => {
  expect(await failureOf(await engine.start('badResult'))).toMatchObject({
    type: 'MR1020',
    details: [{ subject: 'finish' }],
  });
});

describe('a run that is broken off', () => {
  it('by a cancellation aborts its tasks and starts no more', async () => {
    const run = await engine.start('waiting');
    await engine.begun('first.begun.1');
    await run.cancel();
    await expect(run.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect(await engine.log()).toContain('wait first aborted');
    expect((await runState(run)).status).toBe('cancelled');
    expect(await nodes(run)).toMatchObject({
      first: { state: 'cancelled' },
      second: { state: 'cancelled' },
      finish: { state: 'cancelled' },
    });
  });

  it('by its timeout fails the tasks that ran: MR2003', async () => {
    const run = await engine.start('runTimeout');
    expect(await failureOf(run)).toMatchObject({ type: 'MR2003' });
    expect(await nodes(run)).toMatchObject({
      wait: { state: 'failed', error: { code: 'MR2003' } },
      finish: { state: 'cancelled' },
    });
  });
});

describe('items of a task', () => {
  it('are kept, and a run that takes over begins with those that had not finished', async () => {
    const run = await engine.start('items', { date: '2003-01-01' });
    await failureOf(run);
    const items = (await nodes(run)).build?.items ?? [];
    expect(items.map(({ id, state }) => `${id} ${state}`)).toEqual([
      'model.0 success',
      'model.1 success',
      'model.2 success',
      'model.3 failed',
      'model.4 failed',
      'model.5 failed',
    ]);

    const preset = await run.query<RunPreset>(presetQuery);
    const before = (await engine.log()).length;
    await engine.release('mended');
    const again = await engine.start('items', { date: '2003-01-01', preset });
    await expect(again.result()).resolves.toEqual({ built: { built: 6 }, first: { file: 'x' } });
    // `land` had succeeded: its result is there, but it was not executed again.
    expect((await engine.log()).slice(before)).toEqual(['build model.3', 'build model.4', 'build model.5']);
    expect((await nodes(again)).build?.items?.every(({ state }) => state === 'success')).toBe(true);
  });
});
