import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Control, connectControl, type RunTarget, type RunView } from 'millrace/control';
import { dev, type RetailEnvironment } from '../../environments/index.ts';
import { openSources, type Sources } from '../../ingestion/sources/index.ts';
import { projectRoot } from '../../stack/project-root.ts';
import { createBucket, createDatabase, testStack } from './stack.ts';
import { createNamespace } from './temporal.ts';

export const nightly = 'nightlyRetail';

/** One retail platform of its own on the test stack: bucket, source database, Temporal namespace, warehouse, worker. */
export class Platform {
  readonly home: string;
  readonly environment: RetailEnvironment;
  readonly control: Control;
  readonly sources: Sources;
  readonly #variables: Readonly<Record<string, string>>;
  readonly #log: string[] = [];
  #worker: ChildProcess | undefined;

  private constructor(
    home: string,
    variables: Readonly<Record<string, string>>,
    environment: RetailEnvironment,
    control: Control,
    sources: Sources,
  ) {
    this.home = home;
    this.#variables = variables;
    this.environment = environment;
    this.control = control;
    this.sources = sources;
  }

  /** `generated`: a folder in which the generated source data is kept between platforms. */
  static async open(generated: string): Promise<Platform> {
    const stack = testStack();
    const home = mkdtempSync(join(tmpdir(), 'millrace-platform-'));
    const [bucket, database, namespace] = await Promise.all([
      createBucket('retail'),
      createDatabase('retail'),
      createNamespace('retail'),
    ]);
    const variables = {
      MILLRACE_HOME: home,
      MILLRACE_TEMPORAL_ADDRESS: stack.temporal.address,
      MILLRACE_TEMPORAL_NAMESPACE: namespace,
      MILLRACE_S3_ENDPOINT: stack.s3.endpoint,
      MILLRACE_LAKE_BUCKET: bucket,
      MILLRACE_SOURCE_HOST: database.host,
      MILLRACE_SOURCE_PORT: String(database.port),
      MILLRACE_SOURCE_USER: database.user,
      MILLRACE_SOURCE_DATABASE: database.database,
      MILLRACE_SOURCE_SLOT: database.database,
      MILLRACE_WAREHOUSE_PATH: join(home, 'retail.duckdb'),
      MILLRACE_PYTHON: stack.python,
      MILLRACE_DUCKDB_EXTENSIONS: stack.duckdbExtensions,
      LAKE_ACCESS_KEY_ID: stack.s3.accessKeyId,
      LAKE_SECRET_ACCESS_KEY: stack.s3.secretAccessKey,
      SOURCE_POSTGRES_PASSWORD: database.password,
    };
    const environment = dev(variables);
    const { temporal } = environment;
    const control = await connectControl({ address: temporal.address, namespace, taskQueue: temporal.taskQueue });
    const sources = await openSources({
      endpoints: stack,
      home: generated,
      bucket,
      scale: 0.01,
      database: database.database,
    });
    return new Platform(home, variables, environment, control, sources);
  }

  get secrets(): { readonly accessKeyId: string; readonly secretAccessKey: string } {
    return testStack().s3;
  }

  /** Starts a worker and waits until it polls. */
  async startWorker(): Promise<void> {
    const worker = spawn(
      process.execPath,
      [join(projectRoot(), 'packages', 'millrace', 'bin', 'millrace.js'), 'worker', '--env', 'dev', '--json'],
      {
        env: { PATH: process.env.PATH, HOME: process.env.HOME, ...this.#variables },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#worker = worker;
    const keep = (line: string) => {
      this.#log.push(line);
      if (this.#log.length > 300) this.#log.shift();
    };
    createInterface({ input: worker.stderr }).on('line', keep);
    const ready = new Promise<void>((resolve, reject) => {
      createInterface({ input: worker.stdout }).on('line', (line) => {
        keep(line);
        if (line.includes('"ready":true')) resolve();
      });
      worker.once('exit', (code) => reject(new Error(`The worker ended with ${code}:\n${this.log()}`)));
    });
    await ready;
    worker.removeAllListeners('exit');
  }

  /** SIGKILL: nothing of the worker gets to clean up. */
  async killWorker(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stopWorker(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker === undefined || worker.exitCode !== null || worker.signalCode !== null) return;
    worker.kill(signal);
    await once(worker, 'exit');
  }

  /** The end of what the worker wrote. */
  log(): string {
    return this.#log.slice(-60).join('\n');
  }

  async start(target: RunTarget): Promise<string> {
    return (await this.control.startRun(nightly, target)).workflowId;
  }

  /** Waits for the run's end; throws with what failed unless it succeeded. */
  async finish(workflowId: string): Promise<RunView> {
    const view = await this.control.waitForRun(workflowId);
    if (view.status === 'success') return view;
    const failed = view.nodes.filter((node) => node.state === 'failed');
    throw new Error(
      `${workflowId} ended as ${view.status}: ${JSON.stringify(failed.length > 0 ? failed : view.error, null, 1)}\n${this.log()}`,
    );
  }

  async run(target: RunTarget): Promise<RunView> {
    return this.finish(await this.start(target));
  }

  async close(): Promise<void> {
    await this.stopWorker();
    await this.sources.close();
    await this.control.close();
    rmSync(this.home, { recursive: true, force: true });
  }
}
