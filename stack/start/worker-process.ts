import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stackError } from '../errors.ts';
import type { Home } from '../home.ts';
import { ServiceProcess } from '../processes/service-process.ts';
import { projectRoot } from '../project-root.ts';

export interface WorkerOptions {
  readonly home: Home;
  readonly environment: string;
  /** Addresses and secrets of the embedded stack. */
  readonly variables: Readonly<Record<string, string>>;
  readonly report: (line: string) => void;
}

/** A worker that lived so long counts as having worked: its end is no sign of a wrong setting. */
const stableMs = 30_000;
const maxQuickEnds = 5;
const maxBackoffMs = 15_000;

/** The worker of `npm start`, started again whenever it ends. */
export class WorkerProcess {
  readonly #options: WorkerOptions;
  readonly #stopping = new AbortController();
  readonly #supervision: Promise<void>;
  #process: ServiceProcess;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#process = this.#spawn();
    this.#supervision = this.#supervise();
    this.#supervision.catch(() => undefined); // whoever awaits `failed` is told
  }

  get logFile(): string {
    return this.#process.logFile;
  }

  /** Rejects with MR5113 when the worker ends again and again right after its start. Never resolves. */
  get failed(): Promise<never> {
    return this.#supervision.then(() => new Promise<never>(() => undefined));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#process.stop();
    await this.#supervision.catch(() => undefined);
  }

  async #supervise(): Promise<void> {
    let quickEnds = 0;
    for (;;) {
      const startedAt = Date.now();
      await this.#process.ended;
      if (this.#stopping.signal.aborted) return;
      await this.#process.stop(); // forgets its pid
      quickEnds = Date.now() - startedAt < stableMs ? quickEnds + 1 : 1;
      if (quickEnds >= maxQuickEnds) throw this.#keepsEnding();
      const backoffMs = Math.min(maxBackoffMs, 500 * 2 ** (quickEnds - 1));
      this.#options.report(`the worker ended; it is started again in ${backoffMs / 1000} s (log: ${this.logFile})`);
      try {
        await sleep(backoffMs, undefined, { signal: this.#stopping.signal });
      } catch {
        return;
      }
      this.#process = this.#spawn();
    }
  }

  #spawn(): ServiceProcess {
    const { home, environment, variables } = this.#options;
    const root = projectRoot();
    return new ServiceProcess(home, {
      name: 'worker',
      command: process.execPath,
      args: [join(root, 'packages', 'millrace', 'bin', 'millrace.js'), 'worker', '--env', environment],
      env: variables,
      cwd: root,
      stopSignal: 'SIGTERM',
    });
  }

  #keepsEnding() {
    const tail = this.#process.logTail();
    return stackError({
      code: 'MR5113',
      message: `The worker ended ${maxQuickEnds} times right after its start.\n${tail}\n`,
      subject: 'worker',
      hint: `Its log is ${this.logFile}.`,
      facts: { log: this.logFile, tail },
    });
  }
}
