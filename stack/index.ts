export type { Endpoints } from './endpoints.ts';
export { type Components, provideComponents, type Stack, type StackOptions, startStack } from './start-stack.ts';
