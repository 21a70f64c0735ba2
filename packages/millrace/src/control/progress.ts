import type { ItemRecord, NodeError, RunState } from '../dag/run-state.ts';
import {
  clip,
  countStates,
  elapsed,
  formatCount,
  formatDuration,
  isFinished,
  oneLine,
  paint,
  runElapsed,
  stateSymbol,
} from './progress-format.ts';
import { type Row, tableRows } from './progress-table.ts';
import type { NodeView } from './run-view.ts';

export interface ProgressOptions {
  /** `table`: the whole state, to be drawn over the last one. `lines`: only what changed since `previous`. */
  readonly layout: 'table' | 'lines';
  /** Columns of the terminal. Default 100. */
  readonly width?: number;
  /** Lines that a table may have. Default: as many as it takes. */
  readonly height?: number;
  readonly color?: boolean;
  /** For the durations of what is running. Default: the clock. */
  readonly now?: Date;
}

/** More instances or items than this are told in tenths of the whole instead of one by one. */
const toldSingly = 100;

/** The progress of a run as lines of text. Pure, but for the clock where `now` is left out. */
export function renderProgress(state: RunState, previous: RunState | undefined, options: ProgressOptions): string[] {
  const { layout, width = 100, height, color = false, now = new Date() } = options;
  if (layout === 'lines') return changedLines(state, previous, now).map((line) => line.trimEnd());
  const rows = fit(tableRows(state.nodes, now), height === undefined ? undefined : height - 2);
  const table = rows.length === 0 ? [] : drawTable(rows, width, color);
  return [headline(state, width, color, now), ...table];
}

/** What a run came to, in a line, and why, in a line per failed node with its hint. */
export function renderSummary(
  state: RunState & { readonly error?: NodeError },
  { color = false, now = new Date() }: Partial<ProgressOptions> = {},
): string[] {
  const verb = { running: 'is running', success: 'succeeded', failed: 'failed', cancelled: 'was cancelled' }[
    state.status
  ];
  const counts = countStates(leaves(state.nodes));
  const lines = [
    `${state.workflowId} ${paint(verb, state.status, color)} after ${formatDuration(runElapsed(state, now))}: ${counts}.`,
  ];
  const failed = state.nodes.filter((each) => each.state === 'failed' && each.error !== undefined);
  if (failed.length === 0 && state.error !== undefined) lines.push(`  ${describeNodeError(state.error)}`);
  for (const { id, error } of failed) {
    const why = error === undefined ? '' : describeNodeError(error);
    lines.push(`  ${paint(stateSymbol('failed'), 'failed', color)} ${id}: ${why}`);
  }
  return lines;
}

function describeNodeError({ code, message, hint }: NodeError): string {
  const coded = code === undefined || message.startsWith(code) ? message : `${code}: ${message}`;
  return hint === undefined ? coded : `${coded} ${hint}`;
}

/** Nodes that do work; `each` and `choose` only hold others. */
function leaves(nodes: readonly NodeView[]): NodeView[] {
  return nodes.filter((node) => node.kind === 'task');
}

function headline(state: RunState, width: number, color: boolean, now: Date): string {
  const text = `  ${formatDuration(runElapsed(state, now))}  ${countStates(leaves(state.nodes))}`;
  const name = `${state.workflowId}  `;
  return `${name}${paint(state.status, state.status, color)}${clip(text, width - name.length - state.status.length)}`;
}

/** Drops lines that matter least until the table fits: finished ones first, then those to come. */
function fit(rows: readonly Row[], height: number | undefined): Row[] {
  if (height === undefined || rows.length <= height) return [...rows];
  const surplus = rows.length - Math.max(1, height - 1);
  const expendable = [
    ...rows.filter((row) => row.state === 'success' || row.state === 'skipped'),
    ...rows.filter((row) => row.state === 'none').reverse(),
    ...rows.filter((row) => row.depth > 0).reverse(),
  ];
  const dropped = new Set(expendable.slice(0, surplus));
  const states = [...dropped].map(({ state }) => ({ state }));
  const more: Row = {
    depth: 0,
    label: `… ${dropped.size} more: ${countStates(states)}`,
    state: 'none',
    attempt: undefined,
    elapsedMs: undefined,
    rows: undefined,
    note: '',
  };
  return [...rows.filter((row) => !dropped.has(row)).slice(0, Math.max(1, height - 1)), more];
}

