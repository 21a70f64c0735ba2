import type { TaskContext } from '../dag/context.ts';
import type { Dag } from '../dag/dag.ts';
import { isMillraceError } from '../dag/errors.ts';
import type { Json } from '../dag/json.ts';
import { nodeRecords } from '../dag/records.ts';
import type { NodeRecord } from '../dag/run-state.ts';
import { nodeError, type ReadyTask, Scheduler, type TaskEnd } from '../dag/scheduler.ts';
import { skipCode } from '../dag/task.ts';
import { toJson } from '../dag/template.ts';
import { type TestContextOptions, testContext } from './context.ts';

export interface SimulateOptions extends Omit<TestContextOptions, 'dag' | 'node' | 'attempt' | 'checkpoint' | 'items'> {
  /** Functions that stand for tasks, by node id (`land`, or `land[0]` for one instance) or task id. */
  readonly replace?: Readonly<Record<string, (input: never, context: TaskContext) => unknown>>;
}

export interface Simulation {
  readonly status: 'success' | 'failed';
  readonly nodes: ReadonlyMap<string, NodeRecord>;
  /** What each task that ran was given, by node id. */
  readonly inputs: ReadonlyMap<string, Json | undefined>;
  readonly result: Json | undefined;
}

/**
 * Runs a DAG's plan in this process, with the scheduler that real runs use and one attempt a task: for tests of what runs
 * when, and of what is passed on. Throws MR1021 if the parameters do not fit.
 */
export async function simulate(dag: Dag, options: SimulateOptions = {}): Promise<Simulation> {
  const params = await dag.parseParams(options.params ?? null);
  const { run } = testContext({ ...options, dag: dag.id, params });
  const scheduler = new Scheduler({ plan: dag.plan, run: { interval: run.interval, date: run.date, params } });
  const inputs = new Map<string, Json | undefined>();
  const underWay = new Set<Promise<void>>();
  const start = (ready: ReadyTask): void => {
    inputs.set(ready.id, ready.input);
    scheduler.mark(ready.id, 'running', { attempt: 1 });
    const promise: Promise<void> = execute(dag, ready, { ...options, params }).then((end) => {
      underWay.delete(promise);
      scheduler.finish(ready.id, end);
      scheduler.take().forEach(start);
    });
    underWay.add(promise);
  };
  scheduler.take().forEach(start);
  while (underWay.size > 0) await Promise.all(underWay);
  return {
    status: scheduler.failures().length > 0 ? 'failed' : 'success',
    nodes: new Map(nodeRecords(scheduler, new Map()).map((record) => [record.id, record])),
    inputs,
    result: scheduler.result(),
  };
}

async function execute(dag: Dag, ready: ReadyTask, options: SimulateOptions): Promise<TaskEnd> {
  const { id, node, input, mapIndex } = ready;
  const { replace = {} } = options;
  const context = testContext({
    ...options,
    dag: dag.id,
    node: { id, ...(mapIndex === undefined ? {} : { mapIndex }) },
  });
  const stand = replace[id] ?? replace[node.id] ?? replace[node.task];
  try {
    const value = await (stand ?? dag.tasks.get(node.task)?.run)?.(input as never, context);
    return { state: 'success', value: toJson(value, `The result of '${id}'`), measured: { rows: context.record.rows } };
  } catch (error) {
    const failed = nodeError(error);
    return isMillraceError(error) && error.code === skipCode
      ? { state: 'skipped', error: failed }
      : { state: 'failed', error: failed };
  }
}
