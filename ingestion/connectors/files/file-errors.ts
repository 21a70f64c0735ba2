import { MillraceError } from 'millrace';

/** What can be wrong with a file as a whole, and the code of each. */
export const fileCodes = {
  // The same faults as the lake names row by row, and the same codes.
  corruptGzip: 'MR3101',
  unknownColumn: 'MR3105',
  missingColumn: 'MR3106',
  badEncoding: 'MR3107',
  emptyFile: 'MR3108',
  declaration: 'MR3151',
  tracker: 'MR3152',
  contention: 'MR3153',
  duplicateColumn: 'MR3154',
  noHeader: 'MR3155',
  tooLarge: 'MR3156',
} as const;

export type FileProblem = Exclude<keyof typeof fileCodes, 'declaration' | 'tracker' | 'contention'>;

const hints: Record<FileProblem, string> = {
  corruptGzip: 'Have the file delivered again. To go on without it, declare `truncated: quarantine`.',
  badEncoding: 'Declare the encoding that the source really writes, or declare `badEncoding: quarantine`.',
  missingColumn: 'Have the file delivered again, or declare `missingColumn: rescue` to read the column as NULL.',
  emptyFile: 'Have the file delivered again, or declare `emptyFile: accept`.',
  duplicateColumn: 'Have the file delivered again with each column once.',
  noHeader: 'Have the file delivered again, or declare `csv.header: false` if this source writes none.',
  unknownColumn: 'Declare the column, or declare `unknownColumn: rescue` to keep it in _rescued_data.',
  tooLarge: 'Raise `maxUnpackedBytes` of the stream if the file is what it should be.',
};

/** A file that must not be landed as it is. `line` counts from 1. */
export interface FileFinding {
  readonly problem: FileProblem;
  /** Completes "File <key> ...". */
  readonly text: string;
  readonly line?: number;
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** Carries a finding out of a stream pipeline. */
export class FileFault extends Error {
  readonly finding: FileFinding;

  constructor(finding: FileFinding) {
    super(finding.text);
    this.finding = finding;
  }
}

/** The non-retryable error for a finding whose declared outcome is `fail`. */
export function fileError(stream: string, key: string, finding: FileFinding): MillraceError {
  const where = finding.line === undefined ? key : `${key}, line ${finding.line},`;
  return new MillraceError({
    code: fileCodes[finding.problem],
    message: `File ${where} ${finding.text}.`,
    subject: key,
    hint: hints[finding.problem],
    facts: {
      stream,
      file: key,
      ...(finding.line === undefined ? {} : { line: finding.line }),
      problem: finding.problem,
      ...finding.facts,
    },
    retryable: false,
  });
}

/** MR3151: the stream's declaration cannot work. */
export function declarationError(stream: string, text: string): MillraceError {
  return new MillraceError({
    code: fileCodes.declaration,
    message: `File stream ${stream}: ${text}.`,
    subject: stream,
    hint: 'Correct the declaration of the stream.',
    retryable: false,
  });
}

/** MR3152: the stream's tracker in the bucket is not what was written there. */
export function trackerError(stream: string, key: string, text: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: fileCodes.tracker,
    message: `The tracker of file stream ${stream} is damaged: ${key} ${text}.`,
    subject: key,
    hint: 'Restore the object from a version or a backup of the bucket. Do not delete the tracker: it says which files are in.',
    facts: { stream, key },
    retryable: false,
    cause,
  });
}
