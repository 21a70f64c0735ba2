import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ScheduleOverlapPolicy } from '@temporalio/client';
import { uniqueName } from '../../../../tests/support/stack.ts';
import { Engine, eventually, runState } from './harness.ts';

const engine = new Engine();
beforeAll(() => engine.worker());
afterAll(() => engine.close());

it('a run that a schedule started stands for the interval that ended then, whenever it runs', async () => {
  const client = await engine.client();
  const scheduleId = uniqueName('nightly');
  const schedule = await client.schedule.create({
    scheduleId,
    spec: { cronExpressions: ['0 2 * * *'], timezone: 'America/New_York' },
    state: { paused: true },
    action: {
      type: 'startWorkflow',
      workflowType: 'scheduled',
      taskQueue: engine.taskQueue,
      workflowId: scheduleId,
      args: [],
    },
  });
  try {
    await schedule.backfill({
      start: new Date('2003-01-02T06:00:00Z'),
      end: new Date('2003-01-03T08:00:00Z'),
      overlap: ScheduleOverlapPolicy.BUFFER_ALL,
    });
    const runs = async () => {
      const { info } = await schedule.describe();
      return info.recentActions.map(({ action }) => action.workflow.workflowId);
    };
    await eventually('both nights were started', async () => (await runs()).length === 2);
    const intervals = [];
    for (const workflowId of await runs()) {
      const run = client.workflow.getHandle(workflowId);
      const result = await run.result();
      intervals.push([result, (await runState(run)).interval.end]);
    }
    expect(intervals).toEqual([
      ['2003-01-01', '2003-01-02T05:00:00.000Z'],
      ['2003-01-02', '2003-01-03T05:00:00.000Z'],
    ]);
  } finally {
    await schedule.delete();
  }
});
