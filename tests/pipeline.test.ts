import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DbtService } from '@millrace/dbt';
import { execa } from 'execa';
import type { ItemRecord } from 'millrace';
import { consoleLogger } from 'millrace/worker';
import { type BronzeName, bronze, silver } from '../ingestion/lake/index.ts';
import { keys } from '../ingestion/lake/tables.ts';
import { provideGoProgram } from '../stack/components/go-program.ts';
import { temporalCli } from '../stack/components/programs.ts';
import { projectRoot } from '../stack/project-root.ts';
import { renderSummary } from '../stack/start/summary.ts';
import { allSums, differences, lakeTables, openLake, type Sums, withWarehouse } from './support/checksums.ts';
import { Platform } from './support/platform.ts';
import { s3Client, testStack } from './support/stack.ts';

const lastDay = '2002-12-30';
const nights = ['2002-12-31', '2003-01-01', '2003-01-02'] as const;

describe('the nightly retail pipeline', () => {
  const generated = mkdtempSync(join(tmpdir(), 'millrace-sources-'));
  let platform: Platform;
  let afterHistory: Sums;
  let afterFirstNight: Sums;

  beforeAll(async () => {
    platform = await Platform.open(generated);
    await Promise.all([platform.startWorker(), platform.sources.loadHistory(lastDay)]);
    await platform.run({ interval: { start: '1998-01-01', end: nights[0] } });
    afterHistory = await allSums(platform);
  }, 300_000);

  afterAll(async () => {
    await platform?.close();
    rmSync(generated, { recursive: true, force: true });
  });

  it('lands exactly the rows that were generated, per table and in all', async () => {
    const { delivered, totalDelivered } = await platform.sources.expected(lastDay);
    const landed = await bronzeRows(platform);
    expect(landed).toEqual(delivered);
    expect(sum(landed)).toBe(totalDelivered);
  });

  it('adds just its day in the next interval', async () => {
    await platform.sources.advanceTo(nights[0]);
    const before = await salesByDay(platform);
    const view = await platform.run({ date: nights[0] });
    afterFirstNight = await allSums(platform);
    const after = await salesByDay(platform);
    const stores = ([key]: [string, unknown]) => key.startsWith('store ');
    expect(differencesOf(before.filter(stores), after.filter(stores))).toEqual([`store ${nights[0]}`]);
    expect(view.nodes.filter((node) => node.id.startsWith('land-store_sales[')).map((node) => node.rows)).toEqual([
      (await platform.sources.expected(nights[0])).delivered.store_sales -
        (await platform.sources.expected(lastDay)).delivered.store_sales,
    ]);
    // Nothing was delivered for these, so nothing of them may have changed.
    expect(differences(afterHistory, afterFirstNight)).not.toContain('bronze.pos_stores');
    expect(differences(afterHistory, afterFirstNight)).toContain('marts.mart_daily_sales');
  });

  it('changes no row of any table, and commits nothing, when an interval runs again (started by the temporal command)', async () => {
    const versions = await lakeVersions(platform);
    await startByTemporalsOwnCommand(platform, nights[0]);
    expect(differences(afterFirstNight, await allSums(platform))).toEqual([]);
    expect(await lakeVersions(platform)).toEqual(versions);
  });

  it('has every sale after the last night, to the published counts', async () => {
    for (const night of nights.slice(1)) {
      await platform.sources.advanceTo(night);
      await platform.run({ date: night });
    }
    const { delivered, dueLater } = await platform.sources.expected(nights[2]);
    const landed = await bronzeRows(platform);
    expect(landed).toEqual(delivered);
    expect(landed.store_sales).toBe(28_810);
    expect(landed.order_lines).toBe(7_212 + 14_313);
    expect(landed.stock_levels).toBe(23_490);
    expect(landed.store_returns + dueLater.store_returns).toBe(2_810);
  });

  it('keeps the money to the cent from the lake to the facts', async () => {
    const lake = openLake(platform);
    try {
      const [stored] = await lake.query(
        'SELECT sum(net_paid)::VARCHAR AS amount, count(*)::INTEGER AS lines FROM silver.pos_sales',
      );
      const [fact] = await withWarehouse(platform, (query) =>
        query(
          "SELECT sum(net_sales)::VARCHAR AS amount, count(*)::INTEGER AS lines FROM core.fct_sales WHERE channel = 'store'",
        ),
      );
      expect(fact).toEqual(stored);
    } finally {
      await lake.close();
    }
  });

  it('is summed up with real figures', async () => {
    const lines = await renderSummary(platform.environment, testStack());
    expect(lines.find((line) => line.startsWith('since 1998-01-01'))).toMatch(/\d+,\d{3},\d{3}\.\d{2}/);
    expect(lines.find((line) => line.startsWith('bronze'))).toMatch(/pos_store_sales 28,810\b/);
    expect(lines.find((line) => line.startsWith('rejected'))).toMatch(
      /[1-9]\d* rows: pos_sales \(has_quantity_or_amount\)/,
    );
  });

  it('fails at a truncated file, loads nothing of it, and goes on from there once it is whole', async () => {
    const whole = gzipSync(posFile(['1', '2']), { level: 9 });
    const key = 'landing/pos/2003-01-03/store_sales.csv.gz';
    await put(platform, key, whole.subarray(0, whole.length - 12));
    const before = await bronzeRows(platform);
    const workflowId = await platform.start({ date: '2003-01-03' });
    const failed = await platform.control.waitForRun(workflowId);
    expect(failed.status).toBe('failed');
    const error = failed.nodes.find((node) => node.state === 'failed')?.error;
    expect(error).toMatchObject({
      code: expect.stringMatching(/^MR31/),
      facts: { file: key, line: expect.any(Number) },
    });
    expect(error?.message).toContain(key);
    expect(await bronzeRows(platform)).toEqual(before);
    expect(failed.nodes.find((node) => node.id === 'dbtBuild')?.state).toBe('upstream_failed');

    await put(platform, key, whole);
    const retried = await platform.finish((await platform.control.retryRun(workflowId)).workflowId);
    expect(retried.status).toBe('success');
    // What had succeeded was taken over: not one node of these was started again.
    const earlier = (id: string) => failed.nodes.find((node) => node.id === id);
    const snapshot = retried.nodes.find((node) => node.id === 'extract-items');
    expect(snapshot).toMatchObject({ state: 'success', startedAt: earlier('extract-items')?.startedAt });
    expect(await bronzeRows(platform)).toEqual(before);
    // The batch was made of the broken version; the whole one is a new file for the next discovery.
    await platform.run({ date: '2003-01-03' });
    expect((await bronzeRows(platform)).store_sales).toBe(before.store_sales + 2);
  });

  it('quarantines rows that do not fit, with rule, file and line, and loses none', async () => {
    const key = 'landing/pos/2003-01-05/store_sales.csv';
    const [header = '', good = ''] = posFile(['3']).split('\n');
    const bad = good.replace('2003-01-03', '2003-13-45').replace(',900003,', ',900004,');
    await put(platform, key, `${[header, good, 'one,field,too,few', header, bad].join('\n')}\n`);
    const before = await bronzeRows(platform);
    await platform.run({ date: '2003-01-05' });
    expect((await bronzeRows(platform)).store_sales).toBe(before.store_sales + 4);
    const lake = openLake(platform);
    try {
      const kept = await lake.query(
        `SELECT rules, source_line::INTEGER AS line FROM silver.quarantine WHERE source_file = '${key}' ORDER BY line`,
      );
      expect(kept.map(({ line }) => line)).toEqual([3, 4, 5]);
      for (const { rules } of kept) expect(rules).toContain('not_rescued');
      const [sales] = await lake.query(
        'SELECT count(*)::INTEGER AS n FROM silver.pos_sales WHERE ticket_number BETWEEN 900003 AND 900004',
      );
      expect(sales?.n).toBe(1);
    } finally {
      await lake.close();
    }
  });

  it('passes the unit tests of the dbt project, and its documentation can be made', async () => {
    await platform.stopWorker();
    const dbt = new DbtService({
      python: testStack().python,
      projectDir: join(projectRoot(), 'dbt_project'),
      target: 'dev',
      targetPath: join(platform.home, 'dbt-unit'),
      env: { MILLRACE_DUCKDB_PATH: platform.environment.warehouse.path },
    });
    const progress = { log: consoleLogger, signal: new AbortController().signal, heartbeat: () => undefined };
    try {
      const kinds = new Map<string, string | undefined>();
      const onItems = (items: readonly ItemRecord[]) => {
        for (const { id, kind } of items) kinds.set(id, kind);
      };
      const summary = await dbt.build({ onItems }, progress);
      expect(summary).toMatchObject({ nodes: summary.passed, failed: 0, skipped: 0 });
      expect([...kinds.values()].filter((kind) => kind === 'unit_test').length).toBeGreaterThanOrEqual(5);
      expect((await dbt.docs(progress)).tables).toBeGreaterThan(30);
    } finally {
      await dbt.close();
    }
  });
});

