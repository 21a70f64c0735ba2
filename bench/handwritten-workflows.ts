// What a person would write by hand for the shapes of interpreter.ts. Runs in Temporal's sandbox.
import { proxyActivities } from '@temporalio/workflow';

interface Noop {
  noop(input: { readonly after: unknown }): Promise<number>;
}

const { noop } = proxyActivities<Noop>({
  startToCloseTimeout: '1h',
  heartbeatTimeout: '10s',
  retry: { maximumAttempts: 3 },
});

export async function chain(length: number): Promise<void> {
  let last = 0;
  for (let index = 0; index < length; index++) last = await noop({ after: last });
}

export async function fan(width: number): Promise<void> {
  const first = await noop({ after: null });
  const all = await Promise.all(Array.from({ length: width }, () => noop({ after: first })));
  await noop({ after: all.length });
}
