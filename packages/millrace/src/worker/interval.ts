import { Cron } from 'croner';
import { MillraceError } from '../dag/errors.ts';
import type { PlanSchedule } from '../dag/plan.ts';
import { engineCodes } from '../dag/protocol.ts';
import type { DataInterval } from '../dag/run-state.ts';

/** What decides a run's interval. */
export interface IntervalRequest {
  readonly schedule: PlanSchedule | undefined;
  readonly date?: string;
  readonly interval?: DataInterval;
  /** When a schedule meant the run to start. */
  readonly scheduledAt?: Date;
  /** When the run did start. */
  readonly startedAt: Date;
}

/** Field of a cron expression, by its place. */
const minuteField = 0;
const hourField = 1;

/**
 * The half-open interval that a run stands for, and the local date of its start.
 *
 * - `interval`: as given; a `YYYY-MM-DD` is midnight in the schedule's time zone.
 * - `date`: that calendar day in the schedule's time zone.
 * - a run of a schedule: from its last firing to this one, each cut to the unit at which the schedule repeats: for one
 *   hour a day that is the midnight before, so that `0 2 * * *` gives whole days.
 * - otherwise: the last complete interval before the start; without a schedule, the last complete day (UTC).
 *
 * Throws MR2010.
 */
export function runInterval(request: IntervalRequest): { readonly interval: DataInterval; readonly date: string } {
  const timezone = request.schedule?.timezone ?? 'UTC';
  const [start, end] = bounds(request, timezone);
  if (!(start < end)) throw badInterval(`it ends (${end.toISOString()}) before it has begun (${start.toISOString()})`);
  return { interval: { start: start.toISOString(), end: end.toISOString() }, date: localDate(start, timezone) };
}

function bounds({ schedule, date, interval, scheduledAt, startedAt }: IntervalRequest, timezone: string): [Date, Date] {
  if (interval !== undefined) return [instant(interval.start, timezone), instant(interval.end, timezone)];
  if (date !== undefined) return [midnight(date, timezone), midnight(nextDay(checkDate(date)), timezone)];
  if (schedule === undefined) {
    const today = localDate(startedAt, timezone);
    return [midnight(previousDay(today), timezone), midnight(today, timezone)];
  }
  const fires = new Cron(schedule.cron, { timezone, paused: true });
  // The firing itself counts: look for the ones before the second after it.
  const at = new Date((scheduledAt ?? startedAt).getTime() + 1_000);
  const [last, before] = fires.previousRuns(2, at);
  if (last === undefined || before === undefined) throw badInterval(`'${schedule.cron}' has not fired twice yet`);
  return [cut(before, schedule), cut(last, schedule)];
}

function cut(fire: Date, { cron, timezone }: PlanSchedule): Date {
  const fields = cron.split(' ');
  const single = (field: number) => /^\d+$/.test(fields[field] ?? '');
  if (single(minuteField) && single(hourField)) return midnight(localDate(fire, timezone), timezone);
  // Zones with half-hour offsets too: minutes past the hour are local ones.
  if (single(minuteField)) return new Date(fire.getTime() - Number(fields[minuteField]) * 60_000);
  return fire;
}

function instant(text: string, timezone: string): Date {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return midnight(checkDate(text), timezone);
  const hasZone = /T.*(Z|[+-]\d{2}:?\d{2})$/.test(text);
  const time = new Date(text);
  if (!hasZone || Number.isNaN(time.getTime())) {
    throw badInterval(`'${text}' is neither a date (2003-01-31) nor an instant with its zone (2003-01-31T05:00:00Z)`);
  }
  return time;
}

function checkDate(date: string): string {
  const time = new Date(`${date}T00:00:00Z`);
  const valid =
    /^\d{4}-\d{2}-\d{2}$/.test(date) && !Number.isNaN(time.getTime()) && time.toISOString().startsWith(date);
  if (!valid) throw badInterval(`'${date}' is not a date; write it as 2003-01-31`);
  return date;
}

const day = 86_400_000;
const nextDay = (date: string) => new Date(Date.parse(`${date}T00:00:00Z`) + day).toISOString().slice(0, 10);
const previousDay = (date: string) => new Date(Date.parse(`${date}T00:00:00Z`) - day).toISOString().slice(0, 10);

/** The calendar date of an instant in a time zone, `YYYY-MM-DD`. */
export function localDate(time: Date, timezone: string): string {
  return new Date(time.getTime() + offset(time, timezone)).toISOString().slice(0, 10);
}

/** The instant at which a calendar day begins in a time zone. */
function midnight(date: string, timezone: string): Date {
  const wall = Date.parse(`${checkDate(date)}T00:00:00Z`);
  // The offset at the wrong guess can be the one before a change of clocks: ask again at the right instant.
  const guess = new Date(wall - offset(new Date(wall), timezone));
  return new Date(wall - offset(guess, timezone));
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** How far a zone's clocks are ahead of UTC, milliseconds. */
function offset(time: Date, timezone: string): number {
  let format = formats.get(timezone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timezone, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(time)) part[type] = Number(value);
  const { year = 0, month = 1, day: dayOfMonth = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, dayOfMonth, hour, minute, second) - Math.floor(time.getTime() / 1_000) * 1_000;
}

function badInterval(why: string): MillraceError {
  return new MillraceError({
    code: engineCodes.badInput,
    message: `The run has no data interval: ${why}.`,
    hint: 'Start it with {"date": "2003-01-31"} or {"interval": {"start": "2003-01-01", "end": "2003-02-01"}}.',
    retryable: false,
  });
}
