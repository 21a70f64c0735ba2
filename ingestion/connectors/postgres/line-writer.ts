import { once } from 'node:events';
import { createWriteStream } from 'node:fs';

/** Characters gathered before they are written. */
const gathered = 2 ** 18;

/** Writes lines to a file in gulps, with back-pressure. */
export class LineWriter {
  readonly path: string;
  readonly #stream: ReturnType<typeof createWriteStream>;
  #text = '';
  #lines = 0;

  constructor(path: string) {
    this.path = path;
    this.#stream = createWriteStream(path);
    // A failure shows in the next flush or in close.
    this.#stream.on('error', () => undefined);
  }

  get lines(): number {
    return this.#lines;
  }

  add(line: string): void {
    this.#text += `${line}\n`;
    this.#lines += 1;
  }

  /** Waits only when enough has been gathered. */
  async flush(): Promise<void> {
    if (this.#text.length >= gathered) await this.#write();
  }

  async close(): Promise<void> {
    await this.#write();
    this.#stream.end();
    if (!this.#stream.closed) await once(this.#stream, 'close');
    if (this.#stream.errored) throw this.#stream.errored;
  }

  discard(): void {
    this.#stream.destroy();
  }

  async #write(): Promise<void> {
    if (this.#stream.errored) throw this.#stream.errored;
    const full = !this.#stream.write(this.#text);
    this.#text = '';
    if (full) await once(this.#stream, 'drain');
  }
}
