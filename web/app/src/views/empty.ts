import { h } from "../dom/h.js";
import { icon, type IconName } from "../dom/icons.js";

/** A list with nothing in it says what to do next. */
export function emptyState(name: IconName, title: string, text: string, link?: { readonly text: string; readonly href: string }): HTMLElement {
  return h(
    "div",
    { class: "empty", testid: "empty" },
    icon(name),
    h("p", { class: "empty-title" }, title),
    h("p", { class: "hint" }, text),
    link && h("a", { class: "button button-main", href: link.href }, link.text),
  );
}
