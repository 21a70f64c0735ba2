import { type Control, followRun } from 'millrace/control';
import type { Sources } from '../../ingestion/sources/index.ts';
import { lastHistoryDay, type Night, type NightBook, nightly } from './nights.ts';

export interface RunNightsOptions {
  readonly control: Control;
  readonly sources: Sources;
  readonly book: NightBook;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
  /** Rejects when runs cannot go on, because no worker stays up. */
  readonly workerFailed: Promise<never>;
}

/**
 * Lets the sources deliver and runs the pipeline, one night after the other, with live progress. Ends at the first run
 * that does not succeed: later nights build on it.
 */
export async function runNights(nights: readonly Night[], options: RunNightsOptions): Promise<'succeeded' | 'failed'> {
  const { control, sources, book, report, signal, workerFailed } = options;
  for (const night of nights) {
    signal.throwIfAborted();
    report(`${night.title}: the sources deliver`);
    if (night.upTo === lastHistoryDay) await sources.loadHistory(night.upTo);
    else await sources.advanceTo(night.upTo);
    signal.throwIfAborted();
    const { workflowId, attached } = await control.startRun(nightly, night.target, { ifRunning: 'attach' });
    report(`${night.title}: run ${workflowId}${attached ? ', which was running already' : ''}`);
    const following = new AbortController();
    const view = await Promise.race([
      followRun(control, workflowId, process.stdout, { signal: AbortSignal.any([signal, following.signal]) }),
      workerFailed,
    ]).finally(() => following.abort());
    if (view.status !== 'success') {
      report(
        `${night.title}: ${view.status}. What failed is above; \`npx millrace status ${workflowId}\` shows it again.`,
      );
      return 'failed';
    }
    book.add(night);
  }
  return 'succeeded';
}
