import { describe, expect, it } from '@jest/globals';
import { allDone, choose, dag, each, oneFailed, oneSuccess, outcome, skip, task } from '../src/dag/index.ts';
import { simulate, testContext } from '../src/testing/index.ts';

const list = task('list', {}, async () => ['a', 'bb', 'ccc']);
const size = task('size', {}, async ({ text }: { readonly text: string }) => ({ text, size: text.length }));
const add = task('add', {}, async ({ sizes }: { readonly sizes: readonly { size: number }[] }) =>
  sizes.reduce((sum, { size: one }) => sum + one, 0),
);
const note = task('note', {}, async (input: { readonly about: unknown }) => ({ about: input.about }));
const fail = task('fail', {}, async () => {
  throw new Error('broken');
});

const states = (simulation: Awaited<ReturnType<typeof simulate>>) =>
  Object.fromEntries([...simulation.nodes].map(([id, { state }]) => [id, state]));

describe('a simulated run', () => {
  it('passes results on, maps and collects', async () => {
    const mapped = dag('d', {}, () => add({ sizes: each(list(), (text) => size({ text })) }));
    const simulation = await simulate(mapped);
    expect(simulation.result).toBe(6);
    expect([...simulation.nodes.keys()]).toEqual(['list', 'size', 'size[0]', 'size[1]', 'size[2]', 'add']);
    expect(simulation.inputs.get('size[2]')).toEqual({ text: 'ccc' });
  });

  it('takes an empty list for a success without results', async () => {
    const mapped = dag('d', {}, () => add({ sizes: each(list(), (text) => size({ text })) }));
    const simulation = await simulate(mapped, { replace: { list: () => [] } });
    expect(simulation).toMatchObject({ status: 'success', result: 0 });
  });

  it('leaves skipped items out of the results', async () => {
    const mapped = dag('d', {}, () => each(list(), (text) => size({ text })));
    const simulation = await simulate(mapped, { replace: { 'size[1]': () => skip('too long') } });
    expect(simulation.result).toEqual([
      { text: 'a', size: 1 },
      { text: 'ccc', size: 3 },
    ]);
    expect(simulation.nodes.get('size[1]')).toMatchObject({ state: 'skipped', error: { message: 'too long' } });
  });

  it('fails an each() of which one item failed, and says which', async () => {
    const mapped = dag('d', {}, () => add({ sizes: each(list(), (text) => size({ text })) }));
    const simulation = await simulate(mapped, { replace: { 'size[1]': () => Promise.reject(new Error('bad item')) } });
    expect(simulation.status).toBe('failed');
    expect(simulation.nodes.get('size')).toMatchObject({
      state: 'failed',
      error: { message: '1 of 3 items failed; the first: bad item' },
    });
    expect(states(simulation).add).toBe('upstream_failed');
  });

  it('runs each() inside each() and choose() inside each()', async () => {
    const groups = task('groups', {}, async () => [
      { kind: 'long' as 'long' | 'short', words: ['aaa', 'bbbb'] },
      { kind: 'short' as const, words: ['c'] },
    ]);
    const nested = dag('d', {}, () =>
      each(
        groups(),
        (group) => {
          const sizes = each(group.words, (text) => size({ text }));
          return choose(group.kind, { long: () => add({ sizes }), short: () => note({ about: group.kind }) });
        },
        { id: 'perGroup' },
      ),
    );
    const simulation = await simulate(nested);
    expect(simulation.result).toEqual([7, { about: 'short' }]);
    expect(states(simulation)).toEqual({
      groups: 'success',
      perGroup: 'success',
      'perGroup[0].size': 'success',
      'perGroup[0].size[0]': 'success',
      'perGroup[0].size[1]': 'success',
      'perGroup[0].choose-kind': 'success',
      'perGroup[0].add': 'success',
      'perGroup[0].note': 'skipped',
      'perGroup[1].size': 'success',
      'perGroup[1].size[0]': 'success',
      'perGroup[1].choose-kind': 'success',
      'perGroup[1].add': 'skipped',
      'perGroup[1].note': 'success',
    });
  });

  it('names a sole mapped choose() by its index', async () => {
    const plan = dag('d', {}, () =>
      each([true, false], (flag) =>
        choose(flag, { true: () => note({ about: 'yes' }), false: () => 'no' }, { id: 'pick' }),
      ),
    );
    const simulation = await simulate(plan);
    expect(simulation.result).toEqual([{ about: 'yes' }, 'no']);
    expect(Object.keys(states(simulation))).toEqual(['pick', 'pick[0]', 'pick[0].note', 'pick[1]', 'pick[1].note']);
  });

  it('fails a choose() with a value that has no case: MR1024', async () => {
    const kinds = task('kinds', {}, async () => 'x' as 'a' | 'b');
    const plan = dag('d', {}, () => choose(kinds(), { a: () => note({ about: 1 }), b: () => 2 }));
    const simulation = await simulate(plan);
    expect(simulation.nodes.get('choose-kinds')).toMatchObject({ state: 'failed', error: { code: 'MR1024' } });
    expect(simulation.nodes.get('note')?.state).toBe('upstream_failed');
  });

  it('fails an each() over something else than a list: MR1019', async () => {
    const plan = dag('d', {}, () => each(list(), (text) => size({ text })));
    const simulation = await simulate(plan, { replace: { list: () => 'abc' } });
    expect(simulation.nodes.get('size')).toMatchObject({ state: 'failed', error: { code: 'MR1019' } });
  });

  it('fails an each() with more items than a run can have, before any of them runs: MR2011', async () => {
    const kind = task('kind', {}, async (_: { readonly text: string }) => 'a' as const);
    const plan = dag('d', {}, () =>
      each(list(), (text) => choose(kind({ text }), { a: () => size({ text }) }), { id: 'many', limit: 1 }),
    );
    const simulation = await simulate(plan, { replace: { list: () => Array(4_001).fill('x') } });
    expect(simulation.nodes.get('many')).toMatchObject({ state: 'failed', error: { code: 'MR2011' } });
    expect([...simulation.inputs.keys()]).toEqual(['list']);
  });

  it('fails a node that reads into nothing: MR1020', async () => {
    const deep = task('deep', {}, async () => ({ a: { b: 1 } }));
    const plan = dag('d', {}, () => note({ about: deep().a.b }));
    const simulation = await simulate(plan, { replace: { deep: () => ({}) } });
    expect(simulation.nodes.get('note')).toMatchObject({ state: 'failed', error: { code: 'MR1020', subject: 'deep' } });
  });

  it('refuses a result that JSON cannot hold: MR1007', async () => {
    const plan = dag('d', {}, () => note({ about: 1 }));
    const simulation = await simulate(plan, { replace: { note: () => ({ when: new Date() }) } });
    expect(simulation.nodes.get('note')).toMatchObject({ state: 'failed', error: { code: 'MR1007' } });
  });
});

