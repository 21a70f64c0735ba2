export { buildFailure } from './failure.ts';
export { DbtService } from './service.ts';
export type {
  DbtBuildRequest,
  DbtBuildSummary,
  DbtCompiled,
  DbtDocs,
  DbtFailure,
  DbtNode,
  DbtOptions,
  DbtSelection,
} from './types.ts';
