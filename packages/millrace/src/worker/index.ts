export { type Environment, type EnvironmentSchema, environmentSchema, validateEnvironment } from './environment.ts';
export {
  defineProject,
  type LoadedProject,
  loadProject,
  type Project,
  type ProjectOptions,
  type RunningServices,
} from './project.ts';
export { resolveSecrets, Secrets, secretVariables, type Variables } from './secrets.ts';
