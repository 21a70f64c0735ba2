import type { ItemRecord, NodeRecord, NodeState } from '../dag/run-state.ts';
import { elapsed, isFinished, worstState } from './progress-format.ts';
import type { NodeView } from './run-view.ts';

/** One line of the table: a node, the instances of a mapped node together, or an item. */
export interface Row {
  readonly depth: number;
  readonly label: string;
  readonly state: NodeState;
  readonly attempt: number | undefined;
  readonly elapsedMs: number | undefined;
  readonly rows: number | undefined;
  readonly note: string;
}

/** Up to so many instances or items are shown one by one under their group: those that need attention or are under way. */
const shownDetails = 5;

/** What a table of the nodes shows, in the order of the plan. */
export function tableRows(nodes: readonly NodeView[], now: Date): Row[] {
  const rows: Row[] = [];
  for (const group of groupNodes(nodes)) {
    if (group.instances === undefined) rows.push(...nodeRows(group.node, now));
    else rows.push(groupRow(group.label, group.instances, now), ...detailRows(group.instances, now));
  }
  return rows;
}

type Group =
  | { readonly node: NodeView; readonly instances?: undefined }
  | { readonly label: string; readonly instances: readonly NodeView[] };

/** Instances of one mapped node together, at the place of the first; control nodes that only hold others are left out. */
export function groupNodes(nodes: readonly NodeView[]): Group[] {
  const groups = new Map<string, NodeView[]>();
  for (const node of nodes) {
    const key = node.id.replaceAll(/\[\d+\]/g, '[]');
    groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  const mapped = new Set([...groups.keys()].filter((key) => key.includes('[]')));
  const held = new Set([...mapped].map((key) => key.slice(0, key.indexOf('[]'))));
  const result: Group[] = [];
  for (const [key, members] of groups) {
    const [node] = members;
    if (node === undefined) continue;
    if (mapped.has(key)) result.push({ label: key.replaceAll('[]', '[…]'), instances: members });
    else if (node.kind === 'task' || (!held.has(key) && !quiet(node))) result.push({ node });
  }
  return result;
}

/** A control node that has nothing to tell beside its bodies. */
function quiet(node: NodeRecord): boolean {
  return node.kind === 'choose' && node.error === undefined;
}

function nodeRows(node: NodeView, now: Date): Row[] {
  const items = node.items ?? [];
  const done = items.filter((item) => isFinished(item.state)).length;
  const note = [noteOf(node), items.length === 0 ? '' : `${done} of ${items.length} items`].filter(
    (text) => text !== '',
  );
  const row: Row = {
    depth: 0,
    label: node.id,
    state: node.state,
    attempt: node.attempt === 0 ? undefined : node.attempt,
    elapsedMs: elapsed(node, now),
    rows: node.rows,
    note: note.join(' · '),
  };
  return [row, ...select(items).map((item) => itemRow(item, now))];
}

function groupRow(label: string, instances: readonly NodeView[], now: Date): Row {
  const states = instances.map((node) => node.state);
  const starts = instances.flatMap((node) => (node.startedAt === undefined ? [] : [Date.parse(node.startedAt)]));
  const ends = instances.flatMap((node) => (node.endedAt === undefined ? [] : [Date.parse(node.endedAt)]));
  const finished = states.every(isFinished);
  const counted = instances.filter((node) => node.rows !== undefined);
  return {
    depth: 0,
    label,
    state: worstState(states),
    attempt: undefined,
    elapsedMs: starts.length === 0 ? undefined : (finished ? Math.max(...ends) : now.getTime()) - Math.min(...starts),
    rows: counted.length === 0 ? undefined : counted.reduce((sum, node) => sum + (node.rows ?? 0), 0),
    note: `${states.filter(isFinished).length} of ${instances.length}`,
  };
}

function detailRows(instances: readonly NodeView[], now: Date): Row[] {
  return select(instances).flatMap((node) =>
    nodeRows(node, now).map((row) => ({ ...row, depth: row.depth + 1, label: row.label.replace(/^.*?(?=\[)/, '') })),
  );
}

function itemRow(item: ItemRecord, now: Date): Row {
  return {
    depth: 1,
    label: item.id,
    state: item.state,
    attempt: item.attempt,
    elapsedMs: elapsed(item, now),
    rows: item.rows,
    note: item.state === 'success' ? '' : (item.message ?? ''),
  };
}

const attention: readonly NodeState[] = ['failed', 'up_for_retry', 'running'];

function select<T extends { readonly state: NodeState }>(all: readonly T[]): T[] {
  return attention.flatMap((state) => all.filter((each) => each.state === state)).slice(0, shownDetails);
}

function noteOf(node: NodeView): string {
  if (node.error === undefined || node.state === 'success') return '';
  const { code, message } = node.error;
  return code === undefined || message.startsWith(code) ? message : `${code} ${message}`;
}
