import { MillraceError } from 'millrace';
import type { TableInput } from './delta-writer.ts';

/** What a target has not seen of a source: everything at version `to`, or the changes after version `from`. */
export interface SourceRange {
  readonly uri: string;
  /** Undefined: nothing was consumed yet. */
  readonly from: number | undefined;
  readonly to: number;
}

/**
 * Throws MR3009 if the source is at an older version than the one that was consumed: it was removed and created anew.
 */
export function rangeOf(uri: string, consumed: number | null | undefined, version: number): SourceRange {
  const from = consumed ?? undefined;
  if (from !== undefined && version < from) {
    throw new MillraceError({
      code: 'MR3009',
      message: `${uri} is at version ${version}, but version ${from} of it was consumed: it is not the same table any more.`,
      subject: uri,
      hint: 'Remove the tables that are derived from it, so that they are built anew.',
      facts: { version, consumed: from },
      retryable: false,
    });
  }
  return { uri, from, to: version };
}

export function isEmpty({ from, to }: SourceRange): boolean {
  return to < 0 || from === to;
}

export function inputOf({ uri, from, to }: SourceRange): TableInput {
  return from === undefined ? { table: uri, version: to } : { table: uri, from: from + 1, to };
}

/** SQL that reads the input of a range with `_change_type` and `_commit_version`, even where it is the whole table. */
export function changesFrom({ from, to }: SourceRange, input: string): string {
  return from === undefined
    ? `SELECT *, 'insert' AS _change_type, ${to}::BIGINT AS _commit_version FROM ${input}`
    : `SELECT * EXCLUDE (_commit_timestamp) FROM ${input}`;
}
