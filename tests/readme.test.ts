import { describe, expect, it } from '@jest/globals';
import { simulate } from 'millrace/testing';
import { orders } from '../docs/guide/examples/orders.ts';

describe("the README's example", () => {
  it('is a plan with the schedule that it says', () => {
    expect(orders.plan.schedule).toEqual({ cron: '0 2 * * *', timezone: 'America/New_York', catchupMs: 172_800_000 });
  });

  it('lands each file by itself and publishes their sum', async () => {
    const { status, nodes, inputs } = await simulate(orders);
    expect(status).toBe('success');
    expect(inputs.get('publish')).toEqual({ rows: 20 });
    expect([...nodes.values()].filter(({ state }) => state === 'skipped').map(({ id }) => id)).toContain('page');
    expect(nodes.get('land[1]')).toMatchObject({ state: 'success', rows: 8 });
  });

  it('takes the other way when it is asked to', async () => {
    const { inputs } = await simulate(orders, { params: { mode: 'rebuild' } });
    expect([...inputs.keys()].filter((id) => id.startsWith('land'))).toEqual([]);
    expect(inputs.has('rebuild')).toBe(true);
  });

  it('pages when something failed', async () => {
    const fail = () => {
      throw new Error('no disk');
    };
    const { status, inputs } = await simulate(orders, { replace: { land: fail } });
    expect(status).toBe('failed');
    expect(inputs.has('page')).toBe(true);
  });
});