describe('failures of a run', () => {
  it('are not hidden by a node that runs because of them', async () => {
    const plan = dag('d', {}, () => {
      const bad = fail();
      note.with({ when: oneFailed(bad) })({ about: 'alert' });
    });
    const simulation = await simulate(plan);
    expect(simulation.status).toBe('failed');
    expect(states(simulation)).toEqual({ fail: 'failed', note: 'success' });
  });

  it('are dealt with by a node that reads the outcome', async () => {
    const plan = dag('d', {}, () => note({ about: outcome(fail()) }));
    const simulation = await simulate(plan);
    expect(simulation).toMatchObject({
      status: 'success',
      result: { about: { status: 'failed', error: { message: 'broken' } } },
    });
  });

  it('are dealt with when the outcome of what they stopped is read', async () => {
    const plan = dag('d', {}, () => {
      const after = note({ about: fail() });
      note.as('instead').with({ when: allDone(after) })({ about: outcome(after) });
    });
    expect((await simulate(plan)).status).toBe('success');
  });

  it('let a fallback take over', async () => {
    const plan = dag('d', {}, () => {
      const first = fail();
      const second = note.with({ when: oneFailed(first) })({ about: 'fallback' });
      note.as('either').with({ when: oneSuccess(first, second) })({ about: [outcome(first), outcome(second)] });
    });
    const simulation = await simulate(plan);
    expect(simulation.status).toBe('success');
    expect(simulation.inputs.get('either')).toMatchObject({
      about: [{ status: 'failed' }, { status: 'success', value: { about: 'fallback' } }],
    });
  });

  it('fail the run when what they stopped is not dealt with', async () => {
    const plan = dag('d', {}, () => {
      const bad = fail();
      note({ about: bad });
      note.as('alert')({ about: outcome(bad) });
    });
    const simulation = await simulate(plan);
    expect(simulation.status).toBe('failed');
    expect(states(simulation)).toEqual({ fail: 'failed', note: 'upstream_failed', alert: 'success' });
  });
});

describe('testContext()', () => {
  it('lets a task be called by hand and tells what it did', async () => {
    const load = task('load', {}, async ({ rows }: { rows: number }, context) => {
      context.rows(rows);
      context.heartbeat({ at: rows });
      context.items.report([{ id: 'two', state: 'success', attempt: 1 }]);
      return [...(await context.items.completed()).keys()];
    });
    const context = testContext({
      items: [
        { id: 'one', state: 'success', attempt: 1 },
        { id: 'bad', state: 'failed', attempt: 1 },
      ],
    });
    await expect(load.run({ rows: 3 }, context)).resolves.toEqual(['one', 'two']);
    expect(context.record).toMatchObject({ rows: 3, heartbeats: [{ at: 3 }] });
  });
});
