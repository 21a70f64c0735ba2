export type { Items, RunInfo, TaskContext } from './context.ts';
export { type ChooseOptions, choose, type EachOptions, each, outcome } from './control.ts';
export { type CronOptions, cron } from './cron.ts';
export { type Dag, type DagOptions, dag, planHash, type RunRefs } from './dag.ts';
export { type Duration, durationMs } from './duration.ts';
export { describeError, type ErrorDetails, isMillraceError, MillraceError } from './errors.ts';
export type { Json } from './json.ts';
export type { NodeOptions, NodePlacement, RetryPolicy, TaskOptions } from './options.ts';
export {
  type Plan,
  type PlanBody,
  type PlanChoose,
  type PlanCondition,
  type PlanEach,
  type PlanNode,
  type PlanRetry,
  type PlanSchedule,
  type PlanTask,
  planSchemaVersion,
  type Template,
  type TriggerRule,
} from './plan.ts';
export type { Arg, Outcome, Ref, Unref } from './ref.ts';
export {
  type ItemReport,
  itemsQuery,
  itemsSignal,
  type PresetNode,
  presetQuery,
  type RunInput,
  type RunMemo,
  type RunPreset,
  runMemoKey,
  runQuery,
} from './run-input.ts';
export type { DataInterval, ItemRecord, NodeError, NodeRecord, NodeState, RunState, RunStatus } from './run-state.ts';
export type { StandardSchema } from './schema.ts';
export type { Logger, Progress, Services } from './services.ts';
export { type AnyTask, skip, type Task, task } from './task.ts';
export {
  allDone,
  allFailed,
  allSkipped,
  allSuccess,
  always,
  noneFailed,
  noneFailedMinOneSuccess,
  noneSkipped,
  oneDone,
  oneFailed,
  oneSuccess,
  type Trigger,
} from './trigger.ts';
export { validatePlan } from './validate.ts';
