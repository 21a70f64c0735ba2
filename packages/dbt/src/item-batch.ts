import type { ItemRecord } from 'millrace';

/** Collects records for a moment, so that a burst of short nodes costs one report. */
export class ItemBatch {
  readonly #send: (items: readonly ItemRecord[]) => void;
  readonly #maxItems: number;
  readonly #maxMs: number;
  #waiting: ItemRecord[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(send: (items: readonly ItemRecord[]) => void, maxItems = 50, maxMs = 50) {
    this.#send = send;
    this.#maxItems = maxItems;
    this.#maxMs = maxMs;
  }

  add(...items: readonly ItemRecord[]): void {
    for (const item of items) {
      this.#waiting.push(item);
      if (this.#waiting.length >= this.#maxItems) this.flush();
    }
    if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.flush(), this.#maxMs);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    const items = this.#waiting;
    this.#waiting = [];
    this.#send(items);
  }
}
