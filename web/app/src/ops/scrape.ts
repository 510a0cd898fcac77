/** What one answer of the gateway says, and what two of them say about the time between. */
import { type Family, parseExposition } from "./exposition.js";

export type Where = Readonly<Record<string, string>>;

/** How far apart two answers may be to be asked for the time between them. */
export const APART_MS = 5_000;

export class Scrape {
  readonly #families: ReadonlyMap<string, Family>;

  /** `at`: milliseconds of a clock that never steps. */
  constructor(
    readonly at: number,
    text: string,
  ) {
    this.#families = parseExposition(text);
  }

  /** The sum of the samples of that name with these labels; undefined if there is none. */
  value(name: string, where: Where = {}): number | undefined {
    let sum: number | undefined;
    for (const sample of this.#families.get(name)?.samples ?? []) {
      if (sample.name === name && Object.entries(where).every(([label, value]) => sample.labels.get(label) === value))
        sum = (sum ?? 0) + sample.value;
    }
    return sum;
  }

  /** The gateway leaves out what it has not touched yet: that is 0. */
  count(name: string, where?: Where): number {
    return this.value(name, where) ?? 0;
  }

  /** Upper bounds of a histogram's buckets and how many observations are not above them, both rising. */
  buckets(name: string): readonly (readonly [bound: number, count: number])[] {
    const buckets: [number, number][] = [];
    for (const sample of this.#families.get(name)?.samples ?? []) {
      const bound = sample.labels.get("le");
      if (sample.name === `${name}_bucket` && bound !== undefined)
        buckets.push([bound === "+Inf" ? Infinity : Number(bound), sample.value]);
    }
    return buckets.sort(([a], [b]) => a - b);
  }

  /** Tells one process from another, and from itself before a restart. */
  get process(): string {
    return `${this.value("freshet_started_seconds")}/${this.value("freshet_node")}`;
  }
}

type Pair = readonly [before: Scrape, now: Scrape];

/** Two answers that follow each other, if they tell of the time between: not if another process gave the second, nor if too
 * much time passed. */
function pairAt(recent: readonly Scrape[], index: number): Pair | null {
  const before = recent[index - 1];
  const now = recent[index];
  if (before === undefined || now === undefined) return null;
  return before.process === now.process && now.at - before.at <= APART_MS ? [before, now] : null;
}

function lastPair(recent: readonly Scrape[]): Pair | null {
  return pairAt(recent, recent.length - 1);
}

/** By how much a counter rose, or null if it began anew. */
function rise([before, now]: Pair, name: string, where?: Where): number | null {
  const by = now.count(name, where) - before.count(name, where);
  return by >= 0 ? by : null;
}

/** The newest value of a gauge. */
export function level(recent: readonly Scrape[], name: string, where?: Where): number | null {
  return recent.at(-1)?.count(name, where) ?? null;
}

/** Per second, between the last two answers. */
export function rate(recent: readonly Scrape[], name: string, where?: Where): number | null {
  const pair = lastPair(recent);
  const by = pair && rise(pair, name, where);
  return pair === null || by === null ? null : (by * 1000) / (pair[1].at - pair[0].at);
}

/** How often it was counted while `recent` was recorded, as far as known; null if nothing is. */
export function increase(recent: readonly Scrape[], name: string, where?: Where): number | null {
  let sum: number | null = null;
  for (const index of recent.keys()) {
    const pair = pairAt(recent, index);
    const by = pair && rise(pair, name, where);
    if (by !== null) sum = (sum ?? 0) + by;
  }
  return sum;
}

/** Below which value the share `q` of what was observed between the last two answers lies: in seconds, by straight lines within
 * the buckets. Null if nothing was observed. What lies above the last bound counts as that. */
export function quantile(recent: readonly Scrape[], name: string, q: number): number | null {
  const pair = lastPair(recent);
  if (pair === null) return null;
  const [before, now] = [pair[0].buckets(name), pair[1].buckets(name)];
  const earlier = new Map(before);
  const risen = now.map(([bound, count]) => [bound, count - (earlier.get(bound) ?? 0)] as const);
  const total = risen.at(-1)?.[1] ?? 0;
  if (!(total > 0) || risen.some(([, count]) => count < 0)) return null;
  const wanted = q * total;
  let low = 0;
  let below = 0;
  for (const [bound, count] of risen) {
    if (count >= wanted) return bound === Infinity ? low : low + ((bound - low) * (wanted - below)) / (count - below || 1);
    low = bound;
    below = count;
  }
  return low;
}
