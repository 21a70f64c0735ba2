import type { Column } from '@millrace/lakehouse';

/** DuckDB types of the platform's columns. Money is decimal everywhere. */
export const types = {
  id: 'BIGINT',
  money: 'DECIMAL(9,2)',
  rate: 'DECIMAL(5,2)',
  text: 'VARCHAR',
  date: 'DATE',
  count: 'INTEGER',
  number: 'BIGINT',
  moment: 'TIMESTAMPTZ',
} as const;

type TypeName = keyof typeof types;

/**
 * Columns from short lines, one a type: `columns({ id: 'ticket_number item_id', money: 'net_paid' }, order)`. The order of
 * `order` is the order in the source; every column must stand in exactly one line.
 */
export function columns(byType: Partial<Record<TypeName, string>>, order?: string): Column[] {
  const typeOf = new Map<string, string>();
  for (const [type, names] of Object.entries(byType)) {
    for (const name of names.split(' ')) typeOf.set(name, types[type as TypeName]);
  }
  const names = order?.split(' ') ?? [...typeOf.keys()];
  return names.map((name) => {
    const type = typeOf.get(name);
    if (type === undefined) throw new Error(`Column ${name} has no type.`);
    return { name, type };
  });
}
