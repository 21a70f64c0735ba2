import type { BusinessDay } from './business-days.ts';

/** One of the retailer's systems, filled in bulk or day by day. Each step of it happens exactly once. */
export interface SourceSystem {
  /** Its name in `source_progress`. */
  readonly name: string;
  /** The last day done, and whether the next one was begun and not ended. */
  position(): Promise<{ finished: BusinessDay | undefined; stopped: boolean }>;
  /** All days from `from` to `to` at once, as they look at the end of `to`; `from` is the day after the last one done. */
  loadHistory(from: BusinessDay, to: BusinessDay): Promise<void>;
  /** One day, change by change. */
  runDay(day: BusinessDay): Promise<void>;
  close(): Promise<void>;
}
