import type { Variables } from 'millrace/worker';
import { hosted } from './hosted.ts';
import type { RetailEnvironment } from './schema.ts';

/** What is on the branch `staging`, with prod's settings at half its size. */
export const qa = (env: Variables): RetailEnvironment => ({
  ...hosted('qa', env),
  worker: {
    maxConcurrentActivities: 16,
    maxConcurrentWorkflowTasks: 40,
    maxCachedWorkflows: 200,
    shutdownGrace: '60s',
  },
  retry: { attempts: 3, backoff: '10s', factor: 2, maxBackoff: '5m' },
  dbt: { target: 'qa', threads: 4, nodeRetries: 1 },
  engine: { threads: 4, memoryLimit: '4GB' },
});
