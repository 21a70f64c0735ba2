import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Column, ExportResult, LakeStorage, WarehouseLoader } from '../../src/index.ts';
import { changeFeed } from './changes.ts';
import { bronze, progress, rejection, silver, type TestLake, testLake } from './lake.ts';

export interface LoaderUnderTest {
  readonly loader: WarehouseLoader;
  /** The rows of a loaded table in key order, every value as text. */
  rows(table: string): Promise<readonly Record<string, string | null>[]>;
  close(): Promise<void>;
}

/** What every warehouse loader does. Run it with each implementation. */
export function warehouseLoaderContract(
  name: string,
  make: (storage: LakeStorage, directory: string) => Promise<LoaderUnderTest>,
): void {
  describe(`${name} keeps the contract of warehouse loaders`, () => {
    let at: TestLake;
    let under: LoaderUnderTest;
    let table: string;
    let count = 0;
    let apply: (changes: Parameters<ReturnType<typeof changeFeed>>[0], columns?: readonly Column[]) => Promise<void>;

    beforeAll(async () => {
      at = await testLake();
      under = await make(at.lake.s3, at.directory);
    });
    afterAll(async () => {
      await under.close();
      await at.close();
    });
    beforeEach(() => {
      count += 1;
      table = `things_${count}`;
      const name = table;
      const feed = changeFeed(at, name, [...COLUMNS, { name: 'added', type: 'VARCHAR' }]);
      apply = async (changes, columns = COLUMNS) => {
        await feed(changes.map((change) => ({ added: null, ...change })));
        await at.lake.refine(
          {
            source: bronze(name),
            target: silver(name),
            columns: Object.fromEntries(columns.map((column) => [column.name, { type: column.type }])),
            key: ['id'],
            orderBy: ['_source_lsn', '_source_seq'],
            deleteWhen: "_op = 'd'",
            run: { runId: 'run' },
          },
          progress(),
        );
      };
    });

    const changes = (fromVersion?: number) =>
      at.lake.export({ table: silver(table), key: ['id'], fromVersion }, progress());
    const load = (exported: ExportResult, columns: readonly Column[] = COLUMNS) =>
      under.loader.load({ ...exported, table, columns }, progress());

    it('loads a whole table exactly, and the same version only once', async () => {
      await apply(ROWS);
      expect(await under.loader.loadedVersion(table)).toBeUndefined();
      const exported = await changes();
      expect(await load(exported)).toEqual({ inserted: 2, updated: 0, deleted: 0, skipped: false });
      expect(await under.loader.loadedVersion(table)).toBe(exported.toVersion);
      expect(await under.rows(table)).toEqual([
        { id: '1', price: '0.10', day: '2002-12-31', at: '2002-12-31 22:00:00+00', zip: '00042' },
        { id: '2', price: null, day: null, at: null, zip: null },
      ]);
      expect(await load(exported)).toEqual({ inserted: 0, updated: 0, deleted: 0, skipped: true });
      expect(await under.rows(table)).toHaveLength(2);
    });

    it('applies the net changes of several versions', async () => {
      await apply(ROWS);
      const first = await changes();
      await load(first);
      await apply([
        { op: 'u', lsn: 2, id: '1', price: '0.20', zip: '1' },
        { op: 'c', lsn: 2, id: '3', price: '3.00' },
        { op: 'c', lsn: 2, id: '4', price: '4.00' },
      ]);
      await apply([
        { op: 'u', lsn: 3, id: '1', price: '0.30', zip: '1' },
        { op: 'd', lsn: 3, id: '2' },
        { op: 'd', lsn: 3, id: '4' },
      ]);
      const next = await changes(first.toVersion);
      expect(await load(next)).toEqual({ inserted: 1, updated: 1, deleted: 1, skipped: false });
      expect((await under.rows(table)).map((row) => [row.id, row.price])).toEqual([
        ['1', '0.30'],
        ['3', '3.00'],
      ]);
      expect(await load(next)).toMatchObject({ skipped: true });
      const nothing = await changes(next.toVersion);
      expect(nothing).toMatchObject({ rows: 0, files: [] });
      expect(await load(nothing)).toMatchObject({ skipped: true });
    });

    it('refuses changes that do not follow on what it has, and changes nothing', async () => {
      await apply(ROWS);
      const first = await changes();
      await apply([{ op: 'u', lsn: 2, id: '1', price: '0.20' }]);
      const second = await changes(first.toVersion);
      expect(await rejection(load(second))).toMatchObject({ code: 'MR3402', retryable: false });
      await load(first);
      await apply([{ op: 'u', lsn: 3, id: '1', price: '0.30' }]);
      const third = await changes(second.toVersion);
      expect(await rejection(load(third))).toMatchObject({ code: 'MR3402', facts: { loaded: first.toVersion } });
      expect(await under.loader.loadedVersion(table)).toBe(first.toVersion);
      expect((await under.rows(table)).map((row) => row.price)).toEqual(['0.10', null]);
    });

    it('replaces a table by a later whole one', async () => {
      await apply(ROWS);
      await load(await changes());
      await apply([{ op: 'd', lsn: 2, id: '1' }]);
      expect(await load(await changes())).toMatchObject({ inserted: 1, deleted: 2, skipped: false });
      expect((await under.rows(table)).map((row) => row.id)).toEqual(['2']);
    });

    it('adds a column that came later', async () => {
      await apply(ROWS);
      const first = await changes();
      await load(first);
      const columns = [...COLUMNS, { name: 'added', type: 'VARCHAR' }];
      await apply([{ op: 'u', lsn: 2, id: '1', price: '0.20', added: 'new' }], columns);
      await load(await changes(first.toVersion), columns);
      expect((await under.rows(table)).map((row) => [row.id, row.added])).toEqual([
        ['1', 'new'],
        ['2', null],
      ]);
    });

    it('loads several tables at once', async () => {
      await apply(ROWS);
      const exported = await changes();
      const names = ['a', 'b', 'c'].map((suffix) => `${table}_${suffix}`);
      const results = await Promise.all(
        names.map((name) => under.loader.load({ ...exported, table: name, columns: COLUMNS }, progress())),
      );
      expect(results.map((result) => result.inserted)).toEqual([2, 2, 2]);
    });
  });
}

const COLUMNS: readonly Column[] = [
  { name: 'id', type: 'BIGINT' },
  { name: 'price', type: 'DECIMAL(9,2)' },
  { name: 'day', type: 'DATE' },
  { name: 'at', type: 'TIMESTAMPTZ' },
  { name: 'zip', type: 'VARCHAR' },
];

const ROWS = [
  { lsn: 1, id: '1', price: '0.10', day: '2002-12-31', at: '2002-12-31T22:00:00Z', zip: '00042' },
  { lsn: 1, id: '2', price: null, day: null, at: null, zip: null },
];
