/** Where the parts of an embedded stack can be reached, all on loopback. Holds secrets: never log it. */
export interface Endpoints {
  /** Temporal's development server; the namespace is `default`. */
  readonly temporal: { readonly address: string; readonly uiUrl: string };
  /** An S3 server; clients must use path-style addresses. */
  readonly s3: {
    readonly endpoint: string;
    readonly region: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  };
  /** A Postgres superuser on a cluster with `wal_level=logical`. */
  readonly postgres: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
  };
  /** Python executable of the environment that holds dbt, duckdb and deltalake. */
  readonly python: string;
  /** A DuckDB `extension_directory` with httpfs, delta, tpcds and postgres_scanner. */
  readonly duckdbExtensions: string;
}
