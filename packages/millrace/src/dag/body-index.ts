import type { PlanBody, TriggerRule } from './plan.ts';
import { templateRefs } from './template.ts';
import { nodeTemplate } from './validate.ts';

/** A body as the scheduler walks it: positions instead of ids. Made once a body, shared by its instances. */
export interface BodyIndex {
  readonly body: PlanBody;
  readonly positions: ReadonlyMap<string, number>;
  /** For each node: its conditions. */
  readonly conditions: readonly (readonly { readonly rule: TriggerRule; readonly total: number }[])[];
  /** For each node: the conditions, as pairs of position and number, that its end counts for. */
  readonly downstreams: readonly (readonly (readonly [position: number, condition: number])[])[];
  /** For each node: the nodes that read its outcome. */
  readonly readers: readonly ReadonlySet<number>[];
  /** Nodes that an instance of the body has from the start: its own, and those in the cases of a choose. */
  readonly size: number;
}

/** Indexes a body in O(nodes + edges). */
export function indexBody(body: PlanBody): BodyIndex {
  const positions = new Map(body.nodes.map(({ id }, position) => [id, position]));
  const downstreams: [number, number][][] = body.nodes.map(() => []);
  const readers = body.nodes.map(() => new Set<number>());
  const conditions = body.nodes.map(({ needs }, position) =>
    needs.map(({ rule, of }, number) => {
      const upstreams = new Set(of);
      for (const id of upstreams) downstreams[positions.get(id) ?? -1]?.push([position, number]);
      return { rule, total: upstreams.size };
    }),
  );
  body.nodes.forEach((_, position) => {
    for (const id of outcomesRead(body, position)) readers[positions.get(id) ?? -1]?.add(position);
  });
  for (const id of templateRefs(body.result).outcomes) readers[positions.get(id) ?? -1]?.add(bodyResult);
  return { body, positions, conditions, downstreams, readers, size: sizeOf(body) };
}

function sizeOf({ nodes }: PlanBody): number {
  return nodes.reduce((size, node) => {
    const cases = node.kind === 'choose' ? Object.values(node.cases) : [];
    return cases.reduce((sum, inner) => sum + sizeOf(inner), size + 1);
  }, 0);
}

/** Stands among `readers` for the body's own result. */
export const bodyResult = -1;

function outcomesRead(body: PlanBody, position: number): Set<string> {
  const node = body.nodes[position];
  if (node === undefined) return new Set();
  const found = templateRefs(nodeTemplate(node)).outcomes;
  const inner = node.kind === 'each' ? [node.body] : node.kind === 'choose' ? Object.values(node.cases) : [];
  for (const nested of inner) {
    nested.nodes.forEach((_, index) => {
      for (const id of outcomesRead(nested, index)) found.add(id);
    });
    for (const id of templateRefs(nested.result).outcomes) found.add(id);
  }
  return found;
}
