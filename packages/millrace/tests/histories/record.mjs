// Records the histories that replay.test.ts replays: `node packages/millrace/tests/histories/record.mjs host:port`, with the
// address of a Temporal server. Record again only when the interpreter starts to do something new, under a new name: the
// old histories stand for the runs that are in flight at users when they upgrade.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { createWorker } from 'millrace/worker';
import { encodeHistory } from './history-file.mjs';

const address = process.argv[2];
if (address === undefined) throw new Error('usage: record.mjs host:port');
const folder = fileURLToPath(new URL('.', import.meta.url));
const files = mkdtempSync(join(tmpdir(), 'millrace-record-'));
process.env.MILLRACE_TEST_FILES = files;
const { testDags } = await import('../engine/dags.mjs');

const taskQueue = `record-${process.pid}`;
const worker = await createWorker({ dags: testDags(), temporal: { address, namespace: 'default', taskQueue } });
const running = worker.run();
const connection = await Connection.connect({ address });
const client = new Client({ connection });

const release = () => writeFileSync(join(files, 'go'), '');
const preset = async (run) => run.query('millrace.preset');
let itemsRun;
const runs = [
  { name: 'pipeline', dag: 'pipeline', input: { date: '2003-01-01', params: { mode: 'delta' } } },
  { name: 'wide', dag: 'wide', input: { params: { count: 30 } } },
  { name: 'failing', dag: 'failing', input: { params: { code: 'MR3001', retryable: true } } },
  { name: 'task-timeout', dag: 'tooSlow' },
  { name: 'run-timeout', dag: 'runTimeout' },
  { name: 'unknown-dag', dag: 'nowhere' },
  { name: 'cancelled', dag: 'waiting', during: (run) => run.cancel() },
  { name: 'waiting', dag: 'waiting', during: release },
  {
    name: 'items',
    dag: 'items',
    after: (run) => {
      itemsRun = run;
    },
  },
  { name: 'preset', dag: 'items', input: async () => ({ preset: await preset(itemsRun) }), before: 'mended' },
];

for (const { name, dag, input, before, during, after } of runs) {
  if (before !== undefined) writeFileSync(join(files, before), '');
  const value = typeof input === 'function' ? await input() : input;
  const run = await client.workflow.start(dag, {
    taskQueue,
    workflowId: `record-${name}-${process.pid}`,
    args: value === undefined ? [] : [value],
  });
  if (during !== undefined) {
    for (let started = false; !started; ) {
      const { nodes } = await run.query('millrace.run');
      started = nodes.some(({ state }) => state === 'running');
    }
    await during(run);
  }
  await run.result().catch(() => undefined);
  await after?.(run);
  const history = scrub(await run.fetchHistory());
  writeFileSync(join(folder, `${name}.json`), encodeHistory(history));
  console.log(`${name}: ${history.events.length} events`);
}

worker.shutdown();
await running;
await connection.close();
rmSync(files, { recursive: true });

/** Takes out what says where the history was recorded. */
function scrub(value) {
  for (const [key, field] of Object.entries(value)) {
    if (key === 'identity' && field !== '') value[key] = 'worker';
    else if (key === 'stackTrace') value[key] = '';
    else if (key === 'taskQueue' && field !== null) Object.assign(field, { name: 'queue', normalName: '' });
    else if (typeof field === 'object' && field !== null && !ArrayBuffer.isView(field)) scrub(field);
  }
  return value;
}
