import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A new name in a scratch directory; it carries the process id, so that {@link sweepScratch} knows whose it is. */
export function scratchFile(directory: string, extension: string): string {
  return join(directory, `${process.pid}-${randomUUID()}.${extension}`);
}

/** Removes what processes that are gone have left in a scratch directory. */
export async function sweepScratch(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const owner = /^(\d+)-[0-9a-f-]{36}\./.exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner)))
      await rm(join(directory, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
