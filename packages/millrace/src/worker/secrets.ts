import { readFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import { MillraceError } from '../dag/errors.ts';

/** The values of an environment's secrets. Printing or serialising it shows the names only. */
export class Secrets {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  /** The value of a secret that the environment names. Throws MR5004 for one that it does not name. */
  get(name: string): string {
    const value = this.#values.get(name);
    if (value !== undefined) return value;
    throw new MillraceError({
      code: 'MR5004',
      message: `Secret ${name} is asked for but not named in the environment's secrets.`,
      subject: name,
      hint: `Add "${name}" to \`secrets\` of the environment, so that it is checked before anything starts.`,
      facts: { secret: name, named: [...this.#values.keys()] },
      retryable: false,
    });
  }

  get names(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** The values themselves, for a logger that redacts them. */
  values(): readonly string[] {
    return [...this.#values.values()];
  }

  toJSON(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.names.map((name) => [name, '[secret]']));
  }

  toString(): string {
    return `Secrets(${this.names.join(', ')})`;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

export type Variables = Readonly<Record<string, string | undefined>>;

/** The variables in which a secret is looked for, first match wins; `_FILE` ones hold the path of a file with it. */
export function secretVariables(name: string): readonly string[] {
  const upper = name.replace(/[^A-Za-z0-9]+/g, '_').toUpperCase();
  const plain = [...new Set([`MILLRACE_SECRET_${upper}`, name, upper])];
  return [...plain, ...plain.map((variable) => `${variable}_FILE`)];
}

/**
 * Finds the value of every named secret: in `MILLRACE_SECRET_<NAME>` or the variable of its own name, or in the file whose
 * path stands in `<either>_FILE` (one line ending at its end is dropped). An empty value counts as missing.
 *
 * Throws MR5003 naming every missing secret at once.
 */
export async function resolveSecrets(
  environment: string,
  names: readonly string[],
  variables: Variables = process.env,
): Promise<Secrets> {
  const values = new Map<string, string>();
  const missing: { secret: string; lookedFor: readonly string[]; problem?: string }[] = [];
  for (const name of names) {
    const found = await lookUp(name, variables);
    if ('value' in found) values.set(name, found.value);
    else missing.push({ secret: name, lookedFor: secretVariables(name), ...found });
  }
  if (missing.length === 0) return new Secrets(values);
  const list = missing
    .map(({ secret, problem }) => (problem === undefined ? secret : `${secret} (${problem})`))
    .join(', ');
  throw new MillraceError({
    code: 'MR5003',
    message: `Environment ${environment} lacks ${missing.length === 1 ? 'a secret' : `${missing.length} secrets`}: ${list}.`,
    subject: environment,
    hint: `Set ${missing.map(({ lookedFor }) => lookedFor[0]).join(', ')}, or the same name with _FILE to read a file.`,
    facts: { environment, missing },
    retryable: false,
  });
}

async function lookUp(name: string, variables: Variables): Promise<{ value: string } | { problem?: string }> {
  for (const variable of secretVariables(name)) {
    const value = variables[variable];
    if (value === undefined || value === '') continue;
    if (!variable.endsWith('_FILE') || variable === name) return { value };
    try {
      const content = (await readFile(value, 'utf8')).replace(/\r?\n$/, '');
      return content === '' ? { problem: `the file in ${variable} is empty` } : { value: content };
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? 'error';
      return { problem: `the file in ${variable} cannot be read: ${reason}` };
    }
  }
  return {};
}
