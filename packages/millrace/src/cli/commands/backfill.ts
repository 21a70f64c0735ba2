import type { Command } from 'commander';
import { Interrupted, interruptible } from '../interrupt.ts';
import { exitCodes, type Io } from '../io.ts';
import { printJson, printLine } from '../output.ts';
import { type CommonOptions, findDag, withControl } from '../session.ts';
import { parseParamsText } from './run.ts';
import { positive } from './runs.ts';

interface BackfillCommandOptions extends CommonOptions {
  readonly from: string;
  readonly to: string;
  readonly params?: string;
  readonly parallel: number;
  readonly again?: boolean;
  readonly keepGoing?: boolean;
}

export function addBackfill(program: Command, io: Io, done: (code: number) => void): void {
  program
    .command('backfill')
    .description('run every day of a range, each as a run of its own; days that succeeded are skipped')
    .argument('<dag>')
    .requiredOption('--from <day>', 'first day, YYYY-MM-DD')
    .requiredOption('--to <day>', 'the day after the last')
    .option('--params <json>', 'parameters of every run')
    .option('--parallel <n>', 'days that run at once', positive, 1)
    .option('--again', 'run days that succeeded too')
    .option('--keep-going', 'go on after a day that failed')
    .action(async (id: string, options: BackfillCommandOptions) => {
      done(await backfill(io, id, options));
    });
}

async function backfill(io: Io, id: string, options: BackfillCommandOptions): Promise<number> {
  const { from, to, parallel, again = false, keepGoing = false, json = false } = options;
  const params = parseParamsText(options.params);
  try {
    return await interruptible((signal) =>
      withControl(io, options, async (control, { project }) => {
        const dag = findDag(project, id);
        await dag.parseParams(params ?? null);
        let failed = false;
        const days = control.backfill(dag.id, {
          from,
          to,
          parallel,
          again,
          keepGoing,
          signal,
          ...(params === undefined ? {} : { params }),
        });
        for await (const day of days) {
          failed ||= day.outcome === 'failed' || day.outcome === 'cancelled';
          if (json) printJson(io, day);
          else printLine(io, `${day.date}  ${day.outcome}  ${day.workflowId}`);
        }
        return failed ? exitCodes.runFailed : exitCodes.success;
      }),
    );
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    io.stderr.write('Stopped. Runs that are going go on; the same command continues where it was.\n');
    return exitCodes.interrupted;
  }
}
