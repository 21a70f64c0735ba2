import { choose, cron, dag, each, oneFailed, task } from 'millrace';
import { z } from 'zod';

// A task is a typed function with an id. It is ordinary Node code: it may import and do anything.
const listFiles = task('listFiles', { timeout: '5m' }, async ({ date }: { date: string }) => [
  { key: `orders/${date}/a.csv`, bytes: 1200 },
  { key: `orders/${date}/b.csv`, bytes: 800 },
]);

const land = task(
  'land',
  { timeout: '30m', retry: { attempts: 5, backoff: '10s' } },
  async ({ key, bytes }: { key: string; bytes: number }, context) => {
    context.log.info('landing', { key });
    context.rows(bytes / 100);
    return { key, rows: bytes / 100 };
  },
);

const merge = task('merge', {}, async ({ files }: { files: { rows: number }[] }) => ({
  rows: files.reduce((sum, file) => sum + file.rows, 0),
}));
const rebuild = task('rebuild', { timeout: '2h' }, async ({ date }: { date: string }) => ({ rows: date.length }));
const publish = task('publish', {}, async ({ rows }: { rows: number }) => ({ published: rows }));
const page = task('page', {}, async ({ dag }: { dag: string }, context) => context.log.error(`${dag} failed`));

export const orders = dag(
  'orders',
  {
    schedule: cron('0 2 * * *', { timezone: 'America/New_York', catchup: '2d' }),
    params: z.object({ mode: z.enum(['incremental', 'rebuild']).default('incremental') }),
  },
  (run) => {
    const files = listFiles({ date: run.date });
    const table = choose(run.params.mode, {
      // One task for each file, counted at run time.
      incremental: () => merge({ files: each(files, (file) => land({ key: file.key, bytes: file.bytes })) }),
      rebuild: () => rebuild({ date: run.date }),
    });
    const done = publish({ rows: table.rows });
    page.with({ when: oneFailed(done) })({ dag: 'orders' });
  },
);
