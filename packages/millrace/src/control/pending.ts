import type { WorkflowExecutionDescription } from '@temporalio/client';
import type { NodeError, NodeRecord, NodeState } from '../dag/run-state.ts';
import type { Connected } from './connection.ts';
import { decodeFailure } from './payloads.ts';
import type { NodeView } from './run-view.ts';

/** What the server knows of an activity that is under way. A run sees its activities only when they have ended. */
export interface PendingAttempt {
  /** The node's id. */
  readonly id: string;
  /** True while it waits for a worker or for the time of its next attempt. */
  readonly waits: boolean;
  readonly attempt: number;
  readonly startedAt?: string;
  readonly nextAttemptAt?: string;
  /** Of the attempt before. */
  readonly error?: NodeError;
}

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

export async function pendingAttempts(
  { client }: Connected,
  { raw }: WorkflowExecutionDescription,
): Promise<readonly PendingAttempt[]> {
  return await Promise.all(
    (raw.pendingActivities ?? []).map(async (pending) => {
      const waits = pending.state === scheduled || pending.state === paused;
      const startedAt = isoTime(pending.lastStartedTime);
      const nextAttemptAt = waits ? isoTime(pending.nextAttemptScheduleTime ?? pending.scheduledTime) : undefined;
      const error = pending.lastFailure ? await decodeFailure(client, pending.lastFailure) : undefined;
      return {
        id: pending.activityId ?? '',
        waits,
        attempt: pending.attempt ?? 1,
        ...(startedAt === undefined ? {} : { startedAt }),
        ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
        ...(error === undefined ? {} : { error }),
      };
    }),
  );
}

const underWay: ReadonlySet<NodeState> = new Set(['running', 'queued', 'up_for_retry']);

/** The nodes of a run with the attempts that are under way. */
export function mergePending(nodes: readonly NodeRecord[], pending: readonly PendingAttempt[]): NodeView[] {
  const byId = new Map(pending.map((each) => [each.id, each]));
  return nodes.map((node) => {
    const attempt = byId.get(node.id);
    if (attempt === undefined || !underWay.has(node.state)) return node;
    const { id: _, waits, ...known } = attempt;
    const state = !waits ? 'running' : attempt.attempt > 1 || node.state === 'up_for_retry' ? 'up_for_retry' : 'queued';
    return { ...node, ...known, state };
  });
}
