import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type BronzeName, bronze, silver } from '../ingestion/lake/index.ts';
import { keys } from '../ingestion/lake/tables.ts';
import { allSums, differences, lakeTables, openLake, type Sums, withWarehouse } from './support/checksums.ts';
import { Platform } from './support/platform.ts';

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

  it('changes no row of any table, and commits nothing, when an interval runs again', async () => {
    const versions = await lakeVersions(platform);
    await platform.run({ date: nights[0] });
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
