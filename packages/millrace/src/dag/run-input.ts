import type { Json } from './json.ts';
import type { DataInterval, ItemRecord } from './run-state.ts';

/** A node that a new run takes over from an earlier one. */
export interface PresetNode {
  /** `success`: is not executed again, `value` stands for its result. `none`: is executed, with `items` as known. */
  readonly state: 'success' | 'none';
  readonly value?: Json;
  /** What the earlier run's items came to: the task starts with those that are not in state `success`. */
  readonly items?: readonly ItemRecord[];
  /** Of an instance in a mapped body: digest of its item; the preset holds only if the new run has the same item there. */
  readonly item?: string;
  readonly attempt?: number;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly durationMs?: number;
  readonly rows?: number;
}

/** What a new run keeps of an earlier one, by node id as in {@link RunState}. The query `millrace.preset` makes it. */
export interface RunPreset {
  readonly of?: { readonly workflowId: string; readonly runId: string };
  readonly nodes: { readonly [id: string]: PresetNode };
}

/**
 * The input of a run: the one argument of the workflow, which may be left out. Without `date` and `interval` a run that a
 * schedule started stands for the interval that ended then, any other for the last complete one.
 */
export interface RunInput {
  /** One calendar day in the schedule's time zone, `YYYY-MM-DD`. */
  readonly date?: string;
  /** Half-open. Each end is an ISO 8601 instant, or a `YYYY-MM-DD` that means midnight in the schedule's time zone. */
  readonly interval?: DataInterval;
  /** Checked against the DAG's `params` before anything runs. */
  readonly params?: Json;
  readonly preset?: RunPreset;
}

/** Query without argument: {@link RunState}. Works on closed runs too. */
export const runQuery = 'millrace.run';

/** Query without argument: the {@link RunPreset} with which a new run repeats only what did not succeed. */
export const presetQuery = 'millrace.preset';

/** Query with a node id: its {@link ItemRecord}s. */
export const itemsQuery = 'millrace.items';

/** Signal with an {@link ItemReport}. */
export const itemsSignal = 'millrace.items';

export interface ItemReport {
  readonly node: string;
  readonly items: readonly ItemRecord[];
}

/** Key of the workflow's memo that holds a {@link RunMemo}: written when the plan is loaded and when the run ends. */
export const runMemoKey = 'millrace';

/** What a list of runs shows without asking the run itself. */
export interface RunMemo {
  readonly dag: string;
  readonly planHash: string;
  readonly interval: DataInterval;
  readonly date: string;
  readonly status: 'running' | 'success' | 'failed' | 'cancelled';
  /** Number of nodes by state; at the end of the run. */
  readonly counts?: { readonly [state: string]: number };
  /** Up to 20 ids of nodes that failed. */
  readonly failed?: readonly string[];
}
