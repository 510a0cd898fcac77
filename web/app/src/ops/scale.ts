/** Where a value lies in a chart: 0 at the bottom, 1 at the top, with marks at even distances. */

export interface Scale {
  /** From the bottom up, the first at 0 and the last at 1. */
  readonly marks: readonly number[];
  place(value: number): number;
}

/** Their halves are round too. */
const ROUND = [1, 2, 4, 6, 8, 10];

/** From 0 to a round number that nothing exceeds, `least` at the least. */
export function linearScale(most: number, least: number): Scale {
  const wanted = Math.max(most, least);
  const size = 10 ** Math.floor(Math.log10(wanted));
  const top = (ROUND.find((round) => round * size >= wanted) ?? 10) * size;
  return { marks: [0, top / 2, top], place: (value) => value / top };
}

/** Decades around the values, two at least. */
export function logarithmicScale(least: number, most: number): Scale {
  const low = Math.floor(Math.log10(least));
  const high = Math.max(Math.ceil(Math.log10(most)), low + 2);
  const marks = Array.from({ length: high - low + 1 }, (_, decade) => 10 ** (low + decade));
  const place = (value: number): number => (value > 0 ? (Math.log10(value) - low) / (high - low) : 0);
  return { marks, place: (value) => Math.min(Math.max(place(value), 0), 1) };
}
