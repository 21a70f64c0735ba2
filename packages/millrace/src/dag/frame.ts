import type { BodyIndex } from './body-index.ts';
import { bodyResult } from './body-index.ts';
import type { Json } from './json.ts';
import type { PlanNode } from './plan.ts';
import type { NodeError, NodeState } from './run-state.ts';
import type { UpstreamCounts } from './trigger.ts';
import { isSole } from './validate.ts';

/** What the last attempt of a task measured. */
export interface Measured {
  readonly attempt?: number;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly durationMs?: number;
  readonly rows?: number;
}

/** A node of a run: the node of the plan in one instance of its body. */
export interface Slot {
  /** As in a run's state: `load`, `landFile[3]`, `perFile[3].check`. */
  readonly id: string;
  readonly node: PlanNode;
  readonly position: number;
  readonly frame: Frame;
  readonly counts: readonly UpstreamCounts[];
  state: NodeState;
  value?: Json | undefined;
  error?: NodeError | undefined;
  measured: Measured;
  /** The bodies of a control node, in order of the items or cases. */
  children: Frame[];
  /** Of an `each`: the items whose body has not begun. */
  pending?: { readonly items: readonly Json[]; next: number; open: number };
}

/** One instance of a body. */
export interface Frame {
  readonly index: BodyIndex;
  /** The control node that it is in. */
  readonly owner: Slot | undefined;
  /** Of a mapped body: which item. */
  readonly map: { readonly index: number; readonly item: Json; readonly depth: number } | undefined;
  readonly slots: Slot[];
  /** Slots that have not ended. */
  open: number;
}

/** Makes an instance of a body with all its slots in state `none`. */
export function makeFrame(
  index: BodyIndex,
  owner?: Slot,
  map?: { readonly index: number; readonly item: Json },
): Frame {
  const outer = owner === undefined ? -1 : mapDepth(owner.frame);
  const frame: Frame = {
    index,
    owner,
    map: map === undefined ? undefined : { ...map, depth: outer + 1 },
    slots: [],
    open: index.body.nodes.length,
  };
  index.body.nodes.forEach((node, position) => {
    frame.slots.push({
      id: slotId(frame, node),
      node,
      position,
      frame,
      counts: (index.conditions[position] ?? []).map(({ total }) => ({
        total,
        success: 0,
        failed: 0,
        upstreamFailed: 0,
        skipped: 0,
      })),
      state: 'none',
      measured: {},
      children: [],
    });
  });
  return frame;
}

function slotId(frame: Frame, node: PlanNode): string {
  const { owner, map } = frame;
  if (owner === undefined) return node.id;
  if (map !== undefined) {
    const base = `${owner.id}[${map.index}]`;
    return isSole(frame.index.body, owner.node.id) ? base : `${base}.${node.id}`;
  }
  // The bodies of a choose add nothing to the names around them.
  const around = innermostMapped(owner.frame);
  return around?.owner === undefined ? node.id : `${around.owner.id}[${around.map?.index}].${node.id}`;
}

/** The nearest mapped body around (or at) a frame. */
export function innermostMapped(frame: Frame | undefined): Frame | undefined {
  let at = frame;
  while (at !== undefined && at.map === undefined) at = at.owner?.frame;
  return at;
}

function mapDepth(frame: Frame): number {
  return innermostMapped(frame)?.map?.depth ?? -1;
}

/** The slot that a name means, seen from a frame: in its own body or one around it. */
export function resolve(frame: Frame, name: string): Slot | undefined {
  for (let at: Frame | undefined = frame; at !== undefined; at = at.owner?.frame) {
    const position = at.index.positions.get(name);
    if (position !== undefined) return at.slots[position];
  }
  return undefined;
}

export function isTerminal(state: NodeState): boolean {
  return (
    state === 'success' ||
    state === 'failed' ||
    state === 'skipped' ||
    state === 'upstream_failed' ||
    state === 'cancelled'
  );
}

/**
 * The failures of an ended body that nothing in it dealt with. A failure is dealt with when a node that succeeded (or the
 * body's result) read its `outcome`, or when that is so for everything it kept from running.
 */
export function unhandledFailures(frame: Frame): Slot[] {
  const { index, slots } = frame;
  const handled = slots.map(() => false);
  for (const slot of [...slots].reverse()) {
    if (slot.state !== 'failed' && slot.state !== 'upstream_failed') continue;
    const readers = index.readers[slot.position] ?? new Set<number>();
    const read = [...readers].some((reader) => reader === bodyResult || slots[reader]?.state === 'success');
    const stopped = (index.downstreams[slot.position] ?? []).filter(([at]) => slots[at]?.state === 'upstream_failed');
    handled[slot.position] = read || (stopped.length > 0 && stopped.every(([at]) => handled[at] === true));
  }
  return slots.filter(
    ({ state, position }) =>
      state === 'cancelled' || ((state === 'failed' || state === 'upstream_failed') && handled[position] !== true),
  );
}
