import { task } from 'millrace';
import { captureLsn, drainChanges, ensureSnapshot } from '../ingestion/connectors/postgres/index.ts';

/** Takes the order system's first full copy; later runs find it done. */
export const snapshotOrders = task('snapshotOrders', { timeout: '2h', heartbeat: '20s' }, async (_: unknown, context) => {
  const snapshot = await ensureSnapshot(context.orders, { runId: context.run.workflowId }, context.lake, context);
  context.rows(snapshot.rows);
  return snapshot;
});

/** Fixes up to which position of the order system's log this run reads; an attempt that is repeated reads just as far. */
export const captureOrdersPosition = task('captureOrdersPosition', { timeout: '1m' }, async (_: unknown, context) => ({
  lsn: await captureLsn(context.orders),
}));

/** Appends the changes up to that position to bronze, then acknowledges them. */
export const drainOrders = task(
  'drainOrders',
  { timeout: '2h', heartbeat: '20s' },
  async ({ upTo }: { upTo: string }, context) => {
    const drained = await drainChanges(
      context.orders,
      { upTo, runId: context.run.workflowId },
      context.lake,
      context,
    );
    context.rows(drained.rows);
    return drained;
  },
);
