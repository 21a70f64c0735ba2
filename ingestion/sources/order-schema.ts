const money = 'numeric(9,2)';

/**
 * The order system's tables. `updated_at` is business time, set by the shop's own software: no defaults, no triggers.
 */
export const orderSchema = `
create schema if not exists orders;
create table if not exists orders.addresses (
  address_id bigint primary key,
  address_code text not null,
  street_number text, street_name text, street_type text, suite_number text,
  city text, county text, state text, zip text, country text,
  gmt_offset numeric(5,2),
  location_type text,
  updated_at timestamptz not null
);
create table if not exists orders.customers (
  customer_id bigint primary key,
  customer_code text not null,
  salutation text, first_name text, last_name text,
  preferred text,
  birth_date date,
  birth_country text,
  email text,
  current_address_id bigint references orders.addresses,
  updated_at timestamptz not null
);
create table if not exists orders.orders (
  channel text not null check (channel in ('web', 'catalog')),
  order_number bigint not null,
  customer_id bigint references orders.customers,
  ship_customer_id bigint references orders.customers,
  ship_address_id bigint references orders.addresses,
  order_date date not null,
  status text not null check (status in ('placed', 'shipped', 'cancelled')),
  updated_at timestamptz not null,
  primary key (channel, order_number)
);
create table if not exists orders.order_lines (
  channel text not null,
  order_number bigint not null,
  item_id bigint not null,
  order_date date,
  ship_date date,
  warehouse_id bigint,
  promo_id bigint,
  quantity integer,
  wholesale_cost ${money}, list_price ${money}, sales_price ${money}, ext_discount_amt ${money},
  ext_sales_price ${money}, ext_wholesale_cost ${money}, ext_list_price ${money}, ext_tax ${money},
  coupon_amt ${money}, ext_ship_cost ${money}, net_paid ${money}, net_paid_inc_tax ${money},
  net_paid_inc_ship ${money}, net_paid_inc_ship_tax ${money}, net_profit ${money},
  updated_at timestamptz not null,
  primary key (channel, order_number, item_id),
  foreign key (channel, order_number) references orders.orders
);
`;

export const orderColumns = {
  addresses: [
    'address_id',
    'address_code',
    'street_number',
    'street_name',
    'street_type',
    'suite_number',
    'city',
    'county',
    'state',
    'zip',
    'country',
    'gmt_offset',
    'location_type',
    'updated_at',
  ],
  customers: [
    'customer_id',
    'customer_code',
    'salutation',
    'first_name',
    'last_name',
    'preferred',
    'birth_date',
    'birth_country',
    'email',
    'current_address_id',
    'updated_at',
  ],
  orders: [
    'channel',
    'order_number',
    'customer_id',
    'ship_customer_id',
    'ship_address_id',
    'order_date',
    'status',
    'updated_at',
  ],
  orderLines: [
    'channel',
    'order_number',
    'item_id',
    'order_date',
    'ship_date',
    'warehouse_id',
    'promo_id',
    'quantity',
    'wholesale_cost',
    'list_price',
    'sales_price',
    'ext_discount_amt',
    'ext_sales_price',
    'ext_wholesale_cost',
    'ext_list_price',
    'ext_tax',
    'coupon_amt',
    'ext_ship_cost',
    'net_paid',
    'net_paid_inc_tax',
    'net_paid_inc_ship',
    'net_paid_inc_ship_tax',
    'net_profit',
    'updated_at',
  ],
} as const;
