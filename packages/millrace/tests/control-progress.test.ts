import { describe, expect, it } from '@jest/globals';
import { renderProgress, renderSummary } from '../src/control/progress.ts';
import { countStates, formatDuration } from '../src/control/progress-format.ts';
import { tableRows } from '../src/control/progress-table.ts';
import type { NodeView, RunView } from '../src/control/run-view.ts';

const start = '2003-01-01T07:00:00.000Z';
const now = new Date('2003-01-01T07:01:00.000Z');

function at(seconds: number): string {
  return new Date(Date.parse(start) + seconds * 1_000).toISOString();
}

function node(id: string, state: NodeView['state'], more: Partial<NodeView> = {}): NodeView {
  return { id, kind: 'task', task: id, state, attempt: state === 'none' ? 0 : 1, ...more };
}

function run(nodes: readonly NodeView[], more: Partial<RunView> = {}): RunView {
  return {
    dag: 'nightly',
    workflowId: 'nightly/2002-12-31',
    runId: 'r1',
    planHash: 'abc',
    interval: { start: '2002-12-31T05:00:00.000Z', end: '2003-01-01T05:00:00.000Z' },
    status: 'running',
    startedAt: start,
    source: 'worker',
    nodes,
    ...more,
  };
}

const list = node('list', 'success', { startedAt: at(0), endedAt: at(2), durationMs: 1_900, rows: 12 });

describe('a table', () => {
  it('shows state, attempt, duration and rows of every task', () => {
    const nodes = [
      list,
      node('load', 'running', { startedAt: at(50) }),
      node('drain', 'up_for_retry', { attempt: 3, error: { message: 'no\n connection', code: 'MR3210' } }),
      node('publish', 'none'),
    ];
    expect(renderProgress(run(nodes), undefined, { layout: 'table', now })).toEqual([
      'nightly/2002-12-31  running  1m 00s  1 done, 1 running, 1 waiting to retry, 1 to do',
      '  task     state         try   time  rows',
      '✓ list     success         1   1.9s    12',
      '● load     running         1  10.0s',
      '↻ drain    up_for_retry    3               MR3210 no connection',
      '· publish  none',
    ]);
  });

  it('puts the instances of a mapped task into one line, with those under it that need attention', () => {
    const landed = Array.from({ length: 30 }, (_, index) =>
      node(`land[${index}]`, index < 20 ? 'success' : 'none', {
        rows: 100,
        ...(index < 20 ? { startedAt: at(index), endedAt: at(index + 1) } : {}),
      }),
    );
    landed[7] = node('land[7]', 'failed', { startedAt: at(7), endedAt: at(9), error: { message: 'ragged row' } });
    const rows = tableRows([node('land', 'running', { kind: 'each' }), ...landed], now);
    expect(rows.map(({ depth, label, state, note }) => ({ depth, label, state, note }))).toEqual([
      { depth: 0, label: 'land[…]', state: 'failed', note: '20 of 30' },
      { depth: 1, label: '[7]', state: 'failed', note: 'ragged row' },
    ]);
    expect(rows[0]).toMatchObject({ rows: 2_900, elapsedMs: 60_000 });
  });

  it('shows how many items of a task are done, and those that run or failed', () => {
    const items = [
      { id: 'dim_store', state: 'success', attempt: 1 },
      { id: 'fct_sales', state: 'running', attempt: 1, startedAt: at(55) },
      { id: 'mart', state: 'failed', attempt: 2, message: 'syntax error' },
    ] as const;
    const rows = tableRows([node('dbtBuild', 'running', { startedAt: at(30), items })], now);
    expect(rows.map(({ label, note, attempt }) => ({ label, note, attempt }))).toEqual([
      { label: 'dbtBuild', note: '2 of 3 items', attempt: 1 },
      { label: 'mart', note: 'syntax error', attempt: 2 },
      { label: 'fct_sales', note: '', attempt: 1 },
    ]);
  });

  it('fits into the height and the width of the terminal, whatever the run', () => {
    const many = Array.from({ length: 60 }, (_, index) => {
      if (index === 31) return node('the-one-that-failed', 'failed', { error: { message: 'x'.repeat(500) } });
      return node(`task-with-a-rather-long-name-${index}`, index < 40 ? 'success' : 'none');
    });
    const lines = renderProgress(run(many), undefined, { layout: 'table', now, height: 12, width: 60 });
    expect(lines).toHaveLength(12);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
    expect(lines.join('\n')).toContain('the-one-that-failed');
    expect(lines.at(-1)).toMatch(/… 51 more: 39 done, 12 to do/);
  });

  it('colours only if told to', () => {
    const plain = renderProgress(run([list]), undefined, { layout: 'table', now });
    const painted = renderProgress(run([list]), undefined, { layout: 'table', now, color: true });
    const esc = String.fromCharCode(27);
    expect(plain.join('')).not.toContain(esc);
    expect(painted.map((line) => line.replaceAll(new RegExp(`${esc}\\[\\d+m`, 'g'), ''))).toEqual(plain);
    expect(painted.join('')).toContain(`${esc}[32m`);
  });
});

