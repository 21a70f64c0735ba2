import type pg from 'pg';
import { parseLsn } from './lsn.ts';
import { postgresError, sqlState } from './postgres-errors.ts';
import type { PostgresSource } from './postgres-source.ts';

export interface SlotState {
  /** Everything before it has been acknowledged. */
  readonly confirmed: number;
  /** True while a process reads it. */
  readonly active: boolean;
}

/** Undefined if there is no such slot in this database. Throws MR3203 if the server has given it up. */
export async function slotState(client: pg.Client, source: PostgresSource): Promise<SlotState | undefined> {
  const { rows } = await client.query<{ confirmed: string | null; active: boolean; wal_status: string | null }>(
    `SELECT confirmed_flush_lsn::text AS confirmed, active, wal_status FROM pg_replication_slots
     WHERE slot_name = $1 AND database = current_database()`,
    [source.slot],
  );
  const slot = rows[0];
  if (slot === undefined) return undefined;
  if (slot.wal_status === 'lost' || slot.confirmed === null) {
    throw slotLost(source, 'was invalidated: the server has removed log that it still needed', {
      walStatus: slot.wal_status,
    });
  }
  return { confirmed: parseLsn(slot.confirmed), active: slot.active };
}

/** MR3203: changes are missing for good, only a new snapshot helps. */
export function slotLost(source: PostgresSource, what: string, facts: Readonly<Record<string, unknown>> = {}) {
  return postgresError('slotLost', {
    subject: source.slot,
    message: `Replication slot ${source.slot} of source ${source.name} ${what}.`,
    hint: 'Its changes since then cannot be read any more: take a new snapshot (forgetSnapshot, then ensureSnapshot).',
    facts: { source: source.name, slot: source.slot, ...facts },
  });
}

/**
 * Makes this connection the only one that works on the slot, until it ends. Throws MR3208 (retryable) if another has that
 * place and keeps it for some seconds: the server needs a moment to notice that a process is gone.
 */
export async function claimSlot(client: pg.Client, source: PostgresSource): Promise<void> {
  try {
    await withLockTimeout(client, `SELECT pg_advisory_lock(hashtextextended('millrace:' || $1, 0))`, [source.slot]);
  } catch (error) {
    throw isLockTimeout(error) ? slotBusy(source, error) : error;
  }
}

/** Runs one statement in a transaction of its own that does not wait for a lock longer than others can wait behind it. */
export async function withLockTimeout(client: pg.Client, sql: string, values: readonly string[] = []): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL lock_timeout = '5s'`);
    await client.query(sql, [...values]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** lock_not_available */
export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === '55P03';
}

export function slotBusy(source: PostgresSource, cause?: unknown) {
  return postgresError('slotBusy', {
    subject: source.slot,
    message: `Another process is working on replication slot ${source.slot} of source ${source.name}.`,
    hint: 'One reads it at a time; a later attempt goes on where that one ends.',
    facts: { source: source.name, slot: source.slot },
    cause,
  });
}

/** Creates the publication for the source's tables, or adds those that it lacks. */
export async function ensurePublication(client: pg.Client, source: PostgresSource): Promise<void> {
  const name = client.escapeIdentifier(source.publication);
  const all = source.tables.map(
    (table) => `${client.escapeIdentifier(table.schema)}.${client.escapeIdentifier(table.name)}`,
  );
  const { rows: existing } = await client.query<{ complete: boolean }>(
    'SELECT pubinsert AND pubupdate AND pubdelete AND pubtruncate AS complete FROM pg_publication WHERE pubname = $1',
    [source.publication],
  );
  try {
    if (existing[0] === undefined) {
      await client.query(`CREATE PUBLICATION ${name} FOR TABLE ${all.join(', ')}`);
      return;
    }
    const { rows } = await client.query<{ table: string }>(
      `SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS table FROM pg_publication_tables WHERE pubname = $1`,
      [source.publication],
    );
    const published = new Set(rows.map(({ table }) => table));
    const wanted = await client.query<{ given: string; name: string }>(
      `SELECT given, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name
       FROM unnest($1::text[]) given JOIN pg_class c ON c.oid = given::regclass JOIN pg_namespace n ON n.oid = c.relnamespace`,
      [all],
    );
    const missing = wanted.rows.filter((row) => !published.has(row.name)).map(({ given }) => given);
    if (missing.length > 0) await client.query(`ALTER PUBLICATION ${name} ADD TABLE ${missing.join(', ')}`);
    if (!existing[0].complete) {
      await client.query(`ALTER PUBLICATION ${name} SET (publish = 'insert, update, delete, truncate')`);
    }
  } catch (cause) {
    throw postgresError('notReady', {
      subject: source.publication,
      message: `Publication ${source.publication} of source ${source.name} cannot be set up: ${String((cause as Error).message)}.`,
      hint: `Have an owner of the tables run: CREATE PUBLICATION ${name} FOR TABLE ${all.join(', ')};`,
      cause,
    });
  }
}

/**
 * Throws MR3202 if a declared table is not in the publication: it was renamed, dropped or made anew, or taken out, and its
 * changes would be passed over in silence.
 */
export async function checkPublished(client: pg.Client, source: PostgresSource): Promise<void> {
  const { rows } = await client.query<{ schemaname: string; tablename: string }>(
    'SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = $1',
    [source.publication],
  );
  const published = new Set(rows.map(({ schemaname, tablename }) => `${schemaname}.${tablename}`));
  const missing = source.tables.map(({ schema, name }) => `${schema}.${name}`).filter((name) => !published.has(name));
  if (missing.length === 0) return;
  throw postgresError('notReady', {
    subject: missing[0] ?? source.name,
    message: `Publication ${source.publication} of source ${source.name} does not publish ${missing.join(', ')} any more.`,
    hint: 'If a table was only renamed, name it back. If it was dropped, made anew or taken out, take a new snapshot (forgetSnapshot, then ensureSnapshot).',
    facts: { tables: missing },
  });
}

/** Throws MR3202 if the server is not set up for logical replication. */
export async function checkServer(client: pg.Client, source: PostgresSource): Promise<void> {
  const { rows } = await client.query<{ level: string; allowed: boolean }>(
    `SELECT current_setting('wal_level') AS level, rolsuper OR rolreplication AS allowed FROM pg_roles WHERE rolname = current_user`,
  );
  const fail = (text: string, hint: string) => {
    throw postgresError('notReady', { subject: source.name, message: `Source ${source.name}: ${text}.`, hint });
  };
  if (rows[0]?.level !== 'logical') {
    fail(
      `its server runs with wal_level=${rows[0]?.level ?? 'unknown'}`,
      'Set wal_level=logical and restart the server.',
    );
  }
  if (rows[0]?.allowed !== true) {
    fail('its user may not replicate', 'ALTER ROLE … REPLICATION, or the equivalent of the hosting service.');
  }
}
