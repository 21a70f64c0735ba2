import { rmSync } from 'node:fs';
import type { Report } from './components/cache.ts';
import { type Components, provideComponents } from './components/provide.ts';
import { type Credentials, ensureCredentials } from './credentials.ts';
import type { Endpoints } from './endpoints.ts';
import { stackError } from './errors.ts';
import { type Home, openHome, readState, type StackState, writeJson, writeState } from './home.ts';
import { choosePort, loopback, type PortConflict } from './ports.ts';
import { tryLock } from './processes/lock.ts';
import { stopLeftovers } from './processes/pid-file.ts';
import type { ServiceProcess } from './processes/service-process.ts';
import { ensureCluster, locateCluster, postgresAnswers, startPostgres } from './services/postgres-server.ts';
import { s3Answers, s3Region, startS3 } from './services/s3-server.ts';
import { startTemporal, temporalAnswers } from './services/temporal-server.ts';

export interface StackOptions {
  /** Folder of everything that the stack keeps; `.millrace` in a clone. */
  readonly home: string;
  /** `usual` tries the ports that people know (7233, 8233, 7070, 5432) first; `free` takes any. Default `usual`. */
  readonly ports?: 'usual' | 'free';
  /** Postgres settings beside those that the stack needs. */
  readonly postgresSettings?: Readonly<Record<string, string>>;
  /** Told what takes time and what was unexpected. */
  readonly report?: Report;
  readonly signal?: AbortSignal;
}

export interface Stack {
  readonly endpoints: Endpoints;
  readonly conflicts: readonly PortConflict[];
  readonly services: readonly { readonly name: string; readonly pid: number | undefined; readonly log: string }[];
  /** Settles with a service's name when one ends although nobody stopped it. */
  readonly broken: Promise<string>;
  /** Stops every service: Postgres, S3, Temporal. Can be called again. */
  stop(): Promise<void>;
}

const readyTimeoutMs = 60_000;

