export { type BusinessDay, firstDay, lastSalesDay, nextDay } from './business-days.ts';
export type { ExpectedRows, SourceTable } from './expected-rows.ts';
export { type PosFormat, posFormat } from './pos-columns.ts';
export type { S3Endpoint } from './pos-drop.ts';
export {
  adventureWorks,
  debeziumInventorySql,
  findPublicData,
  jaffleShopClassic,
  jaffleShopGenerated,
  northwindSql,
  type PublicTable,
  publicData,
  readTable,
  uciWeeklySales,
} from './public-data.ts';
export type { PostgresEndpoint } from './source-database.ts';
export type { Changes, DoneStep } from './source-progress.ts';
export { openSources, type SourceEndpoints, Sources, type SourcesOptions } from './sources.ts';
