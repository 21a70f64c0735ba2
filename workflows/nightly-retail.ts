import { cron, dag, each, oneFailed, type Ref } from 'millrace';
import { alertOnFailure } from '../activities/alerts.ts';
import { timezone } from '../activities/business-day.ts';
import { dbtBuild } from '../activities/dbt.ts';
import { extractInventory } from '../activities/inventory.ts';
import { publishTable, refineTable } from '../activities/lake.ts';
import { captureOrdersPosition, drainOrders, snapshotOrders } from '../activities/orders.ts';
import { discoverPosFiles, landPosFiles } from '../activities/pos.ts';
import { loadTable } from '../activities/warehouse.ts';
import {
  type BronzeName,
  bronze,
  type GoldName,
  gold,
  type InventoryTable,
  inventoryTables,
  type PosStream,
  posStreams,
  type SilverName,
  silver,
} from '../ingestion/lake/index.ts';
import { keys, mapTables } from '../ingestion/lake/tables.ts';

/**
 * The retailer's night: POS files, orders and inventory into bronze, refined to silver, published to gold, loaded into the
 * warehouse, and built into marts by dbt. It works on everything delivered up to the end of its interval, so that one run
 * can stand for a day or for years.
 */
export const nightlyRetail = dag(
  'nightlyRetail',
  {
    description: 'POS, orders and inventory to marts, every night',
    schedule: cron('0 2 * * *', { timezone, catchup: '2d' }),
    timeout: '5h',
    maxActive: 1,
  },
  () => {
    const landed = { ...landFiles(), ...captureOrders(), ...readInventory() };

    const refined = mapTables(silver, (table, { source }) =>
      refineTable.as(`silver-${table}`, { after: landed[bronzeOf(source.name)] })({ table }),
    );

    const published = mapTables(gold, (table, { sources }) =>
      publishTable.as(`gold-${table}`, { after: sources.flatMap(silverOf).map((name) => refined[name]) })({ table }),
    );

    const loaded = keys(gold).map((table) => loadTable.as(`load-${table}`, { after: published[table] })({ table }));

    const marts = dbtBuild.with({ after: loaded })({});

    alertOnFailure.with({ when: oneFailed(marts) })({ dag: 'nightlyRetail' });
  },
);

/** Each batch of new files is a mapped task of its own: it lands, or fails and is tried again, by itself. */
function landFiles(): Record<PosStream, Ref<unknown>> {
  return mapTables(posStreams, (stream) =>
    each(
      discoverPosFiles.as(`discover-${stream}`)({ stream }),
      (batch) => landPosFiles.as(`land-${stream}`)({ stream, batch }),
      { limit: 2 },
    ),
  );
}

/** One copy of the order system at first, then its changes up to a position that the run keeps. */
function captureOrders(): Record<'customers' | 'addresses' | 'orders' | 'order_lines', Ref<unknown>> {
  const snapshot = snapshotOrders();
  const position = captureOrdersPosition.with({ after: snapshot })();
  const changes = drainOrders({ upTo: position.lsn });
  return { customers: changes, addresses: changes, orders: changes, order_lines: changes };
}

function readInventory(): Record<InventoryTable, Ref<unknown>> {
  return mapTables(inventoryTables, (table) => extractInventory.as(`extract-${table}`)({ table }));
}

/** The source, by its own name, that fills a bronze table. */
function bronzeOf(tableName: string): BronzeName {
  const name = keys(bronze).find((each) => bronze[each].name === tableName);
  if (name === undefined) throw new Error(`No source fills the bronze table ${tableName}.`);
  return name;
}

/** The silver tables that a gold table is made of. */
function silverOf(source: (typeof gold)[GoldName]['sources'][number]): SilverName[] {
  const joined = (source.joins ?? []).map((join) => join.table.name);
  return [source.source.name, ...joined] as SilverName[];
}