describe('lines', () => {
  const lines = (state: RunView, previous?: RunView) => renderProgress(state, previous, { layout: 'lines', now });

  it('say what changed, once', () => {
    const first = run([node('list', 'running', { startedAt: at(0) }), node('load', 'none')]);
    const second = run([list, node('load', 'queued')]);
    expect(lines(first)).toEqual(['07:01:00  nightly/2002-12-31 is running.', '07:01:00  list  running']);
    expect(lines(second, first)).toEqual(['07:01:00  list  success  1.9s  12 rows']);
    expect(lines(second, second)).toEqual([]);
  });

  it('tell each attempt and why the one before failed', () => {
    const waiting = run([node('load', 'up_for_retry', { attempt: 2, error: { message: 'lock\nheld' } })]);
    const again = run([node('load', 'running', { attempt: 3, error: { message: 'lock held' } })]);
    expect(lines(waiting, run([node('load', 'running')]))).toEqual([
      '07:01:00  load  up_for_retry  attempt 2  lock held',
    ]);
    expect(lines(again, waiting)).toEqual(['07:01:00  load  running  attempt 3  lock held']);
  });

  it('tell every item that ended', () => {
    const before = run([node('dbt', 'running', { items: [{ id: 'a', state: 'running', attempt: 1 }] })]);
    const items = [
      { id: 'a', state: 'success', attempt: 1, durationMs: 150, rows: 10 },
      { id: 'b', state: 'failed', attempt: 1, message: 'no such column' },
    ] as const;
    expect(lines(run([node('dbt', 'running', { items })]), before)).toEqual([
      '07:01:00    dbt › a  success  150ms  10 rows',
      '07:01:00    dbt › b  failed  no such column',
    ]);
  });

  it('tell a wide mapped task in tenths, and its failures one by one', () => {
    const wide = (done: number) =>
      run(Array.from({ length: 1_000 }, (_, index) => node(`land[${index}]`, index < done ? 'success' : 'none')));
    expect(lines(wide(99), wide(0))).toEqual([]);
    expect(lines(wide(250), wide(99))).toEqual(['07:01:00  land[…]  250 of 1,000']);
    const failed = run([...wide(250).nodes.slice(0, 999), node('land[999]', 'failed', { error: { message: 'torn' } })]);
    expect(lines(failed, wide(250))).toEqual(['07:01:00  land[999]  failed  torn']);
  });
});

describe('a summary', () => {
  it('says what the run came to and why', () => {
    const error = { message: 'File pos.csv has a ragged row in line 7.', code: 'MR3104', hint: 'Ask the sender.' };
    const nodes = [list, node('land', 'failed', { error }), node('publish', 'upstream_failed')];
    expect(renderSummary(run(nodes, { status: 'failed', endedAt: at(65) }))).toEqual([
      'nightly/2002-12-31 failed after 1m 05s: 1 done, 1 failed, 1 not run (upstream failed).',
      '  ✗ land: MR3104: File pos.csv has a ragged row in line 7. Ask the sender.',
    ]);
  });
});

describe('figures', () => {
  it('are short', () => {
    const spans = [0, 999, 1_000, 59_900, 59_999, 61_000, 3_599_999, 7_380_000];
    expect(spans.map(formatDuration)).toEqual([
      '0ms',
      '999ms',
      '1.0s',
      '59.9s',
      '1m 00s',
      '1m 01s',
      '1h 00m',
      '2h 03m',
    ]);
    expect(countStates([list, list, node('x', 'failed')])).toBe('2 done, 1 failed');
    expect(countStates([])).toBe('');
  });
});