function drawTable(rows: readonly Row[], width: number, color: boolean): string[] {
  const cells = rows.map((row) => ({
    row,
    name: `${'  '.repeat(row.depth)}${row.label}`,
    state: row.label.startsWith('…') ? '' : row.state,
    attempt: row.attempt === undefined ? '' : String(row.attempt),
    time: row.elapsedMs === undefined ? '' : formatDuration(row.elapsedMs),
    rows: row.rows === undefined ? '' : formatCount(row.rows),
  }));
  const size = (pick: (cell: (typeof cells)[number]) => string, title: string) =>
    Math.max(title.length, ...cells.map((cell) => pick(cell).length));
  const nameWidth = Math.min(
    size((cell) => cell.name, 'task'),
    Math.max(20, Math.floor(width * 0.45)),
  );
  const [stateWidth, timeWidth, rowsWidth] = [
    size((cell) => cell.state, 'state'),
    size((cell) => cell.time, 'time'),
    size((cell) => cell.rows, 'rows'),
  ];
  const left = width - (2 + nameWidth + 2 + stateWidth + 2 + 3 + 2 + timeWidth + 2 + rowsWidth + 2);
  const title = `  ${'task'.padEnd(nameWidth)}  ${'state'.padEnd(stateWidth)}  try  ${'time'.padStart(timeWidth)}  ${'rows'.padStart(rowsWidth)}`;
  return [
    title.slice(0, width),
    ...cells.map(({ row, name, state, attempt, time, rows: count }) => {
      if (state === '') return `  ${clip(name, width - 2)}`;
      const fixed = `  ${attempt.padStart(3)}  ${time.padStart(timeWidth)}  ${count.padStart(rowsWidth)}`;
      const label = clip(name, nameWidth).padEnd(nameWidth);
      const note = left < 8 ? '' : clip(oneLine(row.note), left);
      return `${paint(stateSymbol(row.state), row.state, color)} ${label}  ${paint(state.padEnd(stateWidth), row.state, color)}${fixed}  ${note}`.trimEnd();
    }),
  ];
}

function changedLines(state: RunState, previous: RunState | undefined, now: Date): string[] {
  const before = new Map<string, NodeView>(previous?.nodes.map((node) => [node.id, node]));
  const sizes = new Map<string, number>();
  for (const { id } of state.nodes) sizes.set(mappedKey(id), (sizes.get(mappedKey(id)) ?? 0) + 1);
  const lines: string[] = [];
  const clock = now.toISOString().slice(11, 19);
  if (previous === undefined) lines.push(`${clock}  ${state.workflowId} is ${state.status}.`);
  for (const node of leaves(state.nodes)) {
    const old = before.get(node.id);
    const many = (sizes.get(mappedKey(node.id)) ?? 0) > toldSingly;
    if (worthALine(node, old) && (!many || node.state === 'failed' || node.state === 'up_for_retry')) {
      lines.push(`${clock}  ${describe(node.id, node, node.error?.message, now)}`);
    }
    lines.push(...itemLines(node, old, clock, now));
  }
  for (const [key, size] of sizes) {
    if (size <= toldSingly) continue;
    const share = (nodes: readonly NodeView[]) =>
      tenths(
        nodes.filter((node) => mappedKey(node.id) === key),
        size,
      );
    const [is, was] = [share(state.nodes), share(previous?.nodes ?? [])];
    if (is.tenth > was.tenth) lines.push(`${clock}  ${key}  ${formatCount(is.done)} of ${formatCount(size)}`);
  }
  return lines;
}

function mappedKey(id: string): string {
  return id.replaceAll(/\[\d+\]/g, '[…]');
}

function tenths(all: readonly { readonly state: NodeView['state'] }[], size: number): { done: number; tenth: number } {
  const done = all.filter((each) => isFinished(each.state)).length;
  return { done, tenth: Math.floor((done * 10) / size) };
}

function worthALine(node: NodeView, old: NodeView | undefined): boolean {
  if (node.state === 'none' || node.state === 'queued') return false;
  return old === undefined || node.state !== old.state || node.attempt !== old.attempt;
}

function itemLines(node: NodeView, old: NodeView | undefined, clock: string, now: Date): string[] {
  const items = node.items ?? [];
  if (items.length === 0) return [];
  const before = new Map<string, ItemRecord>(old?.items?.map((item) => [item.id, item]));
  const many = items.length > toldSingly;
  const lines = items
    .filter((item) => isFinished(item.state) && before.get(item.id)?.state !== item.state)
    .filter((item) => !many || item.state === 'failed')
    .map((item) => `${clock}    ${describe(`${node.id} › ${item.id}`, item, item.message, now)}`);
  if (!many) return lines;
  const [is, was] = [tenths(items, items.length), tenths(old?.items ?? [], items.length)];
  const { length } = items;
  if (is.tenth > was.tenth)
    lines.push(`${clock}    ${node.id}  ${formatCount(is.done)} of ${formatCount(length)} items`);
  return lines;
}

function describe(label: string, node: NodeView | ItemRecord, message: string | undefined, now: Date): string {
  const time = isFinished(node.state) ? elapsed(node, now) : undefined;
  const parts = [
    label,
    node.state,
    node.attempt > 1 ? `attempt ${node.attempt}` : '',
    time === undefined ? '' : formatDuration(time),
    node.rows === undefined || !isFinished(node.state) ? '' : `${formatCount(node.rows)} rows`,
    node.state === 'success' || message === undefined ? '' : clip(oneLine(message), 300),
  ];
  return parts.filter((part) => part !== '').join('  ');
}
