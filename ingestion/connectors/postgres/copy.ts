import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { quoteIdentifier, quoteLiteral } from '@millrace/lakehouse';
import type { Progress } from 'millrace';
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';

const newline = 0x0a;

/** A query whose every row becomes one JSON object. */
export interface CopyQuery {
  /** Source columns, as text exactly as Postgres writes them. */
  readonly columns: readonly string[];
  /** Further fields: name to SQL of type text. */
  readonly fields: Readonly<Record<string, string>>;
  /** `"schema"."table"` */
  readonly from: string;
  /** SQL; values must have been quoted by {@link quoteLiteral}: COPY takes no parameters. */
  readonly where?: string;
  readonly orderBy?: string;
}

export interface CopiedFile {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
}

/**
 * Copies the rows of a query into JSON-lines files of about `maxFileBytes`, each value a string or null. `onFile` is
 * waited for before the next file is begun.
 *
 * The server makes the JSON. COPY's csv format with control characters for quote and delimiter leaves each line as it
 * is, since JSON text never holds one of them unescaped: no second layer of quoting, and no doubt about NULL and ''.
 */
export async function copyJson(
  client: pg.Client,
  query: CopyQuery,
  target: { readonly folder: string; readonly name: string; readonly maxFileBytes: number },
  progress: Progress,
  onFile: (file: CopiedFile) => Promise<void>,
): Promise<void> {
  const stream = client.query(copyTo(copyStatement(query)));
  let file: OpenFile | undefined;
  let count = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      progress.heartbeat();
      let rest = chunk;
      while (rest.length > 0) {
        file ??= new OpenFile(join(target.folder, `${target.name}-${String(count++).padStart(5, '0')}.jsonl`));
        const room = target.maxFileBytes - file.bytes;
        const end = room < rest.length ? rest.indexOf(newline, Math.max(room, 0)) : -1;
        const part = end < 0 ? rest : rest.subarray(0, end + 1);
        await file.write(part);
        rest = rest.subarray(part.length);
        if (end < 0) continue;
        await onFile(await file.close());
        file = undefined;
      }
    }
    if (file !== undefined) await onFile(await file.close());
  } finally {
    file?.discard();
    stream.destroy();
  }
}

function copyStatement({ columns, fields, from, where, orderBy }: CopyQuery): string {
  const values = [
    ...columns.map((name) => `${asText(quoteIdentifier(name))} AS ${quoteIdentifier(name)}`),
    ...Object.entries(fields).map(([name, sql]) => `${sql} AS ${quoteIdentifier(name)}`),
  ];
  const rows = [
    `SELECT ${values.join(', ')} FROM ${from} source`,
    where === undefined ? '' : `WHERE ${where}`,
    orderBy === undefined ? '' : `ORDER BY ${orderBy}`,
  ].join(' ');
  return `COPY (SELECT row_to_json(line) FROM (${rows}) line) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02', NULL '')`;
}

/** By the type's output function, as in a change of the log; a cast would differ: for boolean, for char(n). */
function asText(column: string): string {
  return `CASE WHEN source.${column} IS DISTINCT FROM NULL THEN format('%s', source.${column}) END`;
}

/** A text literal for a {@link CopyQuery}. */
export function textLiteral(value: string | number): string {
  return `${quoteLiteral(String(value))}::text`;
}

class OpenFile {
  readonly #path: string;
  readonly #stream: ReturnType<typeof createWriteStream>;
  bytes = 0;
  #rows = 0;

  constructor(path: string) {
    this.#path = path;
    this.#stream = createWriteStream(path, { highWaterMark: 2 ** 20 });
    // A failure shows in the next write or in close.
    this.#stream.on('error', () => undefined);
  }

  async write(part: Buffer): Promise<void> {
    this.bytes += part.length;
    for (let at = part.indexOf(newline); at >= 0; at = part.indexOf(newline, at + 1)) this.#rows += 1;
    if (!this.#stream.write(part)) await once(this.#stream, 'drain');
  }

  async close(): Promise<CopiedFile> {
    this.#stream.end();
    if (!this.#stream.closed) await once(this.#stream, 'close');
    if (this.#stream.errored) throw this.#stream.errored;
    return { path: this.#path, rows: this.#rows, bytes: this.bytes };
  }

  discard(): void {
    this.#stream.destroy();
  }
}
