/** The keys of an object whose type names them all. */
export function keys<T extends object>(tables: T): (keyof T & string)[] {
  return Object.keys(tables) as (keyof T & string)[];
}

/** The same keys with other values. */
export function mapTables<T extends object, R>(
  tables: T,
  make: (name: keyof T & string, table: T[keyof T & string]) => R,
): Record<keyof T & string, R> {
  return Object.fromEntries(keys(tables).map((name) => [name, make(name, tables[name])])) as Record<
    keyof T & string,
    R
  >;
}
