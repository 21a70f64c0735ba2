import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, NativeConnection, Worker } from '@temporalio/worker';
import { type Dag, dag, each, type Ref, task } from 'millrace';
import { createWorker } from 'millrace/worker';

/** Rounds a shape; each runs both ways, in turns first and second. */
const rounds = Number(process.env.MILLRACE_BENCH_ROUNDS ?? 5);

const noop = task('noop', {}, async (_: { readonly after: unknown }) => 0);
const list = task('list', {}, async ({ width }: { readonly width: number }) =>
  Array.from({ length: width }, (_, index) => index),
);

const chain = (length: number): Dag =>
  dag(`chain${length}`, {}, () => {
    let last: Ref<number> | number = 0;
    for (let index = 0; index < length; index++) last = noop.as(`step${index}`)({ after: last });
  });

const fan = (width: number): Dag =>
  dag(`fan${width}`, {}, () => {
    const all = each(list({ width }), (item) => noop({ after: item }));
    noop.as('last').with({ after: all })({ after: null });
  });

const shapes: readonly { readonly name: string; readonly dag: Dag; readonly byHand: string; readonly size: number }[] =
  [
    { name: 'chain of 100', dag: chain(100), byHand: 'chain', size: 100 },
    { name: '1 -> 100 -> 1', dag: fan(100), byHand: 'fan', size: 100 },
    { name: '1 -> 1000 -> 1', dag: fan(1_000), byHand: 'fan', size: 1_000 },
  ];

/**
 * The interpreter against a workflow written by hand that does the same no-op activities, alternated on one server with the
 * same worker settings. Prints medians and their ratio.
 */
export async function bench(): Promise<void> {
  const server = await startServer();
  const namespace = 'default';
  const native = await NativeConnection.connect({ address: server.address });
  const connection = await Connection.connect({ address: server.address });
  const byHand = await Worker.create({
    connection: native,
    namespace,
    taskQueue: 'by-hand',
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('handwritten-workflows.js', import.meta.url)),
    }),
    activities: { noop: async () => 0 },
    // As in packages/millrace/src/worker/worker.ts.
    maxConcurrentActivityTaskPolls: 20,
    maxEagerActivityReservationsPerWorkflowTask: 100,
    maxHeartbeatThrottleInterval: '2s',
  });
  const interpreted = await createWorker({
    dags: shapes.map((shape) => shape.dag),
    temporal: { address: server.address, namespace, taskQueue: 'interpreted' },
  });
  const working = [byHand.run(), interpreted.run()];
  const client = new Client({ connection, namespace });
  let count = 0;
  const time = async (type: string, taskQueue: string, args: unknown[]): Promise<number> => {
    const start = performance.now();
    await client.workflow.execute(type, { taskQueue, workflowId: `bench-${process.pid}-${count++}`, args });
    return performance.now() - start;
  };
  try {
    console.log(`interpreter against by hand, ms, median of ${rounds} (least to most)`);
    for (const { name, dag: plan, byHand: type, size } of shapes) {
      const results = { hand: [] as number[], dag: [] as number[] };
      const ways = {
        hand: () => time(type, 'by-hand', [size]),
        dag: () => time(plan.id, 'interpreted', []),
      };
      await ways.hand();
      await ways.dag();
      for (let round = 0; round < rounds; round++) {
        const order = round % 2 === 0 ? (['hand', 'dag'] as const) : (['dag', 'hand'] as const);
        for (const way of order) results[way].push(await ways[way]());
      }
      const ratio = median(results.dag) / median(results.hand);
      console.log(
        `${name.padEnd(16)} interpreter ${show(results.dag)}   by hand ${show(results.hand)}   ratio ${ratio.toFixed(2)}`,
      );
    }
  } finally {
    byHand.shutdown();
    interpreted.shutdown();
    await Promise.allSettled(working);
    await native.close();
    await connection.close();
    await server.stop();
  }
}

/** The embedded stack's server, or the one that `MILLRACE_BENCH_TEMPORAL` names. */
async function startServer(): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const address = process.env.MILLRACE_BENCH_TEMPORAL;
  if (address !== undefined) return { address, stop: async () => undefined };
  const { startStack } = await import('../stack/index.ts');
  const home = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const stack = await startStack({ home, ports: 'free' });
  return {
    address: stack.endpoints.temporal.address,
    stop: async () => {
      await stack.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] =
    sorted.length % 2 === 0 ? [sorted[middle - 1], sorted[middle]] : [sorted[middle], sorted[middle]];
  return (low + high) / 2;
}

function show(values: readonly number[]): string {
  const text = `${Math.round(median(values))} (${Math.round(Math.min(...values))} to ${Math.round(Math.max(...values))})`;
  return text.padEnd(22);
}
