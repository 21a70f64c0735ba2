import type { Progress } from 'millrace';
import { MillraceError } from 'millrace';
import { LakeStorage } from './lake-storage.ts';
import type {
  AppendRequest,
  AppendResult,
  Checksum,
  ExportRequest,
  ExportResult,
  LakeConfig,
  PublishRequest,
  PublishResult,
  RefineRequest,
  RefineResult,
  Table,
  TableInfo,
} from './types.ts';

/** Bronze, silver and gold Delta tables on S3. Every method that writes does so at most once; call it again at will. */
export class Lake {
  readonly s3: LakeStorage;
  readonly config: LakeConfig;

  constructor(config: LakeConfig) {
    this.config = config;
    this.s3 = new LakeStorage(config);
  }

  append(_request: AppendRequest, _progress: Progress): Promise<AppendResult> {
    return soon();
  }

  refine(_request: RefineRequest, _progress: Progress): Promise<RefineResult> {
    return soon();
  }

  publish(_request: PublishRequest, _progress: Progress): Promise<PublishResult> {
    return soon();
  }

  export(_request: ExportRequest, _progress: Progress): Promise<ExportResult> {
    return soon();
  }

  /**
   * The last version of each application whose transactions are in the table; an application without any is left out. A
   * table that does not exist has none. The connectors ask it what is in before they read a source again.
   */
  transactionVersions(_table: Table, _appIds: readonly string[]): Promise<{ readonly [appId: string]: number }> {
    return soon();
  }

  tableInfo(_table: Table): Promise<TableInfo> {
    return soon();
  }

  checksum(_table: Table, _options: { readonly exclude?: readonly string[] } = {}): Promise<Checksum> {
    return soon();
  }

  /** Tables are `layer.name` in the SQL. */
  query(_sql: string): Promise<readonly Record<string, unknown>[]> {
    return soon();
  }

  async close(): Promise<void> {
    this.s3.close();
  }
}

function soon(): Promise<never> {
  return Promise.reject(new MillraceError({ code: 'MR3099', message: 'Not there yet.' }));
}
