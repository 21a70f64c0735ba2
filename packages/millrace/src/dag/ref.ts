import { MillraceError } from './errors.ts';
import type { NodeError } from './run-state.ts';

declare const valueType: unique symbol;

/** The result a task will have. It can be passed on or picked apart; it cannot be read while the DAG is built. */
export type Ref<T> = { readonly [valueType]: T } & (T extends readonly unknown[]
  ? unknown
  : T extends object
    ? { readonly [K in keyof T]-?: Ref<T[K]> }
    : unknown);

/** What a task parameter of type T accepts: a T, a Ref to one, or a T with Refs inside. */
export type Arg<T> =
  | T
  | Ref<T>
  | (T extends readonly (infer E)[]
      ? readonly Arg<E>[]
      : T extends object
        ? { readonly [K in keyof T]: Arg<T[K]> }
        : never);

/** The value that a Ref, or a structure with Refs inside, will be. */
export type Unref<R> = R extends { readonly [valueType]: infer T }
  ? T
  : R extends undefined
    ? null
    : R extends readonly (infer E)[]
      ? Unref<E>[]
      : R extends object
        ? { [K in keyof R]: Unref<R[K]> }
        : R;

/** How a node ended, for those who go on when it did not succeed. */
export type Outcome<T> =
  | { readonly status: 'success'; readonly value: T }
  | { readonly status: 'failed'; readonly error: NodeError }
  | { readonly status: 'skipped' };

export type Path = readonly (string | number)[];

/** What a Ref stands for. `Node` is the builder's own. */
export type RefTarget<Node> =
  | { readonly kind: 'node' | 'outcome' | 'item'; readonly node: Node; readonly at: Path }
  | { readonly kind: 'run'; readonly dag: object; readonly at: Path };

const targetKey = Symbol.for('millrace.ref');

/** A Ref as a proxy: a field of it is a Ref, every way of reading it as a value throws MR1004. */
export function makeRef<T, Node>(target: RefTarget<Node>): Ref<T> {
  const fields = new Map<string, unknown>();
  const reject = (what: string): never => {
    throw readError(describeTarget(target), what);
  };
  return new Proxy(
    {},
    {
      get(_, key) {
        if (key === targetKey) return target;
        if (typeof key === 'symbol') return reject(symbolUse(key));
        if (key === 'then') return reject('awaited');
        if (key === 'toString' || key === 'valueOf' || key === 'toJSON') return reject('turned into a value');
        let field = fields.get(key);
        if (field === undefined) {
          field = makeRef({ ...target, at: [...target.at, key] });
          fields.set(key, field);
        }
        return field;
      },
      set: () => reject('written to'),
      has: () => reject('searched with `in`'),
      ownKeys: () => reject('spread or listed'),
      getPrototypeOf: () => reject('tested with `instanceof`'),
    },
  ) as unknown as Ref<T>;
}

/** What a Ref stands for; undefined for everything that is not one. */
export function targetOf<Node>(value: unknown): RefTarget<Node> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as { [targetKey]?: RefTarget<Node> })[targetKey];
}

function symbolUse(key: symbol): string {
  if (key === Symbol.toPrimitive) return 'used in a template, a comparison or arithmetic';
  if (key === Symbol.iterator || key === Symbol.asyncIterator) return 'iterated or spread';
  return 'read as a value';
}

function describeTarget<Node>(target: RefTarget<Node>): string {
  const path = target.at.join('.');
  if (target.kind === 'run') return path === '' ? 'run' : `run.${path}`;
  const { id } = target.node as { readonly id: string };
  const head = target.kind === 'item' ? `item of ${id}` : target.kind === 'outcome' ? `outcome(${id})` : id;
  return path === '' ? head : `${head}.${path}`;
}

function readError(name: string, what: string): MillraceError {
  return new MillraceError({
    code: 'MR1004',
    message: `The result '${name}' was ${what} while the DAG was being built; it is not there yet.`,
    subject: name,
    hint: 'Pass it to a task and read it there; use choose() to branch on it and each() to go through a list.',
    retryable: false,
  });
}