/**
 * Rows of the sources that are in bronze. Updates and deletes are further rows of bronze, but no further rows of the
 * source; the incremental extract cannot tell an update from an insert, so there each key counts once.
 */
async function bronzeRows(platform: Platform): Promise<Record<BronzeName, number>> {
  const lake = openLake(platform);
  try {
    const counts: Partial<Record<BronzeName, number>> = {};
    for (const name of keys(bronze)) {
      const source = `bronze.${bronze[name].name}`;
      const [row] = await lake.query(
        name in inventoryKeys
          ? `SELECT count(DISTINCT (${inventoryKeys[name as keyof typeof inventoryKeys].join(', ')}))::INTEGER AS n FROM ${source}`
          : `SELECT count(*)::INTEGER AS n FROM ${source} WHERE _op IN ('r', 'c')`,
      );
      counts[name] = Number(row?.n);
    }
    return counts as Record<BronzeName, number>;
  } finally {
    await lake.close();
  }
}

const inventoryKeys = {
  items: silver.items.key,
  warehouses: silver.warehouses.key,
  stock_levels: silver.stock_levels.key,
  stock_movements: silver.stock_movements.key,
};

/** A POS file of the day 2003-01-03 with one line for each ticket 90000n. */
function posFile(tickets: readonly string[]): string {
  const columns = [
    ...['sold_date', 'sold_time', 'ticket_number', 'item_id', 'customer_id', 'address_id', 'store_id', 'promo_id'],
    ...['quantity', 'wholesale_cost', 'list_price', 'sales_price', 'ext_discount_amt', 'ext_sales_price'],
    ...['ext_wholesale_cost', 'ext_list_price', 'ext_tax', 'coupon_amt', 'net_paid', 'net_paid_inc_tax', 'net_profit'],
  ];
  const lines = tickets.map(
    (ticket) =>
      `2003-01-03,09:00:00,90000${ticket},1,1,1,1,,2,1.00,3.00,2.50,1.00,5.00,2.00,6.00,0.40,0.00,5.00,5.40,3.00`,
  );
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}

