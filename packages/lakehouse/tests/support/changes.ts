import type { AppendResult, Column } from '../../src/index.ts';
import { batch, bronze, progress, type TestLake } from './lake.ts';

/** A change record: position, operation and values as text. */
export interface Change {
  readonly op?: 'r' | 'c' | 'u' | 'd';
  readonly lsn?: number | null;
  readonly [column: string]: string | number | null | undefined;
}

/** Appends change records to a bronze table in one commit, under the next version of its transaction. */
export function changeFeed(at: TestLake, name: string, columns: readonly Column[]) {
  let version = 0;
  return async (changes: readonly Change[]): Promise<AppendResult> => {
    version += 1;
    const lines = changes.map(({ op = 'c', lsn = null, ...values }, index) =>
      JSON.stringify({ _op: op, _source_lsn: lsn, _source_seq: index + 1, ...values }),
    );
    const { path } = at.file(`${name}-${version}.ndjson`, `${lines.join('\n')}\n`);
    return at.lake.append(
      {
        table: bronze(name),
        input: { kind: 'changes', files: [{ path, key: null }] },
        columns,
        transaction: { appId: `cdc:${name}`, version },
        batch: batch(`${name}-${version}`),
      },
      progress(),
    );
  };
}
