import { task } from 'millrace';
import { captureLsn, drainChanges, ensureSnapshot } from '../ingestion/connectors/postgres/index.ts';
import { landingTarget } from './landing-target.ts';

/** Takes the order system's first full copy; later runs find it done. */
export const snapshotOrders = task('snapshotOrders', { timeout: '2h' }, async (_: unknown, context) => {
  const snapshot = await ensureSnapshot(context.orders, landingTarget(context), context);
  context.rows(snapshot.rows);
  return snapshot;
});

/** Fixes up to which position of the order system's log this run reads; an attempt that is repeated reads just as far. */
export const captureOrdersPosition = task('captureOrdersPosition', { timeout: '1m' }, async (_: unknown, context) => ({
  lsn: await captureLsn(context.orders, context),
}));

/** Appends the changes up to that position to bronze, then acknowledges them. */
export const drainOrders = task('drainOrders', { timeout: '2h' }, async ({ upTo }: { upTo: string }, context) => {
  const drained = await drainChanges(context.orders, { upTo }, landingTarget(context), context);
  context.rows(drained.rows);
  return drained;
});
