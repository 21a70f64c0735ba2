import { readFile } from 'node:fs/promises';
import { type Control, connectControl } from '../control/control.ts';
import type { Dag } from '../dag/dag.ts';
import { MillraceError } from '../dag/errors.ts';
import type { Environment } from '../worker/environment.ts';
import { loadProject, type Project } from '../worker/project.ts';
import { resolveSecrets } from '../worker/secrets.ts';
import type { Io } from './io.ts';

/** Options that every command has. */
export interface CommonOptions {
  readonly env?: string;
  readonly json?: boolean;
}

/** A project with one of its environments chosen. */
export interface Session {
  readonly project: Project;
  readonly root: string;
  readonly environment: Environment;
}

/** The environment of `--env`, else of MILLRACE_ENV, else `dev`. */
export function environmentName(io: Io, options: CommonOptions): string {
  return options.env ?? (io.variables.MILLRACE_ENV || 'dev');
}

export async function openSession(io: Io, options: CommonOptions): Promise<Session> {
  const { project, root } = await loadProject(io.cwd);
  return { project, root, environment: project.environment(environmentName(io, options), io.variables) };
}

/** What a client or a worker of the environment connects with. Throws MR5003 if the API key is missing. */
export async function connectionSettings(io: Io, { name, temporal }: Environment) {
  const { address, namespace, taskQueue, tls, apiKey } = temporal;
  const secrets = apiKey === undefined ? undefined : await resolveSecrets(name, [apiKey], io.variables);
  return {
    address,
    namespace,
    taskQueue,
    ...(tls === undefined ? {} : { tls: typeof tls === 'boolean' ? tls : await readTls(tls) }),
    ...(apiKey === undefined || secrets === undefined ? {} : { apiKey: secrets.get(apiKey) }),
  };
}

type TlsFiles = Exclude<Environment['temporal']['tls'], boolean | undefined>;

async function readTls({ serverName, caFile, certFile, keyFile }: TlsFiles) {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new MillraceError({
      code: 'MR5001',
      message: 'temporal.tls has a certificate without its key, or a key without its certificate.',
      subject: 'temporal.tls',
      hint: 'Set both certFile and keyFile, or neither.',
      retryable: false,
    });
  }
  const [ca, crt, key] = await Promise.all([caFile, certFile, keyFile].map(readTlsFile));
  return {
    ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
    ...(ca === undefined ? {} : { serverRootCACertificate: ca }),
    ...(crt === undefined || key === undefined ? {} : { clientCertPair: { crt, key } }),
  };
}

async function readTlsFile(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (error) {
    throw new MillraceError({
      code: 'MR5001',
      message: `The file ${path} that temporal.tls names cannot be read.`,
      subject: path,
      hint: 'Correct the path in the environment, or the rights of the file.',
      retryable: false,
      cause: error,
    });
  }
}

/** Connects, does `work`, and disconnects. */
export async function withControl<T>(
  io: Io,
  options: CommonOptions,
  work: (control: Control, session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(io, options);
  const control = await connectControl(await connectionSettings(io, session.environment));
  try {
    return await work(control, session);
  } finally {
    await control.close();
  }
}

/** A DAG of the project. Throws MR2601. */
export function findDag(project: Project, id: string): Dag {
  const found = project.dags.find((dag) => dag.id === id);
  if (found !== undefined) return found;
  const known = project.dags.map((dag) => dag.id);
  throw new MillraceError({
    code: 'MR2601',
    message: `The project has no DAG "${id}".`,
    subject: id,
    hint: known.length === 0 ? 'It has none at all: add one to `dags` of the project.' : `It has: ${known.join(', ')}.`,
    facts: { dag: id, known },
    retryable: false,
  });
}
