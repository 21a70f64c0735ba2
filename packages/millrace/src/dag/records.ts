import { type Frame, innermostMapped, type Slot } from './frame.ts';
import { digest } from './hash.ts';
import type { Json } from './json.ts';
import type { PresetNode, RunPreset } from './run-input.ts';
import type { ItemRecord, NodeRecord } from './run-state.ts';
import type { Scheduler, TaskEnd } from './scheduler.ts';

/** Items that tasks reported, by node id and item id. */
export type ItemStore = ReadonlyMap<string, ReadonlyMap<string, ItemRecord>>;

/** The records of all nodes of a run, each before the nodes inside it. */
export function nodeRecords(scheduler: Scheduler, items: ItemStore): NodeRecord[] {
  return Array.from(scheduler.slots(), (slot) => {
    const { id, node, state, error, measured } = slot;
    const own = items.get(id);
    return {
      id,
      ...(node.kind === 'task' ? { task: node.task } : {}),
      kind: node.kind,
      state,
      ...measured,
      attempt: measured.attempt ?? 0,
      ...(error === undefined ? {} : { error }),
      ...(own === undefined ? {} : { items: [...own.values()] }),
    };
  });
}

/** What a new run can keep of this one: results of what succeeded, items of what did not. */
export function presetOf(scheduler: Scheduler, items: ItemStore): RunPreset['nodes'] {
  const nodes: Record<string, PresetNode> = {};
  for (const slot of scheduler.slots()) {
    if (slot.node.kind !== 'task') continue;
    const own = items.get(slot.id);
    if (slot.state !== 'success' && own === undefined) continue;
    const item = itemDigest(slot);
    nodes[slot.id] = {
      ...(slot.state === 'success'
        ? { state: 'success', value: slot.value ?? null, ...slot.measured }
        : { state: 'none' }),
      ...(own === undefined ? {} : { items: [...own.values()] }),
      ...(item === undefined ? {} : { item }),
    };
  }
  return nodes;
}

/** The end that a preset gives a task; undefined when it has to be executed. */
export function presetEnd(preset: RunPreset, slot: Slot): TaskEnd | undefined {
  const node = preset.nodes[slot.id];
  if (node?.state !== 'success' || node.item !== itemDigest(slot)) return undefined;
  const { state, value = null, items: _, item: __, ...measured } = node;
  return { state, value, measured };
}

// The same index may be another item when a list was computed again: results are kept for the same items only.
function itemDigest(slot: Slot): string | undefined {
  const path: Json[] = [];
  for (let at = innermostMapped(slot.frame); at !== undefined; at = outerMapped(at)) path.push(at.map?.item ?? null);
  return path.length === 0 ? undefined : digest(path).slice(0, 16);
}

function outerMapped(frame: Frame): Frame | undefined {
  return innermostMapped(frame.owner?.frame);
}
