import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { stackError } from './errors.ts';

/** The folders and files of one stack's state; `.millrace` in a clone. */
export interface Home {
  readonly root: string;
  readonly logs: string;
  readonly pids: string;
  readonly s3: string;
  readonly s3Sidecar: string;
  readonly temporalDb: string;
  /** Addresses of the running stack, without secrets; there only while it runs. */
  readonly endpointsFile: string;
  readonly stateFile: string;
  readonly credentialsFile: string;
  readonly launcherFile: string;
}

export function openHome(path: string): Home {
  const root = resolve(path);
  const home: Home = {
    root,
    logs: join(root, 'logs'),
    pids: join(root, 'pids'),
    s3: join(root, 's3'),
    s3Sidecar: join(root, 's3-metadata'),
    temporalDb: join(root, 'temporal', 'temporal.db'),
    endpointsFile: join(root, 'endpoints.json'),
    stateFile: join(root, 'stack.json'),
    credentialsFile: join(root, 'credentials.json'),
    launcherFile: join(root, 'launcher.pid'),
  };
  for (const folder of [home.logs, home.pids, home.s3, join(root, 'temporal')]) mkdirSync(folder, { recursive: true });
  return home;
}

const state = z.object({
  ports: z
    .object({ temporal: z.number(), temporalUi: z.number(), s3: z.number(), postgres: z.number() })
    .partial()
    .default({}),
  /** The file system has no extended attributes: object metadata is kept beside the objects. */
  s3Sidecar: z.boolean().optional(),
  /** Where the cluster's data is. Outside the home when the account that runs Postgres cannot reach the home. */
  postgresData: z.string().optional(),
  /** Where the cluster's binaries are; data of one major version cannot be opened by another. */
  postgresBin: z.string().optional(),
  python: z.string().optional(),
  duckdbExtensions: z.string().optional(),
});

/** What is remembered from one start to the next; no secrets. */
export type StackState = z.infer<typeof state>;

export function readState(home: Home): StackState {
  return readJson(home.stateFile, state) ?? { ports: {} };
}

export function writeState(home: Home, value: StackState): void {
  writeJson(home.stateFile, value, 0o644);
}

/** Undefined when there is no such file; MR5109 when it does not hold what it should. */
export function readJson<T>(path: string, schema: z.ZodType<T>): T | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw stackError({
      code: 'MR5109',
      message: `${path} is damaged.`,
      subject: path,
      hint: 'Remove the file, or all local state with `npm run clean`, and start again.',
      cause,
    });
  }
}

export function writeJson(path: string, value: unknown, mode: number): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode });
  renameSync(temporary, path);
}
