import type { Command } from 'commander';
import { isMillraceError, MillraceError } from '../../dag/errors.ts';
import type { RunningServices } from '../../worker/project.ts';
import { resolveSecrets, type Secrets } from '../../worker/secrets.ts';
import { createWorker, type DagWorker } from '../../worker/worker.ts';
import { exitCodes, type Io } from '../io.ts';
import { printLine } from '../output.ts';
import { type CommonOptions, connectionSettings, openSession, type Session } from '../session.ts';

export function addWorker(program: Command, io: Io, done: (code: number) => void): void {
  program
    .command('worker')
    .description('execute runs until SIGTERM or Ctrl-C; says in one line when it is ready')
    .action(async (options: CommonOptions) => {
      await work(io, options);
      done(exitCodes.success);
    });
}

/** Secrets first, then services, then the server: nothing is half started when a setting is wrong. */
async function work(io: Io, options: CommonOptions): Promise<void> {
  const session = await openSession(io, options);
  const { environment } = session;
  const secrets = await resolveSecrets(environment.name, environment.secrets, io.variables);
  const temporal = await connectionSettings(io, environment);
  const running = await startServices(session, secrets);
  try {
    const worker = await createWorker({
      dags: session.project.dags,
      services: running.services,
      temporal,
      worker: environment.worker,
      retry: environment.retry,
      secrets: secrets.values(),
    });
    await runUntilSignal(io, worker, () => announce(io, session, options));
  } finally {
    await running.close();
  }
}

async function startServices({ project, environment }: Session, secrets: Secrets): Promise<RunningServices> {
  try {
    return await project.services(environment, secrets);
  } catch (error) {
    if (isMillraceError(error)) throw error;
    throw new MillraceError({
      code: 'MR5009',
      message: `The services of environment ${environment.name} did not start: ${error instanceof Error ? error.message : String(error)}`,
      subject: environment.name,
      hint: 'They are made by `services` in the project file. Set MILLRACE_DEBUG=1 to see the cause with its stack.',
      cause: error,
    });
  }
}

/** A supervisor waits for this line. */
function announce(io: Io, { project, environment }: Session, { json = false }: CommonOptions): void {
  const { address, namespace, taskQueue } = environment.temporal;
  const dags = project.dags.map((dag) => dag.id);
  const facts = { ready: true, environment: environment.name, address, namespace, taskQueue, pid: process.pid, dags };
  const where = `${address}, namespace ${namespace}, task queue ${taskQueue}`;
  printLine(io, json ? JSON.stringify(facts) : `Worker ready: ${where}, DAGs ${dags.join(', ')}.`);
}

/** The first signal drains: running tasks get their grace. The second ends the process at once. */
async function runUntilSignal(io: Io, worker: DagWorker, ready: () => void): Promise<void> {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(exitCodes.interrupted);
    stopping = true;
    io.stderr.write(`${signal}: stopping, running tasks may finish. Again to stop at once.\n`);
    worker.shutdown();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  try {
    const ended = worker.run();
    ready();
    await ended;
  } finally {
    process.removeListener('SIGTERM', stop);
    process.removeListener('SIGINT', stop);
  }
}
