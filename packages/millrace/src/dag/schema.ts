import { MillraceError } from './errors.ts';
import type { Json } from './json.ts';
import { toJson } from './template.ts';

interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

type SchemaResult<T> = { readonly value: T; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

/**
 * A validator of any library that follows Standard Schema (zod, valibot, arktype, ...).
 * https://standardschema.dev
 */
export interface StandardSchema<T> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
  };
}

/** Validates a run's parameters, defaults filled in. Throws MR1021 naming each bad field. */
export async function parseParams(
  dag: string,
  schema: StandardSchema<unknown> | undefined,
  params: Json,
): Promise<Json> {
  const given = params ?? {};
  if (schema === undefined) {
    if (Object.keys(given as object).length === 0) return {};
    throw badParams(dag, 'it declares none, but some were given', []);
  }
  const result = await schema['~standard'].validate(given);
  if (result.issues !== undefined) {
    const problems = result.issues.map(({ message, path = [] }) => {
      const name = path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.');
      return name === '' ? message : `${name}: ${message}`;
    });
    throw badParams(dag, problems.join('; '), problems);
  }
  return toJson(result.value, `The parameters of '${dag}'`);
}

/** JSON Schema of the input, where the library offers it (https://standardschema.dev/json-schema). */
export function jsonSchemaOf(schema: StandardSchema<unknown>): Json | undefined {
  const standard = schema['~standard'] as {
    readonly jsonSchema?: { readonly input?: (options: { readonly target: string }) => unknown };
  };
  try {
    const described = standard.jsonSchema?.input?.({ target: 'draft-2020-12' });
    return described === undefined ? undefined : toJson(described, 'JSON Schema');
  } catch {
    return undefined;
  }
}

function badParams(dag: string, why: string, problems: readonly string[]): MillraceError {
  return new MillraceError({
    code: 'MR1021',
    message: `The parameters for '${dag}' do not fit: ${why}.`,
    subject: dag,
    hint: 'Start the run again with parameters that the DAG declares.',
    facts: { problems },
    retryable: false,
  });
}
