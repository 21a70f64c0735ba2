import type { Logger } from '../dag/services.ts';
import type { Redact } from './redact.ts';

type Level = keyof Logger;
type Fields = Readonly<Record<string, unknown>>;

/** One line a message on standard error: time, level, message, fields as JSON. */
export const consoleLogger: Logger = {
  debug: () => undefined,
  info: (message, fields) => write('info', message, fields),
  warn: (message, fields) => write('warn', message, fields),
  error: (message, fields) => write('error', message, fields),
};

function write(level: Level, message: string, fields: Fields = {}): void {
  const text = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields, replaceError)}`;
  process.stderr.write(`${new Date().toISOString()} ${level.toUpperCase().padEnd(5)} ${message}${text}\n`);
}

function replaceError(_: string, value: unknown): unknown {
  return value instanceof Error ? { name: value.name, message: value.message } : value;
}

/** A logger that adds fields to every message and takes secrets out of it. */
export function boundLogger(logger: Logger, redact: Redact, bound: Fields): Logger {
  const at =
    (level: Level) =>
    (message: string, fields: Fields = {}): void =>
      logger[level](redact(message), { ...bound, ...redact(fields) });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
