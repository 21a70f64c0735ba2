import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  listDrop,
  readSourceState,
  type SourceState,
  sourceChanges,
  withClient,
} from '../../tests/support/source-state.ts';
import { createBucket, createDatabase, s3Client, type TestDatabase, testStack } from '../../tests/support/stack.ts';
import { openSources, posFormat, type Sources } from './index.ts';

const nights = ['2002-12-31', '2003-01-01', '2003-01-02'];

/** What TPC-DS publishes for this scale. */
const published = {
  store_sales: 28_810,
  store_returns: 2_810,
  stores: 1,
  customers: 1_000,
  addresses: 500,
  order_lines: 7_212 + 14_313,
  items: 180,
  warehouses: 1,
  stock_levels: 23_490,
};

let home: string;
let bucket: string;
let database: TestDatabase;
let sources: Sources;
/** After the history, and after each night. */
const states: SourceState[] = [];
let drop: Map<string, string>;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-sources-'));
  bucket = await createBucket('sources');
  database = await createDatabase('sources');
  sources = await openSources({ endpoints: testStack(), home, bucket, scale: 0.01, database: database.database });
  await sources.loadHistory('2002-12-30');
  states.push(await readSourceState(database));
  for (const night of nights) {
    await sources.advanceTo(night);
    states.push(await readSourceState(database));
  }
  drop = await listDrop(bucket);
});

afterAll(async () => {
  await sources?.close();
  await rm(home, { recursive: true, force: true });
});

describe('rows of a history and three nights at scale 0.01', () => {
  it('are the published ones: delivered + due later', async () => {
    const { delivered, dueLater } = await sources.expected('2003-01-02');
    const totals = Object.fromEntries(
      Object.keys(published).map((name) => {
        const table = name as keyof typeof published;
        return [table, delivered[table] + dueLater[table]];
      }),
    );
    expect(totals).toEqual(published);
    const { store_returns: returns, stock_movements: movements, ...others } = dueLater;
    expect(Object.values(others).every((rows) => rows === 0)).toBe(true);
    expect(returns).toBeGreaterThan(0);
    expect(movements).toBeGreaterThan(0);
    expect(delivered.orders).toBe(2_200);
  });

  it('are in Postgres, but for the deleted lines', async () => {
    const { delivered } = await sources.expected('2003-01-02');
    const after = states[3] ?? new Map();
    const steps = await sources.changes('1998-01-01', '2003-01-02');
    const deleted = steps.reduce((sum, { changes }) => sum + (changes.order_lines?.deleted ?? 0), 0);
    const counts = Object.fromEntries([...after].map(([table, rows]) => [table.split('.')[1], rows.size]));
    expect(deleted).toBeGreaterThan(0);
    expect({ ...counts, order_lines: counts.order_lines + deleted }).toEqual({
      customers: delivered.customers,
      addresses: delivered.addresses,
      orders: delivered.orders,
      order_lines: delivered.order_lines,
      items: delivered.items,
      warehouses: delivered.warehouses,
      stock_levels: delivered.stock_levels,
      stock_movements: delivered.stock_movements,
    });
  });

  it('are what the steps say they wrote, night by night', async () => {
    for (const [index, night] of nights.entries()) {
      const inserted: Record<string, number> = {};
      for (const { changes } of await sources.changes(night, night))
        for (const [table, change] of Object.entries(changes))
          inserted[table] = (inserted[table] ?? 0) + (change.inserted ?? 0);
      const before = await sources.expected(nights[index - 1] ?? '2002-12-30');
      const after = await sources.expected(night);
      for (const table of [
        'store_sales',
        'store_returns',
        'orders',
        'order_lines',
        'stock_levels',
        'stock_movements',
      ] as const)
        expect([night, table, inserted[table]]).toEqual([
          night,
          table,
          after.delivered[table] - before.delivered[table],
        ]);
    }
  });

  it('leave nothing behind in the scratch directory and stand on the last night', async () => {
    expect(await sources.position()).toBe('2003-01-02');
    expect((await readdir(join(home, 'sources', 'tmp'))).filter((name) => name.endsWith('.csv'))).toEqual([]);
  });
});

