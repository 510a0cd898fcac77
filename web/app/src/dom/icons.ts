/** Icons are drawn in the colour of the text beside them and say nothing to screen readers: what they stand for is written out, or
 * in the label of their button. */

const NAMESPACE = "http://www.w3.org/2000/svg";

/** Strokes on a field of 24 × 24. */
const STROKES = {
  home: ["M4 11.5 12 4l8 7.5", "M6 10v9h12v-9", "M9.5 19c0-3.5 5-3.5 5 0"],
  people: ["M9 11a3.25 3.25 0 1 0 0-6.5A3.25 3.25 0 0 0 9 11Z", "M3 19.5c.4-3.4 2.6-5.3 6-5.3s5.6 1.9 6 5.3", "M15.5 4.9a3.25 3.25 0 0 1 0 5.8", "M17.5 14.6c2 .7 3.2 2.4 3.5 4.9"],
  person: ["M12 11.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5Z", "M5 20c.5-3.7 3-5.6 7-5.6s6.5 1.9 7 5.6"],
  settings: ["M4 7h9", "M17 7h3", "M4 17h3", "M11 17h9", "M15 9.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4Z", "M9 19.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4Z"],
  edit: ["m5 19 .8-3.8L16 5l3 3L8.8 18.2 5 19Z", "m13.8 7.2 3 3"],
  trash: ["M5 7h14", "M9.5 7V4.5h5V7", "m6.8 7 .7 12.5h9L17.2 7", "M10.2 10.5v5.5", "M13.8 10.5v5.5"],
  copy: ["M9 9h10.5v10.5H9Z", "M15 9V4.5H4.5V15H9"],
  check: ["m5 12.5 4.5 4.5L19 7.5"],
  star: ["m12 3.8 2.5 5.2 5.7.8-4.1 4 1 5.7-5.1-2.7-5.1 2.7 1-5.7-4.1-4 5.7-.8L12 3.8Z"],
  sun: ["M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z", "M12 2.5v2.2M12 19.3v2.2M2.5 12h2.2M19.3 12h2.2M5.3 5.3l1.5 1.5M17.2 17.2l1.5 1.5M5.3 18.7l1.5-1.5M17.2 6.8l1.5-1.5"],
  moon: ["M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z"],
  contrast: ["M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17Z", "M12 3.5v17", "M12 8h7M12 12h8.5M12 16h7"],
  drop: ["M12 3.5c3.7 4.3 5.7 7.3 5.7 10.2a5.7 5.7 0 0 1-11.4 0c0-2.9 2-5.9 5.7-10.2Z"],
  wave: ["M2.5 9.5c2.4-3 4.7-3 7.1 0s4.7 3 7.1 0 3.5-2.7 4.8-1.7", "M2.5 16c2.4-3 4.7-3 7.1 0s4.7 3 7.1 0 3.5-2.7 4.8-1.7"],
  up: ["M12 19.5v-15", "m5.5 11 6.5-6.5 6.5 6.5"],
  search: ["M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Z", "m15.5 15.5 4.7 4.7"],
  leave: ["M10 4.5H5v15h5", "M14.5 8l4 4-4 4", "M18 12H9.5"],
} as const satisfies Record<string, readonly string[]>;

export type IconName = keyof typeof STROKES;

export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(NAMESPACE, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  for (const stroke of STROKES[name]) {
    const path = document.createElementNS(NAMESPACE, "path");
    path.setAttribute("d", stroke);
    svg.append(path);
  }
  return svg;
}
