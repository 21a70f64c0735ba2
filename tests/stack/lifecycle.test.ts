import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import type { Endpoints } from '../../stack/endpoints.ts';
import { freePort, loopback, type PortConflict } from '../../stack/ports.ts';
import { identify } from '../../stack/processes/identity.ts';
import { removeHome } from '../../stack/remove-home.ts';

interface Started {
  readonly launcher: ChildProcess;
  /** What it prints after its first line, which is the rest of this. */
  readonly nextLine: () => Promise<string>;
  readonly endpoints: Endpoints;
  readonly services: readonly { readonly name: string; readonly pid: number }[];
  readonly conflicts: readonly PortConflict[];
  readonly reported: readonly string[];
}

const launcherFile = join(dirname(fileURLToPath(import.meta.url)), 'launcher.mjs');
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'millrace-lifecycle-'));
});

afterEach(async () => {
  await removeHome(home, () => undefined);
});

async function start(env: Readonly<Record<string, string>> = {}): Promise<Started> {
  const launcher = spawn(process.execPath, [launcherFile, home], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  });
  let errors = '';
  launcher.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const lines = createInterface({ input: launcher.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`The launcher ended: ${errors}`);
    return value;
  };
  return { launcher, nextLine, ...(JSON.parse(await nextLine()) as Omit<Started, 'launcher' | 'nextLine'>) };
}

async function end({ launcher }: Started, signal: NodeJS.Signals): Promise<void> {
  const ended = once(launcher, 'exit');
  launcher.kill(signal);
  await ended;
}

function alive({ services }: Started): readonly string[] {
  return services.filter(({ pid }) => identify(pid) !== undefined).map(({ name }) => name);
}

async function query(endpoints: Endpoints, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ ...endpoints.postgres, database: 'postgres' });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function withS3<T>({ s3 }: Endpoints, use: (client: S3Client) => Promise<T>): Promise<T> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}

