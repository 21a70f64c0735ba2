export { type TestContextOptions, testContext } from './context.ts';
export { type SimulateOptions, type Simulation, simulate } from './simulate.ts';
