/** Replaces secret values in strings, at any depth of a value. */
export type Redact = <T>(value: T) => T;

/** Values shorter than this are not taken for secrets: they would garble every text. */
const shortest = 4;

/** Makes the redaction of a worker. Longer secrets go first, so that one inside another leaves nothing behind. */
export function redaction(secrets: readonly string[]): Redact {
  const values = secrets.filter((secret) => secret.length >= shortest).sort((a, b) => b.length - a.length);
  if (values.length === 0) return (value) => value;
  const inText = (text: string) => values.reduce((clean, secret) => clean.replaceAll(secret, '[secret]'), text);
  const visit = (value: unknown, seen: Set<object>): unknown => {
    if (typeof value === 'string') return inText(value);
    if (typeof value !== 'object' || value === null || seen.has(value)) return value;
    seen.add(value);
    if (value instanceof Error) {
      return {
        name: value.name,
        message: inText(value.message),
        ...(value.stack === undefined ? {} : { stack: inText(value.stack) }),
      };
    }
    if (Array.isArray(value)) return value.map((element) => visit(element, seen));
    if (value instanceof Date) return value;
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [inText(key), visit(field, seen)]));
  };
  return <T>(value: T) => visit(value, new Set()) as T;
}
