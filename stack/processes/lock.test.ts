import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { identify } from './identity.ts';
import { tryLock, withLock } from './lock.ts';

describe('a lock file', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-lock-'));
    path = join(folder, 'lock');
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('names the living process that holds it', () => {
    const first = tryLock(path);
    expect(tryLock(path)).toMatchObject({ holder: { pid: process.pid } });
    if ('release' in first) first.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is taken over from a process that was killed', async () => {
    const holder = spawn('sleep', ['600']);
    await once(holder, 'spawn');
    writeFileSync(path, JSON.stringify(identify(holder.pid ?? 0)));
    expect(tryLock(path)).toMatchObject({ holder: { pid: holder.pid } });
    const ended = once(holder, 'exit');
    holder.kill('SIGKILL');
    await ended;
    expect(tryLock(path)).toHaveProperty('release');
  });

  it('is taken over when its content is damaged', () => {
    writeFileSync(path, '{"pid":');
    expect(tryLock(path)).toHaveProperty('release');
  });

  it('lets one action at a time through', async () => {
    let inside = 0;
    let most = 0;
    const action = () =>
      withLock(path, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
      });
    await Promise.all([action(), action(), action()]);
    expect(most).toBe(1);
  });

  it('is released when the action fails', async () => {
    await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(tryLock(path)).toHaveProperty('release');
  });
});
