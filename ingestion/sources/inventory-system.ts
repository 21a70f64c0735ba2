import type pg from 'pg';
import { type BusinessDay, firstDay } from './business-days.ts';
import { inventoryColumns, inventorySchema, rewindChangeSeq } from './inventory-schema.ts';
import { copyRows, inSetup } from './source-database.ts';
import { type Changes, historyStep, SourceProgress } from './source-progress.ts';
import type { SourceSystem } from './source-system.ts';
import { literal } from './sql-text.ts';
import type { Tpcds } from './tpcds.ts';

const name = 'inventory';
const lastStep = 'stock';
const times = { base: '12:00:00Z', price: '19:00:00Z' };

/** The inventory system: items, warehouses, weekly stock levels and stock movements, in Postgres schema `inventory`. */
export class InventorySystem implements SourceSystem {
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
  static async open(client: pg.Client, tpcds: Tpcds): Promise<InventorySystem> {
    await inSetup(client, async () => void (await client.query(inventorySchema)));
    return new InventorySystem(client, tpcds, new SourceProgress(client));
  }

  async position(): ReturnType<SourceSystem['position']> {
    return await this.#progress.position(name, lastStep);
  }

  async loadHistory(from: BusinessDay, to: BusinessDay): Promise<void> {
    await this.#loadBase();
    await this.#once(to, historyStep, () => this.#insertStock(from, to));
  }

  async runDay(day: BusinessDay): Promise<void> {
    await this.#loadBase();
    await this.#once(day, 'prices', () => this.#changePrices(day));
    await this.#once(day, lastStep, () => this.#insertStock(day, day));
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async #once(day: BusinessDay, step: string, work: () => Promise<Changes>): Promise<void> {
    await this.#progress.once(name, day, step, async () => {
      await this.#client.query(rewindChangeSeq);
      return await work();
    });
  }

  /** Items and warehouses, there from the first day. */
  async #loadBase(): Promise<void> {
    const at = literal(`${firstDay}T${times.base}`);
    await this.#once(firstDay, 'base', async () => {
      const items = await copyRows(
        this.#client,
        this.#tpcds,
        'inventory.items',
        inventoryColumns.items,
        `select i_item_sk, i_item_id, i_product_name, i_item_desc, i_brand, i_class, i_category, i_manufact, i_size, i_color, i_units,
           i_container, i_current_price, i_wholesale_cost, i_rec_start_date, i_rec_end_date, ${at} from item order by i_item_sk`,
      );
      const warehouses = await copyRows(
        this.#client,
        this.#tpcds,
        'inventory.warehouses',
        inventoryColumns.warehouses,
        `select w_warehouse_sk, w_warehouse_id, w_warehouse_name, w_warehouse_sq_ft, w_city, w_county, w_state, w_zip, w_country,
           w_gmt_offset, ${at} from warehouse order by w_warehouse_sk`,
      );
      return { items: { inserted: items }, warehouses: { inserted: warehouses } };
    });
  }

  async #insertStock(from: BusinessDay, to: BusinessDay): Promise<Changes> {
    const days = `between ${literal(from)} and ${literal(to)}`;
    const levels = await copyRows(
      this.#client,
      this.#tpcds,
      'inventory.stock_levels',
      inventoryColumns.stockLevels,
      `select ${inventoryColumns.stockLevels.join(', ')} from delivery.stock_levels
       where snapshot_date ${days} order by snapshot_date, item_id, warehouse_id`,
    );
    const movements = await copyRows(
      this.#client,
      this.#tpcds,
      'inventory.stock_movements',
      inventoryColumns.stockMovements,
      `select ${inventoryColumns.stockMovements.join(', ')} from delivery.stock_movements
       where movement_date ${days} order by movement_date, movement_id`,
    );
    return { stock_levels: { inserted: levels }, stock_movements: { inserted: movements } };
  }

  /** One item in a hundred changes its price, to within a tenth of the list. */
  async #changePrices(day: BusinessDay): Promise<Changes> {
    const prices = await this.#tpcds.rows(
      `select i_item_sk::varchar as item_id,
         (i_current_price * (90 + delivery.draw(concat_ws(':', 'new price', ${literal(day)}, i_item_sk), 21)) / 100)::decimal(9, 2)::varchar as price
       from item where i_current_price is not null and delivery.draw(concat_ws(':', 'price change', ${literal(day)}, i_item_sk), 100) = 0
       order by i_item_sk`,
    );
    const updated = await this.#client.query(
      `update inventory.items set current_price = c.price, updated_at = $2
       from jsonb_to_recordset($1) as c (item_id bigint, price numeric(9,2)) where items.item_id = c.item_id`,
      [JSON.stringify(prices), `${day}T${times.price}`],
    );
    return { items: { updated: updated.rowCount ?? 0 } };
  }
}