async function withTemporal<T>({ temporal }: Endpoints, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: temporal.address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

async function fill(endpoints: Endpoints): Promise<void> {
  await query(endpoints, 'create table kept as select 42 as answer');
  await withS3(endpoints, async (s3) => {
    await s3.send(new CreateBucketCommand({ Bucket: 'kept' }));
    await s3.send(new PutObjectCommand({ Bucket: 'kept', Key: 'folder/object', Body: 'still here' }));
  });
  await withTemporal(endpoints, (client) =>
    client.workflow.start('waits', { workflowId: 'kept', taskQueue: 'nobody-polls', args: [] }),
  );
}

async function expectFilled(endpoints: Endpoints): Promise<void> {
  expect(await query(endpoints, 'select answer from kept')).toEqual([{ answer: 42 }]);
  const body = await withS3(endpoints, async (s3) => {
    const object = await s3.send(new GetObjectCommand({ Bucket: 'kept', Key: 'folder/object' }));
    return object.Body?.transformToString();
  });
  expect(body).toBe('still here');
  const workflow = await withTemporal(endpoints, (client) => client.workflow.getHandle('kept').describe());
  expect(workflow.status.name).toBe('RUNNING');
}

describe('the embedded stack', () => {
  it('keeps data, ports and credentials from one start to the next, and leaves no process behind on Ctrl-C', async () => {
    const first = await start();
    expect(alive(first)).toEqual(['temporal', 's3', 'postgres']);
    const published = readFileSync(join(home, 'endpoints.json'), 'utf8');
    expect(JSON.parse(published)).toMatchObject({ temporal: first.endpoints.temporal });
    for (const secret of [first.endpoints.s3.secretAccessKey, first.endpoints.postgres.password]) {
      expect(published).not.toContain(secret);
    }
    expect(statSync(join(home, 'credentials.json')).mode & 0o777).toBe(0o600);
    await fill(first.endpoints);
    await end(first, 'SIGINT');
    expect(alive(first)).toEqual([]);
    expect(readdirSync(join(home, 'pids'))).toEqual([]);
    expect(existsSync(join(home, 'endpoints.json'))).toBe(false);

    const second = await start();
    expect(second.endpoints).toEqual(first.endpoints);
    await expectFilled(second.endpoints);
    await end(second, 'SIGINT');
  });

  it('stops what a launcher that was killed left running, and loses nothing', async () => {
    const first = await start();
    await fill(first.endpoints);
    await end(first, 'SIGKILL');
    expect(alive(first)).toEqual(['temporal', 's3', 'postgres']);

    const second = await start();
    expect(alive(first)).toEqual([]);
    expect(alive(second)).toEqual(['temporal', 's3', 'postgres']);
    expect(second.endpoints).toEqual(first.endpoints);
    expect(second.reported.filter((line) => line.includes('left behind'))).toHaveLength(3);
    await expectFilled(second.endpoints);
    await end(second, 'SIGINT');
  });

  it('leaves a process alone that merely got the id of one of its own', async () => {
    const other = spawn('sleep', ['600']);
    try {
      await once(other, 'spawn');
      const pid = other.pid ?? 0;
      const startTime = identify(pid)?.startTime;
      const first = await start();
      await end(first, 'SIGINT');
      const claim = { pid, startTime, command: 'temporal server start-dev', stopSignal: 'SIGTERM' };
      writeFileSync(join(home, 'pids', 'temporal.json'), JSON.stringify(claim));
      const second = await start();
      expect(second.reported.filter((line) => line.includes('left behind'))).toEqual([]);
      expect(identify(pid)).toBeDefined();
      await end(second, 'SIGINT');
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('refuses a second launcher for the same home and names the first', async () => {
    const first = await start();
    await expect(start()).rejects.toThrow(`runs already, started by process ${first.launcher.pid}`);
    await expect(start()).rejects.toThrow('MR5106');
    expect(alive(first)).toEqual(['temporal', 's3', 'postgres']);
    await end(first, 'SIGINT');
  });

  it('reports who holds a port that it used before, and takes another', async () => {
    const held = await freePort();
    const blocker = createServer().listen(held, loopback);
    await once(blocker, 'listening');
    try {
      writeFileSync(join(home, 'stack.json'), JSON.stringify({ ports: { s3: held } }));
      const started = await start();
      expect(started.conflicts).toMatchObject([{ service: 's3', wanted: held, owner: { pid: process.pid } }]);
      expect(started.endpoints.s3.endpoint).not.toContain(`:${held}`);
      await end(started, 'SIGINT');
    } finally {
      blocker.close();
    }
  });

  const itOnLinux = process.platform === 'linux' ? it : it.skip;
  itOnLinux('binds nothing but loopback', async () => {
    const started = await start();
    const addresses = listeningAddresses(started.services.map(({ pid }) => pid));
    const loopbackInHex = '0100007F';
    expect(addresses.length).toBeGreaterThanOrEqual(4); // gRPC, web page, S3, Postgres
    expect(new Set(addresses)).toEqual(new Set([loopbackInHex]));
    await end(started, 'SIGINT');
  });

  it('runs on the Postgres that came with npm', async () => {
    const started = await start({ MILLRACE_POSTGRES: 'embedded' });
    const [row] = await query(started.endpoints, "select version(), current_setting('wal_level') as wal");
    expect(row).toMatchObject({ version: expect.stringContaining('PostgreSQL 18'), wal: 'logical' });
    await query(started.endpoints, "select pg_create_logical_replication_slot('s', 'pgoutput')");
    await end(started, 'SIGINT');
    // Data of version 18 is not opened by another version that is found first.
    const again = await start();
    const [after] = await query(again.endpoints, 'select version()');
    expect(after).toMatchObject({ version: expect.stringContaining('PostgreSQL 18') });
    await end(again, 'SIGINT');
  });

  it('tells when a service ends although nobody stopped it', async () => {
    const started = await start();
    const s3 = started.services.find(({ name }) => name === 's3');
    process.kill(s3?.pid ?? 0, 'SIGKILL');
    expect(JSON.parse(await started.nextLine())).toEqual({ broken: 's3' });
    await end(started, 'SIGINT');
    expect(alive(started)).toEqual([]);
  });
});

/** Addresses, as the kernel writes them, that the processes listen on. */
function listeningAddresses(pids: readonly number[]): readonly string[] {
  const sockets = new Set(pids.flatMap(socketsOf));
  const listening = '0A';
  return ['/proc/net/tcp', '/proc/net/tcp6']
    .flatMap((table) => readFileSync(table, 'utf8').split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === listening && sockets.has(`socket:[${fields[9]}]`))
    .map((fields) => fields[1]?.split(':')[0] ?? '');
}

function socketsOf(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((fd) => {
    try {
      return [readlinkSync(join(folder, fd))];
    } catch {
      return []; // closed meanwhile
    }
  });
}
