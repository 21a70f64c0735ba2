import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  allDone,
  always,
  choose,
  cron,
  type Dag,
  type DagOptions,
  type Duration,
  dag,
  durationMs,
  each,
  isMillraceError,
  oneFailed,
  outcome,
  planHash,
  type Ref,
  task,
  validatePlan,
} from '../src/dag/index.ts';

const list = task('list', {}, async (_: { readonly date: string }) => ['a', 'b']);
const land = task(
  'land',
  { timeout: '10m', heartbeat: '30s', retry: { attempts: 3 } },
  async (input: { file: string }) => ({
    rows: 1,
    table: input.file,
  }),
);
const sum = task('sum', {}, async (_: { readonly rows: unknown }) => ({ total: 1 }));
const ping = task('ping', {}, async () => 'pong');

/** The code of the error that `build` throws. */
function codeOf(build: () => unknown): string {
  try {
    build();
  } catch (error) {
    if (isMillraceError(error)) return error.code;
    throw error;
  }
  return 'none';
}

const inDag = (build: () => unknown) => codeOf(() => dag('d', {}, () => void build()));

describe('dag()', () => {
  it('makes a node of each call and an edge of each result passed on', () => {
    const { plan } = dag('d', {}, (run) => {
      const files = list({ date: run.date });
      sum({ rows: [land({ file: 'x' }).rows, files] });
    });
    expect(plan.nodes.map(({ id, needs }) => [id, needs])).toEqual([
      ['list', []],
      ['land', []],
      ['sum', [{ rule: 'allSuccess', of: ['land', 'list'] }]],
    ]);
    expect(plan.nodes[2]).toMatchObject({ input: { rows: [{ $ref: 'land', at: ['rows'] }, { $ref: 'list' }] } });
  });

  it("merges options: the node's over the task's over the DAG's", () => {
    const defaults = { timeout: '2h', heartbeat: '5s', retry: { attempts: 9, backoff: '7s' } } as const;
    const { plan } = dag('d', { defaults }, () => {
      ping();
      land.with({ timeout: '1m', retry: { factor: 3 } })({ file: 'x' });
    });
    expect(plan.nodes).toMatchObject([
      { timeoutMs: 7_200_000, heartbeatMs: 5_000, retry: { attempts: 9, backoffMs: 7_000 } },
      { timeoutMs: 60_000, heartbeatMs: 30_000, retry: { attempts: 3, backoffMs: 7_000, factor: 3 } },
    ]);
  });

  it('leaves out what the environment decides', () => {
    const { plan } = dag('d', {}, () => void ping());
    expect(plan.nodes[0]).not.toHaveProperty('retry');
  });

  it('compiles each() into a nested plan, and the upstreams used in it into its own', () => {
    const { plan } = dag('d', {}, (run) => {
      const name = ping();
      const results = each(
        list({ date: run.date }),
        (file) => {
          const landed = land({ file });
          return sum({ rows: [landed, name] }).total;
        },
        { id: 'perFile', limit: 4 },
      );
      sum.as('all')({ rows: results });
    });
    expect(plan.nodes[2]).toEqual({
      kind: 'each',
      id: 'perFile',
      needs: [{ rule: 'allSuccess', of: ['ping', 'list'] }],
      over: { $ref: 'list' },
      limit: 4,
      body: {
        nodes: [
          expect.objectContaining({ id: 'land', needs: [], input: { file: { $item: 0 } } }),
          expect.objectContaining({ id: 'sum', needs: [{ rule: 'allSuccess', of: ['land'] }] }),
        ],
        result: { $ref: 'sum', at: ['total'] },
      },
    });
  });

  it('keeps nested items apart', () => {
    const groups = task('groups', {}, async () => [{ name: 'g', files: ['a'] }]);
    const { plan } = dag('d', {}, () =>
      each(groups(), (group) => each(group.files, (file) => sum({ rows: [group.name, file] }))),
    );
    expect(JSON.stringify(plan.nodes[1])).toContain('{"rows":[{"$item":0,"at":["name"]},{"$item":1}]}');
  });

  it('keeps literals that look like its own marks', () => {
    const { plan } = dag('d', {}, () => void sum({ rows: { $ref: 'land', deep: [{ $json: 1 }] } }));
    expect(plan.nodes[0]).toMatchObject({ input: { rows: { $json: { $ref: 'land', deep: [{ $json: 1 }] } } } });
  });

  it('separates what a trigger rule is about from what is needed besides', () => {
    const { plan } = dag('d', {}, () => {
      const a = ping();
      const b = land({ file: 'b' });
      const c = sum({ rows: 1 });
      sum.as('late').with({ when: oneFailed(a, c), after: b })({ rows: outcome(c) });
    });
    expect(plan.nodes[3]?.needs).toEqual([
      { rule: 'oneFailed', of: ['ping', 'sum'] },
      { rule: 'allSuccess', of: ['land'] },
      { rule: 'allDone', of: ['sum'] },
    ]);
  });
});

