import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { NodeState, Plan, PlanBody, PlanCondition, PlanNode, TriggerRule } from '../src/dag/index.ts';
import { nodeRecords } from '../src/dag/records.ts';
import { type ReadyTask, Scheduler, type TaskEnd } from '../src/dag/scheduler.ts';

const rules: readonly TriggerRule[] = [
  'allSuccess',
  'allDone',
  'allFailed',
  'oneSuccess',
  'oneFailed',
  'oneDone',
  'noneFailed',
  'noneFailedMinOneSuccess',
  'noneSkipped',
  'allSkipped',
  'always',
];

type End = 'success' | 'failed' | 'skipped';
type Settled = End | 'upstream_failed';

/** The rules in Airflow's words, of the final states of all upstreams. */
function judge(rule: TriggerRule, states: readonly Settled[]): 'run' | 'skipped' | 'upstream_failed' {
  const bad = (state: Settled) => state === 'failed' || state === 'upstream_failed';
  const is = (wanted: Settled) => (state: Settled) => state === wanted;
  switch (rule) {
    case 'allSuccess':
      if (states.every(is('success'))) return 'run';
      return states.some(bad) ? 'upstream_failed' : 'skipped';
    case 'allDone':
    case 'always':
      return 'run';
    case 'allFailed':
      return states.every(bad) ? 'run' : 'skipped';
    case 'oneSuccess':
      if (states.some(is('success'))) return 'run';
      return states.every(is('skipped')) ? 'skipped' : 'upstream_failed';
    case 'oneFailed':
      return states.some(bad) ? 'run' : 'skipped';
    case 'oneDone':
      return states.some((state) => state === 'success' || state === 'failed') ? 'run' : 'skipped';
    case 'noneFailed':
      return states.some(bad) ? 'upstream_failed' : 'run';
    case 'noneFailedMinOneSuccess':
      if (states.some(bad)) return 'upstream_failed';
      return states.some(is('success')) ? 'run' : 'skipped';
    case 'noneSkipped':
      return states.some(is('skipped')) ? 'skipped' : 'run';
    case 'allSkipped':
      return states.every(is('skipped')) ? 'run' : 'skipped';
  }
}

/** What a body's nodes come to, worked out from the top with no queue and no counters. */
function model(body: PlanBody, name: (id: string) => string, inner: (id: string) => string, ends: (id: string) => End) {
  const settled = new Map<string, Settled>();
  const all = new Map<string, Settled>();
  for (const node of body.nodes) {
    const verdicts = node.needs.map(({ rule, of }) =>
      judge(
        rule,
        of.map((id) => settled.get(id) as Settled),
      ),
    );
    const runs = verdicts.every((verdict) => verdict === 'run');
    let state: Settled = verdicts.includes('upstream_failed') ? 'upstream_failed' : 'skipped';
    const id = name(node.id);
    if (node.kind === 'task' && runs) state = ends(id);
    if (node.kind === 'each') {
      const count = (node.over as readonly unknown[]).length;
      const bodies = Array.from({ length: runs ? count : 0 }, (_, index) => {
        const prefix = (child: string) => `${id}[${index}].${child}`;
        return model(node.body, prefix, prefix, ends);
      });
      for (const { all: nested } of bodies) for (const [key, value] of nested) all.set(key, value);
      if (runs) state = together(bodies.map(({ state: one }) => one));
    }
    if (node.kind === 'choose') {
      const chosen = String(node.on);
      for (const [key, choice] of Object.entries(node.cases)) {
        if (runs && key === chosen) {
          const ran = model(choice, inner, inner, ends);
          for (const [nested, value] of ran.all) all.set(nested, value);
          state = ran.state;
        } else {
          for (const { id: nested } of choice.nodes) all.set(inner(nested), runs ? 'skipped' : state);
        }
      }
    }
    settled.set(node.id, state);
    all.set(id, state);
  }
  const states = [...settled.values()];
  const failed = states.some((state) => state === 'failed' || state === 'upstream_failed');
  const state: Settled = failed ? 'failed' : states.every((one) => one === 'skipped') ? 'skipped' : 'success';
  return { all, state };
}

function together(states: readonly Settled[]): Settled {
  if (states.includes('failed')) return 'failed';
  return states.length > 0 && states.every((state) => state === 'skipped') ? 'skipped' : 'success';
}

const needs = (upstreams: readonly string[]): fc.Arbitrary<PlanCondition[]> =>
  upstreams.length === 0
    ? fc.constant([])
    : fc.array(fc.record({ rule: fc.constantFrom(...rules), of: fc.subarray([...upstreams], { minLength: 1 }) }), {
        maxLength: 2,
      });

const taskNode = (id: string, conditions: readonly PlanCondition[]): PlanNode => ({
  kind: 'task',
  id,
  task: 'any',
  needs: conditions,
  timeoutMs: 1,
  heartbeatMs: 1,
});

const tasksOnly = (prefix: string, most: number): fc.Arbitrary<PlanBody> =>
  fc.integer({ min: 1, max: most }).chain((count) => {
    const names = Array.from({ length: count }, (_, index) => `${prefix}${index}`);
    return fc
      .tuple(...names.map((id, index) => needs(names.slice(0, index)).map((conditions) => taskNode(id, conditions))))
      .map((nodes) => ({ nodes }));
  });

