import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isRunning, type ProcessIdentity } from './identity.ts';

let counter = 0;

/**
 * Takes a lock file that names its holder. Gives the holder's identity instead when a living process has it; a lock
 * whose holder is gone is taken over.
 */
export function tryLock(path: string): { readonly release: () => void } | { readonly holder: ProcessIdentity } {
  mkdirSync(dirname(path), { recursive: true });
  const self = identify(process.pid) ?? { pid: process.pid, startTime: '', command: process.title };
  const draft = `${path}.${process.pid}.${counter++}`;
  writeFileSync(draft, JSON.stringify(self));
  try {
    for (;;) {
      try {
        linkSync(draft, path); // creates the lock with its content in one step
        return { release: () => rmSync(path, { force: true }) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = readHolder(path);
      if (holder !== undefined && isRunning(holder)) return { holder };
      discard(path, `${draft}.stale`);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Runs an action while holding the lock; waits for a living holder, as long as it takes. */
export async function withLock<T>(
  path: string,
  action: () => Promise<T>,
  onWait?: (holder: ProcessIdentity) => void,
): Promise<T> {
  for (let waited = false; ; waited = true) {
    const lock = tryLock(path);
    if ('release' in lock) {
      try {
        return await action();
      } finally {
        lock.release();
      }
    }
    if (!waited) onWait?.(lock.holder);
    await sleep(200);
  }
}

function readHolder(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

/** Moves a stale lock away first, so that of two processes only one removes it. */
function discard(path: string, aside: string): void {
  try {
    renameSync(path, aside);
    const moved = readHolder(aside);
    // Somebody took the stale lock over between our look and our move: give it back.
    if (moved !== undefined && isRunning(moved)) linkSync(aside, path);
    unlinkSync(aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
