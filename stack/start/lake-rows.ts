import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { RetailEnvironment } from '../../environments/index.ts';
import type { Endpoints } from '../endpoints.ts';
import { literal } from './sql.ts';

export interface TableRows {
  readonly table: string;
  readonly rows: bigint;
}

export interface RejectedRows {
  readonly table: string;
  /** The first rule that the rows violate. */
  readonly rule: string;
  readonly rows: bigint;
}

export type Layer = 'bronze' | 'silver' | 'gold';
export const layers: readonly Layer[] = ['bronze', 'silver', 'gold'];

/** Lets a DuckDB connection read the lake's Delta tables, with the extensions of the Python environment. */
export async function connectLake(connection: DuckDBConnection, endpoints: Endpoints): Promise<void> {
  const { s3, duckdbExtensions } = endpoints;
  const { host } = new URL(s3.endpoint);
  await connection.run(`SET extension_directory = ${literal(duckdbExtensions)}`);
  await connection.run('SET autoinstall_known_extensions = false');
  for (const extension of ['httpfs', 'delta']) await connection.run(`LOAD ${extension}`);
  await connection.run(
    `CREATE SECRET lake (TYPE s3, KEY_ID ${literal(s3.accessKeyId)}, SECRET ${literal(s3.secretAccessKey)},
       REGION ${literal(s3.region)}, ENDPOINT ${literal(host)}, URL_STYLE 'path', USE_SSL false)`,
  );
}

/** Rows of every table of a layer, as they are now. */
export async function layerRows(
  connection: DuckDBConnection,
  { s3 }: Endpoints,
  { bucket, prefixes }: RetailEnvironment['lake'],
  layer: Layer,
): Promise<readonly TableRows[]> {
  const prefix = `${prefixes[layer]}/`;
  const tables = await folders(s3, bucket, prefix);
  const counted: TableRows[] = [];
  for (const table of tables) {
    const path = literal(`s3://${bucket}/${prefix}${table}`);
    const result = await connection.runAndReadAll(`SELECT count(*) FROM delta_scan(${path})`);
    counted.push({ table, rows: BigInt(String(result.getRows()[0]?.[0] ?? 0)) });
  }
  return counted;
}

/** What the expectations put into quarantine, by table and first rule. */
export async function rejectedRows(
  connection: DuckDBConnection,
  { bucket, prefixes }: RetailEnvironment['lake'],
): Promise<readonly RejectedRows[]> {
  const path = literal(`s3://${bucket}/${prefixes.silver}/quarantine`);
  const result = await connection.runAndReadAll(
    `SELECT target, split_part(rules, ', ', 1) AS rule, count(*) FROM delta_scan(${path}) GROUP BY ALL ORDER BY ALL`,
  );
  return result.getRows().map(([table, rule, rows]) => ({
    table: String(table),
    rule: String(rule),
    rows: BigInt(String(rows)),
  }));
}

async function folders(s3: Endpoints['s3'], bucket: string, prefix: string): Promise<readonly string[]> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  try {
    const listed = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, Delimiter: '/' }));
    return (listed.CommonPrefixes ?? []).map((each) => (each.Prefix ?? '').slice(prefix.length, -1)).sort();
  } finally {
    client.destroy();
  }
}