async function put(platform: Platform, key: string, body: string | Uint8Array): Promise<void> {
  const client = s3Client();
  try {
    await client.send(new PutObjectCommand({ Bucket: platform.environment.lake.bucket, Key: key, Body: body }));
  } finally {
    client.destroy();
  }
}

/** Nothing but Temporal's own command line, as an operator would have it. */
async function startByTemporalsOwnCommand(platform: Platform, date: string): Promise<void> {
  const { address, namespace, taskQueue } = platform.environment.temporal;
  const temporal = await provideGoProgram(temporalCli, () => undefined);
  const where = ['--address', address, '--namespace', namespace, '--task-queue', taskQueue];
  const what = ['--type', 'nightlyRetail', '--workflow-id', `by-hand-${date}`, '--input', JSON.stringify({ date })];
  await execa(temporal, ['workflow', 'execute', ...where, ...what]);
}

async function lakeVersions(platform: Platform): Promise<Record<string, number>> {
  const lake = openLake(platform);
  try {
    const versions: Record<string, number> = {};
    for (const table of lakeTables) versions[`${table.layer}.${table.name}`] = (await lake.tableInfo(table)).version;
    return versions;
  } finally {
    await lake.close();
  }
}

async function salesByDay(platform: Platform): Promise<[string, string][]> {
  const rows = await withWarehouse(platform, (query) =>
    query(
      `SELECT channel || ' ' || sale_date AS key, count(*) || ' ' || sum(net_sales) AS value
       FROM core.fct_sales GROUP BY ALL ORDER BY ALL`,
    ),
  );
  return rows.map((row) => [String(row.key), String(row.value)]);
}

function differencesOf(left: [string, string][], right: [string, string][]): string[] {
  const before = new Map(left);
  const after = new Map(right);
  return [...new Set([...before.keys(), ...after.keys()])].filter((key) => before.get(key) !== after.get(key)).sort();
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
