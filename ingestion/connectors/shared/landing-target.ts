import type { Lake } from '@millrace/lakehouse';

/** Where a connector lands what it reads, and the run that does it. */
export interface LandingTarget {
  readonly lake: Lake;
  /** Written to `_run_id`. */
  readonly runId: string;
}
