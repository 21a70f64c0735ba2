import type { Json } from './json.ts';
import type { Plan } from './plan.ts';
import type { DataInterval } from './run-state.ts';

// What the interpreter and the worker say to each other. Histories hold these: fields may be added, never changed.

/** The local activity with which every run begins. */
export const loadPlanActivity = 'millrace.loadPlan';

export interface LoadRequest {
  readonly dag: string;
  /** The run's input as it came: not checked yet. */
  readonly input: Json;
  /** When a schedule meant the run to start; ISO 8601. Absent for a run that no schedule started. */
  readonly scheduledAt?: string;
  readonly startedAt: string;
}

/** What a run interprets from then on; kept in its history. */
export interface LoadedRun {
  readonly plan: Plan;
  readonly interval: DataInterval;
  readonly date: string;
  readonly params: Json;
}

/** The argument of a task's activity. */
export interface TaskCall {
  readonly dag: string;
  readonly interval: DataInterval;
  readonly date: string;
  readonly params: Json;
  readonly input?: Json;
  readonly mapIndex?: number;
}

/** The measures of an attempt, in replies and in the details of failures. */
export interface AttemptMeasures {
  readonly attempt: number;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly durationMs: number;
  readonly rows?: number;
}

/** The result of a task's activity. */
export interface TaskReply extends AttemptMeasures {
  readonly value: Json;
  /** The reason of a task that skipped itself. */
  readonly skipped?: string;
}

/** The first detail of a task's failure. */
export interface FailureDetails extends Partial<AttemptMeasures> {
  readonly subject?: string;
  readonly hint?: string;
  readonly facts?: { readonly [key: string]: Json };
}

/** Codes of the engine itself; every one has a page in docs/errors. */
export const engineCodes = {
  runFailed: 'MR2001',
  unknownDag: 'MR2002',
  runTimedOut: 'MR2003',
  /** No worker has the function: the run waits for one that has. */
  unknownTask: 'MR2004',
  resultTooLarge: 'MR2005',
  inputTooLarge: 'MR2006',
  /** The worker was stopped under the task: does not count as an attempt. */
  workerStopped: 'MR2007',
  taskTimedOut: 'MR2008',
  workerLost: 'MR2009',
  badInput: 'MR2010',
} as const;

/** Above this a result or an input does not go through a history; bytes of JSON. */
export const maxPayloadBytes = 1_000_000;
