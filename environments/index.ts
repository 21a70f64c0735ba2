export { dev } from './dev.ts';
export { prod } from './prod.ts';
export { qa } from './qa.ts';
export { repositoryRoot } from './root.ts';
export { type RetailEnvironment, retailEnvironmentSchema } from './schema.ts';
