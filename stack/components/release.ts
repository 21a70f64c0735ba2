import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { execa } from 'execa';

export interface Release {
  /** Address of a .tar.gz that holds the program. */
  readonly archive: string;
  /** Address of a file with lines `<sha256>  <archive's file name>`. */
  readonly checksums: string;
}

const connectTimeoutMs = 5_000;
const downloadTimeoutMs = 10 * 60_000;

/**
 * Downloads a program from its vendor's release, checks it against the published checksum and unpacks it into a folder.
 * Undefined when the host cannot be reached, has no such release, or what came does not have its checksum: then the
 * caller has another way.
 */
export async function unpackRelease(release: Release, program: string, folder: string): Promise<string | undefined> {
  const temporary = mkdtempSync(join(folder, '.download-'));
  try {
    const name = basename(new URL(release.archive).pathname);
    const checksums = await (await get(release.checksums)).text();
    const wanted = checksums.split('\n').find((line) => line.trim().endsWith(` ${name}`) || line.endsWith(`*${name}`));
    if (wanted === undefined) return undefined;
    const archive = join(temporary, name);
    const { body } = await get(release.archive);
    if (body === null) return undefined;
    await pipeline(Readable.fromWeb(body as ReadableStream), createWriteStream(archive));
    if ((await sha256(archive)) !== wanted.trim().split(/\s+/)[0]?.toLowerCase()) return undefined;
    await execa('tar', ['-xzf', archive, '-C', temporary]);
    const { stdout } = await execa('find', [temporary, '-type', 'f', '-name', program]);
    const unpacked = stdout.split('\n')[0];
    if (unpacked === undefined || unpacked === '') return undefined;
    const target = join(folder, program);
    await execa('mv', ['-f', unpacked, target]);
    await execa('chmod', ['755', target]);
    return target;
  } catch {
    return undefined;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

async function get(address: string): Promise<Response> {
  const controller = new AbortController();
  const connecting = setTimeout(() => controller.abort(), connectTimeoutMs);
  setTimeout(() => controller.abort(), downloadTimeoutMs).unref();
  try {
    const response = await fetch(address, { signal: controller.signal });
    if (!response.ok) throw new Error(`${address}: ${response.status}`);
    return response;
  } finally {
    clearTimeout(connecting);
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
