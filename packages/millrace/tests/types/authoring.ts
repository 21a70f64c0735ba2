// Compiled by authoring-types.test.ts (and by `npm run types`), never run: programs that must compile, and that must not.
import { expectTypeOf } from 'expect-type';
import { choose, type Duration, dag, each, type Outcome, outcome, type Ref, type TaskContext, task } from 'millrace';
import { z } from 'zod';

interface DropFile {
  readonly key: string;
  readonly bytes: number;
}

const listFiles = task('listFiles', {}, async (_: { readonly date: string }): Promise<readonly DropFile[]> => []);
const landFile = task('landFile', {}, async ({ file }: { readonly file: DropFile }) => ({
  rows: file.bytes,
  table: 'pos',
}));
const load = task('load', {}, async (_: { readonly table: string; readonly rows?: number }) => ({ loaded: true }));
const now = task('now', {}, async (_: unknown, context) => {
  expectTypeOf(context).toEqualTypeOf<TaskContext>();
  return 'now';
});
const report = task('report', {}, async (_: { readonly outcome: Outcome<{ rows: number; table: string }> }) => null);

export const good = dag(
  'good',
  { params: z.object({ mode: z.enum(['incremental', 'replay']).default('incremental'), dry: z.boolean() }) },
  (run) => {
    expectTypeOf(run.date).toEqualTypeOf<Ref<string>>();
    expectTypeOf(run.params.mode).toEqualTypeOf<Ref<'incremental' | 'replay'>>();
    const files = listFiles({ date: run.date });
    const landed = each(files, (file) => {
      expectTypeOf(file.key).toEqualTypeOf<Ref<string>>();
      return landFile({ file });
    });
    expectTypeOf(landed).toEqualTypeOf<Ref<{ rows: number; table: string }[]>>();
    const one = landFile.as('one')({ file: { key: now(), bytes: 1 } });
    expectTypeOf(one.rows).toEqualTypeOf<Ref<number>>();
    load.as('loadOne')({ table: one.table, rows: one.rows });
    const chosen = choose(run.params.mode, {
      incremental: () => load({ table: 'x' }),
      replay: () => ({ loaded: false }),
    });
    expectTypeOf(chosen.loaded).toEqualTypeOf<Ref<boolean>>();
    choose(run.params.dry, { true: () => 1, false: () => now.as('later')() });
    report({ outcome: outcome(one) });
  },
);

dag('bad', { params: z.object({ mode: z.enum(['incremental', 'replay']) }) }, (run) => {
  const files = listFiles({ date: run.date });
  const landed = landFile({ file: { key: 'k', bytes: 1 } });

  // @ts-expect-error a list where one item is wanted
  landFile({ file: files });
  // @ts-expect-error a Ref of the wrong field type
  load({ table: landed.rows });
  // @ts-expect-error an unknown field of a result
  load({ table: landed.tabel });
  // @ts-expect-error a missing argument
  load({ rows: landed.rows });
  // @ts-expect-error no argument at all
  load();
  // @ts-expect-error a Ref read as a value
  const rows: number = landed.rows;
  // @ts-expect-error not a duration
  const timeout: Duration = '10 minutes';
  load.with({ timeout })({ table: 'x', rows });
  // @ts-expect-error a case left out
  choose(run.params.mode, { incremental: () => landed });
  // @ts-expect-error an outcome used as the value itself
  load({ table: outcome(landed).table });
  // @ts-expect-error an outcome passed as the value itself
  landFile.as('x')({ file: outcome(files) });
  // @ts-expect-error an argument that the task does not have
  load({ table: 'x', schema: 'y' });
  // @ts-expect-error an argument for a task without input
  now({ at: 1 });
  // @ts-expect-error an unknown parameter of the run
  load({ table: run.params.table });
  // @ts-expect-error each() over something that is not a list
  each(landed, (file) => landFile({ file }));
});
