import type { WorkflowExecutionDescription } from '@temporalio/client';
import type { NodeError, NodeRecord, RunState } from '../dag/run-state.ts';
import type { NodeView, RunView } from './run-view.ts';

/** As the server tells it. */
export type PendingActivity = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number];
type Failure = NonNullable<PendingActivity['lastFailure']>;
type Timestamp = { readonly seconds?: unknown; readonly nanos?: number | null } | null | undefined;

// temporal.api.enums.v1.PendingActivityState
const scheduled = 1;
const paused = 4;

/** ISO 8601 of a protocol timestamp. */
export function isoTime(timestamp: Timestamp): string | undefined {
  if (timestamp === null || timestamp === undefined) return undefined;
  const milliseconds = Number(timestamp.seconds ?? 0) * 1_000 + Math.floor((timestamp.nanos ?? 0) / 1e6);
  return milliseconds === 0 ? undefined : new Date(milliseconds).toISOString();
}

/** The recorded form of a protocol failure: the innermost cause that says something. */
export function nodeError(failure: Failure | null | undefined): NodeError | undefined {
  let inner = failure ?? undefined;
  while (inner?.cause) {
    if (inner.applicationFailureInfo) break;
    inner = inner.cause;
  }
  if (inner === undefined) return undefined;
  const type = inner.applicationFailureInfo?.type ?? '';
  return { message: inner.message || type || 'failed', ...(/^MR\d{4}$/.test(type) ? { code: type } : {}) };
}

/**
 * What the server knows of an activity that is under way: which attempt, since when, why the last one failed. A run sees
 * its activities only when they have ended.
 */
export function withPending(node: NodeRecord, pending: PendingActivity | undefined): NodeView {
  if (pending === undefined || (node.state !== 'running' && node.state !== 'queued')) return node;
  const attempt = pending.attempt ?? 1;
  const error = nodeError(pending.lastFailure);
  const waits = pending.state === scheduled || pending.state === paused;
  const startedAt = isoTime(pending.lastStartedTime);
  const nextAttemptAt = waits ? isoTime(pending.nextAttemptScheduleTime ?? pending.scheduledTime) : undefined;
  return {
    ...node,
    state: !waits ? 'running' : attempt > 1 ? 'up_for_retry' : 'queued',
    attempt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(error === undefined ? {} : { error }),
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
  };
}

/** A run's own state with the attempts that are under way. */
export function mergePending(state: RunState, pending: readonly PendingActivity[], source: RunView['source']): RunView {
  const byId = new Map(pending.map((each) => [each.activityId ?? '', each]));
  return { ...state, source, nodes: state.nodes.map((node) => withPending(node, byId.get(node.id))) };
}
