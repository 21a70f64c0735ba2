import { task } from 'millrace';
import { type GoldName, gold, type SilverName, silver } from '../ingestion/lake/index.ts';

/** Brings what is new in a bronze table into its silver table: typed, one row a key, checked. */
export const refineTable = task('refineTable', { timeout: '2h' }, async ({ table }: { table: SilverName }, context) => {
  const result = await context.lake.refine({ ...silver[table], run: { runId: context.run.workflowId } }, context);
  context.rows(result.rowsIn);
  return result;
});

/** Brings what is new in silver into a gold table. */
export const publishTable = task('publishTable', { timeout: '2h' }, async ({ table }: { table: GoldName }, context) => {
  const result = await context.lake.publish({ ...gold[table], run: { runId: context.run.workflowId } }, context);
  context.rows(result.rowsIn);
  return result;
});
