export { type Environment, type EnvironmentSchema, environmentSchema, validateEnvironment } from './environment.ts';
export { consoleLogger } from './log.ts';
export {
  defineProject,
  type LoadedProject,
  loadProject,
  type Project,
  type ProjectOptions,
  type RunningServices,
} from './project.ts';
export { resolveSecrets, Secrets, secretVariables, type Variables } from './secrets.ts';
export { createWorker, type DagWorker, type WorkerConfig } from './worker.ts';
