import { Transform, type TransformCallback } from 'node:stream';
import { FileFault } from './file-errors.ts';
import type { ResolvedStream } from './file-stream.ts';

/** A header of more than this is none. */
const maxHeaderBytes = 2 ** 20;

/** Passes a file on and checks its first record on the way; says afterwards whether there was any content. */
export class HeaderCheck extends Transform {
  readonly #check: ((header: string) => void) | undefined;
  readonly #onChunk: () => void;
  #head: Buffer | undefined = Buffer.alloc(0);
  #blank = true;

  /** `check`: throws a {@link FileFault} if the first line will not do. `onChunk`: called as the file goes by. */
  constructor(check: ((header: string) => void) | undefined, onChunk: () => void) {
    super();
    this.#check = check;
    this.#onChunk = onChunk;
  }

  /** True if there was nothing but white space. */
  get blank(): boolean {
    return this.#blank;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      this.#onChunk();
      if (this.#blank) this.#blank = /^\s*$/.test(chunk.toString('utf8'));
      if (this.#head !== undefined) {
        this.#head = Buffer.concat([this.#head, chunk]);
        const end = this.#head.indexOf(0x0a);
        if (end >= 0 || this.#head.length > maxHeaderBytes) this.#finish(end < 0 ? maxHeaderBytes : end);
      }
      done(null, chunk);
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    try {
      if (this.#head !== undefined && !this.#blank) this.#finish(this.#head.length);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  #finish(end: number): void {
    this.#check?.(this.#head?.subarray(0, end).toString('utf8').replace(/\r$/, '') ?? '');
    this.#head = undefined;
  }
}

/** The check of a csv header against the declared columns. White space around names does not count. */
export function checkHeader(stream: ResolvedStream, delimiter: string): (header: string) => void {
  const { columns, problems, csv } = stream;
  return (header) => {
    const names = splitRecord(header, delimiter, csv?.quote ?? '"').map((name) => name.trim());
    const given = new Set(names);
    const declared = new Set(columns.map(({ name }) => name));
    const missing = [...declared].filter((name) => !given.has(name));
    const unknown = names.filter((name) => !declared.has(name));
    if (missing.length === declared.size) {
      throw new FileFault({
        problem: 'noHeader',
        line: 1,
        text: `has no header: its first line names none of the declared columns (${shorten([...declared])})`,
        facts: { declared: [...declared] },
      });
    }
    if (given.size < names.length) {
      const twice = [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
      throw new FileFault({
        problem: 'duplicateColumn',
        line: 1,
        text: `names a column twice in its header: ${shorten(twice)}`,
        facts: { columns: twice },
      });
    }
    if (missing.length > 0 && problems.missingColumn !== 'rescue') {
      throw new FileFault({
        problem: 'missingColumn',
        line: 1,
        text: `lacks the declared ${missing.length === 1 ? 'column' : 'columns'} ${shorten(missing)} in its header`,
        facts: { columns: missing },
      });
    }
    if (unknown.length > 0 && problems.unknownColumn === 'fail') {
      throw new FileFault({
        problem: 'unknownColumn',
        line: 1,
        text: `has ${unknown.length === 1 ? 'a column that is' : 'columns that are'} not declared: ${shorten(unknown)}`,
        facts: { columns: unknown },
      });
    }
  };
}

/** The fields of one csv line. */
export function splitRecord(line: string, delimiter: string, quote: string): string[] {
  if (quote === '') return line.split(delimiter);
  const fields: string[] = [];
  let field = '';
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at] ?? '';
    if (quoted) {
      if (char !== quote) field += char;
      else if (line[at + 1] === quote) {
        field += quote;
        at += 1;
      } else quoted = false;
    } else if (char === quote && field === '') quoted = true;
    else if (line.startsWith(delimiter, at)) {
      fields.push(field);
      field = '';
      at += delimiter.length - 1;
    } else field += char;
  }
  fields.push(field);
  return fields;
}

function shorten(names: readonly string[]): string {
  return names.length <= 8 ? names.join(', ') : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`;
}
