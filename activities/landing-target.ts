import type { TaskContext } from 'millrace';
import type { LandingTarget } from '../ingestion/connectors/shared/landing-target.ts';

/** Bronze, in the name of this run: every row that it lands carries the run's workflow id. */
export function landingTarget({ lake, run }: TaskContext): LandingTarget {
  return { lake, runId: run.workflowId };
}
