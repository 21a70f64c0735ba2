/**
 * What every error that a person can meet carries: a code with a page in docs/errors, the thing at fault, what to do
 * next, and the facts as fields.
 */
export interface ErrorDetails {
  /** Stable code, `MR` and four digits; docs/errors/<code>.md explains it. */
  readonly code: string;
  /** One sentence: what went wrong, naming the thing at fault. */
  readonly message: string;
  /** The DAG, task, file, table or setting at fault. */
  readonly subject?: string;
  /** What to do next. */
  readonly hint?: string;
  /** Facts as fields (line, column, counts, names); never a secret. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** False for what another attempt cannot mend; such an error never burns retries. Default: true. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

const brand = '__millraceError';

/** An error with a code. Tell it by {@link isMillraceError}, which also works across realms, not by `instanceof`. */
export class MillraceError extends Error {
  readonly [brand] = true;
  readonly code: string;
  readonly subject: string | undefined;
  readonly hint: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly retryable: boolean;

  constructor(details: ErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'MillraceError';
    this.code = details.code;
    this.subject = details.subject;
    this.hint = details.hint;
    this.facts = details.facts ?? {};
    this.retryable = details.retryable ?? true;
  }
}

/** True for a {@link MillraceError} of any realm or copy of the package. */
export function isMillraceError(error: unknown): error is MillraceError {
  return typeof error === 'object' && error !== null && (error as Record<string, unknown>)[brand] === true;
}

/** One line for a terminal or a log: code, message and hint. */
export function describeError(error: unknown): string {
  if (isMillraceError(error))
    return `${error.code}: ${error.message}${error.hint === undefined ? '' : ` ${error.hint}`}`;
  return error instanceof Error ? error.message : String(error);
}
