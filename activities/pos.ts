import { task } from 'millrace';
import { type BatchRef, discoverFiles, landBatch } from '../ingestion/connectors/files/index.ts';
import { posStreams } from '../ingestion/lake/index.ts';
import { lastBusinessDay } from './business-day.ts';
import { landingTarget } from './landing-target.ts';

/** Finds the POS files that have not been landed yet, up to the run's last business day, as batches. */
export const discoverPosFiles = task(
  'discoverPosFiles',
  { timeout: '30m' },
  ({ stream }: { stream: keyof typeof posStreams }, context) =>
    discoverFiles(posStreams[stream], { upTo: lastBusinessDay(context.run.interval) }, context.lake, context),
);

/** Lands one batch of files in bronze: all of it or nothing. */
export const landPosFiles = task(
  'landPosFiles',
  { timeout: '1h' },
  async ({ stream, batch }: { stream: keyof typeof posStreams; batch: BatchRef }, context) => {
    const landed = await landBatch(posStreams[stream], batch, landingTarget(context), context);
    context.rows(landed.rows);
    return landed;
  },
);
