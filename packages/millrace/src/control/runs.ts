import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { MillraceError } from '../dag/errors.ts';
import { presetQuery, type RunInput, type RunPreset, runQuery } from '../dag/run-input.ts';
import type { RunState } from '../dag/run-state.ts';
import type { Connected } from './connection.ts';
import { isNotFound, runNotFound, serverError } from './errors.ts';
import { closingError, stateFromHistory } from './history.ts';
import { decodePayloads } from './payloads.ts';
import { mergePending, pendingAttempts } from './pending.ts';
import { runMemo, runStatus } from './run-summary.ts';
import type { RunView } from './run-view.ts';
import { type StartedRun, startWorkflow } from './start.ts';

/**
 * The state of a run: the run's own answer, with the attempts that are under way as the server knows them. When no worker
 * answers for it, what its history says.
 *
 * Throws MR2503 if there is no such run, MR2504 if neither tells its state, MR2501 if the server does not answer.
 */
export async function getRun(connected: Connected, workflowId: string, runId?: string): Promise<RunView> {
  const handle = connected.client.workflow.getHandle(workflowId, runId);
  const description = await describeRun(connected, handle);
  const asked = await query<RunState>(connected, handle, runQuery, connected.queryTimeoutMs);
  if ('answer' in asked) return await view(connected, asked.answer, description, 'worker');
  const recorded = await stateFromHistory(connected, handle, description);
  if (recorded !== undefined) return await view(connected, recorded, description, 'history');
  throw new MillraceError({
    code: 'MR2504',
    message: `The state of run ${workflowId} cannot be told: no worker of task queue ${description.taskQueue} answers.`,
    subject: workflowId,
    hint: `Start a worker (\`millrace worker\`) for task queue ${description.taskQueue}.`,
    facts: { workflowId, taskQueue: description.taskQueue },
    cause: asked.error,
  });
}

/** Describes a run. Throws MR2503 if there is none. */
export async function describeRun(
  { address }: Connected,
  handle: WorkflowHandle,
): Promise<WorkflowExecutionDescription> {
  try {
    return await handle.describe();
  } catch (error) {
    throw isNotFound(error) ? runNotFound(handle.workflowId, error) : serverError(error, address);
  }
}

async function view(
  connected: Connected,
  state: RunState,
  description: WorkflowExecutionDescription,
  source: RunView['source'],
): Promise<RunView> {
  const status = runStatus(description.status.name);
  if (status === 'running' && state.status !== 'running') {
    // It ended between the two questions.
    const handle = connected.client.workflow.getHandle(description.workflowId, description.runId);
    const later = await describeRun(connected, handle);
    if (runStatus(later.status.name) !== 'running') return await view(connected, state, later, source);
  }
  if (status === 'running') {
    return { ...state, source, nodes: mergePending(state.nodes, await pendingAttempts(connected, description)) };
  }
  const error = status === 'failed' ? await closingError(connected, description) : undefined;
  // A run that was ended from outside still believes that it is running.
  const endedAt = state.endedAt ?? description.closeTime?.toISOString();
  return {
    ...state,
    source,
    status,
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(error === undefined ? {} : { error }),
  };
}

async function query<T>(
  { connection }: Connected,
  handle: WorkflowHandle,
  name: string,
  timeoutMs: number,
): Promise<{ answer: T } | { error: unknown }> {
  try {
    return { answer: await connection.withDeadline(Date.now() + timeoutMs, () => handle.query<T>(name)) };
  } catch (error) {
    return { error };
  }
}

/** Asks a run to stop: its running tasks are cancelled. Throws MR2503 if there is none, MR2505 if it has ended. */
export async function cancelRun(connected: Connected, workflowId: string): Promise<void> {
  const handle = connected.client.workflow.getHandle(workflowId);
  const { status } = await describeRun(connected, handle);
  if (runStatus(status.name) !== 'running') {
    throw new MillraceError({
      code: 'MR2505',
      message: `Run ${workflowId} has ended already (${runStatus(status.name)}).`,
      subject: workflowId,
      hint: 'There is nothing to cancel.',
      facts: { workflowId, status: status.name },
      retryable: false,
    });
  }
  try {
    await handle.cancel();
  } catch (error) {
    throw serverError(error, connected.address);
  }
}

