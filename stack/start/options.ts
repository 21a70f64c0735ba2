import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { stackError } from '../errors.ts';
import { projectRoot } from '../project-root.ts';

/** What `npm start -- …` was asked for. */
export interface StartOptions {
  readonly help: boolean;
  /** End after the runs instead of staying up. */
  readonly once: boolean;
  /** TPC-DS scale factor; undefined: that of the data there is, else 0.01. */
  readonly scale: number | undefined;
  /** Nights after the history. */
  readonly nights: number;
  /** Run the last night once more. */
  readonly again: boolean;
  readonly env: string;
  /** Folder of all local state. */
  readonly home: string;
}

export const usage = `npm start -- [options]

  --once          end after the runs; exit code 1 if one failed
  --scale <n>     scale of the generated sources, 0.01 (default) to 1; fixed once there is data
  --nights <n>    nights to run after the history, one by one (default 3)
  --again         run the last night once more, to see that no row changes
  --env <name>    environment of the worker (default dev)
  --home <folder> folder of all local state (default .millrace)
  --help          this text

A second start takes up where the first ended: runs that succeeded are not repeated.`;

/** @throws MR5112 for an option that is unknown or has a wrong value. */
export function parseOptions(args: readonly string[]): StartOptions {
  const values = parse(args);
  return {
    help: values.help ?? false,
    once: values.once ?? false,
    again: values.again ?? false,
    env: values.env ?? 'dev',
    home: resolve(projectRoot(), values.home ?? '.millrace'),
    scale:
      values.scale === undefined
        ? undefined
        : numberOf('scale', values.scale, (value) => value >= 0.01 && value <= 1, 'from 0.01 to 1'),
    nights: numberOf('nights', values.nights ?? '3', (value) => Number.isInteger(value) && value >= 0, 'of 0 or more'),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean' },
        once: { type: 'boolean' },
        again: { type: 'boolean' },
        scale: { type: 'string' },
        nights: { type: 'string' },
        env: { type: 'string' },
        home: { type: 'string' },
      },
    }).values;
  } catch (cause) {
    throw wrong(args.join(' '), cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function numberOf(name: string, text: string, valid: (value: number) => boolean, wanted: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && valid(value)) return value;
  throw wrong(`--${name}`, `--${name} wants a number ${wanted}, not "${text}".`);
}

function wrong(subject: string, message: string, cause?: unknown) {
  return stackError({ code: 'MR5112', message, subject, hint: 'See `npm start -- --help`.', cause });
}
