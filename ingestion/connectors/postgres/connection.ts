import { isMillraceError, type Progress } from 'millrace';
import pg, { type ClientConfig } from 'pg';
import { postgresError, sqlState } from './postgres-errors.ts';
import type { PostgresDatabase } from './postgres-source.ts';

/** So that a value is the same text whoever reads it, in a snapshot and in a change. */
const settings = {
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  client_encoding: 'UTF8',
  // What is read here runs as long as it takes; the task's own timeout ends it.
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
} as const;

/** A client option that starts a replication connection; pg passes it on, its types do not know it. */
export type ConnectionOptions = ClientConfig & { readonly replication?: 'database' };

/**
 * Runs `work` on a connection of its own, which is closed afterwards, and at once when the attempt is aborted. While it
 * waits for the server the attempt counts as alive. Throws MR3201 if the database cannot be reached or goes away.
 */
export async function withClient<T>(
  database: PostgresDatabase,
  progress: Progress,
  work: (client: pg.Client) => Promise<T>,
  options: Pick<ConnectionOptions, 'replication'> = {},
): Promise<T> {
  const { signal } = progress;
  signal.throwIfAborted();
  const client = new pg.Client(clientConfig(database, options));
  let broken: Error | undefined;
  client.on('error', (error) => {
    broken = error;
  });
  const abort = () => void client.end().catch(() => undefined);
  const beat = setInterval(() => progress.heartbeat(), 1_000);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    signal.throwIfAborted();
    throw explain(database, error, broken);
  } finally {
    clearInterval(beat);
    signal.removeEventListener('abort', abort);
    await client.end().catch(() => undefined);
  }
}

function clientConfig(database: PostgresDatabase, options: Pick<ConnectionOptions, 'replication'>): ConnectionOptions {
  const startup = Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`);
  return {
    connectionTimeoutMillis: 15_000,
    keepAlive: true,
    application_name: 'millrace',
    ...database.connection,
    options: [database.connection.options, ...startup].filter((text) => text !== undefined).join(' '),
    ...options,
  };
}

/** A failure of the connection, as against one of a statement, becomes MR3201. */
function explain(database: PostgresDatabase, error: unknown, broken: Error | undefined): unknown {
  if (isMillraceError(error)) return error;
  const state = sqlState(error);
  const code = (error as NodeJS.ErrnoException).code ?? '';
  // 08: connection, 28: authorization, 3D: no such database, 53: out of connections, 57P: server going down.
  const lost =
    broken !== undefined || /^(08|28|3D|53|57P)/.test(state ?? '') || /^E[A-Z]+$/.test(code) || isTimeout(error);
  if (!lost) return error;
  const { host = 'localhost', port = 5432, database: name = '' } = database.connection;
  return postgresError('connection', {
    subject: database.name,
    message: `The database of source ${database.name} (${name} at ${host}:${port}) cannot be reached: ${text(broken ?? error)}.`,
    hint: 'Check that it is up, and the address, user and password of the environment.',
    facts: { host, port, database: name, state: state ?? null },
    cause: error,
  });
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && /timeout expired|Connection terminated/.test(error.message);
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
