import type { Json } from './json.ts';
import type { DataInterval, ItemRecord } from './run-state.ts';
import type { Progress, Services } from './services.ts';

/** The run that a task works for. */
export interface RunInfo {
  readonly dag: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly interval: DataInterval;
  /** Local date of the interval's start in the schedule's time zone, `YYYY-MM-DD`. */
  readonly date: string;
  readonly params: Json;
}

/** Records of the many things that one task does in one process; kept in the run under the task's node. */
export interface Items {
  /** Sends records to the run, in batches. A later record of the same id replaces the earlier one. */
  report(items: readonly ItemRecord[]): void;
  /** Waits until the run has everything reported so far. Done by itself before the task ends. */
  flush(): Promise<void>;
  /** What earlier attempts (and, in a retried run, earlier runs) finished: records in state `success`, by id. */
  completed(): Promise<ReadonlyMap<string, ItemRecord>>;
}

/** What a task gets besides its input. */
export interface TaskContext extends Progress, Services {
  readonly run: RunInfo;
  readonly node: { readonly id: string; readonly mapIndex?: number };
  /** 1 for the first. */
  readonly attempt: number;
  /** Adds to the number of rows that the node's record shows. */
  rows(count: number): void;
  /** The last details given to `heartbeat` by an earlier attempt. */
  checkpoint<T extends Json>(): T | undefined;
  readonly items: Items;
}
