/** An SQL identifier, quoted. The only way that names enter SQL. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** An SQL literal: text is quoted, numbers stand as they are. For declarations; values of users are bound instead. */
export function quoteLiteral(value: string | number): string {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError(`${value} is no SQL literal`);
    return String(value);
  }
  return `'${value.replaceAll("'", "''")}'`;
}

/** Identifiers, quoted and separated by commas. */
export function quoteIdentifiers(names: readonly string[]): string {
  return names.map(quoteIdentifier).join(', ');
}
