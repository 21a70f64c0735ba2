import { join } from 'node:path';
import type { Endpoints } from '../endpoints.ts';
import type { Home } from '../home.ts';

/** What the environment `dev` reads of the embedded stack: where its addresses stand, and its secrets. */
export function stackVariables(
  home: Home,
  { s3, postgres, python, duckdbExtensions }: Endpoints,
): Readonly<Record<string, string>> {
  return {
    MILLRACE_HOME: home.root,
    MILLRACE_ENDPOINTS: home.endpointsFile,
    MILLRACE_WAREHOUSE_PATH: join(home.root, 'warehouse', 'retail.duckdb'),
    MILLRACE_PYTHON: python,
    MILLRACE_DUCKDB_EXTENSIONS: duckdbExtensions,
    LAKE_ACCESS_KEY_ID: s3.accessKeyId,
    LAKE_SECRET_ACCESS_KEY: s3.secretAccessKey,
    SOURCE_POSTGRES_PASSWORD: postgres.password,
  };
}
