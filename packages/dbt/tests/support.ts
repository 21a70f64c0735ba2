import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import type { ItemRecord, Logger, NodeState, Progress } from 'millrace';
import { testStack } from '../../../tests/support/stack.ts';
import { type DbtOptions, DbtService } from '../src/index.ts';

const fixture = join(dirname(fileURLToPath(import.meta.url)), 'fixtures', 'shop');

export function python(): string {
  return process.env.MILLRACE_PYTHON ?? testStack().python;
}

/** A copy of the shop project with a warehouse file of its own, and services on it. */
export class Shop {
  readonly folder: string;
  readonly project: string;
  readonly warehouse: string;
  #services: DbtService[] = [];

  private constructor(folder: string) {
    this.folder = folder;
    this.project = join(folder, 'shop');
    this.warehouse = join(folder, 'warehouse.duckdb');
  }

  static async create(files: Readonly<Record<string, string>> = {}): Promise<Shop> {
    const shop = new Shop(await mkdtemp(join(tmpdir(), 'millrace-dbt-')));
    await cp(fixture, shop.project, { recursive: true });
    for (const [path, text] of Object.entries(files)) await shop.write(path, text);
    return shop;
  }

  /** Writes a file of the project. */
  async write(path: string, text: string): Promise<void> {
    const file = join(this.project, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }

  service(options: Partial<DbtOptions> = {}): DbtService {
    const service = new DbtService({
      python: python(),
      projectDir: this.project,
      target: 'dev',
      ...options,
      env: { MILLRACE_DUCKDB_PATH: this.warehouse, SHOP_FOLDER: this.folder, ...options.env },
    });
    this.#services.push(service);
    return service;
  }

  /** Opens the warehouse for reading and writing in this process, which works only while dbt has let go of it. */
  async query(sql: string): Promise<readonly (readonly unknown[])[]> {
    const instance = await DuckDBInstance.create(this.warehouse, { access_mode: 'READ_WRITE' });
    try {
      const connection = await instance.connect();
      const rows = (await connection.runAndReadAll(sql)).getRowsJson();
      connection.closeSync();
      return rows;
    } finally {
      instance.closeSync();
    }
  }

  /** Every table and view of the warehouse with its rows, in a fixed order; the snapshot without its times and keys. */
  async contents(): Promise<Record<string, unknown>> {
    const tables = await this.query(
      "select table_name from information_schema.tables where table_schema = 'main' order by table_name",
    );
    const found: Record<string, unknown> = {};
    for (const [name] of tables) {
      const columns = name === 'customers_snapshot' ? 'customer_id, first_name, dbt_valid_to is null' : '*';
      found[String(name)] = await this.query(`select ${columns} from "${String(name)}" order by all`);
    }
    return found;
  }

  async remove(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.close()));
    await rm(this.folder, { recursive: true, force: true });
  }
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** A context like a task's, which keeps what it is told. */
export class Attempt implements Progress {
  readonly log: Logger;
  readonly warnings: string[] = [];
  readonly heartbeats: unknown[] = [];
  readonly batches: (readonly ItemRecord[])[] = [];
  readonly #controller = new AbortController();
  #watchers: ((item: ItemRecord) => void)[] = [];

  constructor() {
    this.log = { ...silent, warn: (message) => this.warnings.push(message) };
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  heartbeat(details?: unknown): void {
    this.heartbeats.push(details);
  }

  cancel(): void {
    this.#controller.abort(new Error('cancelled by the test'));
  }

  readonly onItems = (items: readonly ItemRecord[]): void => {
    this.batches.push(items);
    for (const item of items) for (const watcher of this.#watchers) watcher(item);
  };

  /** Resolves as soon as the node is reported in the state. */
  reached(id: string, state: NodeState): Promise<ItemRecord> {
    return new Promise((resolve) => {
      this.#watchers.push((item) => {
        if (item.id === id && item.state === state) resolve(item);
      });
    });
  }

  get items(): readonly ItemRecord[] {
    return this.batches.flat();
  }

  /** States of a node in the order of their reports. */
  states(id: string): readonly NodeState[] {
    return this.items.filter((item) => item.id === id).map((item) => item.state);
  }

  /** The last record of each node. */
  last(): ReadonlyMap<string, ItemRecord> {
    return new Map(this.items.map((item) => [item.id, item]));
  }

  /** What a later attempt gets as `completed`. */
  completed(): ReadonlyMap<string, ItemRecord> {
    return new Map([...this.last()].filter(([, item]) => item.state === 'success'));
  }

  ids(state: NodeState): readonly string[] {
    return [...this.last().values()]
      .filter((item) => item.state === state)
      .map((item) => item.id)
      .sort();
  }
}

/** A model that takes minutes while the var `slow` is set, and no time without it; its rows are the same. */
export const slowModel = `
select count(*) >= 0 as done
from range({{ 200000000000 if var('slow', false) else 1 }}) as numbers(n)
where hash(n) % 7 = 3
`;
