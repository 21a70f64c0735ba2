import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DbtService } from '@millrace/dbt';
import { DuckDbLoader, Lake } from '@millrace/lakehouse';
import type { Services } from 'millrace';
import { consoleLogger, type RunningServices, type Secrets } from 'millrace/worker';
import { type RetailEnvironment, repositoryRoot } from '../environments/index.ts';
import type { PostgresDatabase, PostgresSource } from '../ingestion/connectors/postgres/index.ts';
import { orderTables } from '../ingestion/lake/index.ts';
import { providePythonEnvironment } from '../stack/components/provide.ts';

/** Makes what the retail tasks work with. Its processes (Delta writer, dbt) start at their first use. */
export async function connectServices(environment: RetailEnvironment, secrets: Secrets): Promise<RunningServices> {
  const { lake: lakeSettings, engine } = environment;
  const python = await pythonEnvironment();
  const state = process.env.MILLRACE_HOME ?? join(repositoryRoot, '.millrace');
  const s3 = {
    ...(lakeSettings.endpoint === undefined ? {} : { endpoint: lakeSettings.endpoint }),
    region: lakeSettings.region,
    accessKeyId: secrets.get(lakeSettings.accessKeyId),
    secretAccessKey: secrets.get(lakeSettings.secretAccessKey),
  };
  const warehousePath = resolve(repositoryRoot, environment.warehouse.path);
  const tempDir = join(state, 'tmp');
  for (const folder of [dirname(warehousePath), tempDir]) mkdirSync(folder, { recursive: true });

  const lake = new Lake({
    s3,
    bucket: lakeSettings.bucket,
    prefixes: lakeSettings.prefixes,
    python: python.python,
    tempDir,
    threads: engine.threads,
    memoryLimit: engine.memoryLimit,
  });
  const warehouse = new DuckDbLoader({ path: warehousePath, storage: lake.s3, tempDir });
  const dbt = new DbtService({
    python: python.python,
    projectDir: join(repositoryRoot, 'dbt_project'),
    target: environment.dbt.target,
    targetPath: join(state, 'dbt'),
    threads: environment.dbt.threads,
    env: { MILLRACE_DUCKDB_PATH: warehousePath },
    log: consoleLogger,
  });
  // dbt parses its project now, not when a night waits for it. What goes wrong here is said again by the build.
  dbt.start().catch(() => undefined);
  const services: Services = {
    environment,
    secrets,
    lake,
    warehouse,
    dbt,
    ...sourceDatabases(environment, secrets),
  };
  return {
    services,
    close: async () => {
      await Promise.all([lake.close(), warehouse.close(), dbt.close()]);
    },
  };
}

function sourceDatabases({ sources }: RetailEnvironment, secrets: Secrets) {
  const { host, port, database, user, password, tls } = sources.postgres;
  const connection = {
    host,
    port,
    database,
    user,
    password: secrets.get(password),
    ...(tls === 'require' ? { ssl: true } : {}),
  };
  const orders: PostgresSource = {
    name: 'orders',
    sourceSystem: 'orders',
    connection,
    publication: sources.slot,
    slot: sources.slot,
    tables: Object.values(orderTables),
  };
  const inventory: PostgresDatabase = { name: 'inventory', sourceSystem: 'inventory', connection };
  return { orders, inventory };
}

/** The interpreter that the launcher names; otherwise the one that belongs to python/requirements.txt. */
async function pythonEnvironment(): Promise<{ python: string; duckdbExtensions: string }> {
  const { MILLRACE_PYTHON: python, MILLRACE_DUCKDB_EXTENSIONS: duckdbExtensions } = process.env;
  if (python !== undefined && duckdbExtensions !== undefined) return { python, duckdbExtensions };
  return providePythonEnvironment((line) => process.stderr.write(`${line}\n`));
}
