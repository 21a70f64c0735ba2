/** How a POS column is told from a TPC-DS one. Money is text in JSON, so that no reader makes a float of it. */
export interface PosColumn {
  readonly name: string;
  /** DuckDB expression over the stream's view. */
  readonly value: string;
  readonly kind: 'number' | 'text' | 'money';
}

const number = (name: string, value: string): PosColumn => ({ name, value, kind: 'number' });
const text = (name: string, value: string): PosColumn => ({ name, value, kind: 'text' });
const moneys = (prefix: string, names: readonly string[]): PosColumn[] =>
  names.map((name) => ({ name, value: `${prefix}_${name}`, kind: 'money' }));

export interface PosStream {
  readonly name: 'store_sales' | 'store_returns' | 'stores';
  /** View of the delivery model; its `delivered_on` is the folder. */
  readonly view: string;
  /** Order of the rows in a file. */
  readonly order: string;
  readonly columns: readonly PosColumn[];
}

/** What the POS system drops, column by column. */
export const posStreams: readonly PosStream[] = [
  {
    name: 'store_sales',
    view: 'delivery.pos_sales',
    order: 'ss_ticket_number, ss_item_sk',
    columns: [
      text('sold_date', 'delivery.date_of(ss_sold_date_sk)'),
      text('sold_time', 'delivery.time_of(ss_sold_time_sk)'),
      number('ticket_number', 'ss_ticket_number'),
      number('item_id', 'ss_item_sk'),
      number('customer_id', 'ss_customer_sk'),
      number('address_id', 'ss_addr_sk'),
      number('store_id', 'ss_store_sk'),
      number('promo_id', 'ss_promo_sk'),
      number('quantity', 'ss_quantity'),
      ...moneys('ss', [
        'wholesale_cost',
        'list_price',
        'sales_price',
        'ext_discount_amt',
        'ext_sales_price',
        'ext_wholesale_cost',
        'ext_list_price',
        'ext_tax',
        'coupon_amt',
        'net_paid',
        'net_paid_inc_tax',
        'net_profit',
      ]),
    ],
  },
  {
    name: 'store_returns',
    view: 'delivery.pos_returns',
    order: 'sr_ticket_number, sr_item_sk',
    columns: [
      text('returned_date', 'delivery.date_of(sr_returned_date_sk)'),
      text('returned_time', 'delivery.time_of(sr_return_time_sk)'),
      number('ticket_number', 'sr_ticket_number'),
      number('item_id', 'sr_item_sk'),
      number('customer_id', 'sr_customer_sk'),
      number('address_id', 'sr_addr_sk'),
      number('store_id', 'sr_store_sk'),
      number('reason_id', 'sr_reason_sk'),
      number('return_quantity', 'sr_return_quantity'),
      ...moneys('sr', [
        'return_amt',
        'return_tax',
        'return_amt_inc_tax',
        'fee',
        'return_ship_cost',
        'refunded_cash',
        'reversed_charge',
        'store_credit',
        'net_loss',
      ]),
    ],
  },
  {
    name: 'stores',
    view: 'delivery.pos_stores',
    order: 's_store_sk',
    columns: [
      number('store_id', 's_store_sk'),
      text('store_code', 's_store_id'),
      text('store_name', 's_store_name'),
      number('number_employees', 's_number_employees'),
      number('floor_space', 's_floor_space'),
      text('hours', 's_hours'),
      text('manager', 's_manager'),
      number('market_id', 's_market_id'),
      text('street_number', 's_street_number'),
      text('street_name', 's_street_name'),
      text('street_type', 's_street_type'),
      text('suite_number', 's_suite_number'),
      text('city', 's_city'),
      text('county', 's_county'),
      text('state', 's_state'),
      text('zip', 's_zip'),
      text('country', 's_country'),
      { name: 'gmt_offset', value: 's_gmt_offset', kind: 'money' },
      { name: 'tax_percentage', value: 's_tax_percentage', kind: 'money' },
    ],
  },
];

/** Kind of the files of a day: by its day of the month, so that a reader meets all three within a week. */
export type PosFormat = 'csv' | 'csv.gz' | 'jsonl';

export function posFormat(day: string): PosFormat {
  const dayOfMonth = Number(day.slice(8));
  if (dayOfMonth % 7 === 0) return 'jsonl';
  return dayOfMonth % 2 === 1 ? 'csv.gz' : 'csv';
}

/** The header line of a stream's CSV files. */
export function posHeader(stream: PosStream): string {
  return stream.columns.map((column) => column.name).join(',');
}

/** A query for (day, line) of a stream's rows in the order of its files; the line in the format of its day. */
export function posLines(stream: PosStream, days: string): string {
  return `select delivered_on::varchar as day, case when day(delivered_on) % 7 = 0 then ${jsonLine(stream)} else ${csvLine(stream)} end as line
    from ${stream.view} where delivered_on ${days} order by delivered_on, ${stream.order}`;
}

function jsonLine(stream: PosStream): string {
  const fields = stream.columns.map(
    ({ name, value, kind }) => `"${name}" := ${kind === 'number' ? value : `(${value})::varchar`}`,
  );
  return `to_json(struct_pack(${fields.join(', ')}))::varchar`;
}

function csvLine(stream: PosStream): string {
  return stream.columns.map(csvField).join(` || ',' || `);
}

/** NULL is an empty field; a text is quoted where CSV needs it. */
function csvField({ value, kind }: PosColumn): string {
  const field = `coalesce((${value})::varchar, '')`;
  if (kind !== 'text') return field;
  return `case when regexp_matches(${field}, '[",\\r\\n]') then '"' || replace(${field}, '"', '""') || '"' else ${field} end`;
}
