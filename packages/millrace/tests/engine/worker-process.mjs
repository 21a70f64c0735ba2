// A worker for the engine tests: settings in MILLRACE_TEST_WORKER (JSON); says `ready` when it takes work.
import { createWorker } from 'millrace/worker';
import { testDags } from './dags.mjs';

const { address, taskQueue, version } = JSON.parse(process.env.MILLRACE_TEST_WORKER);
const worker = await createWorker({
  dags: testDags(version),
  temporal: { address, namespace: 'default', taskQueue },
  worker: { shutdownGrace: '500ms' },
});
process.on('SIGTERM', () => worker.shutdown());
const running = worker.run();
process.stdout.write('ready\n');
await running;
