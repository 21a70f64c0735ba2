import { createServer } from 'node:net';
import { portOwner } from './port-owner.ts';

export const loopback = '127.0.0.1';

export interface PortWish {
  /** What the port is for, for messages. */
  readonly service: string;
  /** Ports in the order of preference; none of them free: any free port. */
  readonly preferred: readonly number[];
}

export interface PortConflict {
  readonly service: string;
  readonly wanted: number;
  readonly chosen: number;
  /** The process that holds the wanted port, if it could be found out. */
  readonly owner: { readonly pid: number; readonly name: string } | undefined;
}

/** Picks a free loopback port, and tells who holds the first choice when that one is taken. */
export async function choosePort(
  wish: PortWish,
  taken: ReadonlySet<number>,
): Promise<{ readonly port: number; readonly conflict: PortConflict | undefined }> {
  let port: number | undefined;
  for (const candidate of wish.preferred) {
    if (!taken.has(candidate) && (await isFree(candidate))) {
      port = candidate;
      break;
    }
  }
  while (port === undefined) {
    const candidate = await freePort();
    if (!taken.has(candidate)) port = candidate;
  }
  const wanted = wish.preferred[0];
  if (wanted === undefined || wanted === port || taken.has(wanted)) return { port, conflict: undefined };
  return { port, conflict: { service: wish.service, wanted, chosen: port, owner: await portOwner(wanted) } };
}

export function describeConflict({ service, wanted, chosen, owner }: PortConflict): string {
  const holder = owner === undefined ? 'another process' : `${owner.name} (process ${owner.pid})`;
  return `Port ${wanted} is in use by ${holder}; ${service} uses ${chosen} instead.`;
}

/** A loopback port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, loopback, () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('The operating system gave no port.'));
      });
    });
  });
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, loopback, () => server.close(() => resolve(true)));
  });
}
