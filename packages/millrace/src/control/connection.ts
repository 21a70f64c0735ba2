import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { MillraceError } from '../dag/errors.ts';
import { isNotFound, serverError } from './errors.ts';

export interface ControlOptions {
  /** `host:port`. */
  readonly address: string;
  readonly namespace: string;
  /** Where runs are started; workers of the same task queue execute them. */
  readonly taskQueue: string;
  readonly tls?: NonNullable<ConnectionOptions['tls']>;
  readonly apiKey?: string;
  /** How long to wait for the server, milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** How long a worker may take to answer about a run before the history is read instead, milliseconds. Default 5,000. */
  readonly queryTimeoutMs?: number;
}

/** What the functions of this folder share. */
export interface Connected {
  readonly client: Client;
  readonly connection: Connection;
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly queryTimeoutMs: number;
}

/** Connects and looks the namespace up. Throws MR2501 if the server does not answer, MR2511 if it lacks the namespace. */
export async function connect(options: ControlOptions): Promise<Connected> {
  const { address, namespace, taskQueue, tls, apiKey, connectTimeoutMs = 10_000, queryTimeoutMs = 5_000 } = options;
  let connection: Connection;
  try {
    connection = await Connection.connect({
      address,
      connectTimeout: connectTimeoutMs,
      ...(tls === undefined ? {} : { tls }),
      ...(apiKey === undefined ? {} : { apiKey }),
    });
  } catch (error) {
    throw serverError(error, address);
  }
  try {
    await connection.workflowService.describeNamespace({ namespace });
  } catch (error) {
    await connection.close();
    if (!isNotFound(error)) throw serverError(error, address);
    throw new MillraceError({
      code: 'MR2511',
      message: `The Temporal server at ${address} has no namespace ${namespace}.`,
      subject: namespace,
      hint: `Create it (temporal operator namespace create --namespace ${namespace}), or correct temporal.namespace of the environment.`,
      facts: { address, namespace },
      retryable: false,
      cause: error,
    });
  }
  return {
    client: new Client({ connection, namespace }),
    connection,
    address,
    namespace,
    taskQueue,
    queryTimeoutMs,
  };
}
