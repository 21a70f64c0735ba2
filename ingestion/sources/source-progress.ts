import { MillraceError } from 'millrace';
import type pg from 'pg';
import type { BusinessDay } from './business-days.ts';
import { inTransaction } from './source-database.ts';

/** What one step changed: rows by table and kind of change. */
export type Changes = Readonly<Record<string, { inserted?: number; updated?: number; deleted?: number }>>;

/** A step that is done and committed. */
export interface DoneStep {
  /** `orders`, `inventory`, or `pos:<bucket>`. */
  readonly system: string;
  readonly day: BusinessDay;
  readonly step: string;
  readonly changes: Changes;
}

/** The step that stands for all days up to its own. */
export const historyStep = 'history';

/**
 * How far each source system is: one row a step, written in the transaction that makes the step's changes. So a step
 * has happened exactly if its row is there, whenever the process was killed.
 */
export class SourceProgress {
  readonly #client: pg.Client;

  constructor(client: pg.Client) {
    this.#client = client;
  }

  /**
   * Creates the table when it is not there, and pins the scale of the data.
   * @throws MR6006 when the database was filled at another scale.
   */
  static async prepare(client: pg.Client, scale: number): Promise<void> {
    await client.query(`create table if not exists public.source_progress (
      system text not null, day date not null, step text not null, changes jsonb not null, primary key (system, day, step))`);
    await client.query(
      `insert into public.source_progress values ('all', '1970-01-01', 'scale', jsonb_build_object('scale', $1::float8))
       on conflict do nothing`,
      [scale],
    );
    const pinned = await client.query<{ scale: number }>(
      `select (changes ->> 'scale')::float8 as scale from public.source_progress where system = 'all'`,
    );
    const found = pinned.rows[0]?.scale;
    if (found !== scale)
      throw new MillraceError({
        code: 'MR6006',
        message: `The source systems in database "${client.database}" hold data of scale ${found}, not ${scale}.`,
        subject: client.database ?? 'sources',
        hint: `Start with scale ${found}, or remove the local state first.`,
        facts: { scale, found },
        retryable: false,
      });
  }

  /**
   * Where a system stands, `lastStep` being the one that ends its day: the last day that it has finished, and whether it
   * was stopped in the middle of the one after that.
   */
  async position(system: string, lastStep: string): Promise<{ finished: BusinessDay | undefined; stopped: boolean }> {
    const result = await this.#client.query<{ finished: string | null; stopped: boolean }>(
      `with done as (select * from public.source_progress where system = $1),
         last as (select max(day) as day from done where step in ($2, $3))
       select last.day::text as finished,
         exists (select from done where step not in ('base', $3) and done.day > coalesce(last.day, '-infinity')) as stopped
       from last`,
      [system, lastStep, historyStep],
    );
    return { finished: result.rows[0]?.finished ?? undefined, stopped: result.rows[0]?.stopped ?? false };
  }

  /** Does a step once: its changes and its row in one transaction. False when it had been done before. */
  async once(system: string, day: BusinessDay, step: string, work: () => Promise<Changes>): Promise<boolean> {
    return await inTransaction(this.#client, async () => {
      // The key is taken first: a second process that does the same step waits here, and then finds it done.
      const claimed = await this.#client.query(
        `insert into public.source_progress values ($1, $2, $3, '{}') on conflict do nothing`,
        [system, day, step],
      );
      if (claimed.rowCount === 0) return false;
      const changes = await work();
      await this.#client.query(
        'update public.source_progress set changes = $4 where system = $1 and day = $2 and step = $3',
        [system, day, step, changes],
      );
      return true;
    });
  }

  /** The steps done from `from` to `to`, both included, in order. */
  async steps(from: BusinessDay, to: BusinessDay): Promise<DoneStep[]> {
    const result = await this.#client.query<DoneStep>(
      `select system, day::text as day, step, changes from public.source_progress
       where day between $1 and $2 and system <> 'all' order by day, system, step`,
      [from, to],
    );
    return result.rows;
  }
}
