import type { DataInterval } from 'millrace';

/** The retailer's time zone: a business day begins and ends at its midnight. */
export const timezone = 'America/New_York';

const calendar = new Intl.DateTimeFormat('en-CA', {
  timeZone: timezone,
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
});

/** The last business day (YYYY-MM-DD) that lies in a half-open interval of instants. */
export function lastBusinessDay(interval: DataInterval): string {
  return calendar.format(new Date(Date.parse(interval.end) - 1));
}
