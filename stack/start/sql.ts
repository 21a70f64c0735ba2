/** A SQL string literal, for statements that take no bound values (SET, CREATE SECRET, ATTACH, table functions). */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
