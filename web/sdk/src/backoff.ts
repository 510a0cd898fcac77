// How long to wait before trying again: at random, so that those who were cut off together don't come back together, and longer
// each time.
import type { Clock } from "./clock.js";

export interface Backoff {
  baseMs: number;
  maxMs: number;
}

/** "Full jitter": between 0 and min(maxMs, baseMs · 2ⁿ); n is how many attempts have failed before. */
export function backoffMs(backoff: Backoff, n: number, clock: Clock): number {
  return clock.random() * Math.min(backoff.maxMs, backoff.baseMs * 2 ** n);
}
