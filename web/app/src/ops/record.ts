/** What was shown during the last minutes. Bounded: what is older is forgotten. */
import { CHARTS } from "./charts.js";
import { APART_MS, type Scrape } from "./scrape.js";

export const SHOWN_MS = 300_000;
const RECENT_MS = 60_000;

export interface Point {
  /** Milliseconds of the clock that never steps, as of a Scrape. */
  readonly at: number;
  /** The time of day. */
  readonly time: Date;
  /** By chart, then by line, in the order of the table; null: not known. */
  readonly values: readonly (readonly (number | null)[])[];
}

/** A moment in which the gateway did not answer. */
const NOTHING = CHARTS.map((chart) => chart.lines.map(() => null));

export class Recorder {
  #recent: readonly Scrape[] = [];
  #points: readonly Point[] = [];
  readonly #processes = new Set<string>();
  #several = false;

  /** The answers of the last minute, oldest first. */
  get recent(): readonly Scrape[] {
    return this.#recent;
  }

  get points(): readonly Point[] {
    return this.#points;
  }

  /** Whether several gateways answer in turn: then next to nothing can be said. */
  get several(): boolean {
    return this.#several;
  }

  add(scrape: Scrape, time: Date): void {
    if (scrape.process !== this.#recent.at(-1)?.process) {
      this.#several = this.#processes.has(scrape.process);
      this.#processes.add(scrape.process);
    }
    this.#recent = [...this.#recent.filter((one) => scrape.at - one.at <= RECENT_MS), scrape];
    this.#put({ at: scrape.at, time, values: CHARTS.map((chart) => chart.lines.map((line) => line.of(this.#recent))) });
  }

  miss(at: number, time: Date): void {
    this.#put({ at, time, values: NOTHING });
  }

  #put(point: Point): void {
    this.#points = [...this.#points.filter((one) => point.at - one.at <= SHOWN_MS), point];
  }
}

/** One line of one chart: pieces without a hole in them. */
export function pieces(points: readonly Point[], chart: number, line: number): readonly (readonly (readonly [at: number, value: number])[])[] {
  const found: [number, number][][] = [];
  let last: number | null = null;
  for (const { at, values } of points) {
    const value = values[chart]?.[line] ?? null;
    if (value === null || !Number.isFinite(value)) {
      last = null;
      continue;
    }
    if (last === null || at - last > APART_MS) found.push([]);
    found.at(-1)?.push([at, value]);
    last = at;
  }
  return found;
}

export interface Extent {
  readonly now: number | null;
  readonly least: number | null;
  readonly most: number | null;
}

export function extent(points: readonly Point[], chart: number, line: number): Extent {
  const known = points.map(({ values }) => values[chart]?.[line] ?? null).filter((value) => value !== null && Number.isFinite(value)) as number[];
  const now = points.at(-1)?.values[chart]?.[line] ?? null;
  return known.length > 0 ? { now, least: Math.min(...known), most: Math.max(...known) } : { now, least: null, most: null };
}