/**
 * Runs an interval again from where its run failed: a new run under the same workflow id takes over what succeeded, with
 * the results, and executes what failed, was cancelled, or was not reached.
 *
 * Throws MR2503 if there is no such run, MR2506 if it is running or succeeded, MR2504 if no worker answers for it, MR2509 if
 * the results to be taken over do not fit into the input of a run.
 */
export async function retryRun(connected: Connected, workflowId: string): Promise<StartedRun> {
  const latest = connected.client.workflow.getHandle(workflowId);
  const description = await describeRun(connected, latest);
  const status = runStatus(description.status.name);
  if (status === 'running' || status === 'success') throw nothingToRetry(workflowId, status);
  const handle = connected.client.workflow.getHandle(workflowId, description.runId);
  // A closed run is replayed by a worker to answer; a long history takes its time.
  const asked = await query<RunPreset>(connected, handle, presetQuery, Math.max(30_000, connected.queryTimeoutMs));
  if (!('answer' in asked)) {
    throw new MillraceError({
      code: 'MR2504',
      message: `No worker of task queue ${description.taskQueue} tells what run ${workflowId} has done.`,
      subject: workflowId,
      hint: 'Start a worker (`millrace worker`) and try again.',
      facts: { workflowId, taskQueue: description.taskQueue },
      cause: asked.error,
    });
  }
  checkSize(workflowId, asked.answer);
  const input = await inputOf(connected, workflowId, description.runId);
  const interval = runMemo(description)?.interval;
  const target = input.date === undefined && input.interval === undefined && interval ? { interval } : {};
  return await startWorkflow(connected, description.type, workflowId, { ...input, ...target, preset: asked.answer });
}

/** Temporal takes inputs below 2 MB; the rest of the input is small. */
const maxPresetBytes = 1_900_000;

function checkSize(workflowId: string, preset: RunPreset): void {
  const bytes = Buffer.byteLength(JSON.stringify(preset));
  if (bytes <= maxPresetBytes) return;
  throw new MillraceError({
    code: 'MR2509',
    message: `The results that a retry of ${workflowId} would take over are too large (${bytes} bytes of at most ${maxPresetBytes}).`,
    subject: workflowId,
    hint: 'Start the interval again with `millrace run`; let tasks return addresses of what they wrote instead of data.',
    facts: { workflowId, bytes, limit: maxPresetBytes },
    retryable: false,
  });
}

function nothingToRetry(workflowId: string, status: 'running' | 'success'): MillraceError {
  return new MillraceError({
    code: 'MR2506',
    message: `Run ${workflowId} ${status === 'running' ? 'is still running' : 'succeeded'}: there is nothing to retry.`,
    subject: workflowId,
    hint:
      status === 'running'
        ? 'Its tasks are retried by themselves; cancel it first to start it anew.'
        : 'Start the interval again with `millrace run` to execute all of it.',
    facts: { workflowId, status },
    retryable: false,
  });
}

/** The input with which a run was started: the first event of the first execution of its chain. */
async function inputOf(connected: Connected, workflowId: string, runId: string): Promise<RunInput> {
  const started = await startedEvent(connected, workflowId, runId);
  const first = started?.firstExecutionRunId ?? runId;
  const origin = first === runId ? started : await startedEvent(connected, workflowId, first);
  const [input] = await decodePayloads(connected.client, origin?.input?.payloads ?? []);
  return (input as RunInput | undefined) ?? {};
}

async function startedEvent({ connection, namespace }: Connected, workflowId: string, runId: string) {
  const execution = { workflowId, runId };
  const page = await connection.workflowService.getWorkflowExecutionHistory({
    namespace,
    execution,
    maximumPageSize: 1,
  });
  return page.history?.events?.[0]?.workflowExecutionStartedEventAttributes;
}
