export { exitCodes, type Io } from './io.ts';
export { createProgram, main } from './program.ts';
