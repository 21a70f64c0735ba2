import { discoverFiles, type FileStream, landBatch } from '../../ingestion/connectors/files/index.ts';
import { openTestLake, type TestLake, testProgress } from './connector-lake.ts';

const columns = [
  { name: 'id', type: 'BIGINT' },
  { name: 'name', type: 'VARCHAR' },
  { name: 'amount', type: 'DECIMAL(9,2)' },
] as const;

/** Streams of files on a lake of its own, each with a prefix and a table of its own. */
export class TestStreams {
  readonly test: TestLake;
  #count = 0;

  private constructor(test: TestLake) {
    this.test = test;
  }

  static async open(): Promise<TestStreams> {
    return new TestStreams(await openTestLake('files'));
  }

  stream(options: Partial<FileStream> = {}): FileStream {
    const name = `s${++this.#count}`;
    return {
      name,
      sourceSystem: 'pos',
      prefix: `landing/${name}/`,
      pattern: '{date}/sales.{csv,csv.gz,jsonl}',
      table: name,
      columns,
      ...options,
    };
  }

  put({ prefix }: FileStream, path: string, body: string | Uint8Array): Promise<void> {
    // The S3 client warns of an empty text.
    return this.test.lake.s3.put(prefix + path, body === '' ? new Uint8Array() : body);
  }

  discover(of: FileStream, upTo = '2024-12-31') {
    return discoverFiles(of, { upTo }, this.test.lake, testProgress());
  }

  async landAll(of: FileStream, upTo?: string) {
    const results = [];
    for (const ref of await this.discover(of, upTo)) {
      results.push(await landBatch(of, ref, this.test, testProgress()));
    }
    return results;
  }

  /** Values of a bronze table by id; none if there is no table yet. */
  async rows({ table }: FileStream) {
    const { lake } = this.test;
    if ((await lake.tableInfo({ layer: 'bronze', name: table })).version < 0) return [];
    return lake.query(`SELECT id, name, amount, _rescued_data AS rescued FROM bronze.${table} ORDER BY id, name`);
  }

  close(): Promise<void> {
    return this.test.close();
  }
}
