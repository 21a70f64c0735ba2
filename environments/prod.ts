import type { Variables } from 'millrace/worker';
import { hosted } from './hosted.ts';
import type { RetailEnvironment } from './schema.ts';

/** What is on the branch `main`, after approval. Retries are patient: nobody is awake when it runs. */
export const prod = (env: Variables): RetailEnvironment => ({
  ...hosted('prod', env),
  worker: {
    maxConcurrentActivities: 32,
    maxConcurrentWorkflowTasks: 80,
    maxCachedWorkflows: 500,
    shutdownGrace: '90s',
  },
  retry: { attempts: 6, backoff: '15s', factor: 2, maxBackoff: '10m' },
  dbt: { target: 'prod', threads: 8, nodeRetries: 2 },
  engine: { threads: 8, memoryLimit: '16GB' },
});
