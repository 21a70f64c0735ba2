import type { NodeRecord, RunState } from '../dag/run-state.ts';
import { type BackfilledDay, type BackfillOptions, backfill } from './backfill.ts';
import { type Connected, type ControlOptions, connect } from './connection.ts';
import { type ListRunsOptions, listRuns } from './list.ts';
import type { RunSummary } from './run-summary.ts';
import type { RunView } from './run-view.ts';
import { cancelRun, getRun, retryRun } from './runs.ts';
import { Schedules } from './schedules.ts';
import { type StartedRun, type StartInput, type StartOptions, startRun } from './start.ts';
import { type WatchOptions, waitForRun, watchRun } from './watch.ts';

/**
 * Starts, shows, repeats, cancels and schedules runs. Temporal is the only store; nothing here needs a worker in the same
 * process. Every method throws MR2501 when the server does not answer.
 */
export class Control {
  readonly #connected: Connected;
  readonly schedules: Schedules;

  constructor(connected: Connected) {
    this.#connected = connected;
    this.schedules = new Schedules(connected);
  }

  get address(): string {
    return this.#connected.address;
  }

  get namespace(): string {
    return this.#connected.namespace;
  }

  get taskQueue(): string {
    return this.#connected.taskQueue;
  }

  /** See {@link startRun}: MR2502 if the interval is running already, MR2510 for a wrong date. */
  startRun(dag: string, input: StartInput, options?: StartOptions): Promise<StartedRun> {
    return startRun(this.#connected, dag, input, options);
  }

  /** See {@link getRun}: MR2503 if there is no such run, MR2504 if nobody can tell its state. */
  getRun(workflowId: string, runId?: string): Promise<RunView> {
    return getRun(this.#connected, workflowId, runId);
  }

  /** See {@link watchRun}: the states of a run until it has ended. */
  watchRun(workflowId: string, options?: WatchOptions): AsyncGenerator<RunView> {
    return watchRun(this.#connected, workflowId, options);
  }

  /** See {@link waitForRun}: the final state, which may be a failure. */
  waitForRun(workflowId: string, options?: WatchOptions): Promise<RunView> {
    return waitForRun(this.#connected, workflowId, options);
  }

  /** See {@link listRuns}: newest first. */
  listRuns(options?: ListRunsOptions): AsyncGenerator<RunSummary> {
    return listRuns(this.#connected, options);
  }

  /** See {@link cancelRun}: MR2503, MR2505. */
  cancelRun(workflowId: string): Promise<void> {
    return cancelRun(this.#connected, workflowId);
  }

  /** See {@link retryRun}: MR2503, MR2504, MR2506, MR2509. */
  retryRun(workflowId: string): Promise<StartedRun> {
    return retryRun(this.#connected, workflowId);
  }

  /** See {@link backfill}: every day of a range, resumable. */
  backfill(dag: string, options: BackfillOptions): AsyncGenerator<BackfilledDay> {
    return backfill(this.#connected, dag, options);
  }

  async close(): Promise<void> {
    await this.#connected.connection.close();
  }
}

/** Connects to Temporal. Throws MR2501 if the server does not answer, MR2511 if it lacks the namespace. */
export async function connectControl(options: ControlOptions): Promise<Control> {
  return new Control(await connect(options));
}

/** The nodes of a run that failed, with their errors. */
export function failedNodes(state: RunState): readonly NodeRecord[] {
  return state.nodes.filter((node) => node.state === 'failed');
}
