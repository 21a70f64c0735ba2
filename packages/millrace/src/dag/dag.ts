import { type Building, buildBody, checkId, Scope } from './builder.ts';
import { type Duration, durationMs } from './duration.ts';
import { MillraceError } from './errors.ts';
import { digest } from './hash.ts';
import type { Json } from './json.ts';
import { requireInteger, type TaskOptions } from './options.ts';
import { type Plan, type PlanSchedule, planSchemaVersion } from './plan.ts';
import { makeRef, type Ref } from './ref.ts';
import type { DataInterval } from './run-state.ts';
import { jsonSchemaOf, parseParams, type StandardSchema } from './schema.ts';
import type { AnyTask } from './task.ts';
import { validatePlan } from './validate.ts';

export interface DagOptions<P> {
  readonly description?: string;
  readonly schedule?: PlanSchedule;
  /** Of a whole run. Default: none. */
  readonly timeout?: Duration;
  /** A Standard Schema (zod, valibot, ...) of what a run can be given; checked before anything runs. */
  readonly params?: StandardSchema<P>;
  /** How many scheduled runs may go at once; further ones wait. Default 1. */
  readonly maxActive?: number;
  /** For tasks that do not say otherwise. */
  readonly defaults?: TaskOptions;
}

/** What is known of a run when its DAG is built: Refs. */
export interface RunRefs<P> {
  readonly interval: Ref<DataInterval>;
  /** Local date of the interval's start, `YYYY-MM-DD`. */
  readonly date: Ref<string>;
  readonly params: Ref<P>;
}

/** A DAG: its plan, the functions of its tasks, the validator of its parameters. */
export interface Dag {
  readonly id: string;
  readonly plan: Plan;
  readonly tasks: ReadonlyMap<string, AnyTask>;
  /** Validates a run's parameters and fills in defaults. Throws MR1021. */
  parseParams(params: Json): Promise<Json>;
}

/**
 * Builds a DAG. `id` is the Temporal workflow type of its runs. What `build` returns is the result of a run. Throws an
 * error with an MR1 code for everything that could not run.
 */
export function dag<P = Record<string, never>>(
  id: string,
  options: DagOptions<P>,
  build: (run: RunRefs<P>) => unknown,
): Dag {
  checkId(id, 'DAG');
  const { description, schedule, timeout, params, maxActive = 1, defaults = {} } = options;
  requireInteger(maxActive, 1, 'maxActive', id);
  const building: Building = { dag: id, defaults, ids: new Set(), tasks: new Map() };
  const run = <T>(name: string): Ref<T> => makeRef({ kind: 'run', dag: building, at: [name] });
  const body = buildBody(new Scope(building), () =>
    build({ interval: run('interval'), date: run('date'), params: run('params') }),
  );
  if (body.nodes.length === 0) {
    throw new MillraceError({
      code: 'MR1015',
      message: `The DAG '${id}' has no nodes.`,
      subject: id,
      hint: 'Call a task in the function given to dag().',
      retryable: false,
    });
  }
  const described = params === undefined ? undefined : (jsonSchemaOf(params) ?? true);
  const content: Omit<Plan, 'hash'> = {
    schemaVersion: planSchemaVersion,
    dag: id,
    ...(description === undefined ? {} : { description }),
    ...(schedule === undefined ? {} : { schedule }),
    ...(timeout === undefined ? {} : { timeoutMs: durationMs(timeout, `timeout of ${id}`) }),
    maxActive,
    ...(described === undefined ? {} : { params: described }),
    ...body,
  };
  const plan = validatePlan({ ...content, hash: planHash(content) });
  return { id, plan, tasks: building.tasks, parseParams: (given) => parseParams(id, params, given) };
}

/** The semantic hash of a plan: of all it says but the hash itself. */
export function planHash(plan: Omit<Plan, 'hash'>): string {
  const { hash: _, ...content } = plan as Plan;
  return digest(content as unknown as Json);
}
