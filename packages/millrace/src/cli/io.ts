import type { ProgressStream } from '../control/follow.ts';
import type { Variables } from '../worker/secrets.ts';

/** What a command sees of its process. */
export interface Io {
  /** Results. */
  readonly stdout: ProgressStream;
  /** Errors, and progress where the result is JSON. */
  readonly stderr: ProgressStream;
  readonly cwd: string;
  readonly variables: Variables;
}

export const processIo = (): Io => ({
  stdout: process.stdout,
  stderr: process.stderr,
  cwd: process.cwd(),
  variables: process.env,
});

/** What a command ends with; docs/reference/cli.md explains them. */
export const exitCodes = {
  success: 0,
  /** The command could not do what it was asked. */
  error: 1,
  /** The command line is wrong. */
  usage: 2,
  /** A run that was waited for failed or was cancelled. */
  runFailed: 3,
  /** Ctrl-C while waiting; the run goes on. */
  interrupted: 130,
} as const;
