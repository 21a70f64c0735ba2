// Replays histories (paths in the arguments) with the built interpreter; prints one JSON line for each. A process of its own,
// because the replayer is native code. With MILLRACE_TEST_RENAME=from,to the activity `from` is called `to` in the history.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { decodeHistory } from '../histories/history-file.mjs';

Runtime.install({
  logger: new DefaultLogger('ERROR', () => undefined),
  telemetryOptions: { logging: { filter: 'ERROR', forward: {} } },
});
const codePath = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));
const [from, to] = (process.env.MILLRACE_TEST_RENAME || ',').split(',');
for (const file of process.argv.slice(2)) {
  const history = decodeHistory(readFileSync(file, 'utf8'));
  for (const { activityTaskScheduledEventAttributes: scheduled } of history.events) {
    if (scheduled?.activityId === from) scheduled.activityId = to;
  }
  let error = null;
  try {
    await Worker.runReplayHistory({ workflowBundle: { codePath } }, history);
  } catch (thrown) {
    error = `${thrown.name}: ${thrown.message}`;
  }
  process.stdout.write(`${JSON.stringify({ file, error })}\n`);
}
