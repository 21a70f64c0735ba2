import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execa } from 'execa';
import { freePort, loopback } from '../ports.ts';
import { unpackRelease } from './release.ts';

describe("a vendor's release", () => {
  let folder: string;
  let server: Server;
  let base: string;
  let checksums: string;
  let archive: Buffer;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-release-'));
    const wrapped = join(folder, 'source', 'tool_1.0');
    mkdirSync(wrapped, { recursive: true });
    writeFileSync(join(wrapped, 'tool'), '#!/bin/sh\necho works\n');
    await execa('tar', ['-czf', join(folder, 'tool.tar.gz'), '-C', join(folder, 'source'), 'tool_1.0']);
    archive = readFileSync(join(folder, 'tool.tar.gz'));
    checksums = `${'0'.repeat(64)}  other.tar.gz\n${createHash('sha256').update(archive).digest('hex')}  tool.tar.gz\n`;
    server = createServer((request, response) => {
      if (request.url === '/tool.tar.gz') response.end(archive);
      else if (request.url === '/checksums.txt') response.end(checksums);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, loopback, resolve));
    base = `http://${loopback}:${(server.address() as AddressInfo).port}`;
    mkdirSync(join(folder, 'bin'));
  });

  afterEach(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const unpack = (address: string, name = 'tool.tar.gz') =>
    unpackRelease(
      { archive: `${address}/${name}`, checksums: `${address}/checksums.txt` },
      'tool',
      join(folder, 'bin'),
    );

  it('is unpacked and can be run when its checksum is right', async () => {
    const program = await unpack(base);
    expect(program).toBe(join(folder, 'bin', 'tool'));
    expect((await execa(program ?? '')).stdout).toBe('works');
    expect(readdirSync(join(folder, 'bin'))).toEqual(['tool']);
  });

  it('is not used when it is not what was published', async () => {
    archive = Buffer.concat([archive, Buffer.from([0])]);
    expect(await unpack(base)).toBeUndefined();
    expect(readdirSync(join(folder, 'bin'))).toEqual([]);
  });

  it('is passed over when there is none for this machine, or nobody answers', async () => {
    expect(await unpack(base, 'absent.tar.gz')).toBeUndefined();
    expect(await unpack(`http://${loopback}:${await freePort()}`)).toBeUndefined();
    expect(readdirSync(join(folder, 'bin'))).toEqual([]);
  });
});
