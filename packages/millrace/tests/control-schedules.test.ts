import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { uniqueName } from '../../../tests/support/stack.ts';
import { skippedFirings } from '../src/control/clock-changes.ts';
import type { RunInfo } from '../src/dag/context.ts';
import { cron } from '../src/dag/cron.ts';
import { dag } from '../src/dag/dag.ts';
import { task } from '../src/dag/task.ts';
import { Bench, collect, eventually } from './control-support.ts';

let seen: RunInfo[] = [];
let gate = Promise.resolve();

const note = task('note', {}, async (_: unknown, { run }) => {
  seen.push(run);
  await gate;
});
// A schedule's id is its DAG's, for all of the server: other test runs on it must not meet these.
const nightlyId = uniqueName('nightly').replaceAll('-', '_');
const nightly = dag(
  nightlyId,
  { schedule: cron('0 2 * * *', { timezone: 'America/New_York', catchup: '2d' }) },
  () => void note(),
);
const unscheduled = dag(uniqueName('byHand').replaceAll('-', '_'), {}, () => void note());

const bench = new Bench([nightly, unscheduled]);
beforeAll(async () => {
  await bench.open();
  await bench.startWorker();
});
afterAll(async () => {
  await bench.control.schedules.remove(nightlyId).catch(() => undefined);
  await bench.close();
});
afterEach(() => {
  seen = [];
  gate = Promise.resolve();
});

const runs = (count: number) =>
  eventually(async () => {
    const found = await collect(bench.control.listRuns({ dag: nightlyId }));
    return found.length >= count && found.every((run) => run.status !== 'running') ? found : undefined;
  });

describe('clock changes', () => {
  it('leave out the firings of the hour that is skipped, which are made at its end', () => {
    const at = (expression: string, timezone: string) =>
      skippedFirings(cron(expression, { timezone }), 2003, 2004).map(
        ({ year, month, dayOfMonth, hour, minute }) => `${year}-${month}-${dayOfMonth} ${hour}:${minute}`,
      );
    expect(at('0 2 * * *', 'America/New_York')).toEqual(['2003-4-6 3:0', '2004-4-4 3:0']);
    expect(at('30 2 * * *', 'Europe/Berlin')).toEqual(['2003-3-30 3:0', '2004-3-28 3:0']);
    expect(at('0 2 * * *', 'Australia/Sydney')).toEqual(['2003-10-26 3:0', '2004-10-31 3:0']);
    expect(at('0 3 * * *', 'America/New_York')).toEqual([]);
    expect(at('0 * * * *', 'America/New_York')).toEqual([]);
    expect(at('0 2 * * 1', 'America/New_York')).toEqual([]);
    expect(at('0 2 * * *', 'UTC')).toEqual([]);
  });
});

