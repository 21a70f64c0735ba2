import type { Json } from 'millrace';
import type { WriterSession } from '../delta-writer.ts';
import type { AppendInput, SourceFile } from '../types.ts';

/** How the writer reads a file, with every default filled in. */
export interface ReadOptions {
  readonly kind: AppendInput['kind'];
  readonly header: boolean;
  readonly delimiter: string;
  readonly quote: string;
  readonly nullText: string;
  readonly encoding: string;
}

/** A file after its inspection. Line numbers are from 1. */
export interface InspectedFile {
  readonly number: number;
  readonly key: string | null;
  /** For messages: the S3 key, or the path if it has none. */
  readonly name: string;
  /** What DuckDB reads: the file itself, or a plain UTF-8 copy. */
  readonly path: string;
  readonly size: number;
  readonly lines: number;
  /** Bytes of the longest line; exact for those above 1 MiB. */
  readonly longest: number;
  /** Undefined without a header line. */
  readonly header: readonly string[] | undefined;
  readonly blank: readonly number[];
  readonly repeatedHeader: readonly number[];
  readonly badEncoding: readonly number[];
}

/** Files that have the same columns in the same order: they are read by one statement. */
export interface FileGroup {
  readonly number: number;
  readonly header: readonly string[] | undefined;
  readonly files: readonly InspectedFile[];
}

export function readOptions(input: AppendInput): ReadOptions {
  if (input.kind === 'csv') {
    const { kind, header = true, delimiter = ',', quote = '"', nullText = '', encoding = 'utf-8' } = input;
    return { kind, header, delimiter, quote, nullText, encoding };
  }
  const encoding = input.kind === 'jsonl' ? (input.encoding ?? 'utf-8') : 'utf-8';
  return { kind: input.kind, header: false, delimiter: ',', quote: '"', nullText: '', encoding };
}

const INSPECTED_AT_ONCE = 500;

/** Throws MR3101 for a gzip file that is not whole. */
export async function inspectFiles(
  session: WriterSession,
  files: readonly SourceFile[],
  options: ReadOptions,
): Promise<readonly InspectedFile[]> {
  const inspected: InspectedFile[] = [];
  for (let start = 0; start < files.length; start += INSPECTED_AT_ONCE) {
    const batch = files
      .slice(start, start + INSPECTED_AT_ONCE)
      .map(({ path, key }, index) => ({ path, key, number: start + index }));
    const answers = (await session.call('inspect', {
      files: batch,
      directory: session.directory,
      ...options,
    })) as unknown as readonly (Omit<InspectedFile, 'number' | 'key' | 'name' | 'header'> & {
      header: string[] | null;
    })[];
    answers.forEach((answer, index) => {
      const { path, key } = batch[index] ?? { path: answer.path, key: null };
      inspected.push({
        ...answer,
        header: answer.header?.map((name) => name.trim()),
        number: start + index,
        key,
        name: key ?? path,
      });
    });
  }
  return inspected;
}

/** Records by the quoting rules: exact and slow, for files with line breaks inside fields. */
export async function countRecords(session: WriterSession, file: InspectedFile, options: ReadOptions): Promise<number> {
  return (await session.call('count', { path: file.path, ...options } satisfies Record<string, Json>)) as number;
}

export function groupByHeader(files: readonly InspectedFile[]): readonly FileGroup[] {
  const groups = new Map<string, InspectedFile[]>();
  for (const file of files) {
    if (file.size === 0) continue;
    const header = JSON.stringify(file.header ?? null);
    const group = groups.get(header);
    if (group === undefined) groups.set(header, [file]);
    else group.push(file);
  }
  return [...groups.values()].map((members, number) => ({ number, header: members[0]?.header, files: members }));
}
