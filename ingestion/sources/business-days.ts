import { MillraceError } from 'millrace';

/** A business day, `YYYY-MM-DD`; the shops' calendar, without a time zone. */
export type BusinessDay = string;

/** First day of the generated company: customers, items, stores and warehouses are there from then on. */
export const firstDay: BusinessDay = '1998-01-01';
/** Last day with store and web sales in TPC-DS; later come returns, shipments and, above scale 0.01, a few catalog orders. */
export const lastSalesDay: BusinessDay = '2003-01-02';

const millisecondsPerDay = 86_400_000;

/**
 * The day if it is one on which the sources can deliver.
 * @throws MR6004 for anything but a date from {@link firstDay} on, written `YYYY-MM-DD`.
 */
export function businessDay(text: string): BusinessDay {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text || text < firstDay)
    throw new MillraceError({
      code: 'MR6004',
      message: `"${text}" is not a business day of the sources.`,
      subject: text,
      hint: `Give a calendar date as YYYY-MM-DD, ${firstDay} or later.`,
      facts: { date: text, firstDay },
      retryable: false,
    });
  return text;
}

/** The day after. */
export function nextDay(day: BusinessDay): BusinessDay {
  return new Date(Date.parse(`${day}T00:00:00Z`) + millisecondsPerDay).toISOString().slice(0, 10);
}

/** Days since 1970-01-01: a number that changes daily, for rotating choices. */
export function dayNumber(day: BusinessDay): number {
  return Date.parse(`${day}T00:00:00Z`) / millisecondsPerDay;
}

/** The days from `from` to `to`, both included; none when `from` is later. */
export function* daysBetween(from: BusinessDay, to: BusinessDay): Generator<BusinessDay> {
  for (let day = from; day <= to; day = nextDay(day)) yield day;
}
