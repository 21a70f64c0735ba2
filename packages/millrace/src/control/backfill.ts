import type { Json } from '../dag/json.ts';
import type { RunStatus } from '../dag/run-state.ts';
import type { Connected } from './connection.ts';
import { isNotFound, serverError } from './errors.ts';
import { daysBetween, runWorkflowId } from './run-id.ts';
import { runStatus } from './run-summary.ts';
import { startRun } from './start.ts';
import { waitForRun } from './watch.ts';

export interface BackfillOptions {
  /** First day, `YYYY-MM-DD`. */
  readonly from: string;
  /** The day after the last, `YYYY-MM-DD`. */
  readonly to: string;
  readonly params?: Json;
  /** How many days run at once. Default 1: in order, and nothing later starts after a failure. */
  readonly parallel?: number;
  /** Run days again that succeeded already. Default false. */
  readonly again?: boolean;
  /** Go on with further days after one failed. Default false. */
  readonly keepGoing?: boolean;
  /** No further day is started; those that run are left running. */
  readonly signal?: AbortSignal;
}

export interface BackfilledDay {
  readonly date: string;
  readonly workflowId: string;
  /** `skipped`: had succeeded before. `not started`: an earlier day failed. */
  readonly outcome: RunStatus | 'skipped' | 'not started';
}

/**
 * Runs every day of a range, oldest first, each as the run that `startRun` would start for it, and yields each day when it
 * is done. Started again after an interruption it goes on where it was: days that succeeded are skipped, a day that is
 * running is waited for. Throws MR2510 for a wrong range.
 */
export async function* backfill(
  connected: Connected,
  dag: string,
  options: BackfillOptions,
): AsyncGenerator<BackfilledDay> {
  const { from, to, parallel = 1, keepGoing = false, signal } = options;
  const days = [...daysBetween(from, to)];
  const going = new Map<string, Promise<BackfilledDay>>();
  let failed = false;
  while (days.length > 0 || going.size > 0) {
    const halted = (failed && !keepGoing) || signal?.aborted === true;
    while (!halted && going.size < parallel) {
      const date = days.shift();
      if (date === undefined) break;
      going.set(date, runDay(connected, dag, date, options));
    }
    if (going.size === 0) {
      for (const date of days) yield { date, workflowId: runWorkflowId(dag, { date }), outcome: 'not started' };
      return;
    }
    const day = await Promise.race(going.values());
    going.delete(day.date);
    failed ||= day.outcome === 'failed' || day.outcome === 'cancelled';
    yield day;
  }
}

async function runDay(
  connected: Connected,
  dag: string,
  date: string,
  { params, again = false, signal }: BackfillOptions,
): Promise<BackfilledDay> {
  const workflowId = runWorkflowId(dag, { date });
  if (!again && (await succeeded(connected, workflowId))) return { date, workflowId, outcome: 'skipped' };
  const input = params === undefined ? { date } : { date, params };
  const run = await startRun(connected, dag, input, { ifRunning: 'attach' });
  const state = await waitForRun(connected, run.workflowId, { intervalMs: 2_000, ...(signal && { signal }) });
  return { date, workflowId: run.workflowId, outcome: state.status };
}

async function succeeded({ client, address }: Connected, workflowId: string): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return runStatus(status.name) === 'success';
  } catch (error) {
    if (isNotFound(error)) return false;
    throw serverError(error, address);
  }
}
