import type { Control } from './control.ts';
import { renderProgress, renderSummary } from './progress.ts';
import type { RunView } from './run-view.ts';

/** Where progress is written: a terminal or anything else with lines. `process.stderr` is one. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface FollowOptions {
  /** Ends the following, not the run; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Default: yes on a terminal, unless NO_COLOR is set. */
  readonly color?: boolean;
  /** How often the state is asked for, milliseconds. Default 500. */
  readonly intervalMs?: number;
}

/**
 * Shows the progress of a run until it has ended and gives its final state: a table that is redrawn on a terminal, lines
 * of what changed elsewhere; then what it came to. Throws MR2503 if there is no such run.
 */
export async function followRun(
  control: Control,
  workflowId: string,
  stream: ProgressStream = process.stderr,
  options: FollowOptions = {},
): Promise<RunView> {
  const { signal, intervalMs = 500, color = stream.isTTY === true && !process.env.NO_COLOR } = options;
  const display = stream.isTTY === true ? new Redrawn(stream, color) : new Lines(stream);
  // Durations of what is running go on between two states.
  const ticker = setInterval(() => display.tick(), 1_000);
  let last: RunView | undefined;
  try {
    for await (const view of control.watchRun(workflowId, {
      intervalMs,
      ...(signal === undefined ? {} : { signal }),
      onUnknown: (error) => display.note(error.message),
    })) {
      last = view;
      display.show(view);
    }
  } finally {
    clearInterval(ticker);
  }
  signal?.throwIfAborted();
  const final = last ?? (await control.getRun(workflowId));
  for (const line of renderSummary(final, { color })) stream.write(`${line}\n`);
  return final;
}

/** Draws over what it drew before. */
class Redrawn {
  readonly #stream: ProgressStream;
  readonly #color: boolean;
  #drawn = 0;
  #view: RunView | undefined;
  #note = '';

  constructor(stream: ProgressStream, color: boolean) {
    this.#stream = stream;
    this.#color = color;
  }

  show(view: RunView): void {
    this.#view = view;
    this.#note = view.source === 'history' ? 'No worker answers; this is what the history says.' : '';
    this.#draw();
  }

  note(text: string): void {
    this.#note = text;
    this.#draw();
  }

  tick(): void {
    if (this.#view?.status === 'running') this.#draw();
  }

  #draw(): void {
    const { columns = 100, rows = 40 } = this.#stream;
    const width = Math.max(40, columns - 1);
    const table = { layout: 'table', width, height: Math.max(5, rows - 3), color: this.#color } as const;
    const lines = this.#view === undefined ? [] : renderProgress(this.#view, undefined, table);
    if (this.#note !== '') lines.push(this.#note.slice(0, width));
    const up = this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A`;
    this.#stream.write(`${up}\u001b[0J${lines.map((line) => `${line}\n`).join('')}`);
    this.#drawn = lines.length;
  }
}

/** Says what changed. */
class Lines {
  readonly #stream: ProgressStream;
  #previous: RunView | undefined;
  #note = '';

  constructor(stream: ProgressStream) {
    this.#stream = stream;
  }

  show(view: RunView): void {
    for (const line of renderProgress(view, this.#previous, { layout: 'lines' })) this.#stream.write(`${line}\n`);
    this.#previous = view;
    this.#note = '';
  }

  note(text: string): void {
    if (text !== this.#note) this.#stream.write(`${text}\n`);
    this.#note = text;
  }

  tick(): void {}
}
