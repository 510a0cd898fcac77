import { h } from "../dom/h.js";
import { icon } from "../dom/icons.js";

/** Beside the name of somebody whom very many follow. */
export function celebrityMark(): HTMLElement {
  return h("span", { class: "celebrity", title: "Very many people follow them" }, icon("star"), "Celebrity");
}
