import type { DbtService } from '@millrace/dbt';
import type { Lake, WarehouseLoader } from '@millrace/lakehouse';
import type { Secrets } from 'millrace/worker';
import type { RetailEnvironment } from '../environments/index.ts';
import type { PostgresDatabase, PostgresSource } from '../ingestion/connectors/postgres/index.ts';

/** What the retail tasks find in their context. */
declare module 'millrace' {
  interface Services {
    readonly environment: RetailEnvironment;
    readonly lake: Lake;
    readonly warehouse: WarehouseLoader;
    readonly dbt: DbtService;
    readonly orders: PostgresSource;
    readonly inventory: PostgresDatabase;
    readonly secrets: Secrets;
  }
}
