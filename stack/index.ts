export { type Components, provideComponents } from './components/provide.ts';
export type { Endpoints } from './endpoints.ts';
export { removeHome } from './remove-home.ts';
export { type Stack, type StackOptions, startStack } from './start-stack.ts';
