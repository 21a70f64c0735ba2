import { Cron } from 'croner';
import type { PlanSchedule } from '../dag/plan.ts';

/** A time on the clocks of a schedule's zone. */
export interface WallTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly dayOfMonth: number;
  readonly hour: number;
  readonly minute: number;
}

const dayMs = 86_400_000;
const minuteMs = 60_000;

/**
 * The firings that a Temporal schedule leaves out because their time does not exist where clocks go forward: `0 2 * * *` in
 * New York on one night a year. Cron fires them at the end of the gap, at 03:00, and so do Airflow and millrace: a night
 * without a run would be a day without data. For the years from `firstYear` to `lastYear`.
 */
export function skippedFirings({ cron, timezone }: PlanSchedule, firstYear: number, lastYear: number): WallTime[] {
  const offset = offsetOf(timezone);
  const fires = new Cron(cron, { timezone, paused: true });
  // The same expression asked about wall time: a firing that it does not match was moved.
  const wallClock = new Cron(cron, { timezone: 'UTC', paused: true });
  const skipped: WallTime[] = [];
  const end = Date.UTC(lastYear + 1, 0, 1);
  let before = offset(Date.UTC(firstYear, 0, 1));
  for (let day = Date.UTC(firstYear, 0, 1); day < end; day += dayMs) {
    const after = offset(day + dayMs);
    if (after > before) {
      const change = changeBetween(day, day + dayMs, offset);
      const fire = fires.nextRun(new Date(change - 1));
      const wall = new Date(change + after);
      // What falls into the gap is moved to its end.
      if (fire?.getTime() === change && !wallClock.match(wall)) skipped.push(wallTime(wall));
    }
    before = after;
  }
  return skipped;
}

/** The instant, to the minute, at which the offset becomes that of `end`. */
function changeBetween(start: number, end: number, offset: (time: number) => number): number {
  let [before, from] = [start, end];
  while (from - before > minuteMs) {
    const middle = before + Math.floor((from - before) / 2 / minuteMs) * minuteMs;
    if (offset(middle) === offset(end)) from = middle;
    else before = middle;
  }
  return from;
}

function wallTime(wall: Date): WallTime {
  return {
    year: wall.getUTCFullYear(),
    month: wall.getUTCMonth() + 1,
    dayOfMonth: wall.getUTCDate(),
    hour: wall.getUTCHours(),
    minute: wall.getUTCMinutes(),
  };
}

/** How far the clocks of a zone are ahead of UTC at an instant, both in milliseconds. */
function offsetOf(timezone: string): (time: number) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: timezone, timeZoneName: 'longOffset' });
  return (time) => {
    // `12/31/2002, GMT-05:00`; `GMT` alone for UTC.
    const match = /GMT([+-])(\d{2}):(\d{2})/.exec(format.format(time));
    if (match === null) return 0;
    const minutes = Number(match[2]) * 60 + Number(match[3]);
    return (match[1] === '-' ? -minutes : minutes) * 60_000;
  };
}
