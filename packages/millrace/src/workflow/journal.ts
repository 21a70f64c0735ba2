import { defineQuery, defineSignal, setHandler, type WorkflowInfo } from '@temporalio/workflow';
import type { LoadedRun } from '../dag/protocol.ts';
import { nodeRecords, presetOf } from '../dag/records.ts';
import {
  type ItemReport,
  itemsQuery,
  itemsSignal,
  presetQuery,
  type RunMemo,
  type RunPreset,
  runQuery,
} from '../dag/run-input.ts';
import type { ItemRecord, RunState, RunStatus } from '../dag/run-state.ts';
import type { Scheduler } from '../dag/scheduler.ts';

/** What a run knows of itself, as queries and the memo show it. */
export class RunJournal {
  scheduler: Scheduler | undefined;
  status: RunStatus = 'running';
  readonly #info: WorkflowInfo;
  readonly #items = new Map<string, Map<string, ItemRecord>>();
  #run: LoadedRun | undefined;
  #endedAt: string | undefined;

  constructor(info: WorkflowInfo) {
    this.#info = info;
  }

  /** Answers queries and takes signals from now on. */
  listen(): void {
    setHandler(defineQuery(runQuery), () => this.state());
    setHandler(defineQuery(presetQuery), () => this.preset());
    setHandler(defineQuery<readonly ItemRecord[], [string]>(itemsQuery), (node) => this.items(node));
    setHandler(defineSignal<[ItemReport]>(itemsSignal), (report) => this.note(report));
  }

  loaded(run: LoadedRun): void {
    this.#run = run;
  }

  /** Takes over the items of an earlier run. */
  keep(preset: RunPreset | undefined): void {
    for (const [node, { items = [] }] of Object.entries(preset?.nodes ?? {})) this.note({ node, items });
  }

  note({ node, items }: ItemReport): void {
    let known = this.#items.get(node);
    if (known === undefined) {
      known = new Map();
      this.#items.set(node, known);
    }
    for (const item of items) known.set(item.id, item);
  }

  items(node: string): readonly ItemRecord[] {
    return [...(this.#items.get(node)?.values() ?? [])];
  }

  end(status: RunStatus): void {
    this.status = status;
    this.#endedAt = new Date().toISOString();
  }

  state(): RunState {
    const { workflowId, runId, workflowType, startTime } = this.#info;
    return {
      dag: workflowType,
      workflowId,
      runId,
      planHash: this.#run?.plan.hash ?? '',
      interval: this.#run?.interval ?? { start: '', end: '' },
      status: this.status,
      startedAt: startTime.toISOString(),
      ...(this.#endedAt === undefined ? {} : { endedAt: this.#endedAt }),
      nodes: this.scheduler === undefined ? [] : nodeRecords(this.scheduler, this.#items),
    };
  }

  preset(): RunPreset {
    const { workflowId, runId } = this.#info;
    return {
      of: { workflowId, runId },
      nodes: this.scheduler === undefined ? {} : presetOf(this.scheduler, this.#items),
    };
  }

  memo(status: RunStatus): RunMemo {
    const memo: RunMemo = {
      dag: this.#info.workflowType,
      planHash: this.#run?.plan.hash ?? '',
      interval: this.#run?.interval ?? { start: '', end: '' },
      date: this.#run?.date ?? '',
      status,
    };
    if (status === 'running' || this.scheduler === undefined) return memo;
    const counts: Record<string, number> = {};
    const failed: string[] = [];
    for (const { id, state, node } of this.scheduler.slots()) {
      counts[state] = (counts[state] ?? 0) + 1;
      if (state === 'failed' && node.kind === 'task' && failed.length < 20) failed.push(id);
    }
    return { ...memo, counts, failed };
  }
}
