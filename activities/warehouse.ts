import { task } from 'millrace';
import { type GoldName, gold } from '../ingestion/lake/index.ts';

/** Brings what is new in a gold table into the warehouse, in one transaction. */
export const loadTable = task('loadTable', { timeout: '2h' }, async ({ table }: { table: GoldName }, context) => {
  const { target, key } = gold[table];
  const fromVersion = await context.warehouse.loadedVersion(target.name);
  const changes = await context.lake.export({ table: target, key, fromVersion }, context);
  const loaded = await context.warehouse.load({ ...changes, table: target.name }, context);
  context.rows(changes.rows);
  return { ...loaded, version: changes.toVersion };
});
