import { durationMs } from './duration.ts';
import { MillraceError } from './errors.ts';
import { mergeOptions, type NodeOptions, type NodePlacement, planRetry, type TaskOptions } from './options.ts';
import type { PlanBody, PlanCondition, PlanNode, PlanTask, Template } from './plan.ts';
import { makeRef, type Ref, type RefTarget, targetOf } from './ref.ts';
import type { AnyTask } from './task.ts';
import { encodeTemplate } from './template.ts';

/** Handle of a node while its DAG is built. */
export interface BuildNode {
  readonly id: string;
  readonly scope: Scope;
}

/** What is shared by all bodies of one DAG. */
export interface Building {
  readonly dag: string;
  readonly defaults: TaskOptions;
  readonly ids: Set<string>;
  readonly tasks: Map<string, AnyTask>;
}

/** What one node wants of another: its result, how it ended, or just that it comes first. */
export type Use = 'value' | 'outcome' | 'order';

/** One body: the DAG's own, or one of `each` or `choose`. */
export class Scope {
  readonly building: Building;
  readonly parent: Scope | undefined;
  readonly nodes: PlanNode[] = [];
  /** Number of mapped bodies around this body's own; -1 outside of any. */
  readonly depth: number;
  /** Upstreams of the parent's body that this body's nodes use: the node that holds the body waits for them. */
  readonly captured = new Map<BuildNode, Use>();

  constructor(building: Building, parent?: Scope, isMapped = false) {
    this.building = building;
    this.parent = parent;
    this.depth = (parent?.depth ?? -1) + (isMapped ? 1 : 0);
  }

  /** Records the use of a Ref in this body. Throws MR1005, MR1006. */
  use(target: RefTarget<BuildNode>, use: Use, uses: Map<BuildNode, Use>, subject: string): void {
    if (target.kind === 'run') {
      if (target.dag !== this.building) throw foreignRef(subject, `run.${target.at.join('.')}`);
      return;
    }
    const { node } = target;
    if (node.scope.building !== this.building) throw foreignRef(subject, node.id);
    // An item belongs to the body whose scope made it; it is there for that body and those inside.
    if (target.kind === 'item') {
      if (!this.isWithin(node.scope)) throw outOfScope(subject, `item of ${node.id}`);
      return;
    }
    if (node.scope === this) {
      addUse(uses, node, use);
      return;
    }
    let inner: Scope = this;
    while (inner.parent !== undefined && inner.parent !== node.scope) inner = inner.parent;
    if (inner.parent === undefined) throw outOfScope(subject, node.id);
    addUse(inner.captured, node, use);
  }

  isWithin(other: Scope): boolean {
    return this === other || (this.parent?.isWithin(other) ?? false);
  }

  /** Encodes a value and records its Refs in `uses`. */
  encode(value: unknown, uses: Map<BuildNode, Use>, subject: string): Template | undefined {
    const encode = (target: RefTarget<BuildNode>): Template => {
      this.use(target, target.kind === 'outcome' ? 'outcome' : 'value', uses, subject);
      if (target.kind === 'run') return { $run: target.at };
      const at = target.at.length === 0 ? {} : { at: target.at };
      if (target.kind === 'item') return { $item: target.node.scope.depth, ...at };
      return target.kind === 'outcome' ? { $outcome: target.node.id, ...at } : { $ref: target.node.id, ...at };
    };
    return encodeTemplate(value, encode, subject);
  }

