import type { RunStatus } from '../dag/run-state.ts';
import type { Connected } from './connection.ts';
import { serverError } from './errors.ts';
import { type RunSummary, summarize } from './run-summary.ts';

export interface ListRunsOptions {
  readonly dag?: string;
  readonly status?: RunStatus;
  /** At most so many, newest first. Default 100. */
  readonly limit?: number;
}

const statusQueries: Readonly<Record<RunStatus, string>> = {
  running: "ExecutionStatus = 'Running'",
  success: "ExecutionStatus = 'Completed'",
  failed: "ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut')",
  cancelled: "ExecutionStatus = 'Canceled'",
};

/** A string literal of Temporal's list filters. */
export function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/**
 * The runs of the task queue, whoever started them, newest first. From the server's visibility store: a run appears there
 * a moment after its start.
 */
export async function* listRuns(
  { client, taskQueue, address }: Connected,
  { dag, status, limit = 100 }: ListRunsOptions = {},
): AsyncGenerator<RunSummary> {
  const query = [
    `TaskQueue = ${quote(taskQueue)}`,
    'ParentWorkflowId IS NULL',
    dag === undefined ? undefined : `WorkflowType = ${quote(dag)}`,
    // An execution that went on in a new one is part of the run that the new one stands for.
    status === undefined ? "ExecutionStatus != 'ContinuedAsNew'" : statusQueries[status],
  ];
  let left = limit;
  try {
    for await (const info of client.workflow.list({
      query: query.filter((each) => each !== undefined).join(' AND '),
      pageSize: Math.min(limit, 200),
    })) {
      if (left-- <= 0) return;
      yield summarize(info);
    }
  } catch (error) {
    throw serverError(error, address);
  }
}
