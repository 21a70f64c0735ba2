import { task } from 'millrace';
import { extractIncremental } from '../ingestion/connectors/postgres/index.ts';
import { inventoryTables } from '../ingestion/lake/index.ts';
import { landingTarget } from './landing-target.ts';

/** Appends the rows of one inventory table that were written since the last extract. */
export const extractInventory = task(
  'extractInventory',
  { timeout: '1h' },
  async ({ table }: { table: keyof typeof inventoryTables }, context) => {
    const extracted = await extractIncremental(
      context.inventory,
      inventoryTables[table],
      landingTarget(context),
      context,
    );
    context.rows(extracted.rows);
    return extracted;
  },
);
