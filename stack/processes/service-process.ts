import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stackError } from '../errors.ts';
import type { Home } from '../home.ts';
import { until } from '../probe.ts';
import { identify } from './identity.ts';
import { removePidFile, writePidFile } from './pid-file.ts';
import { endProcess, signalGroup } from './signals.ts';

export interface ServiceCommand {
  /** Names the log and the pid file. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the launcher's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
}

/**
 * A long-running child in a process group of its own, so that a Ctrl-C in the terminal reaches only the launcher, which
 * then stops its services in order. Its output goes to `logs/<name>.log`.
 */
export class ServiceProcess {
  readonly #home: Home;
  readonly #command: ServiceCommand;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #logStart: number;
  #how: string | undefined;
  #stopping: Promise<void> | undefined;

  constructor(home: Home, command: ServiceCommand) {
    this.#home = home;
    this.#command = command;
    const log = openSync(this.logFile, 'a');
    try {
      this.#logStart = readFileSync(this.logFile).length;
      this.#child = spawn(command.command, command.args, {
        cwd: command.cwd ?? home.root,
        env: { ...process.env, ...command.env },
        detached: true,
        stdio: ['ignore', log, log],
        ...(command.account ?? {}),
      });
    } finally {
      closeSync(log);
    }
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#how = error.message;
        resolve();
      });
      this.#child.once('exit', (code, signal) => {
        this.#how = signal === null ? `exit code ${code}` : `signal ${signal}`;
        resolve();
      });
    });
    if (this.#child.pid !== undefined) writePidFile(home, command.name, this.#child.pid, command.stopSignal);
    process.once('exit', this.#onLauncherExit);
  }

  get name(): string {
    return this.#command.name;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get logFile(): string {
    return join(this.#home.logs, `${this.#command.name}.log`);
  }

  /** Settles when the process has ended, for whatever reason. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  get running(): boolean {
    return this.#how === undefined;
  }

  /**
   * Waits until the probe gives true.
   * @throws MR5104 when the process ends before, MR5105 when it takes longer than `timeoutMs`; both quote its log.
   */
  async ready(probe: () => Promise<boolean>, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    await until(
      async () => {
        if (!this.running) return 'ended' as const;
        return (await probe()) ? ('ready' as const) : undefined;
      },
      { timeoutMs, signal },
      (cause) => this.#failure('MR5105', `was not ready after ${timeoutMs / 1000} s`, cause),
    ).then((outcome) => {
      if (outcome === 'ended') throw this.#failure('MR5104', `ended before it was ready (${this.#how})`);
    });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** The end of what this process wrote to its log, not what earlier ones wrote. */
  logTail(lines = 10): string {
    const text = readFileSync(this.logFile).subarray(this.#logStart).toString('utf8').trimEnd();
    return text.split('\n').slice(-lines).join('\n');
  }

  async #stop(): Promise<void> {
    const identity = this.pid === undefined ? undefined : identify(this.pid);
    if (this.running && identity !== undefined) await endProcess(identity, this.#command.stopSignal);
    await this.#ended;
    process.removeListener('exit', this.#onLauncherExit);
    removePidFile(this.#home, this.#command.name);
  }

  readonly #onLauncherExit = (): void => {
    if (this.running && this.pid !== undefined) signalGroup(this.pid, this.#command.stopSignal);
  };

  #failure(code: 'MR5104' | 'MR5105', what: string, cause?: unknown) {
    const tail = this.logTail();
    return stackError({
      code,
      message: `${this.#command.name} ${what}.${tail === '' ? '' : `\n${tail}\n`}`,
      subject: this.#command.name,
      hint: `Its log is ${this.logFile}.`,
      facts: { log: this.logFile, tail },
      cause,
    });
  }
}
