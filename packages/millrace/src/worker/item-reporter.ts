import type { WorkflowHandle } from '@temporalio/client';
import type { Items } from '../dag/context.ts';
import { type ItemReport, itemsQuery, itemsSignal } from '../dag/run-input.ts';
import type { ItemRecord } from '../dag/run-state.ts';

/** Records wait this long for others to share a signal with, milliseconds: one history event a signal. */
const gatherMs = 200;
/** Records in one signal. */
const batchSize = 200;

/** Sends a task's item records to its run by signals, in order, and asks the run for earlier ones. */
export class ItemReporter implements Items {
  readonly #run: WorkflowHandle;
  readonly #node: string;
  #waiting: ItemRecord[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(run: WorkflowHandle, node: string) {
    this.#run = run;
    this.#node = node;
  }

  report(items: readonly ItemRecord[]): void {
    this.#waiting.push(...items);
    if (this.#waiting.length >= batchSize) this.#send();
    else if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#send(), gatherMs);
  }

  async flush(): Promise<void> {
    this.#send();
    const sending = this.#sending;
    // A failure is told once; records that come later are sent all the same.
    this.#sending = Promise.resolve();
    await sending;
  }

  async completed(): Promise<ReadonlyMap<string, ItemRecord>> {
    await this.flush();
    const items = await this.#run.query<readonly ItemRecord[], [string]>(itemsQuery, this.#node);
    return new Map(items.filter(({ state }) => state === 'success').map((item) => [item.id, item]));
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let from = 0; from < waiting.length; from += batchSize) {
      const report: ItemReport = { node: this.#node, items: waiting.slice(from, from + batchSize) };
      this.#sending = this.#sending.then(() => this.#run.signal<[ItemReport]>(itemsSignal, report));
    }
    this.#sending.catch(() => undefined);
  }
}
