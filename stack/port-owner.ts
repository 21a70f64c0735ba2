import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { execa } from 'execa';

export interface PortOwner {
  readonly pid: number;
  readonly name: string;
}

/** The process that listens on a TCP port; undefined when there is none or it belongs to somebody else. */
export async function portOwner(port: number): Promise<PortOwner | undefined> {
  return process.platform === 'linux' ? fromProc(port) : await fromLsof(port);
}

function fromProc(port: number): PortOwner | undefined {
  const sockets = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeners(table, port)));
  if (sockets.size === 0) return undefined;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      for (const fd of readdirSync(`/proc/${entry}/fd`)) {
        if (sockets.has(readLink(`/proc/${entry}/fd/${fd}`))) {
          return { pid: Number(entry), name: readFileSync(`/proc/${entry}/comm`, 'utf8').trim() };
        }
      }
    } catch {
      // ended meanwhile, or another user's
    }
  }
  return undefined;
}

/** Links (`socket:[inode]`) of the sockets in state LISTEN on that port. */
function listeners(table: string, port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const listening = '0A';
  try {
    return readFileSync(table, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[1]?.endsWith(`:${hexPort}`) && fields[3] === listening)
      .map((fields) => `socket:[${fields[9]}]`);
  } catch {
    return [];
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

async function fromLsof(port: number): Promise<PortOwner | undefined> {
  const { stdout, failed } = await execa('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'], { reject: false });
  if (failed) return undefined;
  const field = (letter: string) =>
    stdout
      .split('\n')
      .find((line) => line.startsWith(letter))
      ?.slice(1);
  const [pid, name] = [field('p'), field('c')];
  return pid === undefined || name === undefined ? undefined : { pid: Number(pid), name };
}