  /** The conditions under which a node of this body runs. Throws MR1010, MR1012. */
  needs(uses: Map<BuildNode, Use>, placement: NodePlacement, subject: string): PlanCondition[] {
    const after =
      placement.after === undefined
        ? []
        : targetOf(placement.after) === undefined
          ? placement.after
          : [placement.after];
    for (const ref of after as readonly Ref<unknown>[])
      this.use(refTarget(ref, 'after', subject), 'order', uses, subject);
    const { when } = placement;
    const named = new Set<BuildNode>();
    for (const ref of when?.of ?? []) {
      const target = refTarget(ref, 'when', subject);
      this.use(target, 'order', uses, subject);
      if (target.kind === 'run' || target.kind === 'item' || target.node.scope !== this) {
        throw badTrigger(subject, 'names something that is not a node of the same body');
      }
      named.add(target.node);
    }
    if (when !== undefined && named.size === 0) {
      for (const node of uses.keys()) named.add(node);
      if (named.size === 0 && when.rule !== 'always') throw badTrigger(subject, 'is about no upstream at all');
    }
    const conditions: PlanCondition[] = [];
    const rest = [...uses].filter(([node]) => !named.has(node));
    if (when !== undefined) {
      const plain = [...named].find((node) => uses.get(node) === 'value');
      if (plain !== undefined && when.rule !== 'allSuccess') throw plainRef(subject, plain.id, when.rule);
      if (when.rule !== 'always') conditions.push({ rule: when.rule, of: ids(named) });
    }
    const required = rest.filter(([, use]) => use !== 'outcome').map(([node]) => node);
    const read = [...uses].filter(([, use]) => use === 'outcome').map(([node]) => node);
    if (required.length > 0) conditions.push({ rule: 'allSuccess', of: ids(required) });
    if (read.length > 0) conditions.push({ rule: 'allDone', of: ids(read) });
    return conditions;
  }

  /** Adds a finished node and gives its handle. Throws MR1002, MR1003. */
  add(node: PlanNode): BuildNode {
    this.nodes.push(node);
    return { id: node.id, scope: this };
  }

  /** Takes an id for this DAG. Throws MR1002, MR1003. */
  claim(id: string): void {
    checkId(id, 'node');
    if (this.building.ids.has(id)) {
      throw new MillraceError({
        code: 'MR1002',
        message: `The DAG '${this.building.dag}' has two nodes '${id}'.`,
        subject: id,
        hint: `Name the second one: ${id}.as('${id}2')(…), or { id: '…' } for each and choose.`,
        retryable: false,
      });
    }
    this.building.ids.add(id);
  }
}

let current: Scope | undefined;

/** The body that is being built. Throws MR1001 outside of `dag()`. */
export function currentScope(what: string): Scope {
  if (current === undefined) {
    throw new MillraceError({
      code: 'MR1001',
      message: `${what} was called outside of dag().`,
      subject: what,
      hint: 'Call it in the function given to dag(). To run a task by hand, use task.run(input, context).',
      retryable: false,
    });
  }
  return current;
}

/** Runs `build` with a body as the current one and gives its plan. Throws MR1014 if it is asynchronous. */
export function buildBody(scope: Scope, build: () => unknown): PlanBody {
  const outer = current;
  current = scope;
  try {
    const value = build();
    if (targetOf(value) === undefined && value instanceof Promise) {
      value.catch(() => undefined);
      throw new MillraceError({
        code: 'MR1014',
        message: `The function that builds '${scope.building.dag}' is asynchronous.`,
        subject: scope.building.dag,
        hint: 'Remove async and await: calls of tasks return Refs at once.',
        retryable: false,
      });
    }
    const uses = new Map<BuildNode, Use>();
    const result = scope.encode(value, uses, `What a body of '${scope.building.dag}' returns`);
    return { nodes: scope.nodes, ...(result === undefined ? {} : { result }) };
  } finally {
    current = outer;
  }
}

interface TaskCall {
  readonly definition: AnyTask;
  readonly nodeId: string;
  readonly layers: readonly NodeOptions[];
  readonly input: unknown;
}

