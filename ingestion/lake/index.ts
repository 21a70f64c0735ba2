export { type BronzeName, bronze } from './bronze.ts';
export { type GoldName, type GoldTable, gold } from './gold.ts';
export { type InventoryTable, inventoryTables, orderTables, type PosStream, posStreams } from './landing.ts';
export { quarantine, type SilverName, type SilverTable, silver } from './silver.ts';
export { inventoryColumns, orderColumns, posColumns } from './sources.ts';
