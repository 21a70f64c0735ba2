import type { Json } from './json.ts';

/** States of a task instance, with Airflow's names. `removed`: the node is not part of the recorded plan. */
export type NodeState =
  | 'none'
  | 'queued'
  | 'running'
  | 'up_for_retry'
  | 'success'
  | 'failed'
  | 'skipped'
  | 'upstream_failed'
  | 'cancelled';

export type RunStatus = 'running' | 'success' | 'failed' | 'cancelled';

/** A failure as it is recorded: no stack, no secret. */
export interface NodeError {
  readonly message: string;
  readonly code?: string;
  readonly hint?: string;
  readonly subject?: string;
  readonly facts?: { readonly [key: string]: Json };
}

/**
 * One item of a task that does many things in one process (a dbt node, a bundled mapped item). Its task reports it; the
 * run keeps it, so that a later attempt starts with what had not finished.
 */
export interface ItemRecord {
  readonly id: string;
  /** What the item is: `model`, `test`, `seed`, `snapshot`, ... */
  readonly kind?: string;
  readonly state: NodeState;
  readonly attempt: number;
  /** ISO 8601, UTC. */
  readonly startedAt?: string;
  readonly durationMs?: number;
  readonly rows?: number;
  readonly message?: string;
}

/** One node of a run. Mapped instances are `id[index]`; nodes inside a mapped body are `each[index].id`. */
export interface NodeRecord {
  readonly id: string;
  /** The task's id (the activity type); absent for control nodes (`each`, `choose`). */
  readonly task?: string;
  readonly kind: 'task' | 'each' | 'choose';
  readonly state: NodeState;
  readonly attempt: number;
  readonly startedAt?: string;
  readonly endedAt?: string;
  /** Of the last attempt, as its worker measured it. */
  readonly durationMs?: number;
  /** Rows that the task said it handled (`context.rows(n)`). */
  readonly rows?: number;
  readonly error?: NodeError;
  readonly items?: readonly ItemRecord[];
}

/** The half-open data interval [start, end) that a run stands for; ISO 8601, UTC. */
export interface DataInterval {
  readonly start: string;
  readonly end: string;
}

/** What the query `millrace.run` answers. */
export interface RunState {
  readonly dag: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly planHash: string;
  readonly interval: DataInterval;
  readonly status: RunStatus;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly nodes: readonly NodeRecord[];
}
