import type { WorkflowExecutionInfo, WorkflowExecutionStatusName } from '@temporalio/client';
import { type RunMemo, runMemoKey } from '../dag/run-input.ts';
import type { DataInterval, RunStatus } from '../dag/run-state.ts';

/** One line of a list of runs: what the server knows without asking the run. */
export interface RunSummary {
  readonly dag: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly status: RunStatus;
  /** Absent until the run has computed it, a moment after its start. */
  readonly interval?: DataInterval;
  readonly date?: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly startedBy: 'schedule' | 'person';
  /** Nodes by state, once the run has ended. */
  readonly counts?: { readonly [state: string]: number };
  /** Up to 20 ids of nodes that failed. */
  readonly failed?: readonly string[];
  /** `terminated` or `timed out`, where the run was ended from outside and could not say so itself. */
  readonly reason?: string;
}

/** The run's status in millrace's words, by the server's status of its workflow. */
export function runStatus(status: WorkflowExecutionStatusName): RunStatus {
  if (status === 'RUNNING' || status === 'PAUSED' || status === 'CONTINUED_AS_NEW') return 'running';
  if (status === 'COMPLETED') return 'success';
  return status === 'CANCELLED' ? 'cancelled' : 'failed';
}

/** What a run wrote about itself, if it has come so far. */
export function runMemo(info: Pick<WorkflowExecutionInfo, 'memo'>): RunMemo | undefined {
  return info.memo?.[runMemoKey] as RunMemo | undefined;
}

export function summarize(info: Omit<WorkflowExecutionInfo, 'raw'>): RunSummary {
  const memo = runMemo(info);
  const ended = info.closeTime?.toISOString();
  const reason = { TERMINATED: 'terminated', TIMED_OUT: 'timed out' }[info.status.name as string];
  return {
    dag: info.type,
    workflowId: info.workflowId,
    runId: info.runId,
    status: runStatus(info.status.name),
    startedAt: info.startTime.toISOString(),
    startedBy: info.searchAttributes.TemporalScheduledById === undefined ? 'person' : 'schedule',
    ...(ended === undefined ? {} : { endedAt: ended }),
    ...(memo === undefined ? {} : { interval: memo.interval, date: memo.date }),
    ...(memo?.counts === undefined ? {} : { counts: memo.counts }),
    ...(memo?.failed === undefined ? {} : { failed: memo.failed }),
    ...(reason === undefined ? {} : { reason }),
  };
}
