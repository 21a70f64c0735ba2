import { MillraceError } from '../dag/errors.ts';
import type { Json } from '../dag/json.ts';
import type { RetryPolicy } from '../dag/options.ts';
import { planRetry } from '../dag/options.ts';
import type { PlanBody, PlanNode, PlanRetry } from '../dag/plan.ts';
import { engineCodes, type LoadedRun, type LoadRequest } from '../dag/protocol.ts';
import type { RunInput } from '../dag/run-input.ts';
import { runInterval } from './interval.ts';
import type { Registry } from './registry.ts';

const inputFields: ReadonlySet<string> = new Set(['date', 'interval', 'params', 'preset']);

/** What a task gets that neither it nor its DAG nor the environment says anything about. */
const builtInRetry: PlanRetry = { attempts: 3, backoffMs: 1_000, maxBackoffMs: 60_000, factor: 2 };

/**
 * The first step of a run: its DAG's plan with the environment's retry defaults filled in, its interval, its parameters.
 * Throws MR2002, MR2010, MR1021.
 */
export async function loadRun(
  registry: Registry,
  defaults: RetryPolicy | undefined,
  request: LoadRequest,
): Promise<LoadedRun> {
  const dag = registry.dag(request.dag);
  const input = checkInput(request.dag, request.input);
  const { scheduledAt } = request;
  const { interval, date } = runInterval({
    schedule: dag.plan.schedule,
    ...(input.date === undefined ? {} : { date: input.date }),
    ...(input.interval === undefined ? {} : { interval: input.interval }),
    ...(scheduledAt === undefined ? {} : { scheduledAt: new Date(scheduledAt) }),
    startedAt: new Date(request.startedAt),
  });
  const params = await dag.parseParams(input.params ?? null);
  const retry = { ...builtInRetry, ...planRetry(defaults, 'the environment') };
  return { plan: { ...dag.plan, ...withRetry(dag.plan, retry) }, interval, date, params };
}

function withRetry<B extends PlanBody>(body: B, defaults: PlanRetry): B {
  const nodes = body.nodes.map((node): PlanNode => {
    if (node.kind === 'task') return { ...node, retry: { ...defaults, ...node.retry } };
    if (node.kind === 'each') return { ...node, body: withRetry(node.body, defaults) };
    const cases = Object.entries(node.cases).map(([name, inner]) => [name, withRetry(inner, defaults)] as const);
    return { ...node, cases: Object.fromEntries(cases) };
  });
  return { ...body, nodes };
}

function checkInput(dag: string, input: Json): RunInput {
  if (input === null) return {};
  const bad = (why: string) =>
    new MillraceError({
      code: engineCodes.badInput,
      message: `The input of a run of '${dag}' ${why}.`,
      subject: dag,
      hint: 'It is {"date": …} or {"interval": {"start": …, "end": …}}, and {"params": …} if the DAG has any; or nothing.',
      retryable: false,
    });
  if (typeof input !== 'object' || Array.isArray(input)) throw bad('is not an object');
  const unknown = Object.keys(input).filter((key) => !inputFields.has(key));
  if (unknown.length > 0) throw bad(`has fields that mean nothing: ${unknown.join(', ')}`);
  const { date, interval } = input as RunInput;
  if (date !== undefined && interval !== undefined) throw bad('has both a date and an interval');
  if (date !== undefined && typeof date !== 'string') throw bad('has a date that is not a string');
  if (interval !== undefined && (typeof interval?.start !== 'string' || typeof interval.end !== 'string')) {
    throw bad('has an interval without start and end');
  }
  return input as RunInput;
}
