import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import pg from 'pg';
import { type Account, asAccount, canReach, databaseAccount } from '../components/account.ts';
import { type PostgresBinaries, providePostgres } from '../components/postgres.ts';
import type { Credentials } from '../credentials.ts';
import { stackError } from '../errors.ts';
import type { Home } from '../home.ts';
import { loopback } from '../ports.ts';
import { ServiceProcess } from '../processes/service-process.ts';

/** A cluster that can be started: who runs it, with what, on which data. */
export interface PostgresCluster {
  readonly account: Account | undefined;
  readonly binaries: PostgresBinaries;
  readonly data: string;
}

/**
 * Finds the binaries and a place for the data that the account which runs Postgres can reach. That place is in the home,
 * unless we are root and the home is closed to others (a clone below /root): then it is below /var/tmp, which, unlike
 * /tmp, survives a restart of the machine.
 * @throws MR5101, MR5107.
 */
export async function locateCluster(home: Home, knownData: string | undefined): Promise<PostgresCluster> {
  const account = await databaseAccount();
  const data =
    knownData !== undefined && existsSync(join(knownData, 'PG_VERSION')) ? knownData : await placeData(home, account);
  const binaries = await providePostgres({ account, major: majorOf(data), reachableFolder: () => outside(home) });
  return { account, binaries, data };
}

/** Makes the cluster if there is none yet. Safe against a launcher that is killed while it does. */
export async function ensureCluster(
  { account, binaries, data }: PostgresCluster,
  credentials: Credentials,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  if (majorOf(data) !== undefined) return;
  const fresh = `${data}.new`;
  const passwordFile = `${data}.password`;
  rmSync(fresh, { recursive: true, force: true });
  try {
    writeFileSync(passwordFile, credentials.postgres.password, { mode: 0o600 });
    give(account, passwordFile);
    const { failed, all, cause } = await execa(
      binaries.initdb,
      [
        `--pgdata=${fresh}`,
        `--username=${credentials.postgres.user}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--no-instructions',
        ...(settings.fsync === 'off' ? ['--no-sync'] : []),
      ],
      { reject: false, all: true, cwd: '/', ...asAccount(account) },
    );
    if (failed) {
      throw stackError({
        code: 'MR5104',
        message: `initdb could not make the Postgres cluster: ${all.trim().split('\n').slice(-5).join('\n')}`,
        subject: fresh,
        hint: 'Mend what initdb complains of and start again.',
        facts: { initdb: binaries.initdb, output: all.slice(-4000) },
        cause,
      });
    }
    renameSync(fresh, data);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

export function startPostgres(
  home: Home,
  { account, binaries, data }: PostgresCluster,
  port: number,
  settings: Readonly<Record<string, string>>,
): ServiceProcess {
  const all = {
    listen_addresses: loopback,
    port: String(port),
    unix_socket_directories: '',
    wal_level: 'logical',
    max_replication_slots: '40',
    max_wal_senders: '40',
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...settings,
  };
  return new ServiceProcess(home, {
    name: 'postgres',
    command: binaries.postgres,
    args: ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    cwd: '/',
    account,
    stopSignal: 'SIGINT', // "fast": SIGTERM would wait until every client has gone
  });
}

export async function postgresAnswers(port: number, credentials: Credentials): Promise<boolean> {
  const client = new pg.Client({
    host: loopback,
    port,
    ...credentials.postgres,
    database: 'postgres',
    connectionTimeoutMillis: 2_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function majorOf(data: string): number | undefined {
  const file = join(data, 'PG_VERSION');
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : undefined;
}

async function placeData(home: Home, account: Account | undefined): Promise<string> {
  const inside = join(home.root, 'postgres');
  mkdirSync(inside, { recursive: true, mode: 0o700 });
  give(account, inside);
  if (await canReach(account, inside, '-w')) return join(inside, 'data');
  rmSync(inside, { recursive: true });
  const beside = join(outside(home), 'postgres');
  mkdirSync(beside, { recursive: true, mode: 0o700 });
  give(account, beside);
  return join(beside, 'data');
}

/** A folder of root's outside the home that every account can enter. */
export function outside(home: Home): string {
  const key = createHash('sha256').update(home.root).digest('hex').slice(0, 12);
  const folder = join(existsSync('/var/tmp') ? '/var/tmp' : tmpdir(), `millrace-${key}`);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw stackError({
      code: 'MR5109',
      message: `${folder} is not a folder of this user.`,
      subject: folder,
      hint: `Remove it, or the account that runs Postgres must be able to reach ${dirname(home.root)}.`,
    });
  }
  chmodSync(folder, 0o711);
  return folder;
}

function give(account: Account | undefined, path: string): void {
  if (account !== undefined) chownSync(path, account.uid, account.gid);
}
