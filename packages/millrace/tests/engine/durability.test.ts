import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Engine, eventually, nodes, runState } from './harness.ts';

let engine: Engine;
beforeEach(() => {
  engine = new Engine();
});
afterEach(() => engine.close());

describe('a worker that is killed', () => {
  it('in the middle of a task: the run completes by itself, and the task finds its last heartbeat', async () => {
    const worker = await engine.worker();
    const run = await engine.start('waiting');
    await engine.begun('first.begun.1');
    await worker.kill();
    await engine.worker();
    await engine.begun('first.begun.2');
    await engine.release('go');
    await expect(run.result()).resolves.toMatchObject({
      version: 1,
      first: { name: 'first' },
      second: { name: 'first' },
    });
    expect(await engine.log()).toEqual([
      'wait first attempt 1 checkpoint null',
      'wait first attempt 2 checkpoint {"attempt":1}',
      'wait first attempt 1 checkpoint null',
    ]);
    expect(await nodes(run)).toMatchObject({ first: { state: 'success', attempt: 2 }, second: { attempt: 1 } });
  });

  it('is asked to stop: its task is aborted, and goes on elsewhere at once', async () => {
    const worker = await engine.worker();
    const run = await engine.start('waiting');
    await engine.begun('first.begun.1');
    await worker.stop();
    expect(await engine.log()).toContain('wait first aborted');
    await engine.worker();
    await engine.begun('first.begun.2');
    await engine.release('go');
    await expect(run.result()).resolves.toMatchObject({ version: 1 });
  });
});

describe('an edit of a DAG under a run', () => {
  it('leaves the run on its plan; a new run gets the new one', async () => {
    const old = await engine.worker(1);
    const before = await engine.start('waiting');
    await engine.begun('first.begun.1');
    await old.kill();

    await engine.worker(2);
    const after = await engine.start('waiting');
    await engine.release('go');
    await expect(before.result()).resolves.toMatchObject({ version: 1, second: { name: 'first' } });
    await expect(after.result()).resolves.toEqual({ version: 2, first: expect.objectContaining({ name: 'first' }) });
    const [planBefore, planAfter] = [await runState(before), await runState(after)];
    expect(planBefore.planHash).not.toBe(planAfter.planHash);
    expect(planBefore.nodes.map(({ id }) => id)).toEqual(['first', 'second', 'finish']);
    expect(planAfter.nodes.map(({ id }) => id)).toEqual(['first', 'finish']);
  });

  it('that takes a task away lets the run wait until a worker has it again', async () => {
    const old = await engine.worker(1);
    const run = await engine.start('shrinking');
    await engine.begun('first.begun.1');
    await old.kill();

    const without = await engine.worker(3);
    await engine.release('go');
    await eventually('the run waits for the task', async () => {
      const { land } = await nodes(run);
      return land?.state === 'up_for_retry' && land.error?.code === 'MR2004';
    });
    await without.kill();
    await engine.worker(1);
    await expect(run.result()).resolves.toEqual({ file: 'first' });
    expect(await nodes(run)).toMatchObject({ land: { state: 'success', attempt: 1 } });
  });
});
