export { batchAppId, type DiscoverOptions, discoverFiles } from './discover.ts';
export { fileCodes } from './file-errors.ts';
export type { FileEncoding, FileProblems, FileStream } from './file-stream.ts';
export { type LandResult, landBatch, rejectedFiles } from './land.ts';
export type { BatchRef } from './tracker.ts';
