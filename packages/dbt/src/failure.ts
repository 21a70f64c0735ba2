import { type Json, MillraceError } from 'millrace';
import type { DbtFailure } from './types.ts';

const names = { assertion: 'MR4102', compile: 'MR4103', hook: 'MR4104', run: 'MR4101' } as const;

const sentences = {
  assertion: 'found rows that should not be there',
  compile: 'does not compile',
  hook: 'failed',
  run: 'failed in the warehouse',
} as const;

const hints = {
  assertion:
    'Look at the rows with the compiled SQL, mend the data or the model, then run the model and its tests again.',
  compile: 'Mend the file; it is read again by the next attempt.',
  hook: 'Mend the hook in dbt_project.yml.',
  run: 'The next attempt runs only what has not finished.',
} as const;

/**
 * One error for the failed nodes of a build, named after the first that no repetition can mend, else after the first:
 * MR4101 (warehouse, retryable), MR4102 (test), MR4103 (does not compile), MR4104 (hook). At most 20 nodes are in
 * `facts.failures`.
 */
export function buildFailure(failures: readonly DbtFailure[], failed: number): MillraceError {
  const worst = failures.find((failure) => failure.reason !== 'run') ?? failures[0];
  if (worst === undefined) throw new Error('buildFailure needs a failure');
  const { reason } = worst;
  const others = failed > 1 ? ` ${failed - 1} more node${failed === 2 ? '' : 's'} failed.` : '';
  return new MillraceError({
    code: names[reason],
    message: `dbt ${worst.kind} ${worst.id} ${sentences[reason]}: ${worst.message}${others}`,
    subject: worst.id,
    hint: worst.compiled === undefined ? hints[reason] : `${hints[reason]} Compiled SQL: ${worst.compiled}.`,
    facts: { failed, failures: failures.slice(0, 20) as unknown as Json },
    retryable: reason === 'run',
  });
}
