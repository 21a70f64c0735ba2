import type pg from 'pg';
import { type BusinessDay, firstDay } from './business-days.ts';
import { orderColumns, orderSchema } from './order-schema.ts';
import { copyRows, inSetup } from './source-database.ts';
import { type Changes, historyStep, SourceProgress } from './source-progress.ts';
import type { SourceSystem } from './source-system.ts';
import { literal } from './sql-text.ts';
import type { Tpcds } from './tpcds.ts';

const name = 'orders';
const lastStep = 'cancelled';

/** Business times of day of the shop's software, UTC. */
const times = {
  base: '12:00:00Z',
  placed: '20:00:00Z',
  profile: '21:00:00Z',
  shipped: '22:00:00Z',
  cancelled: '23:00:00Z',
};

/** The order system: web and catalog orders with their lines, customers and addresses, in Postgres schema `orders`. */
export class OrderSystem implements SourceSystem {
  readonly name = name;
  readonly #client: pg.Client;
  readonly #tpcds: Tpcds;
  readonly #progress: SourceProgress;

  private constructor(client: pg.Client, tpcds: Tpcds, progress: SourceProgress) {
    this.#client = client;
    this.#tpcds = tpcds;
    this.#progress = progress;
  }

  /** Creates the schema when it is not there. Takes over the client and closes it. */
  static async open(client: pg.Client, tpcds: Tpcds): Promise<OrderSystem> {
    await inSetup(client, async () => void (await client.query(orderSchema)));
    return new OrderSystem(client, tpcds, new SourceProgress(client));
  }

  async position(): ReturnType<SourceSystem['position']> {
    return await this.#progress.position(name, lastStep);
  }

