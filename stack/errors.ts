import { type ErrorDetails, MillraceError } from 'millrace';

/** Codes of the embedded stack; each has a page in docs/errors. MR5110 and MR5111 belong to scripts/bootstrap.mjs. */
export type StackErrorCode =
  | 'MR5101' // a component could not be had
  | 'MR5102' // Python is missing or too old
  | 'MR5103' // the Python environment could not be made
  | 'MR5104' // a service ended before it was ready
  | 'MR5105' // a service was not ready in time
  | 'MR5106' // the stack of this home runs already
  | 'MR5107' // no account to run Postgres as
  | 'MR5109' // a file of the home is damaged
  | 'MR5112' // an option of npm start is wrong
  | 'MR5113' // the worker of npm start keeps ending
  | 'MR5114' // a part of the running stack ended
  | 'MR5115'; // the warehouse file cannot be opened

/** An error of the embedded stack. Never retryable by itself: somebody has to look. */
export function stackError(details: ErrorDetails & { readonly code: StackErrorCode }): MillraceError {
  return new MillraceError({ retryable: false, ...details });
}