describe('a schedule', () => {
  it('is created from its DAG, and updated', async () => {
    const { schedules } = bench.control;
    expect(await schedules.apply(nightly.plan, { paused: true })).toBe('created');
    expect(await schedules.describe(nightlyId)).toMatchObject({
      dag: nightlyId,
      cron: '0 2 * * *',
      timezone: 'America/New_York',
      taskQueue: bench.taskQueue,
      overlap: 'wait',
      catchupMs: 2 * 86_400_000,
      paused: true,
    });
    const changed = dag(nightlyId, { schedule: cron('30 3 * * 1', { timezone: 'Europe/Berlin' }) }, () => void note());
    expect(await schedules.apply(changed.plan, { overlap: 'skip' })).toBe('updated');
    expect(await schedules.describe(nightlyId)).toMatchObject({
      cron: '30 3 * * 1',
      timezone: 'Europe/Berlin',
      overlap: 'skip',
      paused: true,
    });
    expect(await schedules.apply(nightly.plan)).toBe('updated');
  });

  it('is paused and unpaused with a reason', async () => {
    const { schedules } = bench.control;
    await schedules.unpause(nightlyId, 'the order system is back');
    const active = await schedules.describe(nightlyId);
    expect(active).toMatchObject({ paused: false, note: 'the order system is back' });
    expect(active.nextTimes[0]).toMatch(/T0[67]:00:00\.000Z$/);
    await schedules.pause(nightlyId, 'the order system is moved');
    expect(await schedules.describe(nightlyId)).toMatchObject({ paused: true, note: 'the order system is moved' });
  });

  it('is listed with those of its task queue only', async () => {
    const listed = await eventually(async () => {
      const found = await bench.control.schedules.list();
      return found.length > 0 ? found : undefined;
    });
    expect(listed.map((each) => each.dag)).toEqual([nightlyId]);
  });

  it('starts runs whose interval is that of the scheduled time', async () => {
    const { control } = bench;
    // January 1st and 2nd; April 6th, on which New York has no 02:00, and the day after it.
    await control.schedules.backfill(nightlyId, new Date('2003-01-01T00:00:00Z'), new Date('2003-01-02T23:00:00Z'));
    await control.schedules.backfill(nightlyId, new Date('2003-04-06T00:00:00Z'), new Date('2003-04-07T23:00:00Z'));
    const found = await runs(4);
    expect(found.map((run) => run.workflowId).sort()).toEqual([
      `${nightlyId}/scheduled-2003-01-01T07:00:00Z`,
      `${nightlyId}/scheduled-2003-01-02T07:00:00Z`,
      `${nightlyId}/scheduled-2003-04-06T07:00:00Z`,
      `${nightlyId}/scheduled-2003-04-07T06:00:00Z`,
    ]);
    expect(found.every((run) => run.startedBy === 'schedule' && run.status === 'success')).toBe(true);
    expect(seen.map((run) => run.date)).toEqual(['2002-12-31', '2003-01-01', '2003-04-05', '2003-04-06']);
    expect(await control.getRun(`${nightlyId}/scheduled-2003-04-07T06:00:00Z`)).toMatchObject({
      status: 'success',
      interval: { start: '2003-04-06T05:00:00.000Z', end: '2003-04-07T04:00:00.000Z' },
    });
  });

  it('has one run going at a time; its interval cannot be started by hand beside it', async () => {
    let open = (): void => undefined;
    gate = new Promise((resolve) => {
      open = resolve;
    });
    const { control } = bench;
    await control.schedules.backfill(nightlyId, new Date('2003-02-01T00:00:00Z'), new Date('2003-02-03T23:00:00Z'));
    const first = `${nightlyId}/scheduled-2003-02-01T07:00:00Z`;
    await eventually(async () => {
      const running = await collect(control.listRuns({ dag: nightlyId, status: 'running' }));
      return running.some((run) => run.workflowId === first && run.date === '2003-01-31') || undefined;
    });
    await expect(control.startRun(nightlyId, { date: '2003-01-31' })).rejects.toMatchObject({
      code: 'MR2502',
      subject: first,
    });
    const attached = await control.startRun(nightlyId, { date: '2003-01-31' }, { ifRunning: 'attach' });
    expect(attached).toMatchObject({ workflowId: first, attached: true });
    expect(seen.map((run) => run.date)).toEqual(['2003-01-31']);
    open();
    await runs(7);
    expect(seen.map((run) => run.date)).toEqual(['2003-01-31', '2003-02-01', '2003-02-02']);
  });

  it('is triggered by hand for the interval that ended last', async () => {
    await bench.control.schedules.trigger(nightlyId);
    await runs(8);
    const [run] = seen;
    const age = Date.now() - Date.parse(run?.interval.end ?? '');
    expect(age).toBeGreaterThanOrEqual(0);
    expect(age).toBeLessThan(27 * 3_600_000);
  });

  it('is removed; its runs stay', async () => {
    const { schedules } = bench.control;
    await schedules.remove(nightlyId);
    for (const act of ['describe', 'pause', 'unpause', 'trigger', 'remove'] as const) {
      await expect(schedules[act](nightlyId)).rejects.toMatchObject({ code: 'MR2507', subject: nightlyId });
    }
    expect(await runs(8)).toHaveLength(8);
  });

  it('is refused for a DAG that declares none', async () => {
    await expect(bench.control.schedules.apply(unscheduled.plan)).rejects.toMatchObject({
      code: 'MR2508',
      subject: unscheduled.id,
    });
  });
});
