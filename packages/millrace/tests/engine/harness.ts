import { mkdtempSync } from 'node:fs';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { execa } from 'execa';
import { testStack, uniqueName } from '../../../../tests/support/stack.ts';
import { type NodeRecord, type RunState, runQuery } from '../../src/dag/index.ts';

export interface TestWorker {
  /** SIGKILL, and wait for the end. */
  kill(): Promise<void>;
  /** SIGTERM, and wait for the end. */
  stop(): Promise<void>;
}

/** One task queue with its worker processes, client and folder of files. */
export class Engine {
  readonly taskQueue = uniqueName('engine');
  readonly files = mkdtempSync(join(tmpdir(), 'millrace-engine-'));
  readonly #workers = new Set<TestWorker>();
  #connection: Connection | undefined;

  async client(): Promise<Client> {
    this.#connection ??= await Connection.connect({ address: testStack().temporal.address });
    return new Client({ connection: this.#connection });
  }

  async worker(version = 1): Promise<TestWorker> {
    const child = execa(process.execPath, [fileURLToPath(new URL('worker-process.mjs', import.meta.url))], {
      env: {
        MILLRACE_TEST_WORKER: JSON.stringify({
          address: testStack().temporal.address,
          taskQueue: this.taskQueue,
          version,
        }),
        MILLRACE_TEST_FILES: this.files,
        NODE_OPTIONS: '',
      },
      reject: false,
      buffer: { stdout: false },
    });
    const ended = child.then(({ stderr }) => stderr);
    const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
      child.kill(signal);
      await ended;
      this.#workers.delete(worker);
    };
    const worker: TestWorker = { kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
    this.#workers.add(worker);
    const lines = createInterface({ input: child.stdout });
    const ready = new Promise<void>((resolve) => {
      lines.on('line', (line) => {
        if (line === 'ready') resolve();
      });
    });
    await Promise.race([
      ready,
      ended.then((stderr) => {
        throw new Error(`The worker ended before it was ready: ${stderr}`);
      }),
    ]);
    return worker;
  }

  async start(dag: string, input?: object): Promise<WorkflowHandle> {
    const client = await this.client();
    return client.workflow.start(dag, {
      taskQueue: this.taskQueue,
      workflowId: uniqueName(dag),
      args: input === undefined ? [] : [input],
      workflowTaskTimeout: '2s',
    });
  }

  /** Lets tasks that wait for the file go on. */
  async release(name: string): Promise<void> {
    await writeFile(join(this.files, name), '');
  }

  /** Waits until a task has written the file. */
  async begun(name: string): Promise<void> {
    await eventually(`${name} is there`, () =>
      access(join(this.files, name)).then(
        () => true,
        () => false,
      ),
    );
  }

  /** What the tasks noted, line by line. */
  async log(): Promise<string[]> {
    const text = await readFile(join(this.files, 'log'), 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  }

  async close(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.kill()));
    await this.#connection?.close();
    await rm(this.files, { recursive: true, force: true });
  }
}

/** Asks again until the answer is true; fails after `limitMs`. */
export async function eventually(what: string, ask: () => Promise<boolean>, limitMs = 60_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await ask())) {
    if (Date.now() > end) throw new Error(`Waited ${limitMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export async function runState(run: WorkflowHandle): Promise<RunState> {
  return run.query<RunState>(runQuery);
}

export async function nodes(run: WorkflowHandle): Promise<Record<string, NodeRecord>> {
  return Object.fromEntries((await runState(run)).nodes.map((node) => [node.id, node]));
}

interface Failure {
  readonly type: string;
  readonly message: string;
  readonly details: readonly Record<string, unknown>[];
}

/** The failure with which a run ends. */
export async function failureOf(run: WorkflowHandle): Promise<Failure> {
  try {
    await run.result();
  } catch (error) {
    return (error as { cause: Failure }).cause;
  }
  throw new Error('The run did not fail.');
}
