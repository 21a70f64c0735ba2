import type { Progress } from 'millrace';

/** For reading outside a task: logs nowhere, never cancelled. */
export const QUIET: Progress = {
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  signal: new AbortController().signal,
  heartbeat: () => undefined,
};