const node = (id: string, upstreams: readonly string[]): fc.Arbitrary<PlanNode> =>
  fc.oneof(
    { weight: 4, arbitrary: needs(upstreams).map((conditions) => taskNode(id, conditions)) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(needs(upstreams), tasksOnly(`${id}x`, 4), fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: 3 }))
        .map(([conditions, body, count, limit]): PlanNode => {
          // A body of one node has other names; the examples in scheduler.test.ts cover it.
          const nodes = body.nodes.length > 1 ? body.nodes : [...body.nodes, taskNode(`${id}y`, [])];
          return { kind: 'each', id, needs: conditions, over: Array(count).fill(1), limit, body: { nodes } };
        }),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(needs(upstreams), tasksOnly(`${id}a`, 3), tasksOnly(`${id}b`, 3), fc.constantFrom('a', 'b'))
        .map(([conditions, a, b, on]): PlanNode => ({ kind: 'choose', id, needs: conditions, on, cases: { a, b } })),
    },
  );

const plans: fc.Arbitrary<Plan> = fc.integer({ min: 1, max: 12 }).chain((count) => {
  const names = Array.from({ length: count }, (_, index) => `n${index}`);
  return fc
    .tuple(...names.map((id, index) => node(id, names.slice(0, index))))
    .map((nodes) => ({ schemaVersion: 1, dag: 'd', hash: '', maxActive: 1, nodes }));
});

const run = { interval: { start: '', end: '' }, date: '', params: {} };

function endOf(end: End): TaskEnd {
  if (end === 'failed') return { state: 'failed', error: { message: 'x' } };
  return end === 'skipped' ? { state: 'skipped' } : { state: 'success', value: null };
}

describe('the scheduler', () => {
  it('comes to what the rules say, in whatever order the tasks end', () => {
    fc.assert(
      fc.property(plans, fc.infiniteStream(fc.nat(1_000_000)), fc.nat(1_000), (plan, choices, seed) => {
        const ends = (id: string): End => {
          let mixed = seed;
          for (const char of id) mixed = (mixed * 31 + (char.codePointAt(0) ?? 0)) % 1_009;
          return (['success', 'success', 'success', 'failed', 'skipped'] as const)[mixed % 5] as End;
        };
        const scheduler = new Scheduler({ plan, run });
        const active: ReadyTask[] = [...scheduler.take()];
        const started = new Set<string>();
        while (active.length > 0) {
          for (const each of plan.nodes) {
            if (each.kind !== 'each') continue;
            const open = new Set(
              active.filter(({ id }) => id.startsWith(`${each.id}[`)).map(({ id }) => id.slice(0, id.indexOf(']'))),
            );
            expect(open.size).toBeLessThanOrEqual(each.limit ?? Number.POSITIVE_INFINITY);
          }
          const [task] = active.splice((choices.next().value as number) % active.length, 1);
          if (task === undefined) break;
          expect(started.has(task.id)).toBe(false);
          started.add(task.id);
          scheduler.finish(task.id, endOf(ends(task.id)));
          active.push(...scheduler.take());
        }
        expect(scheduler.done).toBe(true);
        const expected = model(
          plan,
          (id) => id,
          (id) => id,
          ends,
        );
        const found = new Map(
          nodeRecords(scheduler, new Map()).map(({ id, state }): [string, NodeState] => [id, state]),
        );
        expect(Object.fromEntries([...found].sort())).toEqual(Object.fromEntries([...expected.all].sort()));
        expect(scheduler.failures().length > 0).toBe(expected.state === 'failed');
      }),
      { numRuns: 600 },
    );
  });

  it('ends whenever it is stopped, with no task started afterwards', () => {
    fc.assert(
      fc.property(plans, fc.nat(10), (plan, after) => {
        const scheduler = new Scheduler({ plan, run });
        const active = [...scheduler.take()];
        for (const { id } of active) scheduler.mark(id, 'running');
        for (let count = 0; count < after && active.length > 0; count++) {
          const task = active.shift();
          if (task !== undefined) scheduler.finish(task.id, endOf('success'));
          for (const ready of scheduler.take()) {
            scheduler.mark(ready.id, 'running');
            active.push(ready);
          }
        }
        scheduler.stop();
        for (const { id } of active) scheduler.finish(id, { state: 'cancelled' });
        expect(scheduler.take()).toEqual([]);
        const left = nodeRecords(scheduler, new Map()).filter(({ state }) =>
          ['none', 'queued', 'running', 'up_for_retry'].includes(state),
        );
        expect(left).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('takes time in proportion to nodes and edges', () => {
    const chain = (length: number): Plan => ({
      schemaVersion: 1,
      dag: 'd',
      hash: '',
      maxActive: 1,
      nodes: Array.from({ length }, (_, index) =>
        taskNode(`n${index}`, index === 0 ? [] : [{ rule: 'allSuccess', of: [`n${index - 1}`] }]),
      ),
    });
    const scheduler = new Scheduler({ plan: chain(10_000), run });
    let finished = 0;
    for (let [ready] = scheduler.take(); ready !== undefined; [ready] = scheduler.take()) {
      scheduler.finish(ready.id, { state: 'success', value: null });
      finished++;
    }
    expect(finished).toBe(10_000);
    // A chain of skips is worked off in a loop, not by calls within calls.
    const skipped = new Scheduler({ plan: chain(10_000), run });
    skipped.finish('n0', { state: 'skipped' });
    expect(skipped.done).toBe(true);
  });
});
