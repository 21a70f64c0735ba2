import type { Column } from './types.ts';

/** On every bronze row, after its declared columns. */
export const BRONZE_AUDIT: readonly Column[] = [
  { name: '_source_system', type: 'VARCHAR' },
  { name: '_source_file', type: 'VARCHAR' },
  { name: '_source_lsn', type: 'BIGINT' },
  { name: '_source_seq', type: 'BIGINT' },
  { name: '_op', type: 'VARCHAR' },
  { name: '_ingested_at', type: 'TIMESTAMPTZ' },
  { name: '_run_id', type: 'VARCHAR' },
  { name: '_batch_id', type: 'VARCHAR' },
  { name: '_rescued_data', type: 'VARCHAR' },
];

/** On every silver row: where it came from and which run changed it last. */
export const SILVER_LINEAGE: readonly Column[] = [
  { name: '_source_system', type: 'VARCHAR' },
  { name: '_source_file', type: 'VARCHAR' },
  { name: '_source_lsn', type: 'BIGINT' },
  { name: '_source_seq', type: 'BIGINT' },
  { name: '_ingested_at', type: 'TIMESTAMPTZ' },
  { name: '_run_id', type: 'VARCHAR' },
  { name: '_batch_id', type: 'VARCHAR' },
  { name: '_updated_run', type: 'VARCHAR' },
];
