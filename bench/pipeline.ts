import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Control, connectControl, type RunTarget, type RunView } from 'millrace/control';
import { dev } from '../environments/index.ts';
import { openSources } from '../ingestion/sources/index.ts';
import { openHome } from '../stack/home.ts';
import { createBucket } from '../stack/start/bucket.ts';
import { stackVariables } from '../stack/start/variables.ts';
import { WorkerProcess } from '../stack/start/worker-process.ts';
import { startStack } from '../stack/start-stack.ts';

const dag = 'nightlyRetail';

/** Node ids of each layer. A layer's wall time is from its first node's start to its last node's end; layers overlap. */
const layers: Readonly<Record<string, RegExp>> = {
  bronze: /^(discover-|land-|snapshotOrders|captureOrdersPosition|drainOrders|extract-)/,
  silver: /^silver-/,
  gold: /^gold-/,
  warehouse: /^load-/,
  dbt: /^dbtBuild$/,
};

/** The retail pipeline at scale MILLRACE_BENCH_SCALE (0.01): the history as one range, then three nights, by layer. */
export async function bench(): Promise<void> {
  const scale = Number(process.env.MILLRACE_BENCH_SCALE ?? '0.01');
  const home = openHome(mkdtempSync(join(tmpdir(), 'millrace-bench-')));
  const stack = await startStack({ home: home.root, ports: 'free' });
  let worker: WorkerProcess | undefined;
  try {
    const variables = stackVariables(home, stack.endpoints);
    const environment = dev(variables);
    await createBucket(stack.endpoints, environment.lake.bucket);
    worker = new WorkerProcess({ home, environment: 'dev', variables, report: console.log });
    const sources = await openSources({
      endpoints: stack.endpoints,
      home: home.root,
      bucket: environment.lake.bucket,
      scale,
      database: environment.sources.postgres.database,
    });
    const { address, namespace, taskQueue } = environment.temporal;
    const control = await connectControl({ address, namespace, taskQueue });
    console.log(`retail pipeline, scale ${scale}: wall seconds by layer`);
    console.log(['run', 'sources', ...Object.keys(layers), 'whole run'].map((cell) => cell.padStart(11)).join(''));
    try {
      const deliver = async (work: () => Promise<void>) => {
        const start = performance.now();
        await work();
        return (performance.now() - start) / 1000;
      };
      const history = { interval: { start: '1998-01-01', end: '2002-12-31' } };
      report('history', await deliver(() => sources.loadHistory('2002-12-30')), await run(control, history));
      for (const date of ['2002-12-31', '2003-01-01', '2003-01-02']) {
        report(date, await deliver(() => sources.advanceTo(date)), await run(control, { date }));
      }
    } finally {
      await control.close();
      await sources.close();
    }
  } finally {
    await worker?.stop();
    await stack.stop();
    rmSync(home.root, { recursive: true, force: true });
  }
}

async function run(control: Control, target: RunTarget): Promise<RunView> {
  const { workflowId } = await control.startRun(dag, target);
  const view = await control.waitForRun(workflowId);
  if (view.status !== 'success') throw new Error(`${workflowId} ended as ${view.status}.`);
  return view;
}

function report(name: string, sourceSeconds: number, view: RunView): void {
  const seconds = Object.values(layers).map((pattern) => {
    const own = view.nodes.filter((node) => pattern.test(node.id) && node.startedAt !== undefined);
    const start = Math.min(...own.map((node) => Date.parse(node.startedAt ?? '')));
    return (Math.max(...own.map((node) => Date.parse(node.endedAt ?? ''))) - start) / 1000;
  });
  const whole = (Date.parse(view.endedAt ?? '') - Date.parse(view.startedAt)) / 1000;
  const cells = [sourceSeconds, ...seconds, whole].map((value) => value.toFixed(2).padStart(11));
  console.log(`${name.padStart(11)}${cells.join('')}`);
}
