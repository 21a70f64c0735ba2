export { type JsonCallOptions, JsonProcess, type JsonProcessOptions } from './json-process.ts';
