import { MillraceError } from './errors.ts';
import type { Json } from './json.ts';

export function notAList(id: string, found: Json | undefined): MillraceError {
  return new MillraceError({
    code: 'MR1019',
    message: `'${id}' maps over something that is not a list but ${found === undefined ? 'absent' : typeof found}.`,
    subject: id,
    hint: 'Make the task before it return a list.',
    retryable: false,
  });
}

export function noCase(id: string, value: Json | undefined, cases: readonly string[]): MillraceError {
  return new MillraceError({
    code: 'MR1024',
    message: `'${id}' has no case for ${JSON.stringify(value)}.`,
    subject: id,
    hint: `Add the case to choose(); there are: ${cases.join(', ')}.`,
    facts: { value: value ?? null, cases },
    retryable: false,
  });
}

export function tooManyNodes(dag: string, limit: number): MillraceError {
  return new MillraceError({
    code: 'MR2011',
    message: `The run of '${dag}' would have more than ${limit} nodes.`,
    subject: dag,
    hint: 'Let one task handle many items (context.items records each of them) instead of mapping over every one.',
    retryable: false,
  });
}
