import { readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { type Home, readJson, writeJson } from '../home.ts';
import { identify, isRunning } from './identity.ts';
import { endProcess } from './signals.ts';

const schema = z.object({
  pid: z.number().int().positive(),
  startTime: z.string(),
  command: z.string(),
  /** Postgres ends cleanly on SIGINT, the others on SIGTERM. */
  stopSignal: z.enum(['SIGTERM', 'SIGINT']),
});

type PidFile = z.infer<typeof schema>;

/** Notes down a child so that the next start can find it when this launcher is killed. */
export function writePidFile(home: Home, name: string, pid: number, stopSignal: PidFile['stopSignal']): void {
  const identity = identify(pid);
  if (identity === undefined) return; // ended already; whoever waits for it will say why
  const content: PidFile = { ...identity, stopSignal };
  writeJson(join(home.pids, `${name}.json`), content, 0o644);
}

export function removePidFile(home: Home, name: string): void {
  rmSync(join(home.pids, `${name}.json`), { force: true });
}

export interface StoppedProcess {
  readonly name: string;
  readonly pid: number;
}

/**
 * Stops what a launcher that was killed left running. A process is ours only if its id, start time and command are those
 * that were noted down; an id that was given to another process since is left alone.
 */
export async function stopLeftovers(home: Home): Promise<readonly StoppedProcess[]> {
  const stopped: StoppedProcess[] = [];
  for (const file of readdirSync(home.pids).filter((entry) => entry.endsWith('.json'))) {
    const path = join(home.pids, file);
    const known = readJson(path, schema);
    if (known !== undefined && isRunning(known) && identify(known.pid)?.command === known.command) {
      await endProcess(known, known.stopSignal);
      stopped.push({ name: basename(file, '.json'), pid: known.pid });
    }
    rmSync(path, { force: true });
  }
  return stopped;
}
