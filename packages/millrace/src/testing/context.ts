import type { TaskContext } from '../dag/context.ts';
import type { Json } from '../dag/json.ts';
import type { DataInterval, ItemRecord } from '../dag/run-state.ts';
import type { Logger, Services } from '../dag/services.ts';

export interface TestContextOptions {
  readonly services?: Services;
  readonly dag?: string;
  readonly node?: { readonly id: string; readonly mapIndex?: number };
  readonly interval?: DataInterval;
  /** Default: the date of the interval's start, UTC. */
  readonly date?: string;
  readonly params?: Json;
  readonly attempt?: number;
  /** What an earlier attempt's last heartbeat said. */
  readonly checkpoint?: Json;
  /** Records of earlier attempts; those in state `success` count as completed. */
  readonly items?: readonly ItemRecord[];
  readonly signal?: AbortSignal;
  /** Default: messages are dropped. */
  readonly log?: Logger;
}

/** What a task did with its context. */
export interface TestRecord {
  readonly rows: number;
  readonly heartbeats: readonly unknown[];
  readonly items: ReadonlyMap<string, ItemRecord>;
}

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A context for calling `task.run(input, context)` in a unit test; `record` tells what the task did with it. */
export function testContext(options: TestContextOptions = {}): TaskContext & { readonly record: TestRecord } {
  const interval = options.interval ?? { start: '2000-01-01T00:00:00.000Z', end: '2000-01-02T00:00:00.000Z' };
  const items = new Map((options.items ?? []).map((item) => [item.id, item]));
  const heartbeats: unknown[] = [];
  let rows = 0;
  return {
    ...(options.services ?? ({} as Services)),
    log: options.log ?? silent,
    signal: options.signal ?? new AbortController().signal,
    heartbeat: (details) => void heartbeats.push(details),
    run: {
      dag: options.dag ?? 'test',
      workflowId: 'test',
      runId: 'test',
      interval,
      date: options.date ?? interval.start.slice(0, 10),
      params: options.params ?? {},
    },
    node: options.node ?? { id: 'test' },
    attempt: options.attempt ?? 1,
    rows: (count) => {
      rows += count;
    },
    checkpoint: <T extends Json>() => options.checkpoint as T | undefined,
    items: {
      report: (records) => {
        for (const record of records) items.set(record.id, record);
      },
      flush: async () => undefined,
      completed: async () => new Map([...items].filter(([, { state }]) => state === 'success')),
    },
    get record() {
      return { rows, heartbeats, items };
    },
  };
}
