import type { Json } from './json.ts';

/** The plan format that this version writes. The interpreter reads it and every earlier one. */
export const planSchemaVersion = 1;

/**
 * Airflow's trigger rules: what must be true of a node's upstreams before it runs.
 * Meaning and propagation: https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/dags.html#trigger-rules
 */
export type TriggerRule =
  | 'allSuccess'
  | 'allDone'
  | 'allFailed'
  | 'oneSuccess'
  | 'oneFailed'
  | 'oneDone'
  | 'noneFailed'
  | 'noneFailedMinOneSuccess'
  | 'noneSkipped'
  | 'allSkipped'
  | 'always';

/** A cron schedule, as Temporal and the interval calculation read it. */
export interface PlanSchedule {
  readonly cron: string;
  /** IANA name; `UTC` by default. */
  readonly timezone: string;
  /** How far back missed runs are made up for, milliseconds. */
  readonly catchupMs: number;
}

/** Attempts of a task. Absent fields of a plan node are filled from the environment when a run loads its plan. */
export interface PlanRetry {
  /** Attempts in all; 1: no second attempt, 0: without end. */
  readonly attempts?: number;
  /** Before the second attempt. */
  readonly backoffMs?: number;
  readonly maxBackoffMs?: number;
  /** What each wait is multiplied with. */
  readonly factor?: number;
}

/** A condition on upstreams of the same body. A node runs when all its conditions are met. */
export interface PlanCondition {
  readonly rule: TriggerRule;
  /** Node ids of the same body. */
  readonly of: readonly string[];
}

/**
 * An input with results in it: JSON in which `{ "$ref": node, "at": path }` stands for the result of a node (of this body
 * or one around it), `{ "$outcome": node }` for its outcome, `{ "$item": depth, "at": path }` for the item of a
 * mapped body (0: the outermost), `{ "$run": path }` for a value of the run (`interval`, `date`, `params`) and
 * `{ "$json": value }` for a value that is taken as it stands.
 */
export type Template = Json;

interface PlanNodeBase {
  readonly id: string;
  readonly needs: readonly PlanCondition[];
}

/** One call of a task. */
export interface PlanTask extends PlanNodeBase {
  readonly kind: 'task';
  /** The task's id: the activity type. */
  readonly task: string;
  readonly input?: Template;
  readonly timeoutMs: number;
  readonly heartbeatMs: number;
  readonly retry?: PlanRetry;
}

/** A body that runs once for every element of a list. Its result is the list of the bodies' results. */
export interface PlanEach extends PlanNodeBase {
  readonly kind: 'each';
  readonly over: Template;
  readonly body: PlanBody;
  /** How many bodies may run at once; absent: all. */
  readonly limit?: number;
}

/** One of several bodies, by a value. The nodes of the others are skipped. Its result is the body's result. */
export interface PlanChoose extends PlanNodeBase {
  readonly kind: 'choose';
  readonly on: Template;
  readonly cases: { readonly [name: string]: PlanBody };
}

export type PlanNode = PlanTask | PlanEach | PlanChoose;

/** Nodes in an order in which each stands after its upstreams. */
export interface PlanBody {
  readonly nodes: readonly PlanNode[];
  /** What the body hands to the outside. */
  readonly result?: Template;
}

/** A DAG as data: what a run records in its history and interprets. */
export interface Plan extends PlanBody {
  readonly schemaVersion: typeof planSchemaVersion;
  readonly dag: string;
  /** SHA-256 of what the plan means, hexadecimal: the same for two sources that differ in layout or comments only. */
  readonly hash: string;
  readonly description?: string;
  readonly schedule?: PlanSchedule;
  /** Of a whole run, milliseconds. */
  readonly timeoutMs?: number;
  /** How many runs the schedule keeps going at once; further ones wait. */
  readonly maxActive: number;
  /** JSON Schema of the parameters, where the schema library can say it; `true`: there are parameters. */
  readonly params?: Json;
}
