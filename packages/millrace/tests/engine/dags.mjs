// The DAGs of the engine tests. They run in worker processes of their own, on the built package, so that a test can kill
// them; what a task does is told by files in MILLRACE_TEST_FILES. `version` stands for an edit of the source.
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { choose, cron, dag, each, MillraceError, oneFailed, outcome, task } from 'millrace';
import { z } from 'zod';

const files = process.env.MILLRACE_TEST_FILES ?? '.';
const note = (line) => appendFileSync(join(files, 'log'), `${line}\n`);
const exists = (name) => existsSync(join(files, name));

async function until(name, signal) {
  while (!exists(name)) await sleep(20, undefined, { signal });
}

const retry = { attempts: 3, backoff: '100ms', factor: 1 };

const list = task('list', {}, async ({ count }, { rows }) => {
  rows(count);
  return Array.from({ length: count }, (_, index) => `file-${index}`);
});
const land = task('land', { retry }, async ({ file }, { attempt, node }) => {
  note(`land ${file}`);
  if (file === 'file-1' && attempt === 1) throw new Error('the first attempt fails');
  return { file, index: node.mapIndex };
});
const load = task('load', {}, async ({ files: landed, mode, date }) => ({ count: landed.length, mode, date }));
const finish = task('finish', {}, async (input) => input);

/** Says that it has begun, then waits for a file; heartbeats keep it alive. */
const wait = task(
  'wait',
  { heartbeat: '2s', retry },
  async ({ name, release }, { signal, attempt, heartbeat, checkpoint, run }) => {
    note(`wait ${name} attempt ${attempt} checkpoint ${JSON.stringify(checkpoint() ?? null)}`);
    heartbeat({ attempt });
    writeFileSync(join(files, `${name}.begun.${attempt}`), '');
    try {
      await until(release, signal);
    } catch (error) {
      note(`wait ${name} aborted`);
      throw error;
    }
    return { name, date: run.date };
  },
);

const broken = task('broken', { retry }, async ({ code, retryable }) => {
  note('broken');
  throw new MillraceError({
    code,
    message: 'no such table',
    subject: 'sales',
    hint: 'make it',
    facts: { line: 7 },
    retryable,
  });
});
const slow = task('slow', { timeout: '1s', retry: { attempts: 1 } }, async (_, { signal }) => {
  await sleep(60_000, undefined, { signal });
});
const large = task('large', { retry }, async ({ bytes }) => {
  note('large');
  return 'x'.repeat(bytes);
});
const odd = task('odd', { retry }, async () => {
  note('odd');
  return { when: new Date(0) };
});

/** Many items in one process; the ones after the third fail until the file `mended` is there. */
const build = task('build', { retry: { attempts: 1 } }, async (_, { items, attempt, rows }) => {
  const done = await items.completed();
  const failed = [];
  for (let index = 0; index < 6; index++) {
    const id = `model.${index}`;
    if (done.has(id)) continue;
    note(`build ${id}`);
    const fails = index > 2 && !exists('mended');
    if (fails) failed.push(id);
    items.report([{ id, kind: 'model', state: fails ? 'failed' : 'success', attempt, rows: 10 }]);
    rows(fails ? 0 : 10);
  }
  if (failed.length > 0)
    throw new MillraceError({ code: 'MR4001', message: `${failed.length} models failed`, facts: { failed } });
  return { built: 6 };
});

const params = z.object({ mode: z.enum(['full', 'delta']).default('full'), count: z.number().int().default(3) });

export function testDags(version = 1) {
  const pipeline = dag('pipeline', { params, defaults: { heartbeat: '3s' } }, (run) => {
    const landed = each(list({ count: run.params.count }), (file) => land({ file }), { limit: 2 });
    const loaded = choose(run.params.mode, {
      full: () => load({ files: landed, mode: 'full', date: run.date }),
      delta: () => load.as('loadDelta')({ files: landed, mode: 'delta', date: run.date }),
    });
    return finish({ loaded, interval: run.interval });
  });
  const waiting = dag('waiting', {}, () => {
    const first = wait.as('first')({ name: 'first', release: 'go' });
    if (version === 1)
      return finish({ version: 1, first, second: wait.as('second')({ name: first.name, release: 'go' }) });
    return finish({ version: 2, first });
  });
  const shrinking = dag('shrinking', {}, () => {
    const first = wait.as('first')({ name: 'first', release: 'go' });
    return version === 1 ? land({ file: first.name }) : finish({ first });
  });
  // Version 3 has lost the task that version 1's plan goes on with.
  if (version === 3) return [shrinking];
  const failing = dag('failing', { params: z.object({ code: z.string(), retryable: z.boolean() }) }, (run) => {
    const bad = broken(run.params);
    finish({ bad });
    finish.as('alert').with({ when: oneFailed(bad) })({ about: outcome(bad) });
    finish.as('other')({ bad });
  });
  return [
    pipeline,
    waiting,
    shrinking,
    failing,
    dag('tooSlow', {}, () => void slow({})),
    dag('runTimeout', { timeout: '2s' }, () => finish({ a: wait({ name: 'a', release: 'never' }) })),
    dag('tooLarge', { params: z.object({ bytes: z.number() }) }, (run) => void large(run.params)),
    dag('tooLargeTogether', {}, () => void finish({ all: each([1, 2, 3], () => large({ bytes: 400_000 })) })),
    dag(
      'scheduled',
      { schedule: cron('0 2 * * *', { timezone: 'America/New_York' }) },
      (run) => finish({ date: run.date }).date,
    ),
    dag('badResult', {}, () => finish({ part: null }).part.field),
    dag('notJson', {}, () => void odd({})),
    dag('items', {}, () => finish({ built: build({}), first: land({ file: 'x' }) })),
    dag('wide', { params: z.object({ count: z.number() }) }, (run) => {
      const landed = each(list({ count: run.params.count }), (file) => load({ files: [file], mode: '', date: '' }));
      return load.as('together')({ files: landed, mode: 'wide', date: run.date });
    }),
  ];
}
