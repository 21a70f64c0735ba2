import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { RetailEnvironment } from '../../environments/index.ts';
import type { Endpoints } from '../endpoints.ts';
import { stackError } from '../errors.ts';
import { until } from '../probe.ts';
import { projectRoot } from '../project-root.ts';
import { connectLake, type Layer, layerRows, layers, rejectedRows, type TableRows } from './lake-rows.ts';
import { literal } from './sql.ts';
import { formatNumber, textTable } from './text-table.ts';

/** How long the loader or dbt may hold the warehouse file before we give up looking into it. */
const lockedTimeoutMs = 20_000;

/** Real figures from the marts, rows by layer and rejected rows, as lines for the terminal. Changes nothing. */
export async function renderSummary(environment: RetailEnvironment, endpoints: Endpoints): Promise<readonly string[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connectLake(connection, endpoints);
    return [
      ...(await martLines(connection, warehousePath(environment))),
      '',
      ...(await layerLines(connection, endpoints, environment)),
    ];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

export function warehousePath({ warehouse }: RetailEnvironment): string {
  return isAbsolute(warehouse.path) ? warehouse.path : join(projectRoot(), warehouse.path);
}

async function martLines(connection: DuckDBConnection, path: string): Promise<readonly string[]> {
  if (!existsSync(path)) return ['The warehouse is empty: no run has loaded it yet.'];
  await until(
    async () => {
      await connection.run(`ATTACH ${literal(path)} AS warehouse (READ_ONLY)`);
      return true;
    },
    { timeoutMs: lockedTimeoutMs, everyMs: 250 },
    (cause) =>
      stackError({
        code: 'MR5115',
        message: `The warehouse ${path} could not be opened for reading.`,
        subject: path,
        hint: 'Another process may be holding it: close it there.',
        cause,
      }),
  );
  const summary = await connection.runAndReadAll(executiveSummary);
  const rows = summary.getRows().map((row) => row.map((cell) => (cell === null ? '' : String(cell))));
  const header = ['net sales', 'total', 'store', 'web', 'catalog', 'orders', 'customers', 'basket', 'stock-outs'];
  const best = rows.at(-1)?.at(-1);
  const lines = textTable(
    header,
    rows.map(([period = '', ...figures]) => [period, ...figures.slice(0, 8).map(formatNumber)]),
  );
  const counted = await connection.runAndReadAll(warehouseTables);
  const tables = counted.getRows().map(([schema, tableCount, rowCount]) => {
    return `${schema} ${formatNumber(String(rowCount))} rows in ${tableCount} tables`;
  });
  return [
    ...lines,
    ...(best === undefined || best === '' ? [] : [`Best category of all time: ${best}.`]),
    '',
    `warehouse  ${tables.join(', ')}`,
  ];
}

/** The last four days, the last month and everything. */
const executiveSummary = `
  WITH days AS (
    SELECT * FROM warehouse.marts.mart_executive_summary WHERE period = 'day' ORDER BY period_start DESC LIMIT 4
  ), months AS (
    SELECT * FROM warehouse.marts.mart_executive_summary WHERE period = 'month' ORDER BY period_start DESC LIMIT 1
  ), shown AS (
    SELECT 1 AS part, * FROM days UNION ALL SELECT 2, * FROM months
    UNION ALL SELECT 3, * FROM warehouse.marts.mart_executive_summary WHERE period = 'total'
  )
  SELECT
    CASE period
      WHEN 'day' THEN strftime(period_start, '%Y-%m-%d')
      WHEN 'month' THEN strftime(period_start, '%B %Y')
      ELSE 'since ' || strftime(period_start, '%Y-%m-%d')
    END,
    net_sales, net_sales_store, net_sales_web, net_sales_catalog, orders, customers, average_basket, stock_outs,
    top_category
  FROM shown
  ORDER BY part, period_start`;

const warehouseTables = `
  SELECT schema_name, count(*), sum(estimated_size)
  FROM duckdb_tables()
  WHERE database_name = 'warehouse' AND schema_name IN ('lake', 'core', 'marts')
  GROUP BY schema_name
  ORDER BY list_position(['lake', 'core', 'marts'], schema_name)`;

async function layerLines(
  connection: DuckDBConnection,
  endpoints: Endpoints,
  { lake }: RetailEnvironment,
): Promise<readonly string[]> {
  const lines: string[] = [];
  let hasQuarantine = false;
  for (const layer of layers) {
    const tables = await layerRows(connection, endpoints, lake, layer);
    hasQuarantine ||= tables.some(({ table }) => table === 'quarantine');
    lines.push(layerLine(layer, tables));
  }
  const rejected = hasQuarantine ? await rejectedRows(connection, lake) : [];
  const total = rejected.reduce((sum, { rows }) => sum + rows, 0n);
  const details = rejected.map(({ table, rule, rows }) => `${table} (${rule}) ${formatNumber(rows)}`);
  return [...lines, `rejected   ${formatNumber(total)} rows${details.length === 0 ? '' : `: ${details.join(', ')}`}`];
}

function layerLine(layer: Layer, all: readonly TableRows[]): string {
  const tables = all.filter(({ table }) => table !== 'quarantine');
  const total = tables.reduce((sum, { rows }) => sum + rows, 0n);
  const details = tables.map(({ table, rows }) => `${table} ${formatNumber(rows)}`);
  return `${layer.padEnd(9)}  ${formatNumber(total)} rows${details.length === 0 ? '' : `: ${details.join(', ')}`}`;
}
