import { isMillraceError } from '../dag/errors.ts';
import type { Connected } from './connection.ts';
import type { RunView } from './run-view.ts';
import { getRun } from './runs.ts';

export interface WatchOptions {
  /** How often to ask, milliseconds. Default 500. The end of the run is noticed at once. */
  readonly intervalMs?: number;
  /** Ends the watching, not the run. */
  readonly signal?: AbortSignal;
  /**
   * Called when the state cannot be had for the moment (MR2501: the server is away, MR2504: no worker answers); the watch
   * goes on. Throwing from it ends the watch.
   */
  readonly onUnknown?: (error: Error) => void;
}

/**
 * The states of a run, one whenever something changed, until it has ended. The last one is the final state. Outlives
 * restarts of workers and of the server.
 */
export async function* watchRun(
  connected: Connected,
  workflowId: string,
  { intervalMs = 500, signal, onUnknown }: WatchOptions = {},
): AsyncGenerator<RunView> {
  let last = '';
  const end = new AbortController();
  const stop = signal === undefined ? end.signal : AbortSignal.any([end.signal, signal]);
  try {
    const ended = endOfRun(connected, workflowId, stop);
    while (signal?.aborted !== true) {
      const view = await current(connected, workflowId, onUnknown);
      const text = JSON.stringify(view);
      if (view !== undefined && text !== last) yield view;
      last = text ?? last;
      if (view !== undefined && view.status !== 'running') return;
      await Promise.race([pause(intervalMs, stop), ended]);
    }
  } finally {
    end.abort();
  }
}

/** Waits for the end of a run and gives its final state. Throws MR2503 if there is no such run. */
export async function waitForRun(
  connected: Connected,
  workflowId: string,
  options: WatchOptions = {},
): Promise<RunView> {
  let last: RunView | undefined;
  for await (const view of watchRun(connected, workflowId, options)) last = view;
  options.signal?.throwIfAborted();
  return last ?? (await getRun(connected, workflowId));
}

async function current(
  connected: Connected,
  workflowId: string,
  onUnknown: WatchOptions['onUnknown'],
): Promise<RunView | undefined> {
  try {
    return await getRun(connected, workflowId);
  } catch (error) {
    if (!isMillraceError(error) || (error.code !== 'MR2501' && error.code !== 'MR2504') || !error.retryable)
      throw error;
    onUnknown?.(error);
    return undefined;
  }
}

/** Resolves when the run's workflow closes; never before, and it never rejects. */
async function endOfRun({ client, connection }: Connected, workflowId: string, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    try {
      await connection.withAbortSignal(stop, () => client.workflow.getHandle(workflowId).result());
      return;
    } catch (error) {
      if (error instanceof Error && error.name === 'WorkflowFailedError') return;
      await pause(1_000, stop);
    }
  }
}

function pause(milliseconds: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      stop.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    stop.addEventListener('abort', done, { once: true });
  });
}
