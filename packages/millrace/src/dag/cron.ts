import { type Duration, durationMs } from './duration.ts';
import { MillraceError } from './errors.ts';
import type { PlanSchedule } from './plan.ts';

export interface CronOptions {
  /** IANA name: `America/New_York`. Default `UTC`. */
  readonly timezone?: string;
  /** How far back runs are made up for that were missed while no server was up. Default `1d`. */
  readonly catchup?: Duration;
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const fields: readonly Field[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  {
    name: 'month',
    min: 1,
    max: 12,
    names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  { name: 'day of week', min: 0, max: 7, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];

/**
 * A schedule of five cron fields (minute, hour, day of month, month, day of week; lists, ranges, steps, English names).
 * Throws MR1009 for a bad expression or an unknown time zone.
 */
export function cron(expression: string, options: CronOptions = {}): PlanSchedule {
  const { timezone = 'UTC', catchup = '1d' } = options;
  const parts = expression.trim().split(/\s+/);
  if (parts.length !== fields.length) {
    throw badCron(expression, `it has ${parts.length} fields instead of 5 (minute hour day month weekday)`);
  }
  parts.forEach((part, index) => {
    const field = fields[index];
    if (field !== undefined) for (const item of part.split(',')) checkItem(expression, field, item);
  });
  checkTimezone(timezone);
  return { cron: parts.join(' '), timezone, catchupMs: durationMs(catchup, 'catchup') };
}

function checkItem(expression: string, field: Field, item: string): void {
  const match = /^(\*|[a-z0-9]+(?:-[a-z0-9]+)?)(?:\/(\d+))?$/i.exec(item);
  const reject = () => badCron(expression, `'${item}' is not a ${field.name} (${field.min} to ${field.max})`);
  if (match === null) throw reject();
  const [, range = '', step] = match;
  if (step !== undefined && (Number(step) < 1 || Number(step) > field.max)) throw reject();
  if (range === '*') return;
  const values = range.split('-').map((text) => fieldValue(field, text));
  if (values.some((value) => value === undefined || value < field.min || value > field.max)) throw reject();
  const [from, to] = values;
  if (from !== undefined && to !== undefined && from > to) throw reject();
}

function fieldValue(field: Field, text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const index = field.names?.indexOf(text.toLowerCase()) ?? -1;
  return index < 0 ? undefined : index + field.min;
}

function checkTimezone(timezone: string): void {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: timezone });
  } catch (cause) {
    throw new MillraceError({
      code: 'MR1009',
      message: `'${timezone}' is not a time zone.`,
      subject: timezone,
      hint: "Use a name of the IANA database: 'UTC', 'Europe/Berlin', 'America/New_York'.",
      retryable: false,
      cause,
    });
  }
}

function badCron(expression: string, why: string): MillraceError {
  return new MillraceError({
    code: 'MR1009',
    message: `'${expression}' is not a cron expression: ${why}.`,
    subject: expression,
    hint: "Five fields, for example '0 2 * * *' for every day at 02:00.",
    retryable: false,
  });
}
