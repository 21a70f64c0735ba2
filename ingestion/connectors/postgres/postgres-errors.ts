import { MillraceError } from 'millrace';

export const postgresCodes = {
  connection: 'MR3201',
  notReady: 'MR3202',
  slotLost: 'MR3203',
  replicaIdentity: 'MR3204',
  slotMoved: 'MR3205',
  truncated: 'MR3206',
  unchangedToast: 'MR3207',
  slotBusy: 'MR3208',
  noSnapshot: 'MR3209',
  lockTimeout: 'MR3210',
  watermark: 'MR3211',
  missingColumn: 'MR3212',
  position: 'MR3213',
  declaration: 'MR3214',
  stagedState: 'MR3215',
  otherHistory: 'MR3216',
} as const;

/** What can be mended by waiting; everything else is not tried again. */
const retryable = new Set<keyof typeof postgresCodes>(['connection', 'slotBusy', 'lockTimeout']);

export interface PostgresErrorDetails {
  /** The source, table, slot or column at fault. */
  readonly subject: string;
  readonly message: string;
  readonly hint: string;
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export function postgresError(kind: keyof typeof postgresCodes, details: PostgresErrorDetails): MillraceError {
  return new MillraceError({ code: postgresCodes[kind], retryable: retryable.has(kind), ...details });
}

/** The SQLSTATE of an error of the server, if it is one. */
export function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}
