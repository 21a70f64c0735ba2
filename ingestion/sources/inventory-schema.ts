const money = 'numeric(9,2)';
const changeSeq = `change_seq bigint not null default nextval('inventory.change_seq')`;
const tables = ['items', 'warehouses', 'stock_levels', 'stock_movements'];

/**
 * The inventory system's tables. Every insert takes the next `change_seq` as a default, every update by a trigger: what
 * an incremental reader asks for is "everything above the highest number that I have".
 */
export const inventorySchema = `
create schema if not exists inventory;
create sequence if not exists inventory.change_seq;
create table if not exists inventory.items (
  item_id bigint primary key,
  item_code text not null,
  product_name text, description text, brand text, class text, category text, manufacturer text,
  size text, color text, units text, container text,
  current_price ${money}, wholesale_cost ${money},
  rec_start_date date, rec_end_date date,
  updated_at timestamptz not null,
  ${changeSeq}
);
create table if not exists inventory.warehouses (
  warehouse_id bigint primary key,
  warehouse_code text not null,
  warehouse_name text, square_feet bigint,
  city text, county text, state text, zip text, country text,
  gmt_offset numeric(5,2),
  updated_at timestamptz not null,
  ${changeSeq}
);
create table if not exists inventory.stock_levels (
  snapshot_date date not null,
  item_id bigint not null,
  warehouse_id bigint not null,
  quantity_on_hand integer,
  ${changeSeq},
  primary key (snapshot_date, item_id, warehouse_id)
);
create table if not exists inventory.stock_movements (
  movement_id bigint primary key,
  movement_date date not null,
  item_id bigint not null,
  warehouse_id bigint not null,
  quantity integer not null,
  reason text not null,
  ${changeSeq}
);
create or replace function inventory.count_change() returns trigger language plpgsql as
  $$ begin new.change_seq := nextval('inventory.change_seq'); return new; end $$;
${tables
  .map(
    (table) => `
create unique index if not exists ${table}_change_seq on inventory.${table} (change_seq);
create or replace trigger count_change before update on inventory.${table}
  for each row execute function inventory.count_change();`,
  )
  .join('\n')}
`;

/**
 * Sequences do not roll back. Setting this one to the highest number in use, first thing in each transaction, makes
 * the numbers of a load that was killed and resumed equal to those of one that was not.
 */
export const rewindChangeSeq = `select setval('inventory.change_seq', greatest(1, ${tables.map((table) => `(select max(change_seq) from inventory.${table})`).join(', ')}),
  exists (select from inventory.items))`;

export const inventoryColumns = {
  items: [
    'item_id',
    'item_code',
    'product_name',
    'description',
    'brand',
    'class',
    'category',
    'manufacturer',
    'size',
    'color',
    'units',
    'container',
    'current_price',
    'wholesale_cost',
    'rec_start_date',
    'rec_end_date',
    'updated_at',
  ],
  warehouses: [
    'warehouse_id',
    'warehouse_code',
    'warehouse_name',
    'square_feet',
    'city',
    'county',
    'state',
    'zip',
    'country',
    'gmt_offset',
    'updated_at',
  ],
  stockLevels: ['snapshot_date', 'item_id', 'warehouse_id', 'quantity_on_hand'],
  stockMovements: ['movement_id', 'movement_date', 'item_id', 'warehouse_id', 'quantity', 'reason'],
} as const;
