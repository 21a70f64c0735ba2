import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Overlap, ScheduleSummary } from '../../control/schedules.ts';
import { exitCodes, type Io } from '../io.ts';
import { printJson, printLine, printTable } from '../output.ts';
import { type CommonOptions, findDag, type Session, withControl } from '../session.ts';

interface ApplyOptions extends CommonOptions {
  readonly overlap: Overlap;
  readonly paused?: boolean;
  readonly prune?: boolean;
}

type NoteOptions = CommonOptions & { readonly note?: string };

export function addSchedule(program: Command, io: Io, done: (code: number) => void): void {
  const schedule = program.command('schedule').description('schedules of DAGs on the Temporal server');
  const overlap = new Option('--overlap <policy>', 'a run that is due while one is going').default('wait');
  schedule
    .command('apply')
    .description('create or update the schedules that the DAGs declare')
    .argument('[dag]', 'only this one')
    .addOption(overlap.choices(['wait', 'waitOne', 'skip']))
    .option('--paused', 'create new schedules paused')
    .option('--prune', 'remove schedules of this task queue that no DAG declares any more')
    .action(async (dag: string | undefined, options: ApplyOptions) => {
      await apply(io, dag, options);
      done(exitCodes.success);
    });
  schedule
    .command('list')
    .description('the schedules of this task queue')
    .action(async (options: CommonOptions) => {
      const found = await withControl(io, options, (control) => control.schedules.list());
      if (options.json) printJson(io, found);
      else if (found.length === 0) printLine(io, 'No schedules. Create them with: millrace schedule apply');
      else printTable(io, ['dag', 'cron', 'time zone', 'state', 'next', 'last run'], found.map(scheduleCells));
      done(exitCodes.success);
    });
  schedule
    .command('describe')
    .argument('<dag>')
    .description('all that the server knows of a schedule, as JSON')
    .action(async (dag: string, options: CommonOptions) => {
      printJson(io, await withControl(io, options, (control) => control.schedules.describe(dag)));
      done(exitCodes.success);
    });
  for (const verb of ['pause', 'unpause'] as const) {
    schedule
      .command(verb)
      .description(verb === 'pause' ? 'start no further runs' : 'start runs again')
      .argument('<dag>')
      .option('--note <text>', 'why')
      .action(async (dag: string, options: NoteOptions) => {
        await withControl(io, options, (control) => control.schedules[verb](dag, options.note));
        report(io, options, { dag, state: `${verb}d` });
        done(exitCodes.success);
      });
  }
  schedule
    .command('remove')
    .description('delete the schedule; its runs stay')
    .argument('<dag>')
    .action(async (dag: string, options: CommonOptions) => {
      await withControl(io, options, (control) => control.schedules.remove(dag));
      report(io, options, { dag, state: 'removed' });
      done(exitCodes.success);
    });
  schedule
    .command('trigger')
    .description('start a run now, for the interval that ended last')
    .argument('<dag>')
    .action(async (dag: string, options: CommonOptions) => {
      await withControl(io, options, (control) => control.schedules.trigger(dag));
      report(io, options, { dag, state: 'triggered' });
      done(exitCodes.success);
    });
  schedule
    .command('backfill')
    .description('start the runs that were due in a span of time, one after the other, on the server')
    .argument('<dag>')
    .requiredOption('--from <instant>', 'first scheduled time, such as 2003-01-01T00:00:00Z', instant)
    .requiredOption('--to <instant>', 'last scheduled time', instant)
    .action(async (dag: string, options: CommonOptions & { readonly from: Date; readonly to: Date }) => {
      await withControl(io, options, (control) => control.schedules.backfill(dag, options.from, options.to));
      report(io, options, { dag, state: 'backfill started' });
      done(exitCodes.success);
    });
}

function instant(text: string): Date {
  const time = new Date(text);
  if (Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('Not a point in time, such as 2003-01-01T00:00:00Z.');
  return time;
}

async function apply(io: Io, only: string | undefined, options: ApplyOptions): Promise<void> {
  const outcomes = await withControl(io, options, async (control, session) => {
    const dags = only === undefined ? scheduled(session) : [findDag(session.project, only)];
    const found: { dag: string; state: string }[] = [];
    for (const { id, plan } of dags) {
      const { overlap, paused = false } = options;
      found.push({ dag: id, state: await control.schedules.apply(plan, { overlap, paused }) });
    }
    if (only !== undefined) return found;
    const declared = new Set(dags.map(({ id }) => id));
    for (const { dag } of await control.schedules.list()) {
      if (declared.has(dag)) continue;
      if (options.prune) await control.schedules.remove(dag);
      found.push({ dag, state: options.prune ? 'removed' : 'not declared by any DAG (remove with --prune)' });
    }
    return found;
  });
  if (options.json) printJson(io, outcomes);
  else if (outcomes.length === 0) printLine(io, 'No DAG of the project declares a schedule.');
  else for (const { dag, state } of outcomes) printLine(io, `${dag}: ${state}`);
}

function scheduled({ project }: Session) {
  return project.dags.filter(({ plan }) => plan.schedule !== undefined);
}

function report(io: Io, { json }: CommonOptions, outcome: { readonly dag: string; readonly state: string }): void {
  if (json) printJson(io, outcome);
  else printLine(io, `${outcome.dag}: ${outcome.state}`);
}

function scheduleCells(schedule: ScheduleSummary): string[] {
  return [
    schedule.dag,
    schedule.cron,
    schedule.timezone,
    schedule.paused ? 'paused' : 'active',
    schedule.paused ? '' : (schedule.nextTimes[0] ?? ''),
    schedule.runningWorkflowIds.at(-1) ?? schedule.recentWorkflowIds.at(-1) ?? '',
  ];
}
