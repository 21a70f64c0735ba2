import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cron } from '../src/dag/index.ts';
import { type IntervalRequest, runInterval } from '../src/worker/interval.ts';

const newYork = cron('0 2 * * *', { timezone: 'America/New_York' });
const startedAt = new Date('2003-01-03T12:00:00Z');
const of = (request: Partial<IntervalRequest>) => {
  const { interval, date } = runInterval({ schedule: undefined, startedAt, ...request });
  return [date, interval.start, interval.end];
};

describe('the interval of a run', () => {
  it.each<[string, Partial<IntervalRequest>, readonly string[]]>([
    [
      'a date in winter',
      { schedule: newYork, date: '2003-01-01' },
      ['2003-01-01', '2003-01-01T05:00:00.000Z', '2003-01-02T05:00:00.000Z'],
    ],
    [
      'a date in summer',
      { schedule: newYork, date: '2003-07-01' },
      ['2003-07-01', '2003-07-01T04:00:00.000Z', '2003-07-02T04:00:00.000Z'],
    ],
    [
      'the day of 23 hours',
      { schedule: newYork, date: '2003-04-06' },
      ['2003-04-06', '2003-04-06T05:00:00.000Z', '2003-04-07T04:00:00.000Z'],
    ],
    [
      'the day of 25 hours',
      { schedule: newYork, date: '2003-10-26' },
      ['2003-10-26', '2003-10-26T04:00:00.000Z', '2003-10-27T05:00:00.000Z'],
    ],
    [
      'a date without a schedule',
      { date: '2003-01-01' },
      ['2003-01-01', '2003-01-01T00:00:00.000Z', '2003-01-02T00:00:00.000Z'],
    ],
    [
      'a range of dates',
      { schedule: newYork, interval: { start: '1998-01-01', end: '2002-12-31' } },
      ['1998-01-01', '1998-01-01T05:00:00.000Z', '2002-12-31T05:00:00.000Z'],
    ],
    [
      'a range of instants',
      { schedule: newYork, interval: { start: '2003-01-01T03:00:00Z', end: '2003-01-01T06:00:00-05:00' } },
      ['2002-12-31', '2003-01-01T03:00:00.000Z', '2003-01-01T11:00:00.000Z'],
    ],
    [
      'a scheduled night: the day before',
      { schedule: newYork, scheduledAt: new Date('2003-01-02T07:00:00Z'), startedAt: new Date('2003-01-05T00:00:00Z') },
      ['2003-01-01', '2003-01-01T05:00:00.000Z', '2003-01-02T05:00:00.000Z'],
    ],
    [
      'a scheduled hour',
      { schedule: cron('15 * * * *'), scheduledAt: new Date('2003-01-02T07:15:00Z') },
      ['2003-01-02', '2003-01-02T06:00:00.000Z', '2003-01-02T07:00:00.000Z'],
    ],
    [
      'every ten minutes',
      { schedule: cron('*/10 * * * *'), scheduledAt: new Date('2003-01-02T07:10:00Z') },
      ['2003-01-02', '2003-01-02T07:00:00.000Z', '2003-01-02T07:10:00.000Z'],
    ],
    [
      'a week',
      { schedule: cron('0 2 * * mon'), scheduledAt: new Date('2003-01-13T02:00:00Z') },
      ['2003-01-06', '2003-01-06T00:00:00.000Z', '2003-01-13T00:00:00.000Z'],
    ],
    [
      'a run by hand: the last complete interval',
      { schedule: newYork, startedAt: new Date('2003-01-03T06:00:00Z') },
      ['2003-01-01', '2003-01-01T05:00:00.000Z', '2003-01-02T05:00:00.000Z'],
    ],
    [
      'a run by hand without a schedule: the last day',
      {},
      ['2003-01-02', '2003-01-02T00:00:00.000Z', '2003-01-03T00:00:00.000Z'],
    ],
  ])('%s', (_, request, expected) => {
    expect(of(request)).toEqual(expected);
  });

  it.each<[string, Partial<IntervalRequest>]>([
    ['a day that does not exist', { date: '2003-02-30' }],
    ['a date in words', { date: 'yesterday' }],
    ['an end before the start', { interval: { start: '2003-01-02', end: '2003-01-01' } }],
    ['an instant without its zone', { interval: { start: '2003-01-01T00:00:00', end: '2003-01-02' } }],
  ])('refuses %s: MR2010', (_, request) => {
    expect(() => of(request)).toThrow(expect.objectContaining({ code: 'MR2010', retryable: false }));
  });

  it('days of a zone follow each other without gap or overlap', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('America/New_York', 'Europe/Berlin', 'Asia/Kolkata', 'Australia/Lord_Howe', 'UTC'),
        fc.integer({ min: Date.UTC(1998, 0, 1) / 86_400_000, max: Date.UTC(2037, 0, 1) / 86_400_000 }),
        (timezone, day) => {
          const schedule = cron('0 2 * * *', { timezone });
          const dates = [day, day + 1].map((one) => new Date(one * 86_400_000).toISOString().slice(0, 10));
          const [first, second] = dates.map((date) => runInterval({ schedule, date, startedAt }));
          expect(first?.interval.end).toBe(second?.interval.start);
          expect(first?.date).toBe(dates[0]);
        },
      ),
    );
  });
});
