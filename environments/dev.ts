import type { Variables } from 'millrace/worker';
import { embeddedStack } from './embedded.ts';
import { prefixes, type RetailEnvironment } from './schema.ts';

/**
 * A developer's own machine: the embedded stack of `npm start`, or docker-compose. Addresses come from the running stack;
 * MILLRACE_* variables override them.
 */
export function dev(env: Variables): RetailEnvironment {
  const stack = embeddedStack(env);
  return {
    name: 'dev',
    temporal: {
      address: env.MILLRACE_TEMPORAL_ADDRESS ?? stack?.temporal.address ?? '127.0.0.1:7233',
      namespace: env.MILLRACE_TEMPORAL_NAMESPACE ?? 'default',
      taskQueue: env.MILLRACE_TASK_QUEUE ?? 'retail-dev',
    },
    worker: {
      maxConcurrentActivities: 8,
      maxConcurrentWorkflowTasks: 20,
      maxCachedWorkflows: 50,
      shutdownGrace: '10s',
    },
    retry: { attempts: 4, backoff: '1s', factor: 2, maxBackoff: '30s' },
    secrets: ['LAKE_ACCESS_KEY_ID', 'LAKE_SECRET_ACCESS_KEY', 'SOURCE_POSTGRES_PASSWORD'],
    lake: {
      endpoint: env.MILLRACE_S3_ENDPOINT ?? stack?.s3.endpoint ?? 'http://127.0.0.1:7070',
      region: stack?.s3.region ?? 'us-east-1',
      bucket: env.MILLRACE_LAKE_BUCKET ?? 'retail-dev',
      prefixes,
      accessKeyId: 'LAKE_ACCESS_KEY_ID',
      secretAccessKey: 'LAKE_SECRET_ACCESS_KEY',
    },
    sources: {
      postgres: {
        host: env.MILLRACE_SOURCE_HOST ?? stack?.postgres.host ?? '127.0.0.1',
        port: Number(env.MILLRACE_SOURCE_PORT ?? stack?.postgres.port ?? 5432),
        database: env.MILLRACE_SOURCE_DATABASE ?? 'retail',
        user: env.MILLRACE_SOURCE_USER ?? stack?.postgres.user ?? 'retail',
        password: 'SOURCE_POSTGRES_PASSWORD',
        tls: 'off',
      },
      slot: env.MILLRACE_SOURCE_SLOT ?? 'retail_dev',
    },
    warehouse: { kind: 'duckdb', path: env.MILLRACE_WAREHOUSE_PATH ?? '.millrace/warehouse/retail.duckdb' },
    dbt: { target: 'dev', threads: 4, nodeRetries: 1 },
    engine: { threads: 2, memoryLimit: '2GB' },
    alerts: {},
  };
}