describe('the hash of a plan', () => {
  const build = (options: DagOptions<Record<string, never>>, file = 'x'): Dag =>
    dag('d', options, (run) => {
      list({ date: run.date });
      land({ file });
    });

  it('is the same for sources that differ in layout only', () => {
    // biome-ignore format: the layout is what differs
    const other = dag('d',{},(run)=>{ const files = list( { date : run.date } ); void files; /* a comment */ land({file:'x'}) });
    expect(other.plan.hash).toBe(build({}).plan.hash);
    expect(planHash(other.plan)).toBe(other.plan.hash);
  });

  it('differs when the plan means something else', () => {
    const hashes = [build({}), build({}, 'y'), build({ timeout: '1h' }), build({ schedule: cron('0 2 * * *') })];
    expect(new Set(hashes.map(({ plan }) => plan.hash)).size).toBe(hashes.length);
  });
});

describe('errors while a DAG is built', () => {
  const cases: readonly (readonly [string, string, () => unknown])[] = [
    ['a task called outside', 'MR1001', () => ping()],
    ['a second use without a name', 'MR1002', () => dag('d', {}, () => [ping(), ping()])],
    ['a second use of an id in a body', 'MR1002', () => dag('d', {}, () => [ping(), each([1], () => ping())])],
    ['a bad DAG id', 'MR1003', () => dag('1 d', {}, () => ping())],
    ['a bad node id', 'MR1003', () => inDagThrow(() => ping.as('a[0]')())],
    ['a bad duration', 'MR1008', () => inDagThrow(() => ping.with({ timeout: '10 minutes' as Duration })())],
    ['a zero duration', 'MR1008', () => durationMs('0s')],
    ['a cron of four fields', 'MR1009', () => cron('0 2 * *')],
    ['a cron out of range', 'MR1009', () => cron('0 24 * * *')],
    ['an unknown time zone', 'MR1009', () => cron('0 2 * * *', { timezone: 'Mars/Olympus' })],
    [
      'an each() of several nodes without id',
      'MR1011',
      () => inDagThrow(() => each([1], () => [ping(), list({ date: '' })])),
    ],
    ['an each() without a node', 'MR1011', () => inDagThrow(() => each([1], () => 1))],
    ['a rule about nothing', 'MR1012', () => inDagThrow(() => ping.with({ when: allDone() })())],
    ['a negative number of attempts', 'MR1013', () => inDagThrow(() => ping.with({ retry: { attempts: -1 } })())],
    ['an asynchronous build', 'MR1014', () => dag('d', {}, async () => ping())],
    ['no nodes', 'MR1015', () => dag('d', {}, () => undefined)],
    ['two tasks of one id', 'MR1022', () => inDagThrow(() => [ping(), task('ping', {}, async () => 1).as('other')()])],
  ];
  const inDagThrow = (build: () => unknown) => dag('d', {}, () => void build());
  it.each(cases)('%s: %s', (_, code, build) => {
    expect(codeOf(build)).toBe(code);
  });

  it('names the thing at fault and what to do', () => {
    expect(() => dag('d', {}, () => [ping(), ping()])).toThrow(
      expect.objectContaining({
        message: "The DAG 'd' has two nodes 'ping'.",
        subject: 'ping',
        hint: expect.stringContaining(".as('ping2')"),
        retryable: false,
      }),
    );
  });

  const literals: readonly (readonly [string, unknown])[] = [
    ['a date', new Date(0)],
    ['a function', () => 1],
    ['a bigint', 1n],
    ['NaN', Number.NaN],
    ['a map', new Map()],
    ['a symbol', Symbol('x')],
    ['an instance of a class', new (class Money {})()],
  ];
  it.each(literals)('MR1007 for %s in an input', (_, value) => {
    expect(inDag(() => sum({ rows: { deep: [value] } }))).toBe('MR1007');
  });

  it('MR1007 for a circular input', () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    expect(inDag(() => sum({ rows: loop }))).toBe('MR1007');
  });

  const reads: readonly (readonly [string, (ref: Ref<{ rows: number }>) => unknown])[] = [
    ['in a template', (ref) => `${ref.rows}`],
    ['in arithmetic', (ref) => Number(ref.rows) + 1],
    ['by JSON.stringify', (ref) => JSON.stringify(ref)],
    ['by spreading its fields', (ref) => ({ ...ref })],
    ['by iterating', (ref) => [...(ref as unknown as Iterable<unknown>)]],
    ['by awaiting', (ref) => (ref as unknown as { then: unknown }).then],
    ['by comparing', (ref) => (ref.rows as unknown as number) > 3],
    ['by writing to it', (ref) => Object.assign(ref, { rows: 1 })],
  ];
  it.each(reads)('MR1004 for a Ref read %s', (_, read) => {
    expect(inDag(() => read(land({ file: 'x' })))).toBe('MR1004');
  });

  it('MR1005 for a Ref of another DAG', () => {
    let stolen: Ref<string> | undefined;
    dag('other', {}, () => {
      stolen = ping();
    });
    expect(inDag(() => land({ file: stolen as Ref<string> }))).toBe('MR1005');
  });

  it('MR1005 for the date of another DAG', () => {
    let stolen: Ref<string> | undefined;
    dag('other', {}, (run) => {
      stolen = run.date;
      ping();
    });
    expect(inDag(() => list({ date: stolen as Ref<string> }))).toBe('MR1005');
  });

  it('MR1006 for a Ref that leaves its body', () => {
    const leak = () => {
      let inner: Ref<{ rows: number }> | undefined;
      each(['a'], (file) => {
        inner = land({ file });
      });
      sum({ rows: inner });
    };
    expect(inDag(leak)).toBe('MR1006');
  });

  it('MR1006 for an item that leaves its body', () => {
    const leak = () => {
      let item: Ref<string> | undefined;
      each(['a'], (file) => {
        item = file;
        return ping();
      });
      land({ file: item as Ref<string> });
    };
    expect(inDag(leak)).toBe('MR1006');
  });

  it.each([
    ['oneFailed', oneFailed],
    ['allDone', allDone],
    ['always', always],
  ])('MR1010 for a plain Ref to an upstream that %s allows to fail', (_, rule) => {
    const build = () => {
      const landed = land({ file: 'x' });
      sum.with({ when: rule(landed) })({ rows: landed.rows });
    };
    expect(inDag(build)).toBe('MR1010');
  });

  it('MR1010 for a plain Ref inside of a body whose each() has such a rule', () => {
    const build = () => {
      const landed = land({ file: 'x' });
      each([1], () => sum({ rows: landed.rows }), { when: allDone(landed) });
    };
    expect(inDag(build)).toBe('MR1010');
  });

  it('leaves no body behind when one fails', () => {
    expect(inDag(() => each([1], () => 1))).toBe('MR1011');
    expect(codeOf(() => ping())).toBe('MR1001');
  });
});

