/** The two that show the present alone: partitions, and why connections were closed. */
import { h, setText } from "../dom/h.js";
import { CLOSES, PARTITIONS, type Partition, partitionsOf } from "./charts.js";
import { format } from "./format.js";
import type { Scrape } from "./scrape.js";
import { svg } from "./svg.js";

/** From which age in seconds on a partition is of that level; none waits: 0. */
const LEVELS = [0, 1, 5, 30];
const STALE_S = 3;

function levelOf({ waiting, oldest }: Partition): number | null {
  if (waiting === null || oldest === null) return null;
  return waiting === 0 ? 0 : LEVELS.filter((from) => oldest >= from).length;
}

function summaryOf(partitions: readonly Partition[]): string {
  if (partitions.some(({ waiting, oldest }) => waiting === null || oldest === null)) return "Not known: the gateway could not read it from the database.";
  const waiting = partitions.reduce((sum, one) => sum + (one.waiting ?? 0), 0);
  const oldest = Math.max(...partitions.map((one) => one.oldest ?? 0));
  if (waiting === 0) return "Nothing waits.";
  const all = waiting === 1 ? "1 event waits" : `${format(waiting, "count")} events wait`;
  return `${all}, the oldest for ${format(oldest, "seconds")}.`;
}

/** The gateway reads it once a second, unless that takes the database long. */
function staleness(scrape: Scrape): string {
  const age = scrape.value("freshet_partition_lag_age_seconds") ?? 0;
  return age < STALE_S ? "" : ` Read ${format(age, "seconds")} before.`;
}

export class PartitionPanel {
  readonly element: HTMLElement;
  readonly #summary = h("p", { class: "summary" });
  readonly #cells = Array.from({ length: PARTITIONS }, (_, number) => {
    const age = h("span", { class: "age" });
    const count = h("span", { class: "waiting" });
    return { age, count, item: h("li", {}, h("span", { class: "number" }, h("span", { class: "unseen" }, "partition "), String(number)), age, count) };
  });

  constructor() {
    this.element = h(
      "figure",
      { class: "panel", "data-chart": "lag" },
      h(
        "figcaption",
        {},
        h("h2", {}, "Partition lag"),
        h("p", { class: "hint" }, "Of each partition of authors: the age of the oldest event that is not through yet, and how many there are."),
      ),
      h("ol", { class: "cells", start: "0" }, ...this.#cells.map(({ item }) => item)),
      this.#summary,
    );
  }

  draw(scrape: Scrape | undefined): void {
    const partitions = partitionsOf(scrape);
    this.#cells.forEach(({ item, age, count }, number) => {
      const partition = partitions[number] ?? { number, waiting: null, oldest: null };
      const level = levelOf(partition);
      item.dataset["level"] = level === null ? "unknown" : String(level);
      setText(age, partition.waiting === 0 ? "–" : format(partition.oldest, "seconds"));
      setText(count, level === null ? "not known" : `${format(partition.waiting, "count")} waiting`);
    });
    setText(this.#summary, scrape === undefined ? "Not known: no answer." : summaryOf(partitions) + staleness(scrape));
  }
}

export class ClosesPanel {
  readonly element: HTMLElement;
  readonly #rows = CLOSES.map(({ label }) => {
    const count = h("td");
    const bar = svg("rect", { height: 10, width: 0 });
    const picture = svg("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, bar);
    return { count, bar, row: h("tr", {}, h("th", { scope: "row" }, label), h("td", { class: "room" }, picture), count) };
  });

  constructor() {
    this.element = h(
      "figure",
      { class: "panel", "data-chart": "closes" },
      h(
        "figcaption",
        {},
        h("h2", {}, "Live connections closed"),
        h("p", { class: "hint" }, "By the gateway, in the last minute, by reason. Clients that leave by themselves are not counted."),
      ),
      h(
        "table",
        { class: "bars" },
        h("caption", { class: "unseen" }, "Live connections closed in the last minute"),
        h("tbody", {}, ...this.#rows.map(({ row }) => row)),
      ),
    );
  }

  draw(recent: readonly Scrape[]): void {
    const counts = CLOSES.map(({ of }) => of(recent));
    const most = Math.max(1, ...counts.map((count) => count ?? 0));
    this.#rows.forEach(({ count, bar }, index) => {
      const value = counts[index] ?? null;
      setText(count, format(value, "count"));
      bar.setAttribute("width", ((100 * (value ?? 0)) / most).toFixed(1));
    });
  }
}
