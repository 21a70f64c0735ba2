import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMillraceError, type Json, MillraceError, type Progress } from 'millrace';
import { JsonProcess } from 'millrace/process';
import { BuildWatch } from './build-watch.ts';
import { buildFailure } from './failure.ts';
import type {
  DbtBuildRequest,
  DbtBuildSummary,
  DbtCompiled,
  DbtDocs,
  DbtFailure,
  DbtNode,
  DbtOptions,
  DbtSelection,
} from './types.ts';

const server = fileURLToPath(new URL('../python/dbt_server.py', import.meta.url));
const heartbeatMs = 1_000;

/**
 * dbt in one resident process, which keeps the parsed project, so that a build starts at once and a failed node is run
 * again by itself in a fraction of a second. The warehouse is let go of after every call: a DuckDB file can be opened by
 * another process between two of them. One call runs at a time; others wait.
 *
 * Every method throws MR4001 (the project does not parse), MR4002 (project or profile unusable), MR4003 (selection),
 * MR4005 (no dbt in this Python), MR2901 and MR2902 (the process did not start, or died; the next call starts it again).
 */
export class DbtService {
  readonly #options: DbtOptions;
  readonly #process: JsonProcess;

  constructor(options: DbtOptions) {
    this.#options = options;
    const projectDir = resolve(options.projectDir);
    const targetPath = options.targetPath === undefined ? join(projectDir, 'target') : resolve(options.targetPath);
    const settings = {
      projectDir,
      profilesDir: options.profilesDir === undefined ? projectDir : resolve(options.profilesDir),
      targetPath,
      logPath: join(targetPath, 'logs'),
      logLevel: options.logLevel ?? 'info',
      ...(options.target === undefined ? {} : { target: options.target }),
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      vars: options.vars ?? {},
    };
    this.#process = new JsonProcess({
      name: 'dbt',
      command: options.python,
      args: [server, JSON.stringify(settings)],
      cwd: projectDir,
      env: { PYTHONWARNINGS: 'ignore:resource_tracker', PYTHONUTF8: '1', ...options.env },
      onStderr: (line) => options.log?.info(`dbt: ${line}`),
    });
  }

  /** The process id of the resident dbt, while it runs. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Starts dbt and reads the project, so that the first build need not. */
  async start(): Promise<void> {
    await this.#process.call('parse', {});
  }

  /**
   * Builds the selection: seeds, models, snapshots and tests in dbt's order, each reported to `onItems` with its own
   * state. Resolves when all is well, warnings included. Throws, after everything has been reported, MR4101 (a node
   * failed in the warehouse), MR4102 (a test found rows), MR4103 (a node does not compile), MR4104 (a hook failed),
   * MR4201 (the DuckDB file is locked), MR4202 (warehouse out of reach), MR4301 (cancelled), MR4302 (unexpected).
   */
  async build(request: DbtBuildRequest, progress: Progress): Promise<DbtBuildSummary> {
    const watch = new BuildWatch(request.onItems ?? (() => undefined), progress.log);
    const beat = () => progress.heartbeat({ dbt: watch.progress() });
    const timer = setInterval(beat, heartbeatMs);
    try {
      const answer = await this.#call('build', buildBody(request), progress, (event) => {
        watch.receive(event);
        beat();
      });
      const { failures, ...summary } = answer as unknown as DbtBuildSummary & { failures: readonly DbtFailure[] };
      watch.flush();
      if (failures.length > 0) throw buildFailure(failures, summary.failed);
      return summary;
    } catch (error) {
      if (isMillraceError(error) && error.code === 'MR4301') watch.abandon('cancelled', 'The build was cancelled.');
      else watch.abandon('failed', 'The dbt process ended while this node ran.');
      throw error;
    } finally {
      watch.flush();
      clearInterval(timer);
    }
  }

  /** The nodes that a build of this selection would run, with their upstreams. */
  async nodes(selection: DbtSelection = {}): Promise<readonly DbtNode[]> {
    return (await this.#process.call('list', selectionBody(selection))) as unknown as readonly DbtNode[];
  }

  /** The SQL of each selected node, without running it. Throws MR4103 naming the first that does not compile. */
  async compile(selection: DbtSelection, progress: Progress): Promise<readonly DbtCompiled[]> {
    return (await this.#call('compile', selectionBody(selection), progress)) as unknown as readonly DbtCompiled[];
  }

  /** Writes dbt's documentation into the target path. Throws MR4105. */
  async docs(progress: Progress): Promise<DbtDocs> {
    return (await this.#call('docs', {}, progress)) as unknown as DbtDocs;
  }

  /** Ends the resident process. A later call starts it again. */
  async close(): Promise<void> {
    await this.#process.stop();
  }

  /** A call that can be cancelled; a dbt that does not stop in time is killed, and started again by the next call. */
  async #call(
    op: string,
    body: { readonly [key: string]: Json },
    progress: Progress,
    onEvent: (event: Json) => void = () => undefined,
  ): Promise<Json> {
    const { signal } = progress;
    let killer: NodeJS.Timeout | undefined;
    const abort = () => {
      killer = setTimeout(() => void this.#process.stop(0), this.#options.cancelGraceMs ?? 10_000);
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await this.#process.call(op, body, { signal, onEvent });
    } catch (error) {
      if (!signal.aborted || (isMillraceError(error) && error.code === 'MR4301')) throw error;
      throw new MillraceError({
        code: 'MR4301',
        message: `The dbt ${op} was cancelled.`,
        subject: 'dbt',
        hint: 'Nodes that had finished are not run again by the next attempt.',
        cause: error,
      });
    } finally {
      clearTimeout(killer);
      signal.removeEventListener('abort', abort);
    }
  }
}

function selectionBody({ select, exclude, vars, threads }: DbtSelection): { [key: string]: Json } {
  return {
    select: select ?? [],
    exclude: exclude ?? [],
    ...(vars === undefined ? {} : { vars }),
    ...(threads === undefined ? {} : { threads }),
  };
}

function buildBody(request: DbtBuildRequest): { [key: string]: Json } {
  const { completed = [], nodeRetries = 0, retryDelayMs, lockWaitMs, fullRefresh = false } = request;
  return {
    ...selectionBody(request),
    completed: completed instanceof Map ? [...completed.keys()] : [...(completed as readonly string[])],
    nodeRetries,
    fullRefresh,
    ...(retryDelayMs === undefined ? {} : { retryDelayMs }),
    ...(lockWaitMs === undefined ? {} : { lockWaitMs }),
  };
}
