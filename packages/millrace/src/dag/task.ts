import { addTask } from './builder.ts';
import type { TaskContext } from './context.ts';
import { MillraceError } from './errors.ts';
import { mergeOptions, type NodeOptions, type TaskOptions } from './options.ts';
import type { Arg, Ref } from './ref.ts';

/** A typed function with an id. Calling it inside `dag()` adds a node. */
export interface Task<I, O> {
  /** Adds a node to the DAG that is being built; its edges come from the Refs in `input`. Throws MR1001 elsewhere. */
  (...input: unknown extends I ? [] : [input: Arg<I>]): Ref<O>;
  readonly id: string;
  /** The same task under another node id: for its second use in one DAG. */
  as(id: string, options?: NodeOptions): Task<I, O>;
  /** The same task with other options, a place in the DAG (`after`), or a trigger rule (`when`). */
  with(options: NodeOptions): Task<I, O>;
  /** The function itself, to be called by a worker or a unit test. */
  run(input: I, context: TaskContext): Promise<O>;
}

/** A task of any type, as registries hold it. */
export interface AnyTask {
  readonly id: string;
  run(input: never, context: TaskContext): Promise<unknown>;
}

/** Defines a task. `id` names it in plans, histories and logs for good; the Temporal activity type is the same. */
export function task<I, O>(
  id: string,
  options: TaskOptions,
  run: (input: I, context: TaskContext) => Promise<O> | O,
): Task<I, O> {
  // `async` turns what a synchronous function throws into a rejection.
  const definition: AnyTask & { run(input: I, context: TaskContext): Promise<O> } = {
    id,
    run: async (input: I, context: TaskContext) => run(input, context),
  };
  const make = (nodeId: string, layers: readonly NodeOptions[]): Task<I, O> => {
    const call = (...input: readonly unknown[]) => addTask<O>({ definition, nodeId, layers, input: input[0] });
    return Object.assign(call, {
      id,
      as: (newId: string, more: NodeOptions = {}) => make(newId, [...layers, more]),
      with: (more: NodeOptions) => make(nodeId, [...layers, more]),
      run: definition.run,
    }) as unknown as Task<I, O>;
  };
  return make(id, [mergeOptions(options)]);
}

/** Code of the error by which a task skips itself. */
export const skipCode = 'MR1023';

/** Ends the task that calls it in state `skipped`, which its downstreams see as Airflow's `AirflowSkipException`. */
export function skip(reason: string): never {
  throw new MillraceError({ code: skipCode, message: reason, retryable: false });
}