describe('a night', () => {
  it.each([0, 1, 2])(
    'night %i brings inserts, updates, deletes, a cancellation, a shipment and an address change',
    async (night) => {
      const before = states[night] ?? new Map();
      const after = states[night + 1] ?? new Map();
      const changes = sourceChanges(before, after);
      expect(changes['orders.orders']?.inserted.length).toBeGreaterThan(0);
      expect(changes['orders.order_lines']?.inserted.length).toBeGreaterThan(0);
      expect(changes['orders.order_lines']?.deleted.length).toBeGreaterThan(0);
      expect(changes['orders.addresses']?.updated.length).toBeGreaterThan(0);
      expect(changes['inventory.stock_movements']?.inserted.length).toBeGreaterThan(0);
      expect(changes['inventory.items']?.updated.length).toBeGreaterThan(0);
      // One moved, one has a new e-mail address; both could hit the same customer.
      expect(changes['orders.customers']?.updated.length).toBeGreaterThan(0);
      const became = (status: string) =>
        changes['orders.orders']?.updated.filter((key) => after.get('orders.orders')?.get(key)?.includes(`,${status},`))
          .length;
      expect(became('cancelled')).toBeGreaterThan(0);
      expect(became('shipped')).toBeGreaterThan(0);
      // Only cancelled orders lose their lines, and then all of them.
      for (const line of changes['orders.order_lines']?.deleted ?? []) {
        const order = line.split(':').slice(0, 2).join(':');
        expect(after.get('orders.orders')?.get(order)).toContain(',cancelled,');
        expect([...(after.get('orders.order_lines')?.keys() ?? [])].some((key) => key.startsWith(`${order}:`))).toBe(
          false,
        );
      }
    },
  );

  it('stamps what it changes with business time of its day', async () => {
    const stamps = await withClient(database, async (client) => {
      const result = await client.query<{ at: string }>(
        `select distinct (updated_at at time zone 'UTC')::text as at from orders.orders where updated_at >= '2002-12-31T00:00:00Z'
         union select distinct (updated_at at time zone 'UTC')::text from orders.customers where updated_at >= '2002-12-31T00:00:00Z' order by 1`,
      );
      return result.rows.map(({ at }) => at);
    });
    expect(stamps).toEqual(
      nights.flatMap((night) => ['20:00:00', '21:00:00', '22:00:00', '23:00:00'].map((time) => `${night} ${time}`)),
    );
  });

  it('gives changed inventory rows a change_seq above all earlier ones', () => {
    const sequence = (row: string) => Number(/(\d+)\)$/.exec(row)?.[1]);
    const highest = Math.max(...[...(states[2]?.get('inventory.stock_movements')?.values() ?? [])].map(sequence));
    const changed = sourceChanges(states[2] ?? new Map(), states[3] ?? new Map())['inventory.items']?.updated ?? [];
    const numbers = changed.map((key) => sequence(states[3]?.get('inventory.items')?.get(key) ?? ''));
    expect(Math.min(...numbers)).toBeGreaterThan(highest);
  });
});

describe('the history', () => {
  it('has orders in every state, and all lines of every order', async () => {
    const statuses = await withClient(database, async (client) => {
      const result = await client.query<{ status: string; orders: number }>(
        'select status, count(*)::int as orders from orders.orders group by 1',
      );
      return Object.fromEntries(result.rows.map(({ status, orders }) => [status, orders]));
    });
    expect(Object.keys(statuses).sort()).toEqual(['cancelled', 'placed', 'shipped']);
    expect(statuses.shipped).toBeGreaterThan(2_000);
    const lines = [...(states[0]?.get('orders.order_lines')?.keys() ?? [])];
    const withLines = new Set(lines.map((key) => key.split(':').slice(0, 2).join(':')));
    expect(withLines.size).toBe(states[0]?.get('orders.orders')?.size);
  });
});

