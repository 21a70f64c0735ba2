import { join } from 'node:path';
import type { RunTarget } from 'millrace/control';
import { runWorkflowId } from 'millrace/control';
import { z } from 'zod';
import { firstDay, nextDay } from '../../ingestion/sources/index.ts';
import { stackError } from '../errors.ts';
import { type Home, readJson, writeJson } from '../home.ts';

export const nightly = 'nightlyRetail';

/** The history goes up to here; the nights follow one by one. TPC-DS sells until 2003-01-02, three nights later. */
export const lastHistoryDay = '2002-12-30';

/** One run to be made: the interval, and the business day up to which the sources must have delivered. */
export interface Night {
  readonly title: string;
  readonly target: RunTarget;
  readonly workflowId: string;
  readonly upTo: string;
}

/** The history as one range, then so many nights, as the schedule would run them. */
export function plannedNights(nights: number): readonly Night[] {
  const day = nextDay(lastHistoryDay);
  const history: RunTarget = { interval: { start: firstDay, end: day } };
  const planned = [night(`history up to ${lastHistoryDay}`, history, lastHistoryDay)];
  for (let date = day, count = 0; count < nights; date = nextDay(date), count++) {
    planned.push(night(`night of ${date}`, { date }, date));
  }
  return planned;
}

function night(title: string, target: RunTarget, upTo: string): Night {
  return { title, target, upTo, workflowId: runWorkflowId(nightly, target) };
}

const schema = z.object({ scale: z.number(), succeeded: z.array(z.string()) });
const usualScale = 0.01;

/**
 * Which runs of this home have succeeded, and the scale of its sources. Kept in a file, because the development server
 * forgets closed runs after its retention, and the data does not.
 */
export class NightBook {
  readonly #file: string;
  #content: z.infer<typeof schema>;

  /** @throws MR5112 when another scale is asked for than that of the data. */
  constructor(home: Home, scale: number | undefined) {
    this.#file = join(home.root, 'nights.json');
    const known = readJson(this.#file, schema);
    if (known !== undefined && scale !== undefined && known.scale !== scale) {
      throw stackError({
        code: 'MR5112',
        message: `The data here was generated at scale ${known.scale}, not ${scale}.`,
        subject: '--scale',
        hint: 'Leave --scale out, or remove all local state with `npm run clean` first.',
        facts: { known: known.scale, asked: scale },
      });
    }
    this.#content = known ?? { scale: scale ?? usualScale, succeeded: [] };
    if (known === undefined) this.#save();
  }

  get scale(): number {
    return this.#content.scale;
  }

  has({ workflowId }: Night): boolean {
    return this.#content.succeeded.includes(workflowId);
  }

  add(night: Night): void {
    if (this.has(night)) return;
    this.#content = { ...this.#content, succeeded: [...this.#content.succeeded, night.workflowId] };
    this.#save();
  }

  #save(): void {
    writeJson(this.#file, this.#content, 0o644);
  }
}

/** What is to be run now: all that has not succeeded, or with `again` the last night once more if nothing is left. */
export function dueNights(planned: readonly Night[], book: NightBook, again: boolean): readonly Night[] {
  const due = planned.filter((each) => !book.has(each));
  const last = planned.at(-1);
  return due.length === 0 && again && last !== undefined ? [last] : due;
}
