import { type BodyIndex, indexBody } from './body-index.ts';
import { isMillraceError } from './errors.ts';
import {
  type Frame,
  innermostMapped,
  isTerminal,
  type Measured,
  makeFrame,
  resolve,
  type Slot,
  unhandledFailures,
} from './frame.ts';
import type { Json } from './json.ts';
import type { Plan, PlanBody, PlanTask } from './plan.ts';
import type { Path } from './ref.ts';
import type { DataInterval, NodeError, NodeState } from './run-state.ts';
import { noCase, notAList, tooManyNodes } from './scheduler-errors.ts';
import { decodeTemplate, pick, type TemplateReader } from './template.ts';
import { evaluateRule, type Verdict } from './trigger.ts';

/** The values of a run that templates can name. */
export interface RunValues {
  readonly interval: DataInterval;
  readonly date: string;
  readonly params: Json;
}

/** A task that may start now. */
export interface ReadyTask {
  readonly id: string;
  readonly node: PlanTask;
  readonly input: Json | undefined;
  readonly mapIndex?: number;
}

/** How a task ended. */
export type TaskEnd =
  | { readonly state: 'success'; readonly value: Json; readonly measured?: Measured }
  | { readonly state: 'failed'; readonly error: NodeError; readonly measured?: Measured }
  | { readonly state: 'skipped'; readonly error?: NodeError; readonly measured?: Measured }
  | { readonly state: 'cancelled'; readonly measured?: Measured };

/** Nodes beyond which a run would meet Temporal's limit on the events of a workflow. */
export const maxNodes = 12_000;

export interface SchedulerOptions {
  readonly plan: Plan;
  readonly run: RunValues;
  /** The end of a task that an earlier run gives; asked for when it would start. */
  readonly preset?: (slot: Slot) => TaskEnd | undefined;
}

/**
 * The state machine of a run: which tasks may start, and what each end means for the others. Pure: no clock, no I/O. Every
 * node counts its unmet upstreams, so a run costs O(nodes + edges).
 */
