import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import type { NodeRecord, NodeState, RunState } from '../dag/run-state.ts';
import type { Connected } from './connection.ts';
import { serverError } from './errors.ts';
import { isoTime, nodeError } from './pending.ts';
import { runMemo, runStatus } from './run-summary.ts';

type Events = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>;
type HistoryEvent = Events[number];

/**
 * The state of a run as its history tells it, for when no worker answers: every task that was started, with attempt,
 * times and failure. Tasks that were skipped or not yet reached are not in a history. Undefined if the run has not even
 * loaded its plan.
 */
export async function stateFromHistory(
  { address }: Connected,
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
    nodes: nodesOf(events),
  };
}

function nodesOf(events: Events): NodeRecord[] {
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
    if (node !== undefined) nodes.set(key, after(node, event));
  }
  return [...nodes.values()];
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

function after(node: NodeRecord, event: HistoryEvent): NodeRecord {
  const at = isoTime(event.eventTime);
  const started = event.activityTaskStartedEventAttributes;
  if (started) {
    const attempt = started.attempt ?? 1;
    return { ...node, state: 'running', attempt, ...(at === undefined ? {} : { startedAt: at }) };
  }
  const failed = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
  const state: NodeState = failed ? 'failed' : event.activityTaskCanceledEventAttributes ? 'cancelled' : 'success';
  const error = nodeError(failed?.failure);
  return {
    ...node,
    state,
    ...(at === undefined ? {} : { endedAt: at }),
    ...(at === undefined || node.startedAt === undefined
      ? {}
      : { durationMs: Date.parse(at) - Date.parse(node.startedAt) }),
    ...(error === undefined ? {} : { error }),
  };
}
