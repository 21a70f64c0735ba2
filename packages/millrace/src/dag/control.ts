import { addUse, type BuildNode, buildBody, currentScope, Scope, type Use } from './builder.ts';
import { MillraceError } from './errors.ts';
import { type NodePlacement, requireInteger } from './options.ts';
import type { PlanBody } from './plan.ts';
import { type Arg, makeRef, type Outcome, type Ref, targetOf, type Unref } from './ref.ts';

export interface EachOptions extends NodePlacement {
  /** Needed when the body has several nodes; otherwise the node's own id is taken. */
  readonly id?: string;
  /** How many bodies run at once. Default: all. */
  readonly limit?: number;
}

/**
 * Runs `body` for every element of a list that is known at run time; its result is the list of the bodies' results, without
 * those that were skipped. An empty list is a success with no results. Throws MR1011.
 */
export function each<E, R>(
  list: Ref<readonly E[]> | readonly Arg<E>[],
  body: (item: Ref<E>) => R,
  options: EachOptions = {},
): Ref<Unref<R>[]> {
  const scope = currentScope('each()');
  const inner = new Scope(scope.building, scope, true);
  const marker = { id: 'each()', scope: inner };
  const built = buildBody(inner, () => body(makeRef<E, BuildNode>({ kind: 'item', node: marker, at: [] })));
  const [first, ...others] = built.nodes;
  if (first === undefined) throw badEach(scope, 'has no node in its body', 'Call a task in it.');
  const id = options.id ?? (others.length === 0 ? first.id : undefined);
  if (id === undefined) {
    throw badEach(scope, 'has several nodes in its body and no id', "Name it: each(list, body, { id: 'perFile' }).");
  }
  if (id !== first.id || others.length > 0) scope.claim(id);
  if (options.limit !== undefined) requireInteger(options.limit, 1, 'limit', id);
  const uses = new Map(inner.captured);
  const over = scope.encode(list, uses, `The list of '${id}'`);
  const node = scope.add({
    kind: 'each',
    id,
    needs: scope.needs(uses, options, id),
    over: over ?? null,
    body: built,
    ...(options.limit === undefined ? {} : { limit: options.limit }),
  });
  return makeRef({ kind: 'node', node, at: [] });
}

export interface ChooseOptions extends NodePlacement {
  /** Default: `choose-` and the name of the value. */
  readonly id?: string;
}

/**
 * Runs one of several bodies by a value that is known at run time; the nodes of the others are skipped. Its result is
 * that of the body. Every value of the type needs its case.
 */
export function choose<T extends string | number | boolean, C extends { readonly [K in `${T}`]: () => unknown }>(
  on: Ref<T>,
  cases: C,
  options: ChooseOptions = {},
): Ref<Unref<ReturnType<C[keyof C] extends () => unknown ? C[keyof C] : never>>> {
  const scope = currentScope('choose()');
  const target = targetOf<BuildNode>(on);
  const name = target?.at.at(-1) ?? (target === undefined || target.kind === 'run' ? 'value' : target.node.id);
  const id = options.id ?? `choose-${name}`;
  scope.claim(id);
  const uses = new Map<BuildNode, Use>();
  const bodies: Record<string, PlanBody> = {};
  for (const [key, build] of Object.entries<() => unknown>(cases)) {
    const inner = new Scope(scope.building, scope);
    bodies[key] = buildBody(inner, build);
    for (const [node, use] of inner.captured) addUse(uses, node, use);
  }
  const value = scope.encode(on, uses, `The value of '${id}'`);
  const node = scope.add({
    kind: 'choose',
    id,
    needs: scope.needs(uses, options, id),
    on: value ?? null,
    cases: bodies,
  });
  return makeRef({ kind: 'node', node, at: [] });
}

/** How a node ended. Reading it makes no condition but that the node has ended; and a run does not fail of what was read so. */
export function outcome<T>(ref: Ref<T>): Ref<Outcome<T>> {
  const target = targetOf<BuildNode>(ref);
  if (target?.kind !== 'node' || target.at.length > 0) {
    throw new MillraceError({
      code: 'MR1012',
      message: 'outcome() was given something that is not the whole result of a node.',
      hint: 'Give it what a task, each() or choose() returned, not a field of it: outcome(load), then pick the field in the task.',
      retryable: false,
    });
  }
  return makeRef({ ...target, kind: 'outcome' });
}

function badEach(scope: Scope, why: string, hint: string): MillraceError {
  return new MillraceError({
    code: 'MR1011',
    message: `An each() in '${scope.building.dag}' ${why}.`,
    subject: scope.building.dag,
    hint,
    retryable: false,
  });
}
