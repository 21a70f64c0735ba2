import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { extractIncremental, type IncrementalTable } from '../ingestion/connectors/postgres/index.ts';
import { SourceDatabase } from './support/connector-database.ts';
import { failure, testProgress } from './support/connector-lake.ts';
import { type CompiledConnectors, compileConnectors, killWhen, startConnectors } from './support/connector-process.ts';
import { uniqueName } from './support/stack.ts';

let db: SourceDatabase;
let compiled: CompiledConnectors;

beforeAll(async () => {
  db = await SourceDatabase.open('incr');
  compiled = compileConnectors();
});

afterAll(async () => {
  await db.close();
  compiled.remove();
});

/** A table whose `seq` a trigger sets at each write, as in the inventory system. */
async function stock(options: Partial<IncrementalTable> = {}, type = 'bigint NOT NULL'): Promise<IncrementalTable> {
  const schema = uniqueName('i').replaceAll('-', '_');
  await db.client.query(`CREATE SCHEMA ${schema}; CREATE SEQUENCE ${schema}.seq;
    CREATE TABLE ${schema}.stock (id bigint PRIMARY KEY, quantity int, note text, seq ${type});
    CREATE FUNCTION ${schema}.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.seq = nextval('${schema}.seq'); RETURN NEW; END $$;
    CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON ${schema}.stock FOR EACH ROW EXECUTE FUNCTION ${schema}.touch()`);
  return {
    schema,
    name: 'stock',
    table: schema,
    columns: [
      { name: 'id', type: 'BIGINT' },
      { name: 'quantity', type: 'INTEGER' },
      { name: 'note', type: 'VARCHAR' },
      { name: 'seq', type: 'BIGINT' },
    ],
    watermark: 'seq',
    ...options,
  };
}

const database = () => ({ name: 'inventory', sourceSystem: 'inventory', connection: db.database });

const extract = (table: IncrementalTable) => extractIncremental(database(), table, db.test, testProgress());

async function bronze({ table }: IncrementalTable): Promise<unknown[][]> {
  const rows = await db.test.lake.query(`SELECT id, quantity, note, _op FROM bronze.${table} ORDER BY _source_seq`);
  return rows.map(({ id, quantity, note, _op }) => [id, quantity, note, _op]);
}

