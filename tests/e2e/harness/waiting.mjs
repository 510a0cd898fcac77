// Tests wait for conditions; a pause is never the condition.

import { setTimeout as pause } from "node:timers/promises";

/** ms; how long something may take on a busy machine before it counts as never. */
export const PATIENCE = 30_000;

/**
 * Calls `condition` until it returns something true, and returns that. What it throws counts as "not yet"; at the end it is what
 * the test fails with. `what` is a text, or a function that tells how things stand then.
 */
export async function eventually(condition, what, patience = PATIENCE) {
  const end = performance.now() + patience;
  for (;;) {
    let problem = null;
    try {
      const result = await condition();
      if (result) return result;
    } catch (error) {
      problem = error;
    }
    if (performance.now() >= end) {
      throw problem ?? new Error(`not within ${patience / 1000} s: ${typeof what === "function" ? await what() : what}`);
    }
    await pause(50);
  }
}
