/** Numbers as people read them. */

export type Unit = "count" | "per second" | "seconds" | "bytes";

/** Three digits that count, no more: 0, 0.25, 9.5, 120, 1,234. */
function short(value: number): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

const STEPS: Record<Unit, readonly (readonly [from: number, unit: string, size: number])[]> = {
  count: [
    [1e9, "G", 1e9],
    [1e6, "M", 1e6],
    [1e4, "k", 1e3],
    [0, "", 1],
  ],
  "per second": [
    [1e6, "M/s", 1e6],
    [1e4, "k/s", 1e3],
    [0, "/s", 1],
  ],
  seconds: [
    [7200, " h", 3600],
    [120, " min", 60],
    [1, " s", 1],
    [1e-3, " ms", 1e-3],
    [0, " µs", 1e-6],
  ],
  bytes: [
    [1e9, " GB", 1e9],
    [1e6, " MB", 1e6],
    [1e3, " kB", 1e3],
    [0, " B", 1],
  ],
};

/** "–" for what is not known. */
export function format(value: number | null, unit: Unit): string {
  if (value === null || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const steps = STEPS[unit];
  const step = steps.find(([from, , size]) => (value === 0 ? size === 1 : Math.abs(value) >= from)) ?? steps[0];
  return step === undefined ? short(value) : short(value / step[2]) + step[1];
}