  async loadHistory(from: BusinessDay, to: BusinessDay): Promise<void> {
    await this.#loadBase();
    await this.#progress.once(name, to, historyStep, async () => {
      const updated = await this.#applyEvents(
        `select channel, order_number, 'cancelled', cancels_on || 'T${times.cancelled}' from delivery.orders
         where booked_on < ${literal(from)} and cancels_on between ${literal(from)} and ${literal(to)}
         union all
         select channel, order_number, 'shipped', ships_on || 'T${times.shipped}' from delivery.orders
         where booked_on < ${literal(from)} and cancels_on is null and ships_on between ${literal(from)} and ${literal(to)}`,
      );
      const inserted = await this.#insertOrders(from, to);
      return { ...inserted, orders: { ...inserted.orders, updated } };
    });
  }

  async runDay(day: BusinessDay): Promise<void> {
    await this.#loadBase();
    await this.#progress.once(name, day, 'placed', () => this.#insertOrders(day, day, 'placed'));
    await this.#progress.once(name, day, 'profiles', () => this.#changeProfiles(day));
    await this.#progress.once(name, day, 'shipped', async () => ({
      orders: {
        updated: await this.#applyEvents(
          `select channel, order_number, 'shipped', ships_on || 'T${times.shipped}' from delivery.orders where ships_on = ${literal(day)}`,
        ),
      },
    }));
    await this.#progress.once(name, day, lastStep, () => this.#cancelOrders(day));
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  /** Customers and addresses, there from the first day. */
  async #loadBase(): Promise<void> {
    const at = literal(`${firstDay}T${times.base}`);
    await this.#progress.once(name, firstDay, 'base', async () => {
      const addresses = await copyRows(
        this.#client,
        this.#tpcds,
        'orders.addresses',
        orderColumns.addresses,
        `select ca_address_sk, ca_address_id, ca_street_number, ca_street_name, ca_street_type, ca_suite_number, ca_city, ca_county,
           ca_state, ca_zip, ca_country, ca_gmt_offset, ca_location_type, ${at} from customer_address order by ca_address_sk`,
      );
      const customers = await copyRows(
        this.#client,
        this.#tpcds,
        'orders.customers',
        orderColumns.customers,
        `select c_customer_sk, c_customer_id, c_salutation, c_first_name, c_last_name, c_preferred_cust_flag,
           try(make_date(c_birth_year, c_birth_month, c_birth_day)), c_birth_country, c_email_address, c_current_addr_sk, ${at}
         from customer order by c_customer_sk`,
      );
      return { addresses: { inserted: addresses }, customers: { inserted: customers } };
    });
  }

  /** The orders booked on these days with their lines, in the state that they have at the end of `to`, or all `placed`. */
  async #insertOrders(from: BusinessDay, to: BusinessDay, status?: 'placed'): Promise<Changes> {
    const end = literal(to);
    const state =
      status === 'placed'
        ? `'placed' as status, booked_on || 'T${times.placed}' as updated_at`
        : `case when cancels_on <= ${end} then 'cancelled' when ships_on <= ${end} then 'shipped' else 'placed' end as status,
           case when cancels_on <= ${end} then cancels_on || 'T${times.cancelled}'
             when ships_on <= ${end} then ships_on || 'T${times.shipped}' else booked_on || 'T${times.placed}' end as updated_at`;
    const booked = `booked_on between ${literal(from)} and ${end}`;
    const orders = await copyRows(
      this.#client,
      this.#tpcds,
      'orders.orders',
      orderColumns.orders,
      `select channel, order_number, customer_id, ship_customer_id, ship_address_id, order_date, ${state}
       from delivery.orders where ${booked} order by booked_on, channel, order_number`,
    );
    const lines = await copyRows(
      this.#client,
      this.#tpcds,
      'orders.order_lines',
      orderColumns.orderLines,
      `select ${orderColumns.orderLines.slice(0, -1).join(', ')}, booked_on || 'T${times.placed}'
       from delivery.order_lines where ${booked} order by booked_on, channel, order_number, item_id`,
    );
    return { orders: { inserted: orders }, order_lines: { inserted: lines } };
  }

  /** Sets status and time of the orders of a DuckDB query that are still open. */
  async #applyEvents(query: string): Promise<number> {
    await this.#client.query(
      'create temp table order_events (channel text, order_number bigint, status text, at timestamptz) on commit drop',
    );
    await copyRows(this.#client, this.#tpcds, 'order_events', ['channel', 'order_number', 'status', 'at'], query);
    const updated = await this.#client.query(
      `update orders.orders set status = order_events.status, updated_at = order_events.at from order_events
       where orders.channel = order_events.channel and orders.order_number = order_events.order_number and orders.status = 'placed'`,
    );
    return updated.rowCount ?? 0;
  }

  /**
   * The day's cancellations: those that the calendar has for the day, or, on a day without, one open order. Of every
   * second of them, beginning with the first, the lines are removed for good.
   */
  async #cancelOrders(day: BusinessDay): Promise<Changes> {
    const planned = await this.#tpcds.rows(
      `select channel, order_number::varchar as order_number from delivery.orders where cancels_on = ${literal(day)}`,
    );
    const chosen = await this.#client.query<{ channel: string; order_number: string }>(
      `with open as (
         select channel, order_number, order_date, md5(concat_ws(':', channel, order_number, $1::date)) collate "C" as draw,
           (channel, order_number) in (select channel, order_number from jsonb_to_recordset($2) as p (channel text, order_number bigint)) as planned
         from orders.orders where status = 'placed' and updated_at < $1::date::timestamp at time zone 'UTC'
       )
       select channel, order_number from (
         select *, row_number() over (order by planned desc, order_date < $1::date - 30, draw) as place from open
       ) as ranked
       where planned or place = 1 order by draw`,
      [day, JSON.stringify(planned)],
    );
    const removed = chosen.rows.filter((_, index) => index % 2 === 0);
    const lines = await this.#client.query(
      `delete from orders.order_lines using jsonb_to_recordset($1) as c (channel text, order_number bigint)
       where order_lines.channel = c.channel and order_lines.order_number = c.order_number`,
      [JSON.stringify(removed)],
    );
    const orders = await this.#client.query(
      `update orders.orders set status = 'cancelled', updated_at = $2
       from jsonb_to_recordset($1) as c (channel text, order_number bigint)
       where orders.channel = c.channel and orders.order_number = c.order_number`,
      [JSON.stringify(chosen.rows), `${day}T${times.cancelled}`],
    );
    return { orders: { updated: orders.rowCount ?? 0 }, order_lines: { deleted: lines.rowCount ?? 0 } };
  }

  /** Corrected addresses, customers who moved to another address, and new e-mail addresses. */
  async #changeProfiles(day: BusinessDay): Promise<Changes> {
    const at = `${day}T${times.profile}`;
    const draw = (what: string, id: string) => `concat_ws(':', ${literal(what)}, ${literal(day)}, ${id})`;
    const pick = (what: string, id: string, from: string, oneIn: number) =>
      `from ${from} order by md5(${draw(what, id)}) limit (select greatest(1, count(*) // ${oneIn}) from ${from})`;
    const corrected = await this.#tpcds.rows(
      `select ca_address_sk::varchar as address_id, (1 + delivery.draw(${draw('street number', 'ca_address_sk')}, 999))::varchar as street_number,
         'Suite ' || 10 * delivery.draw(${draw('suite', 'ca_address_sk')}, 50) as suite_number ${pick('address', 'ca_address_sk', 'customer_address', 500)}`,
    );
    const moved = await this.#tpcds.rows(
      `select c_customer_sk::varchar as customer_id, delivery.draw(${draw('move', 'c_customer_sk')}, 1000000) as step
       ${pick('mover', 'c_customer_sk', 'customer', 1000)}`,
    );
    const renamed = await this.#tpcds.rows(
      `select c_customer_sk::varchar as customer_id, lower(c_customer_id) || '.' || ${literal(day)} || '@example.com' as email
       ${pick('e-mail', 'c_customer_sk', 'customer', 1000)}`,
    );
    const addresses = await this.#client.query(
      `update orders.addresses set street_number = c.street_number, suite_number = c.suite_number, updated_at = $2
       from jsonb_to_recordset($1) as c (address_id bigint, street_number text, suite_number text) where addresses.address_id = c.address_id`,
      [JSON.stringify(corrected), at],
    );
    // Address ids run from 1 to n; with a step of 1 to n-1 the new one always differs from the old.
    const movers = await this.#client.query(
      `update orders.customers set updated_at = $2,
         current_address_id = 1 + (coalesce(current_address_id, 1) - 1 + 1 + c.step % (n - 1)) % n
       from jsonb_to_recordset($1) as c (customer_id bigint, step bigint), (select count(*) as n from orders.addresses) as counted
       where customers.customer_id = c.customer_id`,
      [JSON.stringify(moved), at],
    );
    const emails = await this.#client.query(
      `update orders.customers set email = c.email, updated_at = $2
       from jsonb_to_recordset($1) as c (customer_id bigint, email text) where customers.customer_id = c.customer_id`,
      [JSON.stringify(renamed), at],
    );
    return {
      addresses: { updated: addresses.rowCount ?? 0 },
      customers: { updated: (movers.rowCount ?? 0) + (emails.rowCount ?? 0) },
    };
  }
}
