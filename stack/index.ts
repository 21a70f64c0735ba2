export type { Endpoints } from './endpoints.ts';
export { removeHome } from './remove-home.ts';
export { type Components, provideComponents, type Stack, type StackOptions, startStack } from './start-stack.ts';
