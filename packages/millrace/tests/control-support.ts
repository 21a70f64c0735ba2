import { testStack, uniqueName } from '../../../tests/support/stack.ts';
import { type Control, connectControl } from '../src/control/control.ts';
import type { RunView } from '../src/control/run-view.ts';
import type { Dag } from '../src/dag/dag.ts';
import { createWorker, type DagWorker } from '../src/worker/worker.ts';

/** A task queue of its own on the test stack, with workers that a test starts and stops. */
export class Bench {
  readonly taskQueue = uniqueName('control');
  readonly address = testStack().temporal.address;
  readonly #dags: readonly Dag[];
  #control: Control | undefined;
  #worker: { readonly worker: DagWorker; readonly ended: Promise<void> } | undefined;

  constructor(dags: readonly Dag[]) {
    this.#dags = dags;
  }

  get control(): Control {
    if (this.#control === undefined) throw new Error('open() comes first');
    return this.#control;
  }

  async open(): Promise<void> {
    const { address, taskQueue } = this;
    this.#control = await connectControl({ address, namespace: 'default', taskQueue, queryTimeoutMs: 2_000 });
  }

  async startWorker(): Promise<void> {
    const { address, taskQueue } = this;
    const worker = await createWorker({
      dags: this.#dags,
      temporal: { address, namespace: 'default', taskQueue },
      worker: { shutdownGrace: '500ms' },
      retry: { attempts: 1, backoff: '1s' },
    });
    this.#worker = { worker, ended: worker.run() };
  }

  async stopWorker(): Promise<void> {
    this.#worker?.worker.shutdown();
    await this.#worker?.ended;
    this.#worker = undefined;
  }

  async close(): Promise<void> {
    await this.stopWorker();
    await this.#control?.close();
  }

  /** Waits until the run is as wanted; fails with what it was last. */
  async until(workflowId: string, wanted: (view: RunView) => boolean): Promise<RunView> {
    let last: RunView | undefined;
    for await (const view of this.control.watchRun(workflowId, {
      intervalMs: 100,
      signal: AbortSignal.timeout(60_000),
    })) {
      if (wanted(view)) return view;
      last = view;
    }
    throw new Error(`The run never came to the state that was waited for: ${JSON.stringify(last, null, 2)}`);
  }
}

/** Waits until `probe` gives something; fails after a minute. */
export async function eventually<T>(probe: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    const found = await probe();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('What was waited for did not come about within a minute.');
}

export async function collect<T>(all: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of all) found.push(each);
  return found;
}

export function stateOf(view: RunView, id: string): string | undefined {
  return view.nodes.find((node) => node.id === id)?.state;
}
