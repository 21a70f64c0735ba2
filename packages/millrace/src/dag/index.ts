export { describeError, type ErrorDetails, isMillraceError, MillraceError } from './errors.ts';
export type { Json } from './json.ts';
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
export type { Logger, Progress, Services } from './services.ts';
