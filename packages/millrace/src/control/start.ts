import { type WorkflowClient, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { MillraceError } from '../dag/errors.ts';
import type { Json } from '../dag/json.ts';
import type { RunInput } from '../dag/run-input.ts';
import type { Connected } from './connection.ts';
import { serverError } from './errors.ts';
import { listRuns } from './list.ts';
import { normalizeTarget, type RunTarget, runWorkflowId } from './run-id.ts';

/** What to run. Without `date` and `interval`: the last complete interval of the DAG's schedule. */
export interface StartInput extends RunTarget {
  /** Checked by the run against the DAG's `params`. */
  readonly params?: Json;
}

export interface StartOptions {
  /** When the same interval is running already: `fail` (MR2502, the default) or `attach` to the run that is there. */
  readonly ifRunning?: 'fail' | 'attach';
}

export interface StartedRun {
  readonly dag: string;
  readonly workflowId: string;
  readonly runId: string;
  /** True if the run was going already. */
  readonly attached: boolean;
}

/**
 * Starts a run of a DAG. Its workflow id is made of the DAG and the interval, so an interval that has finished can be
 * run again, and one that is running cannot be started twice, whoever started it.
 *
 * Throws MR2510 for a wrong date, MR2502 if the interval is running, MR2501 if the server does not answer.
 */
export async function startRun(
  connected: Connected,
  dag: string,
  input: StartInput,
  { ifRunning = 'fail' }: StartOptions = {},
): Promise<StartedRun> {
  const target = normalizeTarget(input);
  const workflowId = runWorkflowId(dag, target);
  const other = await runningElsewhere(connected, dag, target, workflowId);
  if (other !== undefined) {
    if (ifRunning === 'fail') throw alreadyRunning(dag, other.workflowId);
    return { ...other, dag, attached: true };
  }
  const argument: RunInput = { ...target, ...(input.params === undefined ? {} : { params: input.params }) };
  try {
    return await startWorkflow(connected, dag, workflowId, argument);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    if (ifRunning === 'fail') throw alreadyRunning(dag, workflowId, error);
    const { runId } = await connected.client.workflow.getHandle(workflowId).describe();
    return { dag, workflowId, runId, attached: true };
  }
}

/** Starts the workflow of a run under the given id. A running one of the same id makes it fail, as Temporal says it. */
export async function startWorkflow(
  { client, taskQueue, address }: Connected,
  dag: string,
  workflowId: string,
  input: RunInput,
): Promise<StartedRun> {
  const options: Parameters<WorkflowClient['start']>[1] = {
    workflowId,
    taskQueue,
    args: [input],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'FAIL',
  };
  try {
    const handle = await client.workflow.start(dag, options);
    return { dag, workflowId, runId: handle.firstExecutionRunId, attached: false };
  } catch (error) {
    throw serverError(error, address);
  }
}

/** The running run of the same interval under another id: a schedule's runs have the scheduled time in theirs. */
async function runningElsewhere(
  connected: Connected,
  dag: string,
  target: RunTarget,
  workflowId: string,
): Promise<{ workflowId: string; runId: string } | undefined> {
  for await (const run of listRuns(connected, { dag, status: 'running' })) {
    if (run.workflowId === workflowId || run.interval === undefined) continue;
    const { start, end } = run.interval;
    const oneDay = Date.parse(end) - Date.parse(start) <= 25 * 3_600_000;
    const same =
      target.date === undefined
        ? sameInstant(target.interval?.start, start) && sameInstant(target.interval?.end, end)
        : target.date === run.date && oneDay;
    if (same) return { workflowId: run.workflowId, runId: run.runId };
  }
  return undefined;
}

function sameInstant(left: string | undefined, right: string): boolean {
  return left?.includes('T') === true && Date.parse(left) === Date.parse(right);
}

function alreadyRunning(dag: string, workflowId: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'MR2502',
    message: `This interval of ${dag} is running already: ${workflowId}.`,
    subject: workflowId,
    hint: 'Follow it (`--attach`, or `millrace status`), cancel it (`millrace cancel`), or wait until it has ended.',
    facts: { dag, workflowId },
    retryable: false,
    cause,
  });
}