describe('the POS drop', () => {
  it('has one file a stream and day, of the kind that the day calls for', () => {
    const kinds = new Set<string>();
    for (const key of drop.keys()) {
      const [, day = '', stream, kind] = /^landing\/pos\/(\d{4}-\d\d-\d\d)\/([a-z_]+)\.([a-z.]+)$/.exec(key) ?? [];
      expect(['store_sales', 'store_returns', 'stores']).toContain(stream);
      expect(kind).toBe(posFormat(day));
      kinds.add(kind ?? '');
    }
    expect([...kinds].sort()).toEqual(['csv', 'csv.gz', 'jsonl']);
    expect(drop.has('landing/pos/1998-01-01/stores.csv.gz')).toBe(true);
    expect([...drop.keys()].filter((key) => key > 'landing/pos/2003-01-03')).toEqual([]);
  });

  it('holds exactly the rows of TPC-DS, each in the folder of its day', async () => {
    const folder = join(home, 'drop');
    await download(folder);
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    try {
      await connection.run(`attach '${join(home, 'sources', 'tpcds-0.01.duckdb')}' as tpcds (read_only)`);
      const read = (stream: string) =>
        `select * from read_csv('${folder}/landing/pos/*/${stream}.csv*', all_varchar = true, header = true, delim = ',', filename = true)
         union all by name select * replace (ticket_number::varchar as ticket_number, item_id::varchar as item_id)
         from read_json('${folder}/landing/pos/*/${stream}.jsonl', format = 'newline_delimited', filename = true)`;
      const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
      await connection.run(
        `create view sales as select *, filename.split('/')[-2] as folder from (${read('store_sales')})`,
      );
      const key = 'ticket_number, item_id, quantity, customer_id, net_paid, net_profit, sold_date, sold_time';
      await connection.run(`create view generated as
        select ss_ticket_number::varchar as ticket_number, ss_item_sk::varchar as item_id, ss_quantity::varchar as quantity,
          ss_customer_sk::varchar as customer_id, ss_net_paid::varchar as net_paid, ss_net_profit::varchar as net_profit,
          d_date::varchar as sold_date, printf('%02d:%02d:%02d', t_hour, t_minute, t_second) as sold_time
        from tpcds.store_sales left join tpcds.date_dim on d_date_sk = ss_sold_date_sk left join tpcds.time_dim on t_time_sk = ss_sold_time_sk`);
      await connection.run(`create view dropped as select columns(*)::varchar from (select ${key} from sales)`);
      expect(
        await rows(`select (select count(*)::int from dropped) as rows,
          (select count(*)::int from (from dropped except all from generated)) as strange,
          (select count(*)::int from (select ${key} from generated except all from dropped)) as missing`),
      ).toEqual([{ rows: 28_810, strange: 0, missing: 0 }]);
      // A row with a date stands in its folder; one without stands with its ticket.
      expect(
        await rows(`select (count(*) filter (sold_date is null))::int as undated,
          (count(*) filter (sold_date::date <> folder::date))::int as astray,
          count(distinct (ticket_number, folder))::int - count(distinct ticket_number)::int as torn from sales`),
      ).toEqual([{ undated: 1_208, astray: 0, torn: 0 }]);
      expect(await rows(`select count(*)::int as rows from (${read('store_returns')})`)).toEqual([
        { rows: (await sources.expected('2003-01-02')).delivered.store_returns },
      ]);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  });
});

/** Downloads the whole drop. */
async function download(folder: string): Promise<void> {
  const client = s3Client();
  const keys = [...drop.keys()];
  const worker = async () => {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) {
      const object = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      const path = join(folder, key);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, (await object.Body?.transformToByteArray()) ?? '');
    }
  };
  try {
    await Promise.all(Array.from({ length: 16 }, worker));
  } finally {
    client.destroy();
  }
}
