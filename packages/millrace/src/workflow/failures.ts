import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  TemporalFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import { isMillraceError } from '../dag/errors.ts';
import type { Json } from '../dag/json.ts';
import type { Plan } from '../dag/plan.ts';
import { engineCodes, type FailureDetails } from '../dag/protocol.ts';
import type { NodeError } from '../dag/run-state.ts';
import type { Scheduler, TaskEnd } from '../dag/scheduler.ts';

/** The failure that the worker or this workflow made, inside of what Temporal wraps around it. */
export function applicationFailureOf(error: unknown): ApplicationFailure | undefined {
  const inner = error instanceof ActivityFailure ? error.cause : error;
  return inner instanceof ApplicationFailure ? inner : undefined;
}

/** How a task that threw ended. */
export function taskEndOf(error: unknown): TaskEnd {
  const measured = measuresOf(error);
  if (isCancellation(error)) return { state: 'cancelled', measured };
  return { state: 'failed', error: nodeErrorOf(error), measured };
}

function measuresOf(error: unknown): NonNullable<TaskEnd['measured']> {
  const { attempt, startedAt, endedAt, durationMs, rows } = detailsOf(error);
  return {
    ...(attempt === undefined ? {} : { attempt }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(rows === undefined ? {} : { rows }),
  };
}

function detailsOf(error: unknown): FailureDetails {
  const [first] = applicationFailureOf(error)?.details ?? [];
  return typeof first === 'object' && first !== null ? (first as FailureDetails) : {};
}

/** A failure as the record of a node keeps it. */
export function nodeErrorOf(error: unknown): NodeError {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure) return timeoutError(error, cause);
  const failure = applicationFailureOf(error);
  const { subject, hint, facts } = detailsOf(error);
  const code = failure?.type ?? undefined;
  return {
    message: (cause instanceof Error ? cause.message : String(cause)) || 'failed',
    ...(code !== undefined && /^MR\d{4}$/.test(code) ? { code } : {}),
    ...(hint === undefined ? {} : { hint }),
    ...(subject === undefined ? {} : { subject }),
    ...(facts === undefined ? {} : { facts }),
  };
}

function timeoutError(error: unknown, { timeoutType }: TimeoutFailure): NodeError {
  const id = error instanceof ActivityFailure ? (error.activityId ?? 'The task') : 'The task';
  if (timeoutType === 'HEARTBEAT') {
    return {
      code: engineCodes.workerLost,
      message: `'${id}' was given up: nothing was heard of its worker in any of its attempts.`,
      hint: 'Look for a worker that was killed or ran out of memory; give the task more attempts or a longer heartbeat.',
      subject: id,
      facts: { timeout: timeoutType },
    };
  }
  return {
    code: engineCodes.taskTimedOut,
    message: `'${id}' did not end within its timeout.`,
    hint: 'Give the task a longer timeout, or find what is slow.',
    subject: id,
    facts: { timeout: timeoutType ?? 'unknown' },
  };
}

/** The failure of a run whose plan could not be loaded: the worker's own words. */
export function unwrapLoadFailure(error: unknown): unknown {
  const failure = applicationFailureOf(error);
  if (failure === undefined) return error instanceof TemporalFailure ? error : new Error(String(error));
  return ApplicationFailure.create({
    message: failure.message,
    type: failure.type ?? 'Error',
    details: failure.details ?? [],
    nonRetryable: true,
  });
}

/** What `compute` gives. A coded error fails the workflow; any other would make Temporal try the workflow task again for ever. */
export function orFail<T>(compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    const { code, message, subject, hint, facts } = error;
    throw ApplicationFailure.create({ message, type: code, nonRetryable: true, details: [{ subject, hint, facts }] });
  }
}

/** The failure of a run, which lists the nodes that failed. */
export function runFailure(plan: Plan, scheduler: Scheduler, timedOut: boolean): ApplicationFailure {
  const tasks = Array.from(scheduler.slots()).filter(({ state, node }) => state === 'failed' && node.kind === 'task');
  const failed = tasks.length > 0 ? tasks : scheduler.failures();
  const shown = failed
    .slice(0, 20)
    .map(({ id, state, error }) => ({ id, state, error: error ?? null }) as unknown as Json);
  const names = failed.slice(0, 5).map(({ id }) => `'${id}'`);
  const more = failed.length > names.length ? ` and ${failed.length - names.length} more` : '';
  const first = failed[0]?.error;
  const why = first === undefined ? '' : `: ${first.code === undefined ? '' : `${first.code} `}${first.message}`;
  const message = timedOut
    ? `The run of '${plan.dag}' reached its timeout of ${(plan.timeoutMs ?? 0) / 1_000} s.`
    : `The run of '${plan.dag}' failed in ${names.join(', ')}${more}${why}`;
  return ApplicationFailure.create({
    message,
    type: timedOut ? engineCodes.runTimedOut : engineCodes.runFailed,
    nonRetryable: true,
    details: [{ subject: plan.dag, failed: shown, failedCount: failed.length }],
  });
}
