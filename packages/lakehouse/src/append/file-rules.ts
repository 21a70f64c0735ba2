import { MillraceError } from 'millrace';
import type { Column, FileRules } from '../types.ts';
import type { FileGroup, InspectedFile } from './source-files.ts';

const DEFAULT_RULES: FileRules = {
  raggedRow: 'rescue',
  badValue: 'rescue',
  repeatedHeader: 'rescue',
  unknownColumn: 'rescue',
  missingColumn: 'fail',
  badEncoding: 'fail',
  emptyFile: 'rescue',
};

/** More lines of a wrong encoding than this in one file are not bad lines but a wrong declaration. */
const MAX_BAD_ENCODING_LINES = 1_000;

export type FileProblem = keyof FileRules | 'countMismatch';

const CODES: { readonly [problem in FileProblem]: string } = {
  raggedRow: 'MR3102',
  badValue: 'MR3103',
  repeatedHeader: 'MR3104',
  unknownColumn: 'MR3105',
  missingColumn: 'MR3106',
  badEncoding: 'MR3107',
  emptyFile: 'MR3108',
  countMismatch: 'MR3109',
};

export function withDefaults(rules: Partial<FileRules> | undefined): FileRules {
  return { ...DEFAULT_RULES, ...rules };
}

/** The non-retryable error of a file that its source declares not to accept. */
export function fileError(
  problem: FileProblem,
  file: string,
  message: string,
  facts: { readonly line?: number; readonly [fact: string]: unknown } = {},
): MillraceError {
  const at = facts.line === undefined ? '' : `, line ${facts.line}`;
  return new MillraceError({
    code: CODES[problem],
    message: `${file}${at}: ${message}. Nothing was written.`,
    subject: file,
    hint:
      problem === 'countMismatch'
        ? 'Look at the quotes around the last rows of the file.'
        : `Have the file corrected, or declare ${problem}: 'rescue' for its source.`,
    facts: { file, ...facts },
    retryable: false,
  });
}

/** Applies the rules that need no more than the inspection. */
export function checkInspection(files: readonly InspectedFile[], rules: FileRules): void {
  for (const file of files) {
    if (file.size === 0 && rules.emptyFile === 'fail') throw fileError('emptyFile', file.name, 'the file is empty');
    const [badLine] = file.badEncoding;
    if (badLine !== undefined && (rules.badEncoding === 'fail' || file.badEncoding.length > MAX_BAD_ENCODING_LINES)) {
      throw fileError('badEncoding', file.name, 'the line is not of the declared encoding', {
        line: badLine,
        lines: file.badEncoding.length,
      });
    }
    const [headerLine] = file.repeatedHeader;
    if (headerLine !== undefined && rules.repeatedHeader === 'fail') {
      throw fileError('repeatedHeader', file.name, 'the header stands again in the middle of the file', {
        line: headerLine,
      });
    }
  }
}

/** Applies the rules about columns. */
export function checkHeader({ header, files }: FileGroup, columns: readonly Column[], rules: FileRules): void {
  if (header === undefined) return;
  const name = files[0]?.name ?? '';
  const declared = new Set(columns.map((column) => column.name));
  const twice = header.find((column, index) => header.indexOf(column) !== index);
  if (twice !== undefined) {
    throw fileError('missingColumn', name, `the header names column ${twice} twice`, { line: 1, column: twice });
  }
  const missing = columns.map((column) => column.name).filter((column) => !header.includes(column));
  if (missing.length > 0 && rules.missingColumn === 'fail') {
    throw fileError('missingColumn', name, `the header lacks ${missing.join(', ')}`, { line: 1, columns: missing });
  }
  const unknown = header.filter((column) => !declared.has(column));
  if (unknown.length > 0 && rules.unknownColumn === 'fail') {
    throw fileError('unknownColumn', name, `the header names ${unknown.join(', ')}, which is not declared`, {
      line: 1,
      columns: unknown,
    });
  }
}
