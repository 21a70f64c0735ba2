import { once } from 'node:events';
import { describeError, isMillraceError } from 'millrace';
import { connectControl } from 'millrace/control';
import { dev, type RetailEnvironment } from '../../environments/index.ts';
import { openSources } from '../../ingestion/sources/index.ts';
import type { Endpoints } from '../endpoints.ts';
import { stackError } from '../errors.ts';
import { type Home, openHome } from '../home.ts';
import { describeConflict } from '../ports.ts';
import { type Stack, startStack } from '../start-stack.ts';
import { createBucket } from './bucket.ts';
import { dueNights, NightBook, plannedNights } from './nights.ts';
import { parseOptions, type StartOptions, usage } from './options.ts';
import { runNights } from './runs.ts';
import { renderSummary, warehousePath } from './summary.ts';
import { stackVariables } from './variables.ts';
import { WorkerProcess } from './worker-process.ts';

/**
 * `npm start`: brings the stack up, runs what is due, shows the marts and stays up until Ctrl-C.
 * @returns the exit code: 0, 1 when a run or a part of the stack failed, 130 after Ctrl-C during the runs
 */
export async function start(args: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    const options = parseOptions(args);
    if (options.help) {
      say(usage);
      return 0;
    }
    return await session(options, interrupt.signal);
  } catch (error) {
    if (interrupt.signal.aborted) return 130;
    if (!isMillraceError(error)) throw error;
    console.error(describeError(error));
    return 1;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

async function session(options: StartOptions, signal: AbortSignal): Promise<number> {
  const home = openHome(options.home);
  const book = new NightBook(home, options.scale);
  const startedAt = performance.now();
  const stack = await startStack({ home: home.root, report, signal });
  let worker: WorkerProcess | undefined;
  try {
    for (const conflict of stack.conflicts) report(describeConflict(conflict));
    report(`the stack is up (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
    const variables = stackVariables(home, stack.endpoints);
    const environment = dev({ ...process.env, ...variables });
    await createBucket(stack.endpoints, environment.lake.bucket);
    worker = new WorkerProcess({ home, environment: options.env, variables, report });
    let outcome = await Promise.race([
      runWhatIsDue(options, home, book, environment, stack.endpoints, worker, signal),
      brokenStack(stack),
    ]);
    say('');
    try {
      for (const line of await renderSummary(environment, stack.endpoints)) say(line);
    } catch (error) {
      // After a run that failed, the marts may not be there yet.
      if (outcome === 'succeeded') console.error(describeError(error));
      outcome = 'failed';
    }
    say('');
    for (const line of addresses(environment, stack, home, worker)) say(line);
    if (options.once) return outcome === 'succeeded' ? 0 : 1;
    say('\nEverything stays up. Ctrl-C stops it.');
    if (!signal.aborted) await Promise.race([once(signal, 'abort'), brokenStack(stack), worker.failed]);
    return outcome === 'succeeded' ? 0 : 1;
  } finally {
    report('stopping');
    await worker?.stop();
    await stack.stop();
  }
}

async function runWhatIsDue(
  options: StartOptions,
  home: Home,
  book: NightBook,
  environment: RetailEnvironment,
  endpoints: Endpoints,
  worker: WorkerProcess,
  signal: AbortSignal,
): Promise<'succeeded' | 'failed'> {
  const planned = plannedNights(options.nights);
  const due = dueNights(planned, book, options.again);
  if (due.length === 0) {
    report(
      `all ${planned.length} runs have succeeded before; nothing is due (--again repeats the last, --nights asks for more)`,
    );
    return 'succeeded';
  }
  const { address, namespace, taskQueue } = environment.temporal;
  const control = await connectControl({ address, namespace, taskQueue });
  try {
    const sources = await openSources({
      endpoints,
      home: home.root,
      bucket: environment.lake.bucket,
      scale: book.scale,
      database: environment.sources.postgres.database,
    });
    try {
      return await runNights(due, { control, sources, book, report, signal, workerFailed: worker.failed });
    } finally {
      await sources.close();
    }
  } finally {
    await control.close();
  }
}

async function brokenStack(stack: Stack): Promise<never> {
  const name = await stack.broken;
  const log = stack.services.find((service) => service.name === name)?.log;
  throw stackError({
    code: 'MR5114',
    message: `${name} ended although nobody stopped it.`,
    subject: name,
    hint: `Its log is ${log}. Start again: nothing that was finished is lost.`,
    facts: { service: name, log },
  });
}

function addresses(
  environment: RetailEnvironment,
  { endpoints }: Stack,
  home: Home,
  worker: WorkerProcess,
): readonly string[] {
  const { temporal, s3, postgres } = endpoints;
  const { database } = environment.sources.postgres;
  return [
    `Temporal    ${temporal.uiUrl} (gRPC ${temporal.address})`,
    `S3          ${s3.endpoint}, bucket ${environment.lake.bucket}`,
    `Postgres    postgres://${postgres.user}@${postgres.host}:${postgres.port}/${database}`,
    `Warehouse   ${warehousePath(environment)} (DuckDB)`,
    `Logs        ${home.logs}; of the worker: ${worker.logFile}`,
    `Credentials ${home.credentialsFile}`,
  ];
}

function report(line: string): void {
  say(`  ${line}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
