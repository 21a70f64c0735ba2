import { join } from 'node:path';
import type { WriterSession } from './delta-writer.ts';
import type { LakeStorage } from './lake-storage.ts';
import { changesFrom, inputOf, isEmpty, rangeOf } from './source-changes.ts';
import { quoteIdentifier, quoteIdentifiers, quoteLiteral } from './sql.ts';
import { duckdbType } from './sql-types.ts';
import type { ExportRequest, ExportResult } from './types.ts';

/**
 * Writes the net changes to one Parquet file under `<prefix>/<table>/<from>-<to>/`. The same versions always give the same
 * rows, so a second export of them may replace the first.
 */
export async function exportChanges(
  session: WriterSession,
  storage: LakeStorage,
  uri: string,
  prefix: string,
  request: ExportRequest,
): Promise<ExportResult> {
  const state = await session.describe(uri);
  const columns = state.fields.map(({ name, type }) => ({ name, type: duckdbType(type) }));
  const range = rangeOf(uri, request.fromVersion, state.version);
  const result = { table: request.table, key: request.key, columns, fromVersion: range.from, toVersion: range.to };
  if (isEmpty(range)) return { ...result, rows: 0, files: [] };

  const path = join(session.directory, 'changes.parquet');
  const [written] = await session.execute(
    `COPY (
      SELECT ${quoteIdentifiers(columns.map((column) => column.name))},
        CASE WHEN _change_type IN ('insert', 'update_postimage') THEN 'upsert' ELSE 'delete' END AS _change_type
      FROM (${changesFrom(range, 'input')})
      ${range.from === undefined ? '' : latestOf(request.key)}
    ) TO ${quoteLiteral(path)} (FORMAT parquet, COMPRESSION zstd)`,
    { input: inputOf(range) },
  );
  const rows = Number(written?.Count ?? 0);
  if (rows === 0 && range.from !== undefined) return { ...result, rows, files: [] };
  const key = `${prefix}/${request.table.name}/${range.from ?? 'all'}-${range.to}/changes.parquet`;
  await storage.upload(path, key);
  return { ...result, rows, files: [key] };
}

/** Of a key's changes the last one; in one version, the image after an update rather than the one before. */
function latestOf(key: readonly string[]): string {
  const after = `CASE WHEN _change_type IN ('insert', 'update_postimage') THEN 0 ELSE 1 END`;
  return `QUALIFY row_number() OVER (
    PARTITION BY ${key.map(quoteIdentifier).join(', ')} ORDER BY _commit_version DESC, ${after}) = 1`;
}
