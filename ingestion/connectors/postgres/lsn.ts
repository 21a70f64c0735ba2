import { postgresError } from './postgres-errors.ts';

/**
 * A position in Postgres' write-ahead log: `16/B374D848` as text, a count of bytes as a number. Exact up to 8 PiB of log.
 */
export function parseLsn(text: string): number {
  const found = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text);
  const value =
    found === null ? Number.NaN : Number.parseInt(found[1] ?? '', 16) * 2 ** 32 + Number.parseInt(found[2] ?? '', 16);
  if (!Number.isSafeInteger(value)) {
    throw postgresError('position', {
      subject: text,
      message: `${JSON.stringify(text)} is no position in a write-ahead log`,
      hint: 'Pass on what captureLsn gave.',
    });
  }
  return value;
}

export function formatLsn(value: number): string {
  const high = Math.floor(value / 2 ** 32);
  return `${high.toString(16).toUpperCase()}/${(value % 2 ** 32).toString(16).toUpperCase()}`;
}
