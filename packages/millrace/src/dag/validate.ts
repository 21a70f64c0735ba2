import { cron } from './cron.ts';
import { MillraceError } from './errors.ts';
import { type Plan, type PlanBody, type PlanNode, planSchemaVersion, type Template } from './plan.ts';
import { templateRefs } from './template.ts';

/**
 * Checks what types cannot: that ids are unique, references lead somewhere, no node waits for itself, numbers make sense.
 * Gives the plan back. Throws MR1002 (duplicate id), MR1009 (schedule), MR1016 (unknown reference), MR1017 (cycle),
 * MR1018 (not a plan of a version known here).
 */
export function validatePlan(plan: Plan): Plan {
  const bad = (why: string, facts = {}) => planError('MR1018', plan.dag, why, facts);
  if (typeof plan !== 'object' || plan === null || !Array.isArray(plan.nodes)) throw bad('it is not a plan');
  if (!(plan.schemaVersion <= planSchemaVersion)) {
    throw bad(`its version is ${plan.schemaVersion}, this package knows ${planSchemaVersion}`);
  }
  if (typeof plan.dag !== 'string') throw bad('it has no DAG id');
  if (plan.schedule !== undefined) cron(plan.schedule.cron, { timezone: plan.schedule.timezone });
  const seen = new Set<string>();
  validateBody(plan.dag, plan, [], seen, 0);
  return plan;
}

type Ids = ReadonlySet<string>;

function validateBody(dag: string, body: PlanBody, outer: readonly Ids[], seen: Set<string>, depth: number): void {
  const here = new Set<string>();
  for (const { id } of body.nodes) {
    if (seen.has(id)) throw planError('MR1002', dag, `it has two nodes '${id}'`, { node: id });
    here.add(id);
  }
  const scopes = [here, ...outer];
  for (const node of body.nodes) {
    for (const upstream of node.needs.flatMap(({ of }) => of)) {
      if (!here.has(upstream)) throw unknown(dag, node.id, upstream);
    }
    checkTemplate(dag, node, scopes, depth);
    if (node.kind === 'task' && !(node.timeoutMs > 0 && node.heartbeatMs > 0)) {
      throw planError('MR1018', dag, `'${node.id}' has no timeout`, { node: node.id });
    }
  }
  checkCycle(dag, body);
  for (const node of body.nodes) {
    // A mapped body of one node shares its id with the each that holds it.
    if (node.kind !== 'each' || !isSole(node.body, node.id)) addId(dag, seen, node.id);
    if (node.kind === 'each') validateBody(dag, node.body, scopes, seen, depth + 1);
    if (node.kind === 'choose') {
      for (const inner of Object.values(node.cases)) validateBody(dag, inner, scopes, seen, depth);
    }
  }
  checkRefs(dag, `the result of '${dag}'`, body.result, scopes, depth);
}

/** True for a mapped body of one node that has the id of its `each`: its instances are `id[0]`, `id[1]`, ... */
export function isSole(body: PlanBody, id: string): boolean {
  return body.nodes.length === 1 && body.nodes[0]?.id === id;
}

function addId(dag: string, seen: Set<string>, id: string): void {
  if (seen.has(id)) throw planError('MR1002', dag, `it has two nodes '${id}'`, { node: id });
  seen.add(id);
}

/** The template that a node evaluates when it starts. */
export function nodeTemplate(node: PlanNode): Template | undefined {
  return node.kind === 'task' ? node.input : node.kind === 'each' ? node.over : node.on;
}

function checkTemplate(dag: string, node: PlanNode, scopes: readonly Ids[], depth: number): void {
  checkRefs(dag, node.id, nodeTemplate(node), scopes, depth);
  const waited = new Set(node.needs.flatMap(({ of }) => of));
  const { refs, outcomes } = templateRefs(nodeTemplate(node));
  for (const ref of [...refs, ...outcomes]) {
    if (scopes[0]?.has(ref) && !waited.has(ref)) {
      throw planError('MR1016', dag, `'${node.id}' reads '${ref}' without waiting for it`, { node: node.id, ref });
    }
  }
}

function checkRefs(
  dag: string,
  node: string,
  template: Template | undefined,
  scopes: readonly Ids[],
  depth: number,
): void {
  const { refs, outcomes, items } = templateRefs(template);
  for (const ref of [...refs, ...outcomes]) if (!scopes.some((ids) => ids.has(ref))) throw unknown(dag, node, ref);
  for (const item of items) if (!(item >= 0 && item < depth)) throw unknown(dag, node, `item ${item}`);
}

function checkCycle(dag: string, body: PlanBody): void {
  const upstreams = new Map(body.nodes.map((node) => [node.id, new Set(node.needs.flatMap(({ of }) => of))]));
  const downstreams = new Map<string, string[]>();
  for (const [id, of] of upstreams) for (const up of of) downstreams.set(up, [...(downstreams.get(up) ?? []), id]);
  const ready = [...upstreams].filter(([, of]) => of.size === 0).map(([id]) => id);
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    upstreams.delete(id);
    for (const down of downstreams.get(id) ?? []) {
      const left = upstreams.get(down);
      left?.delete(id);
      if (left?.size === 0) ready.push(down);
    }
  }
  if (upstreams.size === 0) return;
  const cycle = findCycle(upstreams);
  throw planError('MR1017', dag, `its nodes wait for each other: ${cycle.join(' -> ')}`, { cycle });
}

// Every node left waits for another one left, so following upstreams must come back.
function findCycle(upstreams: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const path: string[] = [];
  let [id] = upstreams.keys();
  while (id !== undefined && !path.includes(id)) {
    path.unshift(id);
    id = [...(upstreams.get(id) ?? [])].find((up) => upstreams.has(up));
  }
  return id === undefined ? path : [id, ...path.slice(0, path.indexOf(id) + 1)];
}

function unknown(dag: string, node: string, ref: string): MillraceError {
  return planError('MR1016', dag, `'${node}' refers to '${ref}', which is not there`, { node, ref });
}

function planError(code: string, dag: string, why: string, facts: Readonly<Record<string, unknown>>): MillraceError {
  return new MillraceError({
    code,
    message: `The plan of '${dag}' cannot be run: ${why}.`,
    subject: String(dag),
    hint: 'Build the plan with dag(); a plan from elsewhere must follow the plan format.',
    facts,
    retryable: false,
  });
}
