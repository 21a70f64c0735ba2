import { join } from 'node:path';
import { type BusinessDay, businessDay, daysBetween, firstDay, nextDay } from './business-days.ts';
import { type ExpectedRows, expectedRows } from './expected-rows.ts';
import { InventorySystem } from './inventory-system.ts';
import { OrderSystem } from './order-system.ts';
import { PosDrop, type S3Endpoint } from './pos-drop.ts';
import { inSetup, openDatabase, type PostgresEndpoint } from './source-database.ts';
import { type DoneStep, SourceProgress } from './source-progress.ts';
import type { SourceSystem } from './source-system.ts';
import { openTpcds, type Tpcds } from './tpcds.ts';

/** The servers that the source systems run on, and where DuckDB finds its extensions. */
export interface SourceEndpoints {
  readonly s3: S3Endpoint;
  readonly postgres: PostgresEndpoint;
  /** Directory with `v<version>/<platform>/<name>.duckdb_extension`. */
  readonly duckdbExtensions: string;
}

export interface SourcesOptions {
  readonly endpoints: SourceEndpoints;
  /** Directory of the local state; the generated data is kept under `<home>/sources`. */
  readonly home: string;
  /** The bucket that the POS system drops its files into; it has to exist. */
  readonly bucket: string;
  /** Key prefix of the drop. Default: `landing/pos`. */
  readonly prefix?: string;
  /** TPC-DS scale factor. 0.01: 29 thousand store sales. */
  readonly scale: number;
  /** Postgres database of the order and inventory systems, created when missing. Default: `retail`. */
  readonly database?: string;
}

/**
 * Opens the three source systems of the retailer: POS files on S3, the order and the inventory system in Postgres, all
 * fed from TPC-DS data of the given scale, which is generated the first time.
 * @throws MR6001 to MR6003 (generator), MR6005 (database), MR6006 (database filled at another scale)
 */
export async function openSources(options: SourcesOptions): Promise<Sources> {
  const { endpoints, bucket, scale, prefix = 'landing/pos', database = 'retail' } = options;
  const opened: { close(): unknown }[] = [];
  try {
    const tpcds = await openTpcds({
      extensions: endpoints.duckdbExtensions,
      directory: join(options.home, 'sources'),
      scale,
    });
    opened.push(tpcds);
    const connect = async () => {
      const client = await openDatabase(endpoints.postgres, database);
      opened.push({ close: () => client.end() });
      return client;
    };
    const client = await connect();
    await inSetup(client, () => SourceProgress.prepare(client, scale));
    const systems = [
      new PosDrop(await connect(), tpcds, { s3: endpoints.s3, bucket, prefix }),
      await OrderSystem.open(await connect(), tpcds),
      await InventorySystem.open(await connect(), tpcds),
    ];
    return new Sources(tpcds, systems, new SourceProgress(client), async () => {
      for (const system of systems) await system.close();
      await client.end();
      tpcds.close();
    });
  } catch (error) {
    for (const part of opened.reverse()) await part.close();
    throw error;
  }
}

/** The three source systems. Get one from {@link openSources}. */
export class Sources {
  readonly #tpcds: Tpcds;
  readonly #systems: readonly SourceSystem[];
  readonly #progress: SourceProgress;
  readonly #close: () => Promise<void>;

  constructor(tpcds: Tpcds, systems: readonly SourceSystem[], progress: SourceProgress, close: () => Promise<void>) {
    this.#tpcds = tpcds;
    this.#systems = systems;
    this.#progress = progress;
    this.#close = close;
  }

  /**
   * Fills the systems with everything up to `upTo` in bulk, as it looks at the end of that day. What is there already is
   * left alone; called again after a kill it ends with the same rows.
   * @throws MR6004 for a day that is none, MR6007 when a file cannot be written
   */
  async loadHistory(upTo: string): Promise<void> {
    const last = businessDay(upTo);
    await this.#eachSystem(async (system) => {
      const { finished, stopped } = await system.position();
      let from = finished === undefined ? firstDay : nextDay(finished);
      if (from > last) return;
      if (stopped) {
        await system.runDay(from);
        from = nextDay(from);
      }
      if (from <= last) await system.loadHistory(from, last);
    });
  }

  /**
   * Runs the systems day by day from where they are to the end of `date`, each change in the transaction that the shop
   * would make. A day already done is skipped; a day that was stopped in the middle is finished.
   * @throws MR6004 for a day that is none, MR6007 when a file cannot be written
   */
  async advanceTo(date: string): Promise<void> {
    const last = businessDay(date);
    await this.#eachSystem(async (system) => {
      const { finished } = await system.position();
      const from = finished === undefined ? firstDay : nextDay(finished);
      for (const day of daysBetween(from, last)) await system.runDay(day);
    });
  }

  /** The last day that all three systems have finished; undefined before the first. */
  async position(): Promise<BusinessDay | undefined> {
    const positions = await Promise.all(this.#systems.map((system) => system.position()));
    const days = positions.map(({ finished }) => finished ?? '').sort();
    return days[0] === '' ? undefined : days[0];
  }

  /** Rows that the generator has delivered by the end of `upTo`, per stream and table, counted from the TPC-DS tables. */
  async expected(upTo: string): Promise<ExpectedRows> {
    return await expectedRows(this.#tpcds, businessDay(upTo));
  }

  /** What the systems did from `from` to `to`: rows inserted, updated and deleted by step, as written with the changes. */
  async changes(from: string, to: string): Promise<DoneStep[]> {
    return await this.#progress.steps(businessDay(from), businessDay(to));
  }

  async close(): Promise<void> {
    await this.#close();
  }

  /** The systems know nothing of each other; waits for all of them, so that none is still writing when one has failed. */
  async #eachSystem(work: (system: SourceSystem) => Promise<void>): Promise<void> {
    const results = await Promise.allSettled(this.#systems.map(work));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}
