// Temporal runs a bundle's default export for every workflow type that has no export of its own: here for every DAG.
export { runDag as default } from './interpreter.ts';
