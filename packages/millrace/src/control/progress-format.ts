import type { ItemRecord, NodeRecord, NodeState, RunState, RunStatus } from '../dag/run-state.ts';

/** `850ms`, `4.2s`, `1m 05s`, `2h 03m`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.max(0, Math.round(milliseconds))}ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1_000).toFixed(1)}s`;
  const seconds = Math.round(milliseconds / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${pad(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  return `${Math.floor(minutes / 60)}h ${pad(minutes % 60)}m`;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

/** `28,810`. */
export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}

const finished: ReadonlySet<NodeState> = new Set(['success', 'failed', 'skipped', 'upstream_failed', 'cancelled']);

export function isFinished(state: NodeState): boolean {
  return finished.has(state);
}

/** How long a node took, or has been running until `now`; undefined before it started. */
export function elapsed(node: NodeRecord | ItemRecord, now: Date): number | undefined {
  if (node.durationMs !== undefined && node.state !== 'running') return node.durationMs;
  if (node.startedAt === undefined) return undefined;
  const ended = 'endedAt' in node && node.endedAt !== undefined ? Date.parse(node.endedAt) : undefined;
  if (ended === undefined && node.state !== 'running') return undefined;
  return (ended ?? now.getTime()) - Date.parse(node.startedAt);
}

/** How long the whole run took, or has been running until `now`, in milliseconds. */
export function runElapsed(state: RunState, now: Date): number {
  return (state.endedAt === undefined ? now.getTime() : Date.parse(state.endedAt)) - Date.parse(state.startedAt);
}

const order: readonly NodeState[] = [
  'success',
  'running',
  'up_for_retry',
  'queued',
  'failed',
  'upstream_failed',
  'skipped',
  'cancelled',
  'none',
];

const words: Readonly<Record<NodeState, string>> = {
  success: 'done',
  running: 'running',
  up_for_retry: 'waiting to retry',
  queued: 'queued',
  failed: 'failed',
  upstream_failed: 'not run (upstream failed)',
  skipped: 'skipped',
  cancelled: 'cancelled',
  none: 'to do',
};

/** `12 done, 2 running, 6 to do`. */
export function countStates(nodes: readonly { readonly state: NodeState }[]): string {
  return order
    .map((state) => ({ state, count: nodes.filter((node) => node.state === state).length }))
    .filter(({ count }) => count > 0)
    .map(({ state, count }) => `${formatCount(count)} ${words[state]}`)
    .join(', ');
}

/** The state that stands for many: what needs attention first, else what is under way. */
export function worstState(states: readonly NodeState[]): NodeState {
  const precedence: readonly NodeState[] = [
    'failed',
    'up_for_retry',
    'running',
    'queued',
    'cancelled',
    'upstream_failed',
  ];
  const found = precedence.find((state) => states.includes(state));
  if (found !== undefined) return found;
  if (states.includes('none')) return states.some(isFinished) ? 'running' : 'none';
  return states.includes('success') ? 'success' : (states[0] ?? 'none');
}

const symbols: Readonly<Record<NodeState, string>> = {
  none: '·',
  queued: '○',
  running: '●',
  up_for_retry: '↻',
  success: '✓',
  failed: '✗',
  skipped: '–',
  upstream_failed: '⊘',
  cancelled: '■',
};

export function stateSymbol(state: NodeState): string {
  return symbols[state];
}

const colors: Readonly<Record<NodeState | RunStatus, number>> = {
  none: 90,
  queued: 90,
  running: 36,
  up_for_retry: 33,
  success: 32,
  failed: 31,
  skipped: 90,
  upstream_failed: 33,
  cancelled: 35,
};

/** The text in the colour of a state, if `color`. */
export function paint(text: string, state: NodeState | RunStatus, color: boolean): string {
  return color ? `\u001b[${colors[state]}m${text}\u001b[0m` : text;
}

/** `text` in at most `width` columns. */
export function clip(text: string, width: number): string {
  if (text.length <= width) return text;
  return width <= 1 ? '' : `${text.slice(0, width - 1)}…`;
}

/** `text` on one line. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
