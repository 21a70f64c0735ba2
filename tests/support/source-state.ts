import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import pg from 'pg';
import { s3Client, type TestDatabase } from './stack.ts';

const tables: Readonly<Record<string, string>> = {
  'orders.customers': 'customer_id',
  'orders.addresses': 'address_id',
  'orders.orders': 'channel, order_number',
  'orders.order_lines': 'channel, order_number, item_id',
  'inventory.items': 'item_id',
  'inventory.warehouses': 'warehouse_id',
  'inventory.stock_levels': 'snapshot_date, item_id, warehouse_id',
  'inventory.stock_movements': 'movement_id',
};

/** Content of the order and the inventory system: by table, by key, the row as text. */
export type SourceState = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Reads both systems whole. With `physical` a row's text also tells which transaction wrote it. */
export async function readSourceState(database: TestDatabase, physical = false): Promise<SourceState> {
  return await withClient(database, async (client) => {
    const state = new Map<string, Map<string, string>>();
    for (const [table, key] of Object.entries(tables)) {
      const version = physical ? "t.xmin::text || ' ' || " : '';
      const result = await client.query<{ key: string; row: string }>(
        `select concat_ws(':', ${key}) as key, ${version}t::text as row from ${table} as t order by ${key}`,
      );
      state.set(table, new Map(result.rows.map(({ key, row }) => [key, row])));
    }
    return state;
  });
}

/** Keys of the rows that came, changed and went, by table; tables without a change are left out. */
export function sourceChanges(before: SourceState, after: SourceState) {
  const changes: Record<string, { inserted: string[]; updated: string[]; deleted: string[] }> = {};
  for (const [table, rows] of after) {
    const old = before.get(table) ?? new Map<string, string>();
    const inserted = [...rows.keys()].filter((key) => !old.has(key));
    const updated = [...rows].filter(([key, row]) => old.has(key) && old.get(key) !== row).map(([key]) => key);
    const deleted = [...old.keys()].filter((key) => !rows.has(key));
    if (inserted.length + updated.length + deleted.length > 0) changes[table] = { inserted, updated, deleted };
  }
  return changes;
}

/** Key and ETag of every object of a bucket. */
export async function listDrop(bucket: string): Promise<Map<string, string>> {
  const client = s3Client();
  try {
    const objects = new Map<string, string>();
    let token: string | undefined;
    do {
      const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }));
      for (const { Key = '', ETag = '' } of page.Contents ?? []) objects.set(Key, ETag);
      token = page.NextContinuationToken;
    } while (token !== undefined);
    return objects;
  } finally {
    client.destroy();
  }
}

/** Runs queries on a connection of its own. */
export async function withClient<T>(database: TestDatabase, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(database);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