describe('parameters', () => {
  const withParams = dag(
    'd',
    {
      params: z.object({ mode: z.enum(['incremental', 'replay']).default('incremental'), days: z.number().optional() }),
    },
    (run) => {
      choose(run.params.mode, { incremental: () => ping(), replay: () => land({ file: 'x' }) });
    },
  );

  it('are described in the plan', () => {
    expect(withParams.plan.params).toMatchObject({ properties: { mode: { enum: ['incremental', 'replay'] } } });
  });

  it('get their defaults', async () => {
    await expect(withParams.parseParams(null)).resolves.toEqual({ mode: 'incremental' });
  });

  it('are refused by field: MR1021', async () => {
    await expect(withParams.parseParams({ mode: 'x', days: 'y' })).rejects.toMatchObject({
      code: 'MR1021',
      retryable: false,
      facts: { problems: [expect.stringMatching(/^mode: /), expect.stringMatching(/^days: /)] },
    });
  });

  it('are refused where none are declared: MR1021', async () => {
    const plain = dag('d', {}, () => ping());
    await expect(plain.parseParams({ a: 1 })).rejects.toMatchObject({ code: 'MR1021' });
    await expect(plain.parseParams(null)).resolves.toEqual({});
  });
});

describe('validatePlan()', () => {
  const { plan } = dag('d', {}, () => {
    const a = ping();
    const b = land({ file: a });
    sum({ rows: b });
  });
  const nodes = plan.nodes;
  const rewire = (id: string, of: string) =>
    nodes.map((node) => (node.id === id ? { ...node, needs: [{ rule: 'allSuccess' as const, of: [of] }] } : node));

  it('finds a cycle and names it: MR1017', () => {
    const looped = { ...plan, nodes: rewire('ping', 'sum') };
    expect(() => validatePlan(looped)).toThrow(
      expect.objectContaining({ code: 'MR1017', message: expect.stringContaining('ping -> land -> sum -> ping') }),
    );
  });

  it.each([
    ['an unknown upstream', 'MR1016', { ...plan, nodes: rewire('land', 'nowhere') }],
    [
      'an unknown reference in an input',
      'MR1016',
      { ...plan, nodes: nodes.map((node) => ({ ...node, input: { $ref: 'nowhere' } })) },
    ],
    ['a reference that is not waited for', 'MR1016', { ...plan, nodes: nodes.map((node) => ({ ...node, needs: [] })) }],
    [
      'an item outside of a body',
      'MR1016',
      { ...plan, nodes: nodes.map((node) => ({ ...node, input: { $item: 0 } })) },
    ],
    ['duplicate ids', 'MR1002', { ...plan, nodes: [...nodes, ...nodes] }],
    ['a later version', 'MR1018', { ...plan, schemaVersion: 2 as 1 }],
    ['a bad schedule', 'MR1009', { ...plan, schedule: { cron: 'x', timezone: 'UTC', catchupMs: 1 } }],
  ])('refuses %s: %s', (_, code, broken) => {
    expect(codeOf(() => validatePlan(broken))).toBe(code);
  });
});