/** Adds one call of a task to the body that is being built. */
export function addTask<O>({ definition, nodeId, layers, input }: TaskCall): Ref<O> {
  const scope = currentScope(`The task '${definition.id}'`);
  const { building } = scope;
  checkId(definition.id, 'task');
  scope.claim(nodeId);
  const known = building.tasks.get(definition.id);
  if (known !== undefined && known !== definition) throw ambiguousTask(definition.id, building.dag);
  building.tasks.set(definition.id, definition);
  const options = mergeOptions(building.defaults, ...layers);
  const uses = new Map<BuildNode, Use>();
  const encoded = scope.encode(input, uses, `The input of '${nodeId}'`);
  const retry = planRetry(options.retry, nodeId);
  const node: PlanTask = {
    kind: 'task',
    id: nodeId,
    task: definition.id,
    needs: scope.needs(uses, options, nodeId),
    ...(encoded === undefined ? {} : { input: encoded }),
    timeoutMs: durationMs(options.timeout ?? '1h', `timeout of ${nodeId}`),
    heartbeatMs: durationMs(options.heartbeat ?? '10s', `heartbeat of ${nodeId}`),
    ...(retry === undefined ? {} : { retry }),
  };
  return makeRef<O, BuildNode>({ kind: 'node', node: scope.add(node), at: [] });
}

/** Throws MR1003 unless `id` can name a DAG, task or node. */
export function checkId(id: string, what: string): void {
  if (typeof id === 'string' && /^[A-Za-z][A-Za-z0-9_-]{0,99}$/.test(id)) return;
  throw new MillraceError({
    code: 'MR1003',
    message: `${JSON.stringify(id)} cannot be the id of a ${what}.`,
    subject: String(id),
    hint: 'Begin with a letter; go on with letters, digits, _ and -; at most 100 characters.',
    retryable: false,
  });
}

/** Two functions under one task id. */
export function ambiguousTask(id: string, where: string): MillraceError {
  return new MillraceError({
    code: 'MR1022',
    message: `Two different tasks have the id '${id}' (${where}).`,
    subject: id,
    hint: 'Give one of them another id where it is defined; .as() is for two uses of one task.',
    retryable: false,
  });
}

/** Records a use; the stronger of two counts. */
export function addUse(uses: Map<BuildNode, Use>, node: BuildNode, use: Use): void {
  const strength: readonly Use[] = ['order', 'outcome', 'value'];
  const known = uses.get(node);
  if (known === undefined || strength.indexOf(use) > strength.indexOf(known)) uses.set(node, use);
}

function ids(nodes: Iterable<BuildNode>): string[] {
  return [...nodes].map(({ id }) => id);
}

function refTarget(ref: unknown, option: string, subject: string): RefTarget<BuildNode> {
  const target = targetOf<BuildNode>(ref);
  if (target === undefined) throw badTrigger(subject, `has something in '${option}' that is not the result of a node`);
  return target;
}

function badTrigger(subject: string, why: string): MillraceError {
  return new MillraceError({
    code: 'MR1012',
    message: `The trigger of '${subject}' ${why}.`,
    subject,
    hint: 'Name Refs that were returned by tasks, each() or choose() in the same function.',
    retryable: false,
  });
}

function plainRef(subject: string, upstream: string, rule: string): MillraceError {
  return new MillraceError({
    code: 'MR1010',
    message: `'${subject}' reads the result of '${upstream}', but its rule ${rule} lets it run when '${upstream}' has none.`,
    subject,
    hint: `Read outcome(${upstream}) instead, or leave '${upstream}' out of the rule.`,
    facts: { upstream, rule },
    retryable: false,
  });
}

function foreignRef(subject: string, name: string): MillraceError {
  return new MillraceError({
    code: 'MR1005',
    message: `${subject} uses '${name}', which belongs to another DAG.`,
    subject: name,
    hint: 'Pass data between DAGs through tables; a Ref is good in the DAG that made it.',
    retryable: false,
  });
}

function outOfScope(subject: string, name: string): MillraceError {
  return new MillraceError({
    code: 'MR1006',
    message: `${subject} uses '${name}', which is inside of an each() or choose() that it is not in.`,
    subject: name,
    hint: 'Return it from the body and use what each() or choose() returns.',
    retryable: false,
  });
}
