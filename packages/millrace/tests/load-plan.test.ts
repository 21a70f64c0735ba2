import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { choose, dag, each, type PlanNode, task } from '../src/dag/index.ts';
import { loadRun } from '../src/worker/load-plan.ts';
import { Registry } from '../src/worker/registry.ts';

const plain = task('plain', {}, async (_: { readonly of: unknown }) => 1);
const careful = task('careful', { retry: { attempts: 9 } }, async () => 1);
const nested = dag('nested', { params: z.object({ mode: z.enum(['a', 'b']).default('a') }) }, (run) => {
  careful();
  each([1], (of) => plain({ of }));
  choose(run.params.mode, { a: () => plain.as('inA')({ of: 1 }), b: () => 2 });
});
const registry = new Registry([nested]);
const request = { dag: 'nested', input: null, startedAt: '2003-01-02T12:00:00Z' };

function retries(nodes: readonly PlanNode[]): Record<string, unknown> {
  return Object.fromEntries(
    nodes.flatMap((node) => {
      if (node.kind === 'task') return [[node.id, node.retry]];
      const inner = node.kind === 'each' ? [node.body] : Object.values(node.cases);
      return inner.flatMap((body) => Object.entries(retries(body.nodes)));
    }),
  );
}

describe('loading a plan', () => {
  it("fills in the environment's retry settings where task and DAG say nothing, in bodies too", async () => {
    const { plan } = await loadRun(registry, { attempts: 5, backoff: '30s' }, request);
    const rest = { backoffMs: 30_000, maxBackoffMs: 60_000, factor: 2 };
    expect(retries(plan.nodes)).toEqual({
      careful: { attempts: 9, ...rest },
      plain: { attempts: 5, ...rest },
      inA: { attempts: 5, ...rest },
    });
    // The plan is known by what its author wrote, whatever the environment.
    expect(plan.hash).toBe(nested.plan.hash);
  });

  it('has settings of its own where the environment has none', async () => {
    const { plan, params, date } = await loadRun(registry, undefined, request);
    expect(retries(plan.nodes).plain).toEqual({ attempts: 3, backoffMs: 1_000, maxBackoffMs: 60_000, factor: 2 });
    expect([params, date]).toEqual([{ mode: 'a' }, '2003-01-01']);
  });

  it.each([
    ['text', 'MR2010', 'yesterday'],
    ['an unknown field', 'MR2010', { day: '2003-01-01' }],
    ['a date and an interval', 'MR2010', { date: '2003-01-01', interval: { start: '2003-01-01', end: '2003-01-02' } }],
    ['half an interval', 'MR2010', { interval: { start: '2003-01-01' } }],
    ['a date that is a number', 'MR2010', { date: 20030101 }],
    ['wrong parameters', 'MR1021', { params: { mode: 'c' } }],
  ])('refuses %s: %s', async (_, code, input) => {
    await expect(loadRun(registry, undefined, { ...request, input })).rejects.toMatchObject({ code, retryable: false });
  });
});

describe('the registry', () => {
  it('refuses two DAGs of one id: MR2012', () => {
    expect(() => new Registry([nested, nested])).toThrow(expect.objectContaining({ code: 'MR2012' }));
  });

  it('refuses two tasks of one id in two DAGs: MR1022', () => {
    const other = dag('other', {}, () => void task('plain', {}, async () => 2)());
    expect(() => new Registry([nested, other])).toThrow(expect.objectContaining({ code: 'MR1022', subject: 'plain' }));
  });

  it('lists the DAGs that there are: MR2002', () => {
    expect(() => registry.dag('nowhere')).toThrow(
      expect.objectContaining({ code: 'MR2002', facts: { known: ['nested'] } }),
    );
  });
});
