import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Whether the S3 server still gets the request that trips the wire. */
export type Moment = 'before' | 'after';

export interface Tripwire {
  readonly endpoint: string;
  /** Calls `act` once, at the next PUT of a key that matches; its sender gets no answer. */
  set(key: RegExp, moment: Moment, act: () => void): void;
  /** True if the wire that was set has been tripped. */
  readonly tripped: boolean;
  close(): Promise<void>;
}

/** A way to the S3 server that lets a test strike at an exact request. Everything else passes unchanged. */
export async function tripwire(endpoint: string): Promise<Tripwire> {
  const { hostname, port } = new URL(endpoint);
  let wire: { readonly key: RegExp; readonly moment: Moment; readonly act: () => void } | undefined;
  const server = createServer((incoming, answer) => {
    const path = decodeURIComponent(incoming.url ?? '').split('?')[0] ?? '';
    const hit = incoming.method === 'PUT' && wire?.key.test(path) === true ? wire : undefined;
    if (hit !== undefined) wire = undefined;
    if (hit?.moment === 'before') {
      hit.act();
      incoming.socket.destroy();
      return;
    }
    const forwarded = send(
      { hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers },
      (reply) => {
        if (hit !== undefined) {
          hit.act();
          reply.resume();
          incoming.socket.destroy();
          return;
        }
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(answer);
      },
    );
    forwarded.on('error', () => answer.destroy());
    incoming.on('error', () => forwarded.destroy());
    incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set: (key, moment, act) => {
      wire = { key, moment, act };
    },
    get tripped() {
      return wire === undefined;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
