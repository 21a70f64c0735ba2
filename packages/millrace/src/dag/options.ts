import { type Duration, durationMs } from './duration.ts';
import { MillraceError } from './errors.ts';
import type { PlanRetry } from './plan.ts';
import type { Ref } from './ref.ts';
import type { Trigger } from './trigger.ts';

/** What is not given comes from the DAG's defaults, then from the environment. */
export interface RetryPolicy {
  /** Attempts in all. 1: never again; 0: without end. */
  readonly attempts?: number;
  /** Wait before the second attempt. */
  readonly backoff?: Duration;
  readonly maxBackoff?: Duration;
  /** Each further wait is this many times longer. */
  readonly factor?: number;
}

export interface TaskOptions {
  /** For one attempt. Default `1h`. */
  readonly timeout?: Duration;
  /** An attempt whose worker has not been heard of for this long is given up and repeated. Default `10s`. */
  readonly heartbeat?: Duration;
  readonly retry?: RetryPolicy;
}

/** Where a node stands in its DAG, besides the edges that its input makes. */
export interface NodePlacement {
  /** Which ends of which upstreams let it run. Default: all upstreams succeeded. */
  readonly when?: Trigger;
  /** Upstreams whose result it does not need. */
  readonly after?: Ref<unknown> | readonly Ref<unknown>[];
}

export interface NodeOptions extends TaskOptions, NodePlacement {}

/** Fields given later win, retry settings one by one. */
export function mergeOptions(...layers: readonly (NodeOptions | undefined)[]): NodeOptions {
  let merged: NodeOptions = {};
  for (const layer of layers) {
    if (layer === undefined) continue;
    const retry = layer.retry === undefined ? merged.retry : { ...merged.retry, ...layer.retry };
    merged = { ...merged, ...layer, ...(retry === undefined ? {} : { retry }) };
  }
  return merged;
}

/** Retry settings as a plan holds them. Throws MR1008, MR1013. */
export function planRetry(retry: RetryPolicy | undefined, subject: string): PlanRetry | undefined {
  if (retry === undefined) return undefined;
  const { attempts, backoff, maxBackoff, factor } = retry;
  if (attempts !== undefined) requireInteger(attempts, 0, 'retry.attempts', subject);
  if (factor !== undefined && !(factor >= 1 && factor <= 100)) {
    throw badOption('retry.factor', factor, 'a number from 1 to 100', subject);
  }
  return {
    ...(attempts === undefined ? {} : { attempts }),
    ...(backoff === undefined ? {} : { backoffMs: durationMs(backoff, `retry.backoff of ${subject}`) }),
    ...(maxBackoff === undefined ? {} : { maxBackoffMs: durationMs(maxBackoff, `retry.maxBackoff of ${subject}`) }),
    ...(factor === undefined ? {} : { factor }),
  };
}

/** Throws MR1013 unless `value` is a whole number of at least `min`. */
export function requireInteger(value: number, min: number, name: string, subject: string): void {
  if (!Number.isSafeInteger(value) || value < min) {
    throw badOption(name, value, `a whole number of at least ${min}`, subject);
  }
}

function badOption(name: string, value: unknown, wanted: string, subject: string): MillraceError {
  return new MillraceError({
    code: 'MR1013',
    message: `${name} of '${subject}' is ${String(value)}, which is not ${wanted}.`,
    subject,
    hint: `Give ${wanted}, or leave it out for the default.`,
    facts: { option: name, value },
    retryable: false,
  });
}
