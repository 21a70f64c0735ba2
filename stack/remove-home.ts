import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Report } from './components/cache.ts';
import { openHome, readState } from './home.ts';
import { tryLock } from './processes/lock.ts';
import { stopLeftovers } from './processes/pid-file.ts';
import { endProcess } from './processes/signals.ts';

/** Stops the stack of a home, its launcher included, and removes the home with everything that belongs to it. */
export async function removeHome(path: string, report: Report): Promise<void> {
  if (!existsSync(path)) return;
  const home = openHome(path);
  const lock = tryLock(home.launcherFile);
  if ('holder' in lock) {
    report(`stopping process ${lock.holder.pid} (${lock.holder.command})`);
    // It stops its services one by one.
    await endProcess(lock.holder, 'SIGTERM', 60_000);
  }
  for (const { name, pid } of await stopLeftovers(home)) report(`stopped ${name} (process ${pid})`);
  const { postgresData } = readState(home);
  const dataFolder = postgresData === undefined ? undefined : dirname(dirname(postgresData));
  if (dataFolder !== undefined && dataFolder !== home.root && /\/millrace-[0-9a-f]{12}$/.test(dataFolder)) {
    rmSync(dataFolder, { recursive: true, force: true });
    report(`removed ${dataFolder}`);
  }
  rmSync(home.root, { recursive: true, force: true });
  report(`removed ${home.root}`);
}
