import { isMillraceError, type MillraceError } from '../dag/errors.ts';
import type { Io } from './io.ts';

export function printLine({ stdout }: Io, line = ''): void {
  stdout.write(`${line}\n`);
}

/** One JSON value, on one line when it goes to a program. */
export function printJson({ stdout }: Io, value: unknown): void {
  stdout.write(`${JSON.stringify(value, null, stdout.isTTY === true ? 2 : undefined)}\n`);
}

/** Columns as wide as their widest cell; the last one is not padded. */
export function printTable(io: Io, header: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of [header, ...rows]) {
    printLine(
      io,
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

/** An error for a person: code, message, way out, page; the stack too where the error is not one that was foreseen. */
export function printError({ stderr, variables }: Io, error: unknown, json: boolean): void {
  if (json) {
    stderr.write(`${JSON.stringify({ error: errorFields(error) })}\n`);
    return;
  }
  if (!isMillraceError(error)) {
    stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return;
  }
  stderr.write(`${error.code}: ${error.message}\n`);
  if (error.hint !== undefined) stderr.write(`  ${error.hint}\n`);
  stderr.write(`  More: docs/errors/${error.code}.md\n`);
  if (variables.MILLRACE_DEBUG && error.cause !== undefined) stderr.write(`${causes(error)}\n`);
}

function errorFields(error: unknown): Readonly<Record<string, unknown>> {
  if (!isMillraceError(error)) return { message: error instanceof Error ? error.message : String(error) };
  const { code, message, subject, hint, facts } = error;
  return { code, message, subject, hint, facts };
}

function causes(error: MillraceError): string {
  const lines: string[] = [];
  for (
    let cause: unknown = error.cause;
    cause !== undefined;
    cause = cause instanceof Error ? cause.cause : undefined
  ) {
    lines.push(`Caused by: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`);
  }
  return lines.join('\n');
}
