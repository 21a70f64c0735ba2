import type { Command } from 'commander';
import type { Control } from '../../control/control.ts';
import { followRun } from '../../control/follow.ts';
import type { RunTarget } from '../../control/run-id.ts';
import type { StartedRun } from '../../control/start.ts';
import { MillraceError } from '../../dag/errors.ts';
import type { Json } from '../../dag/json.ts';
import { Interrupted, interruptible } from '../interrupt.ts';
import { exitCodes, type Io } from '../io.ts';
import { printJson, printLine } from '../output.ts';
import { type CommonOptions, findDag, withControl } from '../session.ts';

export interface RunOptions extends CommonOptions {
  readonly date?: string;
  readonly from?: string;
  readonly to?: string;
  readonly params?: string;
  readonly wait?: boolean;
  readonly attach?: boolean;
}

export function addRun(program: Command, io: Io, done: (code: number) => void): void {
  program
    .command('run')
    .description('start a run of a DAG for a day or a range of days')
    .argument('<dag>')
    .option('--date <day>', 'the day, YYYY-MM-DD, in the time zone of the schedule')
    .option('--from <day>', 'first day of a range that is one run')
    .option('--to <day>', 'the day after the last')
    .option('--params <json>', 'parameters of the run')
    .option('--wait', 'show the progress until the run has ended; exit with 3 if it failed')
    .option('--attach', 'if this interval is running already, follow that run')
    .action(async (id: string, options: RunOptions) => {
      done(await run(io, id, options));
    });
}

async function run(io: Io, id: string, options: RunOptions): Promise<number> {
  return await withControl(io, options, async (control, { project }) => {
    const dag = findDag(project, id);
    const params = parseParamsText(options.params);
    await dag.parseParams(params ?? null);
    const input = { ...targetOf(options), ...(params === undefined ? {} : { params }) };
    const started = await control.startRun(dag.id, input, { ifRunning: options.attach ? 'attach' : 'fail' });
    return await afterStart(io, control, started, options);
  });
}

/** Says what was started, or follows it with `--wait`. */
export async function afterStart(
  io: Io,
  control: Control,
  started: StartedRun,
  { wait = false, json = false }: { readonly wait?: boolean; readonly json?: boolean },
): Promise<number> {
  if (wait) return await follow(io, control, started.workflowId, json);
  if (json) printJson(io, started);
  else printLine(io, `${started.attached ? 'Running already' : 'Started'}: ${started.workflowId} (${started.runId})`);
  return exitCodes.success;
}

/** Shows a run's progress until its end; with `json` on the error stream, and the final state on the other. */
export async function follow(io: Io, control: Control, workflowId: string, json: boolean): Promise<number> {
  const stream = json ? io.stderr : io.stdout;
  try {
    const final = await interruptible((signal) => followRun(control, workflowId, stream, { signal }));
    if (json) printJson(io, final);
    return final.status === 'success' ? exitCodes.success : exitCodes.runFailed;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    io.stderr.write(`The run goes on. See it with: millrace status ${workflowId}\n`);
    return exitCodes.interrupted;
  }
}

function targetOf({ date, from, to }: RunOptions): RunTarget {
  if (from === undefined && to === undefined) return date === undefined ? {} : { date };
  if (date !== undefined || from === undefined || to === undefined) {
    throw new MillraceError({
      code: 'MR2602',
      message: 'The interval is not clear: give --date, or --from and --to.',
      hint: '--to is the day after the last: --from 1998-01-01 --to 1998-02-01 is January.',
      retryable: false,
    });
  }
  return { interval: { start: from, end: to } };
}

/** The value of `--params`. Throws MR2603. */
export function parseParamsText(text: string | undefined): Json | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new MillraceError({
      code: 'MR2603',
      message: `The value of --params is not JSON: ${(error as Error).message}.`,
      subject: '--params',
      hint: `Quote it for the shell: --params '{"mode":"replay"}'.`,
      retryable: false,
      cause: error,
    });
  }
}
