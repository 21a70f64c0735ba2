import { MillraceError } from '../dag/errors.ts';
import type { RunInput } from '../dag/run-input.ts';
import type { DataInterval } from '../dag/run-state.ts';

const dayMs = 86_400_000;

/** True for a calendar day that exists, `YYYY-MM-DD`. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** The day `days` after `date`. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * dayMs).toISOString().slice(0, 10);
}

/** The days of the half-open range [from, to). Throws MR2510 if a date is wrong or the range is empty. */
export function daysBetween(from: string, to: string): readonly string[] {
  checkInterval({ start: from, end: to });
  const count = (Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / dayMs;
  return Array.from({ length: count }, (_, index) => addDays(from, index));
}

/** What a run stands for: one day, an interval, or neither (the last complete interval). */
export type RunTarget = Pick<RunInput, 'date' | 'interval'>;

/**
 * Checks the dates and gives an interval of one calendar day its other form, the date, so that both name the same run.
 * Throws MR2510.
 */
export function normalizeTarget({ date, interval }: RunTarget): RunTarget {
  if (date !== undefined && interval !== undefined) {
    throw badInterval(`${date} and an interval`, 'Both a date and an interval are given', 'Give one of them.');
  }
  if (date !== undefined) {
    if (!isDate(date)) throw badInterval(date, `"${date}" is not a date`, 'Write a day that exists as YYYY-MM-DD.');
    return { date };
  }
  if (interval === undefined) return {};
  checkInterval(interval);
  return isDate(interval.start) && addDays(interval.start, 1) === interval.end
    ? { date: interval.start }
    : { interval };
}

function checkInterval({ start, end }: DataInterval): void {
  for (const each of [start, end]) {
    const instant = /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(each) && !Number.isNaN(Date.parse(each));
    if (isDate(each) || instant) continue;
    throw badInterval(
      each,
      `"${each}" is neither a date nor an instant`,
      'Write a day as YYYY-MM-DD, or an instant with its zone, such as 2002-12-31T05:00:00Z.',
    );
  }
  if (Date.parse(start) < Date.parse(end)) return;
  throw badInterval(
    `${start}..${end}`,
    `The interval from ${start} to ${end} is empty`,
    'The end is exclusive: the interval of one day ends on the next.',
  );
}

function badInterval(subject: string, message: string, hint: string): MillraceError {
  return new MillraceError({ code: 'MR2510', message: `${message}.`, subject, hint, retryable: false });
}

/**
 * The workflow id of a run: `nightlyRetail/2002-12-31` for a day, `nightlyRetail/1998-01-01..2002-12-31` for an interval;
 * `nightlyRetail/manual-<now>` where the run finds its interval itself. The same interval has the same id, so Temporal
 * keeps a second run of it from starting beside the first.
 */
export function runWorkflowId(dag: string, target: RunTarget, now: Date = new Date()): string {
  const { date, interval } = normalizeTarget(target);
  if (date !== undefined) return `${dag}/${date}`;
  if (interval !== undefined) return `${dag}/${interval.start}..${interval.end}`;
  return `${dag}/manual-${now.toISOString()}`;
}
