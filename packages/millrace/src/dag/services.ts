/**
 * What tasks find in their context besides the run: the platform's own services (lake, warehouse, ...). Empty here;
 * a project adds its own by declaration merging:
 *
 *     declare module 'millrace' { interface Services { lake: Lake } }
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging
export interface Services {}

declare global {
  // Merges with Node's own; this folder is compiled without Node's types because the workflow sandbox imports it.
  interface AbortSignal {}
}

/** A structured logger: one message and fields. Secrets in fields are redacted by the worker. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/**
 * What a long operation needs of the attempt that it runs in, and no more: so that libraries (connectors, dbt, the lake)
 * can be called from a task or from a script. A task's context is one.
 */
export interface Progress {
  readonly log: Logger;
  /** Aborted when the attempt is cancelled or timed out. */
  readonly signal: AbortSignal;
  /** Says that the attempt is alive; `details` come back to the next attempt. Cheap: call it as often as you like. */
  heartbeat(details?: unknown): void;
}
