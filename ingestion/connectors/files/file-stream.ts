import type { Column, FileRule } from '@millrace/lakehouse';
import { declarationError } from './file-errors.ts';
import { compilePattern, type FilePattern } from './file-pattern.ts';

/** What a source's bad input leads to. Each is declared; nothing is left to chance. */
export interface FileProblems {
  /** A line with too few or too many fields, or that is no JSON object. Default `rescue`. */
  readonly raggedRow: FileRule;
  /** A value that is not of its column's type. Default `rescue`. */
  readonly badValue: FileRule;
  /** The header line again in the middle of a file. Default `rescue`. */
  readonly repeatedHeader: FileRule;
  /** A column or field that is not declared. Default `rescue`: it goes to `_rescued_data`. */
  readonly unknownColumn: FileRule;
  /** A header that lacks a declared column, names one twice, or is no header at all (never rescued). Default `fail`. */
  readonly missingColumn: FileRule | 'quarantine';
  /** Bytes that are not of the declared encoding. Default `fail`. */
  readonly badEncoding: 'fail' | 'quarantine';
  /** A gzip file that is cut off, corrupt, or followed by other bytes. Default `fail`. */
  readonly truncated: 'fail' | 'quarantine';
  /** A file without content; a header alone is content. Default `accept`: no rows. */
  readonly emptyFile: 'accept' | 'fail' | 'quarantine';
}

/** Files that a source drops under one prefix of the lake's bucket, and the bronze table they go to. */
export interface FileStream {
  /** Part of tracker keys and transaction ids: letters, digits, `_`, `-` and `.`. Never change it. */
  readonly name: string;
  readonly sourceSystem: string;
  /** `landing/pos/` */
  readonly prefix: string;
  /**
   * Key under the prefix: `{date}` is the business day as YYYY-MM-DD, `{csv,csv.gz,jsonl}` are alternatives, `*` is any text
   * without a slash. The ending tells the format: csv, tsv or txt, jsonl or ndjson, each with `.gz` or without.
   */
  readonly pattern: string;
  /** Name of the bronze table. */
  readonly table: string;
  readonly columns: readonly Column[];
  readonly csv?: {
    /** Default true. Without a header, fields are in declared order. */
    readonly header?: boolean;
    /** Default `,`. */
    readonly delimiter?: string;
    /** Default `"`; an empty string for none. */
    readonly quote?: string;
    /** The text that stands for NULL. Default: the empty field. */
    readonly nullText?: string;
  };
  /** Of csv and JSON alike. Default `utf-8`. `utf-16` goes by the byte order mark, without one little-endian. */
  readonly encoding?: FileEncoding;
  readonly problems?: Partial<FileProblems>;
  /** Default 400. */
  readonly maxBatchFiles?: number;
  /** As stored, before unpacking. Default 256 MiB; a larger file makes a batch of its own. */
  readonly maxBatchBytes?: number;
  /** A file that is larger than this when unpacked is refused (MR3156). Default 16 GiB. */
  readonly maxUnpackedBytes?: number;
}

export type FileEncoding = 'utf-8' | 'latin1' | 'utf-16';

/** A declaration with every default filled in. */
export interface ResolvedStream extends FileStream {
  readonly match: FilePattern;
  readonly encoding: FileEncoding;
  readonly problems: FileProblems;
  readonly maxBatchFiles: number;
  readonly maxBatchBytes: number;
  readonly maxUnpackedBytes: number;
}

const defaultProblems: FileProblems = {
  raggedRow: 'rescue',
  badValue: 'rescue',
  repeatedHeader: 'rescue',
  unknownColumn: 'rescue',
  missingColumn: 'fail',
  badEncoding: 'fail',
  truncated: 'fail',
  emptyFile: 'accept',
};

/** Checks a declaration and fills in the defaults. Throws MR3151. */
export function resolveStream(stream: FileStream): ResolvedStream {
  const { name, maxBatchFiles = 400, maxBatchBytes = 256 * 2 ** 20, maxUnpackedBytes = 16 * 2 ** 30 } = stream;
  if (!/^[A-Za-z0-9_.-]+$/.test(name)) {
    throw declarationError(name, 'the name may hold letters, digits, underscores, hyphens and dots only');
  }
  if (stream.columns.length === 0) throw declarationError(name, 'it declares no column');
  const names = new Set(stream.columns.map((column) => column.name.toLowerCase()));
  if (names.size !== stream.columns.length) throw declarationError(name, 'it declares a column twice');
  for (const [limit, value] of Object.entries({ maxBatchFiles, maxBatchBytes, maxUnpackedBytes })) {
    if (!Number.isSafeInteger(value) || value < 1) throw declarationError(name, `${limit} must be a positive integer`);
  }
  return {
    ...stream,
    match: compilePattern(name, stream.prefix, stream.pattern),
    encoding: stream.encoding ?? 'utf-8',
    problems: { ...defaultProblems, ...stream.problems },
    maxBatchFiles,
    maxBatchBytes,
    maxUnpackedBytes,
  };
}
