/** What has happened, for the eye (a note at the bottom for some seconds) and for screen readers (politely). */
import { h } from "./h.js";

const SECONDS = 6;

export class Announcer {
  /** Always in the page: a live region that is added with its text is often not read. */
  readonly element = h("div", { class: "notes", role: "status", testid: "notes" });
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(text: string, link?: { readonly text: string; readonly href: string }): void {
    clearTimeout(this.#timer);
    this.element.replaceChildren(
      h("p", { class: "note" }, text, link && " ", link && h("a", { href: link.href, on: { click: () => this.clear() } }, link.text)),
    );
    this.#timer = setTimeout(() => this.clear(), SECONDS * 1000);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.element.replaceChildren();
  }
}
