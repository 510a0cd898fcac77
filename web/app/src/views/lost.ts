import { h } from "../dom/h.js";
import type { View } from "./view.js";

export function lostView(): View {
  return {
    title: "Nothing here",
    element: h("section", { class: "panel" }, h("h1", {}, "Nothing here"), h("p", {}, "This address leads nowhere. ", h("a", { href: "#/" }, "Go to your feed"), ".")),
  };
}
