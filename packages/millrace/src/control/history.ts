import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import type { TaskReply } from '../dag/protocol.ts';
import type { NodeError, NodeRecord, RunState } from '../dag/run-state.ts';
import type { Connected } from './connection.ts';
import { serverError } from './errors.ts';
import { decodeFailure, decodePayloads } from './payloads.ts';
import { isoTime } from './pending.ts';
import { runMemo, runStatus } from './run-summary.ts';

type Events = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>;
type HistoryEvent = Events[number];

// temporal.api.enums.v1.HistoryEventFilterType
const closeEventOnly = 2;

/**
 * The state of a run as its history tells it, for when no worker answers: every task that was started, with attempt,
 * times and failure. Tasks that were skipped or not yet reached are not in a history. Undefined if the run has not even
 * loaded its plan.
 */
export async function stateFromHistory(
  { client, address }: Connected,
  handle: WorkflowHandle,
  description: WorkflowExecutionDescription,
): Promise<RunState | undefined> {
  const memo = runMemo(description);
  if (memo === undefined) return undefined;
  let events: Events;
  try {
    events = (await handle.fetchHistory()).events ?? [];
  } catch (error) {
    throw serverError(error, address);
  }
  const ended = description.closeTime?.toISOString();
  return {
    dag: memo.dag,
    workflowId: description.workflowId,
    runId: description.runId,
    planHash: memo.planHash,
    interval: memo.interval,
    status: runStatus(description.status.name),
    startedAt: description.startTime.toISOString(),
    ...(ended === undefined ? {} : { endedAt: ended }),
    nodes: await nodesOf(client, events),
  };
}

async function nodesOf(client: Client, events: Events): Promise<NodeRecord[]> {
  const nodes = new Map<string, NodeRecord>();
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) {
      nodes.set(String(event.eventId), {
        id: scheduled.activityId ?? '',
        task: scheduled.activityType?.name ?? '',
        kind: 'task',
        state: 'queued',
        attempt: 1,
      });
      continue;
    }
    const key = String(scheduledEventOf(event) ?? '');
    const node = nodes.get(key);
    if (node !== undefined) nodes.set(key, await after(client, node, event));
  }
  // The same node may have been scheduled again; the last one counts.
  return [...new Map([...nodes.values()].map((node) => [node.id, node])).values()];
}

function scheduledEventOf(event: HistoryEvent): unknown {
  return (
    event.activityTaskStartedEventAttributes?.scheduledEventId ??
    event.activityTaskCompletedEventAttributes?.scheduledEventId ??
    event.activityTaskFailedEventAttributes?.scheduledEventId ??
    event.activityTaskTimedOutEventAttributes?.scheduledEventId ??
    event.activityTaskCanceledEventAttributes?.scheduledEventId
  );
}

async function after(client: Client, node: NodeRecord, event: HistoryEvent): Promise<NodeRecord> {
  const at = isoTime(event.eventTime);
  const started = event.activityTaskStartedEventAttributes;
  if (started) {
    const attempt = started.attempt ?? 1;
    return { ...node, state: 'running', attempt, ...(at === undefined ? {} : { startedAt: at }) };
  }
  const ended = at === undefined ? {} : { endedAt: at };
  const completed = event.activityTaskCompletedEventAttributes;
  if (completed) {
    const [reply] = await decodePayloads(client, completed.result?.payloads ?? []);
    const { skipped, value: _, ...measured } = reply as TaskReply;
    return { ...node, ...ended, ...measured, state: skipped === undefined ? 'success' : 'skipped' };
  }
  const failed = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
  const error = failed?.failure ? await decodeFailure(client, failed.failure) : undefined;
  return { ...node, ...ended, state: failed ? 'failed' : 'cancelled', ...(error === undefined ? {} : { error }) };
}

/** Why a closed run failed, in the event that closed it; undefined for other ends. */
export async function closingError(
  { client, connection, namespace }: Connected,
  { workflowId, runId }: WorkflowExecutionDescription,
): Promise<NodeError | undefined> {
  const page = await connection.workflowService.getWorkflowExecutionHistory({
    namespace,
    execution: { workflowId, runId },
    historyEventFilterType: closeEventOnly,
  });
  const event = page.history?.events?.at(-1);
  if (event?.workflowExecutionTerminatedEventAttributes) {
    const { reason } = event.workflowExecutionTerminatedEventAttributes;
    return { message: `The run was terminated${reason ? `: ${reason}` : '.'}` };
  }
  if (event?.workflowExecutionTimedOutEventAttributes)
    return { message: 'The run was ended by a timeout of its workflow.' };
  const failure = event?.workflowExecutionFailedEventAttributes?.failure;
  return failure ? await decodeFailure(client, failure) : undefined;
}