export class Scheduler {
  readonly root: Frame;
  readonly #options: SchedulerOptions;
  readonly #slots = new Map<string, Slot>();
  readonly #indexes = new Map<PlanBody, BodyIndex>();
  readonly #ended: Slot[] = [];
  #ready: ReadyTask[] = [];
  #count = 0;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#reserve(options.plan, 1);
    this.root = this.#open(options.plan);
    this.#begin(this.root);
    this.#settle();
  }

  /** True when nothing is left to wait for. */
  get done(): boolean {
    return this.root.open === 0;
  }

  /** The tasks that became ready since the last call, in state `queued`. */
  take(): readonly ReadyTask[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  slot(id: string): Slot | undefined {
    return this.#slots.get(id);
  }

  /** Notes that a task runs, or waits for its next attempt. */
  mark(id: string, state: 'running' | 'up_for_retry', measured: Measured = {}, error?: NodeError): void {
    const slot = this.#slots.get(id);
    if (slot === undefined || isTerminal(slot.state)) return;
    slot.state = state;
    slot.error = error;
    slot.measured = { ...slot.measured, ...measured };
  }

  /** Notes a task's end. An end that comes after another one (a cancellation) is dropped. */
  finish(id: string, end: TaskEnd): void {
    const slot = this.#slots.get(id);
    if (slot === undefined || isTerminal(slot.state)) return;
    this.#end(slot, end);
    this.#settle();
  }

  /** Starts nothing more: nodes that have not started end as `cancelled`; {@link finish} still takes running tasks' ends. */
  stop(): void {
    this.#stopped = true;
    this.#ready = [];
    for (const slot of this.#slots.values()) {
      const active = slot.node.kind === 'task' && (slot.state === 'running' || slot.state === 'up_for_retry');
      if (isTerminal(slot.state) || active) continue;
      slot.state = 'cancelled';
      slot.frame.open--;
    }
  }

  /** The failures that make the run fail; empty for a run that succeeded. */
  failures(): readonly Slot[] {
    return unhandledFailures(this.root);
  }

  /** The result of the DAG's own body. */
  result(): Json | undefined {
    return this.#result(this.root);
  }

  /** All nodes, each before the nodes inside it. */
  *slots(frame: Frame = this.root): Generator<Slot> {
    for (const slot of frame.slots) {
      yield slot;
      for (const child of slot.children) yield* this.slots(child);
    }
  }

  #index(body: PlanBody): BodyIndex {
    let index = this.#indexes.get(body);
    if (index === undefined) {
      index = indexBody(body);
      this.#indexes.set(body, index);
    }
    return index;
  }

  // Before any instance is made, so that a run has all the items of an each or fails in it. Throws MR2011.
  #reserve(body: PlanBody, instances: number): void {
    const count = this.#count + instances * this.#index(body).size;
    if (count > maxNodes) throw tooManyNodes(this.#options.plan.dag, maxNodes);
    this.#count = count;
  }

  #open(body: PlanBody, owner?: Slot, map?: { readonly index: number; readonly item: Json }): Frame {
    const frame = makeFrame(this.#index(body), owner, map);
    for (const slot of frame.slots) {
      this.#slots.set(slot.id, slot);
      // The cases of a choose are there from the start, so that progress knows them.
      if (slot.node.kind === 'choose') {
        slot.children = Object.values(slot.node.cases).map((inner) => this.#open(inner, slot));
      }
    }
    return frame;
  }

  #begin(frame: Frame): void {
    for (const slot of frame.slots) if (slot.state === 'none') this.#consider(slot);
  }

  // Works off the ends that have not been counted yet; a loop, because a chain of skips can be as long as a DAG.
  #settle(): void {
    for (let slot = this.#ended.pop(); slot !== undefined; slot = this.#ended.pop()) {
      const { frame } = slot;
      for (const [position, condition] of frame.index.downstreams[slot.position] ?? []) {
        const downstream = frame.slots[position];
        const counts = downstream?.counts[condition];
        if (downstream === undefined || counts === undefined) continue;
        if (slot.state === 'success') counts.success++;
        else if (slot.state === 'skipped') counts.skipped++;
        else if (slot.state === 'upstream_failed') counts.upstreamFailed++;
        else counts.failed++;
        if (downstream.state === 'none') this.#consider(downstream);
      }
      frame.open--;
      if (frame.open === 0 && frame.owner !== undefined) this.#close(frame, frame.owner);
    }
  }

  #consider(slot: Slot): void {
    if (this.#stopped) return;
    const verdict = this.#verdict(slot);
    if (verdict === 'wait') return;
    if (verdict === 'run') this.#start(slot);
    else this.#end(slot, verdict);
  }

  #verdict(slot: Slot): Verdict {
    const conditions = slot.frame.index.conditions[slot.position] ?? [];
    let verdict: Verdict = 'run';
    for (const [number, { rule }] of conditions.entries()) {
      const counts = slot.counts[number];
      const one = counts === undefined ? 'run' : evaluateRule(rule, counts);
      if (one === 'upstream_failed') return one;
      if (one === 'wait' || (one === 'skipped' && verdict === 'run')) verdict = one;
    }
    return verdict;
  }

  #start(slot: Slot): void {
    const { node, frame } = slot;
    try {
      if (node.kind === 'task') {
        const preset = this.#options.preset?.(slot);
        if (preset !== undefined) {
          this.#end(slot, preset);
          return;
        }
        const input = node.input === undefined ? undefined : this.#decode(node.input, frame);
        const mapIndex = innermostMapped(frame)?.map?.index;
        slot.state = 'queued';
        this.#ready.push({ id: slot.id, node, input, ...(mapIndex === undefined ? {} : { mapIndex }) });
      } else if (node.kind === 'each') {
        const items = this.#decode(node.over, frame);
        if (!Array.isArray(items)) throw notAList(node.id, items);
        this.#reserve(node.body, items.length);
        slot.state = 'running';
        slot.pending = { items, next: 0, open: 0 };
        this.#openItems(slot);
      } else {
        const value = this.#decode(node.on, frame);
        const chosen = Object.keys(node.cases).indexOf(String(value));
        if (chosen < 0) throw noCase(node.id, value, Object.keys(node.cases));
        slot.state = 'running';
        slot.children.forEach((child, index) => {
          if (index !== chosen) this.#endBody(child, 'skipped');
        });
        const body = slot.children[chosen];
        if (body === undefined) return;
        if (body.open === 0) this.#close(body, slot);
        else this.#begin(body);
      }
    } catch (error) {
      this.#end(slot, { state: 'failed', error: nodeError(error) });
    }
  }

  #openItems(slot: Slot): void {
    const { node, pending } = slot;
    if (node.kind !== 'each' || pending === undefined) return;
    while (pending.next < pending.items.length && pending.open < (node.limit ?? Number.POSITIVE_INFINITY)) {
      const index = pending.next++;
      const frame = this.#open(node.body, slot, { index, item: pending.items[index] ?? null });
      slot.children.push(frame);
      pending.open++;
      this.#begin(frame);
    }
    if (pending.open === 0 && !isTerminal(slot.state)) this.#end(slot, this.#eachEnd(slot));
  }

  // A body has ended: the node that holds it goes on, or ends.
  #close(frame: Frame, owner: Slot): void {
    if (isTerminal(owner.state) || owner.state === 'none') return;
    if (owner.pending !== undefined) {
      owner.pending.open--;
      this.#openItems(owner);
      return;
    }
    this.#end(owner, this.#bodyEnd(frame, owner));
  }

  #eachEnd(slot: Slot): TaskEnd {
    const ends = slot.children.map((frame) => this.#bodyEnd(frame, slot));
    const failed = ends.filter((end) => end.state === 'failed');
    const [first] = failed;
    if (first !== undefined) {
      const message = `${failed.length} of ${ends.length} items failed; the first: ${first.error.message}`;
      return { state: 'failed', error: { ...first.error, message } };
    }
    const values = ends.flatMap((end) => (end.state === 'success' ? [end.value] : []));
    return values.length === 0 && ends.length > 0 ? { state: 'skipped' } : { state: 'success', value: values };
  }

  #bodyEnd(frame: Frame, owner: Slot): TaskEnd {
    const [failure] = unhandledFailures(frame);
    if (failure !== undefined) {
      const error = failure.error ?? { message: `'${failure.id}' did not run: an upstream failed.` };
      return { state: 'failed', error: { ...error, subject: error.subject ?? owner.id } };
    }
    if (frame.slots.length > 0 && frame.slots.every(({ state }) => state === 'skipped')) return { state: 'skipped' };
    try {
      return { state: 'success', value: this.#result(frame) ?? null };
    } catch (error) {
      return { state: 'failed', error: nodeError(error) };
    }
  }

  #end(slot: Slot, end: TaskEnd | 'skipped' | 'upstream_failed'): void {
    if (typeof end === 'string') slot.state = end;
    else {
      slot.state = end.state;
      if (end.measured !== undefined) slot.measured = { ...slot.measured, ...end.measured };
      slot.value = end.state === 'success' ? end.value : undefined;
      slot.error = end.state === 'failed' || end.state === 'skipped' ? end.error : undefined;
    }
    // What is inside a choose that does not run ends as the choose itself.
    if (slot.node.kind === 'choose' && (slot.state === 'skipped' || slot.state === 'upstream_failed' || slot.error)) {
      for (const child of slot.children) this.#endBody(child, slot.state === 'skipped' ? 'skipped' : 'upstream_failed');
    }
    this.#ended.push(slot);
  }

  // Ends the nodes of a body that does not run.
  #endBody(frame: Frame, state: NodeState & ('skipped' | 'upstream_failed')): void {
    for (const slot of frame.slots) {
      if (slot.state !== 'none') continue;
      slot.state = state;
      frame.open--;
      for (const child of slot.children) this.#endBody(child, state);
    }
  }

  #result(frame: Frame): Json | undefined {
    const { result } = frame.index.body;
    return result === undefined ? undefined : this.#decode(result, frame);
  }

  #decode(template: Json, frame: Frame): Json | undefined {
    const { run } = this.#options;
    const reader: TemplateReader = {
      ref: (name, at) => {
        const slot = resolve(frame, name);
        return slot?.state === 'success' ? pick(slot.value, at, name) : undefined;
      },
      outcome: (name, at) => pick(outcomeOf(resolve(frame, name)), at, name),
      item: (depth, at) => {
        let found = innermostMapped(frame);
        while (found !== undefined && found.map?.depth !== depth) found = innermostMapped(found.owner?.frame);
        return pick(found?.map?.item, at, `item of ${found?.owner?.id ?? 'each'}`);
      },
      run: (at: Path) => pick(run as unknown as Json, at, 'run'),
    };
    return decodeTemplate(template, reader);
  }
}

function outcomeOf(slot: Slot | undefined): Json {
  switch (slot?.state) {
    case 'success':
      return { status: 'success', value: slot.value ?? null };
    case 'skipped':
      return { status: 'skipped' };
    default:
      return {
        status: 'failed',
        error: (slot?.error ?? { message: 'It did not run: an upstream failed.' }) as unknown as Json,
      };
  }
}

/** An error as the record of a node keeps it. */
export function nodeError(error: unknown): NodeError {
  const message = error instanceof Error ? error.message : String(error);
  if (!isMillraceError(error)) return { message };
  return {
    message,
    code: error.code,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.subject === undefined ? {} : { subject: error.subject }),
    facts: error.facts as { readonly [key: string]: Json },
  };
}
