import { Command, CommanderError } from 'commander';
import { addBackfill } from './commands/backfill.ts';
import { addPlan } from './commands/plan.ts';
import { addRun } from './commands/run.ts';
import { addRuns } from './commands/runs.ts';
import { addSchedule } from './commands/schedule.ts';
import { addWorker } from './commands/worker.ts';
import { exitCodes, type Io, processIo } from './io.ts';
import { printError } from './output.ts';

/** The `millrace` command with its arguments, without the program's own name. Gives the exit code; never throws. */
export async function main(args: readonly string[], io: Io = processIo()): Promise<number> {
  let code: number = exitCodes.success;
  const program = createProgram(io, (given) => {
    code = given;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.success : exitCodes.usage;
    printError(io, error, args.includes('--json'));
    return exitCodes.error;
  }
}

/** The commands and their options; `done` is told the exit code. */
export function createProgram(io: Io, done: (code: number) => void): Command {
  const program = new Command('millrace').description('Run, schedule and follow the DAGs of a project.');
  for (const add of [addWorker, addRun, addRuns, addSchedule, addBackfill, addPlan]) add(program, io, done);
  forAll(program, (command) => {
    command.exitOverride().showHelpAfterError('(--help shows what is possible)');
    command.configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) });
    if (command.commands.length > 0) return;
    command.option('--env <name>', 'environment of the project (default: MILLRACE_ENV, else dev)');
    command.option('--json', 'results as JSON');
  });
  return program;
}

function forAll(command: Command, change: (command: Command) => void): void {
  change(command);
  for (const each of command.commands) forAll(each, change);
}
