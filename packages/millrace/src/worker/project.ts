import { access, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Dag } from '../dag/dag.ts';
import { isMillraceError, MillraceError } from '../dag/errors.ts';
import type { Services } from '../dag/services.ts';
import { type Environment, type EnvironmentSchema, environmentSchema, validateEnvironment } from './environment.ts';
import type { Secrets, Variables } from './secrets.ts';

/** What a worker makes once for all its tasks, and how it ends it. */
export interface RunningServices {
  readonly services: Services;
  /** Called once, after the last task ended. */
  close(): Promise<void>;
}

export interface ProjectOptions<E extends Environment> {
  /**
   * The environments by name. A function is called with the process's variables when its environment is chosen, for values
   * such as a port that is only known then.
   */
  readonly environments: Readonly<Record<string, E | ((variables: Variables) => E)>>;
  /** Checks an environment, the project's own settings included. Default: the settings that every project has. */
  readonly schema?: EnvironmentSchema<E>;
  readonly dags: readonly Dag[];
  /** Makes what tasks find in their context. */
  readonly services?: (environment: E, secrets: Secrets) => Promise<RunningServices>;
}

const brand = '__millraceProject';

/** A project as the worker and the CLI see it. */
export interface Project {
  readonly [brand]: true;
  readonly dags: readonly Dag[];
  readonly environmentNames: readonly string[];
  /** The checked settings of an environment. Throws MR5002 if there is none of that name, MR5001 if a setting is wrong. */
  environment(name: string, variables?: Variables): Environment;
  /** Makes the services of an environment that {@link Project.environment} gave. */
  services(environment: Environment, secrets: Secrets): Promise<RunningServices>;
}

/** Declares a project: the default export of the module that `millrace.project` in package.json names. */
export function defineProject<E extends Environment>(options: ProjectOptions<E>): Project {
  const schema = options.schema ?? (environmentSchema.loose() as unknown as EnvironmentSchema<E>);
  const environmentNames = Object.keys(options.environments);
  const checked = new WeakMap<Environment, E>();
  return {
    [brand]: true,
    dags: options.dags,
    environmentNames,
    environment(name, variables = process.env) {
      const entry = Object.hasOwn(options.environments, name) ? options.environments[name] : undefined;
      if (entry === undefined) throw unknownEnvironment(name, environmentNames);
      const environment = validateEnvironment(name, typeof entry === 'function' ? entry(variables) : entry, schema);
      checked.set(environment, environment);
      return environment;
    },
    async services(environment, secrets) {
      const own = checked.get(environment);
      if (own === undefined) throw new TypeError('The environment was not made by this project.');
      return (await options.services?.(own, secrets)) ?? { services: {}, close: async () => undefined };
    },
  };
}

function unknownEnvironment(name: string, known: readonly string[]): MillraceError {
  return new MillraceError({
    code: 'MR5002',
    message: `There is no environment "${name}".`,
    subject: name,
    hint: `The project has ${known.join(', ') || 'none'}. Choose with --env or MILLRACE_ENV.`,
    facts: { environment: name, known },
    retryable: false,
  });
}

/** A project and where it was found. */
export interface LoadedProject {
  readonly project: Project;
  /** The folder of the package.json that names the project. */
  readonly root: string;
  readonly file: string;
}

/**
 * Loads the project of `cwd` or of the nearest folder above it: the module that `millrace.project` in package.json names.
 *
 * Throws MR5005 if no package.json names one, MR5006 if the module is not there (not built?), MR5007 if it fails while it
 * loads, MR5008 if its default export is not a project. A coded error of a DAG in it passes through as it is.
 */
export async function loadProject(cwd: string = process.cwd()): Promise<LoadedProject> {
  const { root, file } = await findProject(resolve(cwd));
  await checkBuilt(file);
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(file).href)) as { default?: unknown };
  } catch (error) {
    throw loadFailure(file, error);
  }
  if (!isProject(module.default)) {
    throw new MillraceError({
      code: 'MR5008',
      message: `The default export of ${file} is not a project.`,
      subject: file,
      hint: 'Write `export default defineProject({ ... })` with defineProject from millrace/worker.',
      retryable: false,
    });
  }
  return { project: module.default, root, file };
}

async function checkBuilt(file: string): Promise<void> {
  try {
    await access(file);
  } catch (error) {
    throw new MillraceError({
      code: 'MR5006',
      message: `The project file ${file} is not there.`,
      subject: file,
      hint: 'Build the project first (npm run build), or correct millrace.project in package.json.',
      cause: error,
      retryable: false,
    });
  }
}

function isProject(value: unknown): value is Project {
  return typeof value === 'object' && value !== null && (value as Record<string, unknown>)[brand] === true;
}

async function findProject(start: string): Promise<{ root: string; file: string }> {
  for (let folder = start; ; folder = dirname(folder)) {
    const named = await projectOf(join(folder, 'package.json'));
    if (named !== undefined) return { root: folder, file: resolve(folder, named) };
    if (folder === dirname(folder)) break;
  }
  throw new MillraceError({
    code: 'MR5005',
    message: `No package.json in ${start} or above it names a millrace project.`,
    subject: start,
    hint: 'Add "millrace": { "project": "./dist/millrace.config.js" } to package.json, or change to the project\'s folder.',
    retryable: false,
  });
}

async function projectOf(manifest: string): Promise<string | undefined> {
  try {
    const parsed = JSON.parse(await readFile(manifest, 'utf8')) as { millrace?: { project?: unknown } };
    return typeof parsed.millrace?.project === 'string' ? parsed.millrace.project : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new MillraceError({
      code: 'MR5005',
      message: `${manifest} cannot be read.`,
      subject: manifest,
      hint: 'Mend the file; it must be JSON.',
      cause: error,
      retryable: false,
    });
  }
}

function loadFailure(file: string, error: unknown): unknown {
  if (isMillraceError(error)) return error;
  return new MillraceError({
    code: 'MR5007',
    message: `The project file ${file} failed while it was loaded: ${error instanceof Error ? error.message : String(error)}`,
    subject: file,
    hint: 'Set MILLRACE_DEBUG=1 to see the cause with its stack.',
    cause: error,
    retryable: false,
  });
}
