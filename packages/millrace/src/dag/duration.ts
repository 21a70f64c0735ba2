import { MillraceError } from './errors.ts';

/** A length of time with its unit: `'500ms'`, `'30s'`, `'10m'`, `'1.5h'`, `'2d'`. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration in whole milliseconds. Throws MR1008 for what is not one, and for zero. */
export function durationMs(value: Duration, subject?: string): number {
  const match = typeof value === 'string' ? pattern.exec(value) : null;
  const ms = match === null ? 0 : Math.round(Number(match[1]) * (units[match[2] ?? ''] ?? 0));
  if (ms < 1) {
    throw new MillraceError({
      code: 'MR1008',
      message: `${JSON.stringify(value)} is not a duration${subject === undefined ? '' : ` (${subject})`}.`,
      ...(subject === undefined ? {} : { subject }),
      hint: "Write a number above zero and its unit, without a space: '500ms', '30s', '10m', '2h', '1d'.",
      facts: { value },
      retryable: false,
    });
  }
  return ms;
}
