import { type Command, InvalidArgumentError, Option } from 'commander';
import { renderProgress, renderSummary } from '../../control/progress.ts';
import { formatDuration } from '../../control/progress-format.ts';
import type { RunSummary } from '../../control/run-summary.ts';
import type { RunStatus } from '../../dag/run-state.ts';
import { exitCodes, type Io } from '../io.ts';
import { printJson, printLine, printTable } from '../output.ts';
import { type CommonOptions, withControl } from '../session.ts';
import { afterStart, follow } from './run.ts';

interface ListOptions extends CommonOptions {
  readonly status?: RunStatus;
  readonly limit: number;
}

type WaitOptions = CommonOptions & { readonly wait?: boolean };

/** A whole number above zero, as an option's value. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Not a whole number above zero.');
  return value;
}

export function addRuns(program: Command, io: Io, done: (code: number) => void): void {
  program
    .command('status')
    .description('show the state of a run, task by task')
    .argument('<workflowId>', 'such as nightlyRetail/2002-12-31')
    .option('--wait', 'show the progress until the run has ended; exit with 3 if it failed')
    .action(async (workflowId: string, options: WaitOptions) => {
      done(await status(io, workflowId, options));
    });
  program
    .command('runs')
    .description('list runs, newest first')
    .argument('[dag]')
    .addOption(new Option('--status <status>', 'only these').choices(['running', 'success', 'failed', 'cancelled']))
    .option('--limit <n>', 'at most so many', positive, 20)
    .action(async (dag: string | undefined, options: ListOptions) => {
      await list(io, dag, options);
      done(exitCodes.success);
    });
  program
    .command('retry')
    .description('run what failed in a run, and what comes after it; what succeeded stays')
    .argument('<workflowId>')
    .option('--wait', 'show the progress until the run has ended; exit with 3 if it failed')
    .action(async (workflowId: string, options: WaitOptions) => {
      const retry = async () =>
        await withControl(io, options, async (control) =>
          afterStart(io, control, await control.retryRun(workflowId), options),
        );
      done(await retry());
    });
  program
    .command('cancel')
    .description('stop a run; its running tasks are cancelled')
    .argument('<workflowId>')
    .action(async (workflowId: string, options: CommonOptions) => {
      await withControl(io, options, (control) => control.cancelRun(workflowId));
      if (options.json) printJson(io, { workflowId, cancelling: true });
      else printLine(io, `Cancelling ${workflowId}.`);
      done(exitCodes.success);
    });
}

async function status(
  io: Io,
  workflowId: string,
  { wait = false, json = false, ...common }: WaitOptions,
): Promise<number> {
  return await withControl(io, common, async (control) => {
    if (wait) return await follow(io, control, workflowId, json);
    const view = await control.getRun(workflowId);
    if (json) {
      printJson(io, view);
      return exitCodes.success;
    }
    const { isTTY = false, columns = 120 } = io.stdout;
    const color = isTTY && !io.variables.NO_COLOR;
    for (const line of renderProgress(view, undefined, { layout: 'table', width: columns, color })) printLine(io, line);
    if (view.status !== 'running') for (const line of renderSummary(view, { color })) printLine(io, line);
    if (view.source === 'history') printLine(io, 'No worker answers; this is what the history says.');
    return exitCodes.success;
  });
}

async function list(io: Io, dag: string | undefined, { status: wanted, limit, json = false, ...common }: ListOptions) {
  const found = await withControl(io, common, async (control) => {
    const options = {
      limit,
      ...(dag === undefined ? {} : { dag }),
      ...(wanted === undefined ? {} : { status: wanted }),
    };
    const all: RunSummary[] = [];
    for await (const each of control.listRuns(options)) all.push(each);
    return all;
  });
  if (json) printJson(io, found);
  else if (found.length === 0) printLine(io, 'No runs.');
  else printTable(io, ['run', 'status', 'interval', 'started', 'took', 'by', ''], found.map(runCells));
}

function runCells(run: RunSummary): string[] {
  const took =
    run.endedAt === undefined
      ? Date.now() - Date.parse(run.startedAt)
      : Date.parse(run.endedAt) - Date.parse(run.startedAt);
  const failed = run.failed === undefined || run.failed.length === 0 ? '' : `failed: ${run.failed.join(', ')}`;
  return [
    run.workflowId,
    run.status,
    run.interval === undefined ? '' : `${shortInstant(run.interval.start)} .. ${shortInstant(run.interval.end)}`,
    `${run.startedAt.slice(0, 19)}Z`,
    formatDuration(took),
    run.startedBy,
    run.reason ?? failed,
  ];
}

/** `2002-12-31T05:00Z`. */
function shortInstant(text: string): string {
  return text.replace(/:00(\.000)?Z$/, 'Z');
}
