import { setTimeout } from 'node:timers/promises';
import { isMillraceError, type Progress } from 'millrace';

const ATTEMPTS = 6;

/**
 * Does the work again when another process committed to the table in the meantime (MR3004). The work must look anew at the
 * table's application transactions each time.
 */
export async function retryConflicts<T>(progress: Progress, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isMillraceError(error) || error.code !== 'MR3004' || attempt === ATTEMPTS) throw error;
      progress.log.info('Another writer was faster; trying again.', { table: error.subject, attempt });
      await setTimeout(50 * 2 ** attempt * (0.5 + Math.random()), undefined, { signal: progress.signal });
    }
  }
}
