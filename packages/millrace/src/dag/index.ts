export { describeError, type ErrorDetails, isMillraceError, MillraceError } from './errors.ts';
export type { Json } from './json.ts';
export type { DataInterval, ItemRecord, NodeError, NodeRecord, NodeState, RunState, RunStatus } from './run-state.ts';
export type { Logger, Progress, Services } from './services.ts';
