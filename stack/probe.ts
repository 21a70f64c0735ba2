import { setTimeout as sleep } from 'node:timers/promises';

export interface UntilOptions {
  /** Milliseconds in all. */
  readonly timeoutMs: number;
  /** Milliseconds between two attempts. Default 50. */
  readonly everyMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks again and again until the probe gives a value. A probe that throws counts as not yet; its last error is what
 * `late` is given when the time is up.
 */
export async function until<T>(
  probe: () => Promise<T | undefined>,
  options: UntilOptions,
  late: (lastError: unknown) => Error,
): Promise<T> {
  const deadline = Date.now() + options.timeoutMs;
  let lastError: unknown;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const value = await probe();
      if (value !== undefined) return value;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() >= deadline) throw late(lastError);
    await sleep(options.everyMs ?? 50);
  }
}
