import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { MillraceError } from '../dag/errors.ts';
import type { Json } from '../dag/json.ts';

/** How to start a resident process that speaks JSON lines. */
export interface JsonProcessOptions {
  /** For messages: `delta writer`, `dbt`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** The whole environment of the child, nothing is inherited but PATH, HOME, TMPDIR and LANG. */
  readonly env: Readonly<Record<string, string>>;
  /** How long the child may take until its `{"ready": true}` line, milliseconds. Default 60,000. */
  readonly readyTimeoutMs?: number;
  /** Every line of the child's standard error. */
  readonly onStderr?: (line: string) => void;
}

export interface JsonCallOptions {
  /** Aborting sends `{"cancel": id}`; the promise settles when the child answers, or at once if it is gone. */
  readonly signal?: AbortSignal;
  /** Lines `{"id": n, "event": ...}` that arrive before the answer. */
  readonly onEvent?: (event: Json) => void;
}

interface Pending {
  readonly resolve: (value: Json) => void;
  readonly reject: (error: Error) => void;
  readonly onEvent: ((event: Json) => void) | undefined;
}

interface ReplyError {
  readonly code?: string;
  readonly message: string;
  readonly subject?: string;
  readonly hint?: string;
  readonly facts?: Record<string, Json>;
  readonly retryable?: boolean;
  readonly detail?: string;
}

/**
 * A resident child process that is sent requests `{"id": 1, "op": "merge", ...}` on standard input and answers on
 * standard output with `{"id": 1, "ok": value}` or `{"id": 1, "error": {...}}`, after any number of
 * `{"id": 1, "event": value}`. It says `{"ready": true}` when it can be used, and must end when its standard input
 * closes, so that it never outlives a worker that was killed.
 *
 * It is started by the first call and again by the next call after it died.
 */
export class JsonProcess {
  readonly #options: JsonProcessOptions;
  #child: ReturnType<typeof launch> | undefined;
  #ready: Promise<void> | undefined;
  #pending = new Map<number, Pending>();
  #nextId = 1;
  #stderrTail: string[] = [];
  #stopping = false;

  constructor(options: JsonProcessOptions) {
    this.#options = options;
  }

  /** The child's process id, while it runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the child if it is not running and waits until it is ready. Throws MR2901 if it ends or is late. */
  start(): Promise<void> {
    this.#ready ??= this.#spawn().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  /**
   * Sends one request and waits for its answer. An error of the child becomes a {@link MillraceError} with the child's
   * code (MR2903 without one); MR2902 if the process ends before it answers.
   */
  async call(op: string, body: { readonly [key: string]: Json }, options: JsonCallOptions = {}): Promise<Json> {
    await this.start();
    options.signal?.throwIfAborted();
    const id = this.#nextId++;
    const answer = new Promise<Json>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onEvent: options.onEvent });
    });
    const cancel = () => this.#send({ cancel: id });
    options.signal?.addEventListener('abort', cancel, { once: true });
    try {
      this.#send({ id, op, ...body });
      return await answer;
    } finally {
      options.signal?.removeEventListener('abort', cancel);
      this.#pending.delete(id);
    }
  }

  /** Closes the child's standard input, waits for its end, and kills it after `graceMs`. */
  async stop(graceMs = 5_000): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#stopping = true;
    child.stdin?.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await child.catch(() => undefined);
    clearTimeout(timer);
    this.#stopping = false;
  }

  #send(message: { readonly [key: string]: Json }): void {
    this.#child?.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  #spawn(): Promise<void> {
    const { name, readyTimeoutMs = 60_000, onStderr } = this.#options;
    this.#stderrTail = [];
    const child = launch(this.#options);
    this.#child = child;
    child.stdin?.on('error', () => undefined);
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.#stderrTail.push(line);
      if (this.#stderrTail.length > 20) this.#stderrTail.shift();
      onStderr?.(line);
    });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        reject(this.#gone('MR2901', `${name} was not ready after ${readyTimeoutMs} ms`));
      }, readyTimeoutMs);
      createInterface({ input: child.stdout }).on('line', (line) => {
        const message = parseLine(line);
        if (message === undefined) onStderr?.(line);
        else if (message.ready === true) {
          clearTimeout(timer);
          resolve();
        } else this.#receive(message);
      });
      void child.then((result) => {
        clearTimeout(timer);
        if (this.#child === child) {
          this.#child = undefined;
          this.#ready = undefined;
        }
        const how = result.signal === undefined ? `exit code ${result.exitCode ?? 'none'}` : `signal ${result.signal}`;
        reject(this.#gone('MR2901', `${name} ended before it was ready (${how})`, result.cause));
        for (const pending of this.#pending.values()) {
          pending.reject(this.#gone('MR2902', `${name} ended in the middle of an operation (${how})`));
        }
        this.#pending.clear();
      });
    });
  }

  #receive(message: Record<string, Json>): void {
    const pending = this.#pending.get(Number(message.id));
    if (pending === undefined) return;
    if ('event' in message) pending.onEvent?.(message.event ?? null);
    else if ('ok' in message) pending.resolve(message.ok ?? null);
    else {
      const error = (message.error ?? { message: 'no answer' }) as unknown as ReplyError;
      pending.reject(
        new MillraceError({
          code: error.code ?? 'MR2903',
          message: error.message,
          subject: error.subject ?? this.#options.name,
          ...(error.hint === undefined ? {} : { hint: error.hint }),
          facts: { ...error.facts, ...(error.detail === undefined ? {} : { detail: error.detail }) },
          retryable: error.retryable ?? true,
        }),
      );
    }
  }

  #gone(code: string, message: string, cause?: unknown): MillraceError {
    return new MillraceError({
      code,
      message: `${message}.`,
      subject: this.#options.name,
      hint: this.#stopping
        ? 'It was being stopped.'
        : 'The next attempt starts it again; its last lines are in facts.stderr.',
      facts: { stderr: [...this.#stderrTail] },
      cause,
    });
  }
}

function launch({ command, args, cwd, env }: JsonProcessOptions) {
  const inherited = Object.fromEntries(
    ['PATH', 'HOME', 'TMPDIR', 'LANG'].flatMap((key) => {
      const value = process.env[key];
      return value === undefined ? [] : [[key, value]];
    }),
  );
  return execa(command, [...args], {
    cwd: cwd ?? process.cwd(),
    env: { ...inherited, ...env },
    extendEnv: false,
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: false,
    reject: false,
  });
}

function parseLine(line: string): Record<string, Json> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, Json>;
  } catch {
    return undefined;
  }
}
