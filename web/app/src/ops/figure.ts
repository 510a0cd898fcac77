/** A chart: its lines over the last minutes, what they say in words and numbers, and the same as a table. */
import { h, setText } from "../dom/h.js";
import type { ChartSpec } from "./charts.js";
import { format } from "./format.js";
import { type Extent, type Point, SHOWN_MS, extent, pieces } from "./record.js";
import { type Scale, linearScale, logarithmicScale } from "./scale.js";
import { svg } from "./svg.js";

/** The plot is stretched to its room; strokes keep their width. */
const WIDTH = 1000;
const HEIGHT = 240;
/** The table has a row for each piece of time of this length: it stands still for whoever reads it. */
const TABLE_STEP_MS = 10_000;
const TIME_OF_DAY = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** The newest points are at the right end; `end` is there. */
function pathOf(points: readonly Point[], chart: number, line: number, scale: Scale, end: number): string {
  const x = (at: number): string => (WIDTH * (1 - (end - at) / SHOWN_MS)).toFixed(1);
  const y = (value: number): string => (HEIGHT * (1 - scale.place(value))).toFixed(1);
  return pieces(points, chart, line)
    .map((piece) => {
      const corners = piece.map(([at, value]) => `${x(at)} ${y(value)}`);
      // A point alone is a short dash.
      return corners.length === 1 ? `M${corners[0]}m-3 0h6` : `M${corners.join("L")}`;
    })
    .join("");
}

function scaleOf(spec: ChartSpec, extents: readonly Extent[]): Scale {
  const least = Math.min(...extents.map((one) => one.least ?? Infinity));
  const most = Math.max(...extents.map((one) => one.most ?? 0));
  if (spec.logarithmic) return least > 0 && least < Infinity ? logarithmicScale(least, most) : logarithmicScale(1e-3, 1);
  return linearScale(most, spec.unit === "count" ? 2 : 1);
}

export class Figure {
  readonly element: HTMLElement;
  readonly #spec: ChartSpec;
  readonly #index: number;
  readonly #grid = svg("path", { class: "grid" });
  readonly #lines: readonly SVGPathElement[];
  readonly #plot: SVGSVGElement;
  readonly #marks = h("ol", { class: "marks", "aria-hidden": "true" });
  readonly #legend: readonly (readonly HTMLElement[])[];
  readonly #rows = h("tbody");
  #newestRow: Point | undefined;

  /** `index`: the chart's place in the table of charts. */
  constructor(spec: ChartSpec, index: number) {
    this.#spec = spec;
    this.#index = index;
    this.#lines = spec.lines.map((_, line) => svg("path", { class: `line line-${line}` }));
    this.#plot = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" }, this.#grid, ...this.#lines);
    this.#legend = spec.lines.map(() => [h("td"), h("td"), h("td")]);
    this.element = h(
      "figure",
      { class: "panel chart", "data-chart": spec.id },
      h("figcaption", {}, h("h2", {}, spec.title), h("p", { class: "hint" }, spec.note)),
      h("div", { class: "plot" }, this.#marks, h("div", { class: "field-of-lines" }, this.#plot)),
      h("p", { class: "times", "aria-hidden": "true" }, h("span", {}, "5 min ago"), h("span", {}, "now")),
      this.#legendTable(),
      this.#valuesTable(),
    );
  }

  /** `end`: the present, by the clock of the points. Draws either the chart or the table, whichever is shown. */
  draw(points: readonly Point[], end: number, asTable: boolean): void {
    const extents = this.#spec.lines.map((_, line) => extent(points, this.#index, line));
    const texts = extents.map(({ now, least, most }) => [now, least, most].map((value) => format(value, this.#spec.unit)));
    this.#legend.forEach((cells, line) => cells.forEach((cell, column) => setText(cell, texts[line]?.[column] ?? "")));
    this.element.dataset["points"] = String(points.length);
    if (asTable) {
      this.#fill(points);
      return;
    }
    const scale = scaleOf(this.#spec, extents);
    this.#markScale(scale);
    this.#lines.forEach((path, line) => path.setAttribute("d", pathOf(points, this.#index, line, scale, end)));
    const said = this.#spec.lines.map(({ label }, line) => {
      const [now, least, most] = texts[line] ?? [];
      return `${label}: now ${now}, lowest ${least}, highest ${most}`;
    });
    this.#plot.setAttribute("aria-label", `${this.#spec.title}, last 5 minutes. ${said.join("; ")}.`);
  }

  #markScale(scale: Scale): void {
    const labels = scale.marks.map((mark) => format(mark, this.#spec.unit)).reverse();
    if (labels.join() !== [...this.#marks.children].map((mark) => mark.textContent).join())
      this.#marks.replaceChildren(...labels.map((label) => h("li", {}, label)));
    const heights = scale.marks.map((mark) => (HEIGHT * (1 - scale.place(mark))).toFixed(1));
    this.#grid.setAttribute("d", heights.map((height) => `M0 ${height}H${WIDTH}`).join(""));
  }

  #fill(points: readonly Point[]): void {
    const step = (point: Point | undefined): number | undefined => point && Math.floor(point.at / TABLE_STEP_MS);
    const shown = points.filter((point, index) => step(point) !== step(points[index - 1])).reverse();
    if (shown[0] === this.#newestRow) return;
    this.#newestRow = shown[0];
    this.#rows.replaceChildren(
      ...shown.map(({ time, values }) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, TIME_OF_DAY.format(time)),
          ...this.#spec.lines.map((_, line) => h("td", {}, format(values[this.#index]?.[line] ?? null, this.#spec.unit))),
        ),
      ),
    );
  }

  #legendTable(): HTMLElement {
    const sample = (line: number): SVGSVGElement =>
      svg("svg", { class: "sample", viewBox: "0 0 24 8", "aria-hidden": "true" }, svg("path", { class: `line line-${line}`, d: "M2 4H22" }));
    return h(
      "table",
      { class: "legend" },
      h("caption", { class: "unseen" }, `${this.#spec.title}: now and in the last 5 minutes`),
      h("thead", {}, h("tr", {}, h("td"), ...["now", "lowest", "highest"].map((text) => h("th", { scope: "col" }, text)))),
      h(
        "tbody",
        {},
        ...this.#spec.lines.map(({ label }, line) =>
          h("tr", {}, h("th", { scope: "row" }, sample(line), label), ...(this.#legend[line] ?? [])),
        ),
      ),
    );
  }

  #valuesTable(): HTMLElement {
    return h(
      "div",
      { class: "values", tabindex: "0", role: "region", "aria-label": `${this.#spec.title}, as a table` },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "time"), ...this.#spec.lines.map(({ label }) => h("th", { scope: "col" }, label)))),
        this.#rows,
      ),
    );
  }
}
