import type { NodeError, NodeRecord, RunState } from '../dag/run-state.ts';

/** A node as the run and the server know it together. */
export interface NodeView extends NodeRecord {
  /** When the next attempt of a node in `up_for_retry` starts, if the server said so. */
  readonly nextAttemptAt?: string;
}

/** A run's state with what only the server knows: attempts that are under way, waits before a retry. */
export interface RunView extends RunState {
  readonly nodes: readonly NodeView[];
  /**
   * Who answered. `worker`: the run itself, complete. `history`: read from the run's history because no worker answered;
   * tasks that were skipped or not reached are missing there.
   */
  readonly source: 'worker' | 'history';
  /** Why the run as a whole failed, in the server's record: also where no node did (a DAG that no worker knows, a timeout). */
  readonly error?: NodeError;
}