/**
 * Brings the embedded stack up on loopback and waits until every part answers. State is kept in the home: a later start
 * finds the same data, ports and credentials. What a launcher that was killed left running is stopped first.
 * @throws MR5101 to MR5107, MR5109; nothing is left running then.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const report = options.report ?? (() => undefined);
  const home = openHome(options.home);
  const lock = tryLock(home.launcherFile);
  if ('holder' in lock) {
    throw stackError({
      code: 'MR5106',
      message: `The stack of ${home.root} runs already, started by process ${lock.holder.pid} (${lock.holder.command}).`,
      subject: home.root,
      hint: 'Use that one, or stop it first.',
      facts: { pid: lock.holder.pid, command: lock.holder.command },
    });
  }
  const started: ServiceProcess[] = [];
  const stop = async () => {
    rmSync(home.endpointsFile, { force: true });
    for (const service of inStopOrder(started)) await service.stop();
    lock.release();
  };
  try {
    const components = await provideComponents(report);
    for (const { name, pid } of await stopLeftovers(home)) {
      report(`stopped ${name} (process ${pid}), left behind by a launcher that was killed`);
    }
    return await new Launch(home, options, components, started).run(stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

const usualPorts = { temporal: [7233], temporalUi: [8233], s3: [7070], postgres: [5432, 5433] };
type Service = keyof typeof usualPorts;

class Launch {
  readonly #home: Home;
  readonly #options: StackOptions;
  readonly #components: Components;
  readonly #started: ServiceProcess[];
  readonly #credentials: Credentials;
  readonly #taken = new Set<number>();
  readonly #conflicts: PortConflict[] = [];
  #choosing: Promise<number> = Promise.resolve(0);
  #state: StackState;

  constructor(home: Home, options: StackOptions, components: Components, started: ServiceProcess[]) {
    this.#home = home;
    this.#options = options;
    this.#components = components;
    this.#started = started;
    this.#credentials = ensureCredentials(home);
    this.#state = readState(home);
  }

  async run(stop: () => Promise<void>): Promise<Stack> {
    const { python, duckdbExtensions } = this.#components;
    const services = await allOrFirstError([this.#temporal(), this.#s3(), this.#postgres()]);
    const named = ['temporal', 's3', 'postgres'].map((name, index) => ({ name, process: services[index] }));
    this.#remember({ python, duckdbExtensions });
    const endpoints = toEndpoints(this.#state, this.#credentials);
    writeJson(this.#home.endpointsFile, withoutSecrets(endpoints), 0o644);
    let stopping = false;
    return {
      endpoints,
      conflicts: this.#conflicts,
      services: named.map(({ name, process }) => ({ name, pid: process?.pid, log: process?.logFile ?? '' })),
      broken: new Promise((resolve) => {
        for (const { name, process } of named) void process?.ended.then(() => stopping || resolve(name));
      }),
      stop: () => {
        stopping = true;
        return stop();
      },
    };
  }

  #temporal(): Promise<ServiceProcess> {
    return this.#retryOnPortRace(async () => {
      const port = await this.#port('temporal');
      const uiPort = await this.#port('temporalUi');
      const service = startTemporal(this.#home, this.#components.temporal, port, uiPort);
      return this.#ready(service, () => temporalAnswers(port));
    });
  }

  async #s3(): Promise<ServiceProcess> {
    const start = (sidecar: boolean) =>
      this.#retryOnPortRace(async () => {
        const port = await this.#port('s3');
        const service = startS3(this.#home, this.#components.versitygw, port, this.#credentials, sidecar);
        return this.#ready(service, () => s3Answers(port, this.#credentials));
      });
    if (this.#state.s3Sidecar === true) return start(true);
    try {
      return await start(false);
    } catch (error) {
      if (!/xattr|extended attribute/i.test(String(error))) throw error;
      this.#remember({ s3Sidecar: true });
      return start(true);
    }
  }

  async #postgres(): Promise<ServiceProcess> {
    const cluster = await locateCluster(this.#home, this.#state.postgresData);
    const settings = this.#options.postgresSettings ?? {};
    await ensureCluster(cluster, this.#credentials, settings);
    this.#remember({ postgresData: cluster.data, postgresBin: cluster.binaries.postgres });
    // A postmaster that was killed leaves its lock file; Postgres itself tells whether it is stale.
    return this.#retryOnPortRace(async () => {
      const port = await this.#port('postgres');
      const service = startPostgres(this.#home, cluster, port, settings);
      return this.#ready(service, () => postgresAnswers(port, this.#credentials));
    });
  }

  async #ready(service: ServiceProcess, probe: () => Promise<boolean>): Promise<ServiceProcess> {
    this.#started.push(service);
    try {
      await service.ready(probe, readyTimeoutMs, this.#options.signal);
      return service;
    } catch (error) {
      await service.stop();
      throw error;
    }
  }

  /** Between looking for a free port and listening on it somebody else may take it. */
  async #retryOnPortRace(start: () => Promise<ServiceProcess>): Promise<ServiceProcess> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await start();
      } catch (error) {
        if (attempt === 3 || !/address already in use|could not bind/i.test(String(error))) throw error;
      }
    }
  }

  /** One after the other: services start side by side, and each must see what the others took. */
  #port(service: Service): Promise<number> {
    this.#choosing = this.#choosing.then(() => this.#choosePort(service));
    return this.#choosing;
  }

  async #choosePort(service: Service): Promise<number> {
    const remembered = this.#state.ports[service];
    const usual = this.#options.ports === 'free' ? [] : usualPorts[service];
    const preferred = remembered === undefined ? usual : [remembered, ...usual];
    const { port, conflict } = await choosePort({ service, preferred }, this.#taken);
    this.#taken.add(port);
    if (conflict !== undefined) this.#conflicts.push(conflict);
    this.#remember({ ports: { ...this.#state.ports, [service]: port } });
    return port;
  }

  #remember(change: Partial<StackState>): void {
    this.#state = { ...this.#state, ...change };
    writeState(this.#home, this.#state);
  }
}

function toEndpoints(state: StackState, credentials: Credentials): Endpoints {
  const { temporal = 0, temporalUi = 0, s3 = 0, postgres = 0 } = state.ports;
  return {
    temporal: { address: `${loopback}:${temporal}`, uiUrl: `http://${loopback}:${temporalUi}` },
    s3: { endpoint: `http://${loopback}:${s3}`, region: s3Region, ...credentials.s3 },
    postgres: { host: loopback, port: postgres, ...credentials.postgres },
    python: state.python ?? '',
    duckdbExtensions: state.duckdbExtensions ?? '',
  };
}

/** For whoever wants to find the running stack: the command line, a notebook. */
function withoutSecrets({ temporal, s3, postgres, python, duckdbExtensions }: Endpoints) {
  return {
    temporal,
    s3: { endpoint: s3.endpoint, region: s3.region },
    postgres: { host: postgres.host, port: postgres.port, user: postgres.user },
    python,
    duckdbExtensions,
  };
}

/** They start side by side; what holds connections to others ends first. */
function inStopOrder(services: readonly ServiceProcess[]): readonly ServiceProcess[] {
  const order = ['postgres', 's3', 'temporal'];
  return [...services].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}

/** Waits for all even when one fails, so that nothing is still being started when the caller cleans up. */
async function allOrFirstError<T>(promises: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