describe('incremental extraction', () => {
  it('takes everything at first, then what was written since', async () => {
    const table = await stock();
    const name = `${table.schema}.stock`;
    expect(await extract(table)).toEqual({ table: table.table, rows: 0, from: null, to: null });
    await db.client.query(`INSERT INTO ${name} VALUES (1, 10, ''), (2, NULL, NULL)`);
    expect(await extract(table)).toEqual({ table: table.table, rows: 2, from: null, to: '2' });
    expect(await extract(table)).toMatchObject({ rows: 0, from: '2', to: '2' });
    await db.client.query(
      `UPDATE ${name} SET quantity = 11 WHERE id = 1; UPDATE ${name} SET quantity = 12 WHERE id = 1`,
    );
    await db.client.query(`INSERT INTO ${name} VALUES (3, 30, 'a,"b"')`);
    expect(await extract(table)).toMatchObject({ rows: 2, from: '2', to: '5' });
    expect(await bronze(table)).toEqual([
      [1, 10, '', 'r'],
      [2, null, null, 'r'],
      [1, 12, '', 'u'],
      [3, 30, 'a,"b"', 'u'],
    ]);
  });

  it('is not confused when the newest row is deleted', async () => {
    const table = await stock();
    const name = `${table.schema}.stock`;
    await db.client.query(`INSERT INTO ${name} VALUES (1), (2), (3)`);
    await extract(table);
    await db.client.query(`DELETE FROM ${name} WHERE id = 3`);
    expect(await extract(table)).toMatchObject({ rows: 0, to: '3' });
    await db.client.query(`INSERT INTO ${name} VALUES (4)`);
    expect(await extract(table)).toMatchObject({ rows: 1, to: '4' });
  });

  it('leaves no gap behind a transaction that is still open', async () => {
    const table = await stock({ lockTimeoutMs: 300 });
    const name = `${table.schema}.stock`;
    await db.client.query(`INSERT INTO ${name} VALUES (1)`);
    const open = await db.connect();
    // It has taken the lower number, and commits after the higher one.
    await open.query(`BEGIN; INSERT INTO ${name} VALUES (2)`);
    await db.client.query(`INSERT INTO ${name} VALUES (3)`);
    expect(await failure(extract(table))).toMatchObject({ code: 'MR3210', retryable: true });
    await open.query('COMMIT');
    await open.end();
    expect(await extract(table)).toMatchObject({ rows: 3, to: '3' });
  });

  it('waits for a writer that ends in time, and lets writers go on meanwhile', async () => {
    const table = await stock();
    const name = `${table.schema}.stock`;
    const open = await db.connect();
    await open.query(`BEGIN; INSERT INTO ${name} VALUES (1)`);
    const extraction = extract(table);
    const waiting = `SELECT FROM pg_locks WHERE NOT granted AND relation = '${name}'::regclass`;
    while ((await db.client.query(waiting)).rowCount === 0) await db.client.query('SELECT pg_sleep(0.01)');
    await open.query('COMMIT');
    await open.end();
    expect(await extraction).toMatchObject({ rows: 1 });
    expect((await db.client.query(`INSERT INTO ${name} VALUES (2)`)).rowCount).toBe(1);
  });

  it('takes each version once while writers go on', async () => {
    const table = await stock();
    const name = `${table.schema}.stock`;
    let running = true;
    const writers = [1, 2, 3].map(async (number) => {
      const client = await db.connect();
      for (let id = number; running; id += 3) await client.query(`INSERT INTO ${name} VALUES ($1)`, [id]);
      await client.end();
    });
    let taken = 0;
    while (taken < 200) taken += (await extract(table)).rows;
    running = false;
    await Promise.all(writers);
    taken += (await extract(table)).rows;
    const { rows } = await db.client.query<{ count: string }>(`SELECT count(*) FROM ${name}`);
    const [found] = await db.test.lake.query(
      `SELECT count(*) AS rows, count(DISTINCT id) AS ids FROM bronze.${table.table}`,
    );
    expect(found).toEqual({ rows: Number(rows[0]?.count), ids: Number(rows[0]?.count) });
    expect(taken).toBe(Number(rows[0]?.count));
  });

  it('ends with the same rows when its process is killed before or after its commit', async () => {
    const table = await stock();
    const name = `${table.schema}.stock`;
    await db.client.query(`INSERT INTO ${name} SELECT generate_series(1, 20000)`);
    const objects = async (prefix: string) => {
      let count = 0;
      for await (const { key } of db.test.lake.s3.list(prefix)) count += key === '' ? 0 : 1;
      return count;
    };
    for (const moment of [`bronze/${table.table}/`, `bronze/${table.table}/_delta_log/`]) {
      const process = startConnectors(compiled, db.test, [['extractIncremental', database(), table]]);
      expect(await killWhen(process, async () => (await objects(moment)) > 0)).toBe(true);
    }
    await extract(table);
    const [found] = await db.test.lake.query(
      `SELECT count(*) AS rows, count(DISTINCT id) AS ids FROM bronze.${table.table}`,
    );
    expect(found).toEqual({ rows: 20_000, ids: 20_000 });
  });

  it('says which right a user lacks', async () => {
    const table = await stock();
    const user = `${table.schema}_reader`;
    await db.client.query(`CREATE ROLE ${user} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA ${table.schema} TO ${user};
      GRANT SELECT ON ALL TABLES IN SCHEMA ${table.schema} TO ${user}`);
    const limited = { ...database(), connection: { ...db.database, user, password: 'x' } };
    const error = await failure(extractIncremental(limited, table, db.test, testProgress()));
    expect(error).toMatchObject({ code: 'MR3202', retryable: false });
    expect(error.hint).toContain('GRANT UPDATE');
  });

  it('refuses a watermark that would leave rows out', async () => {
    const nullable = await stock({}, 'bigint');
    await db.client.query(
      `ALTER TABLE ${nullable.schema}.stock DISABLE TRIGGER USER; INSERT INTO ${nullable.schema}.stock VALUES (1)`,
    );
    const error = await failure(extract(nullable));
    expect(error).toMatchObject({ code: 'MR3211', retryable: false });
    expect(error.message).toContain('is NULL in some rows');
    const text = await stock({ watermark: 'note' });
    expect(await failure(extract(text))).toMatchObject({ code: 'MR3211' });
    expect(await failure(extract({ ...text, watermark: 'nowhere' }))).toMatchObject({ code: 'MR3211' });
    expect(await failure(extract({ ...text, name: 'nowhere' }))).toMatchObject({ code: 'MR3202' });
  });
});
