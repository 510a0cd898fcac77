import { copyText } from "../dom/clipboard.js";
import { h, setText } from "../dom/h.js";
import { icon } from "../dom/icons.js";

/** An id, to be copied. */
export function idBox(id: string): HTMLElement {
  const shown = h("input", { class: "id-shown", readonly: true, "aria-label": "Your id", testid: "own-id", size: 19, on: { focus: () => shown.select() } });
  shown.value = id;
  const told = h("span", { role: "status", class: "hint" });
  const copy = async (): Promise<void> => setText(told, (await copyText(shown)) ? "Copied." : "It is selected: copy it by hand.");
  return h("div", { class: "id-box" }, shown, h("button", { type: "button", class: "button", on: { click: () => void copy() } }, icon("copy"), "Copy id"), told);
}
