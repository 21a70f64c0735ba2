import type { Variables } from 'millrace/worker';
import { prefixes, type RetailEnvironment } from './schema.ts';

/** What qa and prod share. Addresses are the deployment's and come from variables; secrets are named only. */
export function hosted(name: 'qa' | 'prod', env: Variables) {
  return {
    name,
    temporal: {
      address: env.MILLRACE_TEMPORAL_ADDRESS ?? '',
      namespace: env.MILLRACE_TEMPORAL_NAMESPACE ?? `retail-${name}`,
      taskQueue: `retail-${name}`,
      tls: true,
      apiKey: 'TEMPORAL_API_KEY',
    },
    secrets: [
      'TEMPORAL_API_KEY',
      'LAKE_ACCESS_KEY_ID',
      'LAKE_SECRET_ACCESS_KEY',
      'SOURCE_POSTGRES_PASSWORD',
      'ALERT_WEBHOOK',
    ],
    lake: {
      ...(env.MILLRACE_S3_ENDPOINT === undefined ? {} : { endpoint: env.MILLRACE_S3_ENDPOINT }),
      region: env.MILLRACE_LAKE_REGION ?? 'us-east-1',
      bucket: env.MILLRACE_LAKE_BUCKET ?? `retail-${name}`,
      prefixes,
      accessKeyId: 'LAKE_ACCESS_KEY_ID',
      secretAccessKey: 'LAKE_SECRET_ACCESS_KEY',
    },
    sources: {
      postgres: {
        host: env.MILLRACE_SOURCE_HOST ?? '',
        port: Number(env.MILLRACE_SOURCE_PORT ?? 5432),
        database: env.MILLRACE_SOURCE_DATABASE ?? 'retail',
        user: env.MILLRACE_SOURCE_USER ?? 'millrace',
        password: 'SOURCE_POSTGRES_PASSWORD',
        tls: 'require',
      },
      slot: `retail_${name}`,
    },
    warehouse: { kind: 'duckdb', path: env.MILLRACE_WAREHOUSE_PATH ?? '/data/warehouse/retail.duckdb' },
    alerts: { webhook: 'ALERT_WEBHOOK' },
  } satisfies Partial<RetailEnvironment>;
}
