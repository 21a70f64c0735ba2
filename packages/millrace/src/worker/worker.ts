import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { NativeConnection, type NativeConnectionOptions, Worker } from '@temporalio/worker';
import type { Dag } from '../dag/dag.ts';
import { type Duration, durationMs } from '../dag/duration.ts';
import { MillraceError } from '../dag/errors.ts';
import type { RetryPolicy } from '../dag/options.ts';
import { type LoadRequest, loadPlanActivity, type TaskCall } from '../dag/protocol.ts';
import type { Logger, Services } from '../dag/services.ts';
import { applicationFailure } from './failures.ts';
import { loadRun } from './load-plan.ts';
import { consoleLogger } from './log.ts';
import { redaction } from './redact.ts';
import { Registry } from './registry.ts';
import { installRuntime } from './runtime.ts';
import { runTask, type TaskHost } from './task-activity.ts';

export interface WorkerConfig {
  readonly dags: readonly Dag[];
  /** What tasks find in their context besides the run. */
  readonly services?: Services;
  readonly temporal: {
    /** `host:port`. */
    readonly address: string;
    readonly namespace: string;
    readonly taskQueue: string;
    readonly tls?: NonNullable<NativeConnectionOptions['tls']>;
    readonly apiKey?: string;
  };
  readonly worker?: {
    readonly maxConcurrentActivities?: number;
    readonly maxConcurrentWorkflowTasks?: number;
    readonly maxCachedWorkflows?: number;
    /** How long running tasks may go on after {@link DagWorker.shutdown}. Default `10s`. */
    readonly shutdownGrace?: Duration;
  };
  /** For tasks that say nothing themselves. Default: 3 attempts, 1 s and then twice as long each, at most 60 s. */
  readonly retry?: RetryPolicy;
  /** Values that must not appear in logs or failures. */
  readonly secrets?: readonly string[];
  /** Default: lines on standard error. */
  readonly log?: Logger;
}

/** A worker that is connected; it takes work once it runs. */
export interface DagWorker {
  /** Works until {@link shutdown}; then settles when the tasks under way have ended. */
  run(): Promise<void>;
  /** Takes no more work; running tasks get their grace, then their signal is aborted. */
  shutdown(): void;
}

const bundleFile = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));

/**
 * Connects a worker for the given DAGs. Throws MR2012, MR1022 (ids used twice), MR2013 (package not built), MR2014 (server
 * not reached).
 */
export async function createWorker(config: WorkerConfig): Promise<DagWorker> {
  const { temporal, worker: sizes = {}, services = {}, retry, log = consoleLogger } = config;
  const registry = new Registry(config.dags);
  const redact = redaction(config.secrets ?? []);
  await requireBundle();
  installRuntime(log);
  const connection = await connect(temporal);
  const { namespace, taskQueue } = temporal;
  const host: TaskHost = { client: new Client({ connection, namespace }), services, log, redact };
  const activities: Record<string, (...args: never[]) => Promise<unknown>> = {
    [loadPlanActivity]: async (request: LoadRequest) => {
      try {
        return await loadRun(registry, retry, request);
      } catch (error) {
        throw applicationFailure(error, redact);
      }
    },
    // Temporal calls it for activity types that have no entry: tasks of plans that older code made.
    default: (call: TaskCall) => runTask(undefined, call, host),
  };
  for (const [id, task] of registry.tasks) activities[id] = (call: TaskCall) => runTask(task, call, host);
  const { maxConcurrentActivities, maxConcurrentWorkflowTasks, maxCachedWorkflows, shutdownGrace = '10s' } = sizes;
  try {
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue,
      activities,
      workflowBundle: { codePath: bundleFile },
      shutdownGraceTime: durationMs(shutdownGrace, 'shutdownGrace'),
      maxConcurrentActivityTaskPolls: 20,
      // The default of 3 makes a fan-out go through the server's matching task by task.
      maxEagerActivityReservationsPerWorkflowTask: 100,
      // How long a workflow waits for a worker that was killed; the default is 10 s.
      stickyQueueScheduleToStartTimeout: '5s',
      // What the server has heard lately is what decides how soon a killed worker is noticed.
      maxHeartbeatThrottleInterval: '2s',
      ...(maxConcurrentActivities === undefined
        ? {}
        : { maxConcurrentActivityTaskExecutions: maxConcurrentActivities }),
      ...(maxConcurrentWorkflowTasks === undefined
        ? {}
        : { maxConcurrentWorkflowTaskExecutions: maxConcurrentWorkflowTasks }),
      ...(maxCachedWorkflows === undefined ? {} : { maxCachedWorkflows }),
    });
    return {
      run: async () => {
        try {
          await worker.run();
        } finally {
          await connection.close();
        }
      },
      shutdown: () => {
        if (worker.getState() === 'RUNNING') worker.shutdown();
      },
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function requireBundle(): Promise<void> {
  try {
    await access(bundleFile);
  } catch (cause) {
    throw new MillraceError({
      code: 'MR2013',
      message: `The workflow bundle ${bundleFile} is missing.`,
      subject: bundleFile,
      hint: 'Build the package: npm run build.',
      retryable: false,
      cause,
    });
  }
}

async function connect({ address, tls, apiKey }: WorkerConfig['temporal']): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect({
      address,
      ...(tls === undefined ? {} : { tls }),
      ...(apiKey === undefined ? {} : { apiKey }),
    });
  } catch (cause) {
    throw new MillraceError({
      code: 'MR2014',
      message: `No Temporal server answers at ${address}.`,
      subject: address,
      hint: 'Start it, or correct temporal.address (and tls) of the environment.',
      cause,
    });
  }
}
