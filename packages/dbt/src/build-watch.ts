import type { ItemRecord, Json, Logger, NodeState } from 'millrace';
import { ItemBatch } from './item-batch.ts';

type NodeEvent = ItemRecord & { readonly type: 'node' };
interface SelectedEvent {
  readonly type: 'selected';
  readonly nodes: readonly { readonly id: string; readonly kind: string }[];
}
interface LogEvent {
  readonly type: 'log';
  readonly message: string;
  readonly name: string;
}

/** Counts for a heartbeat: how far a build is. */
export interface BuildProgress {
  readonly nodes: number;
  readonly finished: number;
  readonly failed: number;
  readonly running: readonly string[];
}

const finals: ReadonlySet<NodeState> = new Set(['success', 'failed', 'upstream_failed', 'cancelled']);

/** Turns the events of one build into records, and remembers where each node is. */
export class BuildWatch {
  readonly #batch: ItemBatch;
  readonly #log: Logger;
  readonly #states = new Map<string, ItemRecord>();

  constructor(onItems: (items: readonly ItemRecord[]) => void, log: Logger) {
    this.#batch = new ItemBatch(onItems);
    this.#log = log;
  }

  receive(value: Json): void {
    const event = value as unknown as NodeEvent | SelectedEvent | LogEvent;
    if (event.type === 'selected') {
      this.#record(...event.nodes.map(({ id, kind }) => ({ id, kind, state: 'queued' as const, attempt: 1 })));
    } else if (event.type === 'node') {
      const { type: _, ...record } = event;
      this.#record(record);
    } else {
      this.#log.warn(`dbt: ${event.message}`, { event: event.name });
    }
  }

  /** The dbt process is gone: what ran has failed; what was queued stays so, for the next attempt. */
  abandon(state: 'failed' | 'cancelled', message: string): void {
    for (const record of this.#states.values()) {
      if (record.state === 'running') this.#record({ ...record, state, message });
    }
  }

  flush(): void {
    this.#batch.flush();
  }

  progress(): BuildProgress {
    const records = [...this.#states.values()];
    return {
      nodes: records.length,
      finished: records.filter((record) => finals.has(record.state)).length,
      failed: records.filter((record) => record.state === 'failed').length,
      running: records.filter((record) => record.state === 'running').map((record) => record.id),
    };
  }

  #record(...records: readonly ItemRecord[]): void {
    for (const record of records) this.#states.set(record.id, record);
    this.#batch.add(...records);
  }
}
