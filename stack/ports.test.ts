import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { choosePort, describeConflict, freePort, isFree, loopback } from './ports.ts';

describe('choosing ports', () => {
  const blocker: Server = createServer();
  let held = 0;

  beforeAll(async () => {
    held = await freePort();
    await new Promise<void>((resolve) => blocker.listen(held, loopback, resolve));
  });

  afterAll(() => {
    blocker.close();
  });

  it('takes the preferred port when it is free', async () => {
    const preferred = await freePort();
    const { port, conflict } = await choosePort({ service: 's3', preferred: [preferred] }, new Set());
    expect(port).toBe(preferred);
    expect(conflict).toBeUndefined();
  });

  it('names the process that holds the preferred port and chooses another one', async () => {
    const { port, conflict } = await choosePort({ service: 's3', preferred: [held] }, new Set());
    expect(port).not.toBe(held);
    expect(await isFree(port)).toBe(true);
    expect(conflict).toMatchObject({ service: 's3', wanted: held, chosen: port, owner: { pid: process.pid } });
    if (conflict === undefined) throw new Error('no conflict');
    expect(describeConflict(conflict)).toBe(
      `Port ${held} is in use by ${conflict.owner?.name} (process ${process.pid}); s3 uses ${port} instead.`,
    );
  });

  it('never gives the same port to two services', async () => {
    const preferred = await freePort();
    const { port, conflict } = await choosePort({ service: 's3', preferred: [preferred] }, new Set([preferred]));
    expect(port).not.toBe(preferred);
    expect(conflict).toBeUndefined();
  });
});
