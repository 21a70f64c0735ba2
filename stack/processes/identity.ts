import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What tells one process from a later one with the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; differs when the id was given to another process. */
  readonly startTime: string;
  readonly command: string;
}

/** The running process with this id; undefined when there is none, or only what is left of one that ended. */
export function identify(pid: number): ProcessIdentity | undefined {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

export function isRunning(known: { readonly pid: number; readonly startTime: string }): boolean {
  return identify(known.pid)?.startTime === known.startTime;
}

function fromProc(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in brackets and may itself hold brackets and blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTime] = [fields[0], fields[19]];
    if (startTime === undefined || state === 'Z' || state === 'X') return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { pid, startTime, command };
  } catch {
    return undefined;
  }
}

function fromPs(pid: number): ProcessIdentity | undefined {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=,command=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    }).trim();
    const match = /^(\S+)\s+(\S+\s+\S+\s+\d+\s+[\d:]+\s+\d{4})\s+(.*)$/.exec(line);
    if (match?.[1] === undefined || match[1].startsWith('Z')) return undefined;
    return { pid, startTime: match[2] ?? '', command: match[3] ?? '' };
  } catch {
    return undefined;
  }
}
