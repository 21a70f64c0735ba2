import { parseArgs } from 'node:util';
import { describeError } from 'millrace';
import { consoleLogger, resolveSecrets } from 'millrace/worker';
import project from '../../millrace.config.ts';
import { forgetSnapshot } from '../connectors/postgres/index.ts';

/**
 * `npm run forget-snapshot -- --env prod`: drops what is left of the order system's slot and of its snapshot's state, so that
 * the next run takes a new snapshot. For MR3203 and MR3205; see docs/runbook.md.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { env: { type: 'string' } } });
  const environment = project.environment(values.env ?? process.env.MILLRACE_ENV ?? 'dev');
  const running = await project.services(environment, await resolveSecrets(environment.name, environment.secrets));
  try {
    const { orders, lake } = running.services;
    const progress = { log: consoleLogger, signal: new AbortController().signal, heartbeat: () => undefined };
    await forgetSnapshot(orders, lake, progress);
    console.log(`The slot ${orders.slot} and its snapshot are forgotten; the next run takes a new snapshot.`);
  } finally {
    await running.close();
  }
}

main().catch((error: unknown) => {
  console.error(describeError(error));
  process.exitCode = 1;
});
