import { type BusinessDay, firstDay, lastSalesDay } from './business-days.ts';
import { literal } from './sql-text.ts';
import type { Tpcds } from './tpcds.ts';

/** What the source systems deliver, by stream (POS) or table (orders, inventory). */
export type SourceTable =
  | 'store_sales'
  | 'store_returns'
  | 'stores'
  | 'customers'
  | 'addresses'
  | 'orders'
  | 'order_lines'
  | 'items'
  | 'warehouses'
  | 'stock_levels'
  | 'stock_movements';

export interface ExpectedRows {
  readonly upTo: BusinessDay;
  /** Rows inserted or dropped by the end of the day; rows deleted later are still counted. */
  readonly delivered: Readonly<Record<SourceTable, number>>;
  /** Rows that TPC-DS dates after the day. With `delivered` they make the generator's published totals. */
  readonly dueLater: Readonly<Record<SourceTable, number>>;
  readonly totalDelivered: number;
  readonly totalDueLater: number;
}

const day = (alias: string) => `${alias}.d_date`;

/** (channel, order, when it is booked), from the TPC-DS tables and their calendar. */
const booked = `
  select channel, number, least(placed + late, greatest(placed, date '${lastSalesDay}')) as booked from (
    select channel, number, coalesce(max(d_date), date '${firstDay}') as placed,
      ([0, 0, 0, 0, 0, 0, 0, 1, 1, 2])[1 + (md5_number_lower('arrival:' || channel || ':' || number) % 10)::integer] as late
    from (select 'web' as channel, ws_order_number as number, ws_sold_date_sk as sk from web_sales
          union all select 'catalog', cs_order_number, cs_sold_date_sk from catalog_sales)
    left join date_dim on d_date_sk = sk group by channel, number)`;

const soldOn = `(select ss_ticket_number as ticket, max(d_date) as sold from store_sales left join date_dim on d_date_sk = ss_sold_date_sk group by 1)`;

/** For each table a query for the day of each of its rows. */
const dayOfRow: Record<SourceTable, string> = {
  store_sales: `select coalesce(${day('date_dim')}, sold, date '${firstDay}') as due from store_sales
    left join date_dim on d_date_sk = ss_sold_date_sk left join ${soldOn} on ticket = ss_ticket_number`,
  store_returns: `select coalesce(${day('date_dim')}, coalesce(sold, date '${firstDay}') + 30) as due from store_returns
    left join date_dim on d_date_sk = sr_returned_date_sk left join ${soldOn} on ticket = sr_ticket_number`,
  stores: `select date '${firstDay}' as due from store`,
  customers: `select date '${firstDay}' as due from customer`,
  addresses: `select date '${firstDay}' as due from customer_address`,
  orders: `select booked as due from (${booked})`,
  order_lines: `select booked as due from (
      select 'web' as channel, ws_order_number as number from web_sales union all select 'catalog', cs_order_number from catalog_sales)
    join (${booked}) using (channel, number)`,
  items: `select date '${firstDay}' as due from item`,
  warehouses: `select date '${firstDay}' as due from warehouse`,
  stock_levels: `select d_date as due from inventory join date_dim on d_date_sk = inv_date_sk`,
  stock_movements: `select greatest(booked, coalesce(ship.d_date, sold.d_date, booked)) as due from (
      select 'web' as channel, ws_order_number as number, ws_sold_date_sk as sold_sk, ws_ship_date_sk as ship_sk from web_sales where ws_warehouse_sk is not null
      union all select 'catalog', cs_order_number, cs_sold_date_sk, cs_ship_date_sk from catalog_sales where cs_warehouse_sk is not null)
    join (${booked}) using (channel, number)
    left join date_dim as ship on ship.d_date_sk = ship_sk left join date_dim as sold on sold.d_date_sk = sold_sk`,
};

/** Counts what is due by the end of `upTo`, and after it, on the TPC-DS tables themselves, not on what the writers read. */
export async function expectedRows(tpcds: Tpcds, upTo: BusinessDay): Promise<ExpectedRows> {
  const tables = Object.keys(dayOfRow) as SourceTable[];
  const rows = await tpcds.rows(
    tables
      .map(
        (table) =>
          `select '${table}' as name, count(*) filter (due <= ${literal(upTo)})::integer as delivered,
             count(*) filter (due > ${literal(upTo)})::integer as later from (${dayOfRow[table]})`,
      )
      .join(' union all '),
  );
  const count = (column: 'delivered' | 'later') =>
    Object.fromEntries(rows.map((row) => [row.name, Number(row[column])])) as Record<SourceTable, number>;
  const delivered = count('delivered');
  const dueLater = count('later');
  const total = (counts: Record<SourceTable, number>) => Object.values(counts).reduce((sum, rows) => sum + rows, 0);
  return { upTo, delivered, dueLater, totalDelivered: total(delivered), totalDueLater: total(dueLater) };
}
