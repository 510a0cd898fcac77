/** Where a post is written or changed: the text, and how much of it still fits. */
import { h, setAttribute, setText, uniqueId } from "../dom/h.js";
import { byteLength, POST_BYTES_MAX } from "../model/draft.js";
import { sayCount, sayNumber } from "../model/words.js";

/** From here on screen readers hear what is left; before, it would be chatter. */
const WARN_LEFT = 200;

export class PostField {
  readonly element: HTMLElement;
  readonly input: HTMLTextAreaElement;
  readonly #counter: HTMLElement;
  readonly #warning: HTMLElement;
  readonly #wrong: HTMLElement;

  constructor(options: { readonly label: string; readonly value: string; readonly placeholder?: string; readonly onInput?: (text: string) => void }) {
    const id = uniqueId("text");
    this.#counter = h("p", { class: "counter", id: `${id}-counter`, testid: "counter" });
    this.#warning = h("p", { class: "unseen", role: "status" });
    this.#wrong = h("p", { class: "wrong", id: `${id}-wrong`, role: "alert" });
    this.input = h("textarea", {
      id,
      name: "text",
      rows: 3,
      dir: "auto",
      placeholder: options.placeholder,
      "aria-describedby": `${id}-counter ${id}-wrong`,
      on: {
        input: () => {
          this.refuse("");
          this.#count();
          options.onInput?.(this.input.value);
        },
        // As in every other place where one writes to others.
        keydown: (event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.input.form?.requestSubmit();
        },
      },
    });
    this.input.value = options.value;
    this.element = h("div", { class: "field" }, h("label", { for: id }, options.label), this.input, this.#wrong, this.#counter, this.#warning);
    this.#count();
  }

  get value(): string {
    return this.input.value;
  }

  set value(text: string) {
    this.input.value = text;
    this.refuse("");
    this.#count();
  }

  /** Whether the server would take it; says so if not. */
  check(): boolean {
    const bytes = byteLength(this.value);
    if (this.value.trim() === "") this.refuse("Write something first.");
    else if (bytes > POST_BYTES_MAX) this.refuse(`That is ${sayCount(bytes - POST_BYTES_MAX, "byte", "bytes")} too long.`);
    else return true;
    this.input.focus();
    return false;
  }

  refuse(text: string): void {
    this.#wrong.textContent = text;
    setAttribute(this.input, "aria-invalid", text === "" ? undefined : "true");
  }

  #count(): void {
    const bytes = byteLength(this.value);
    const left = POST_BYTES_MAX - bytes;
    setText(this.#counter, `${sayNumber(bytes)} of ${sayNumber(POST_BYTES_MAX)} bytes`);
    this.#counter.dataset["left"] = left < 0 ? "none" : left < WARN_LEFT ? "little" : "enough";
    // In steps, so that not each letter is a word.
    setText(this.#warning, left < 0 ? "Too long." : left < WARN_LEFT ? `Less than ${Math.ceil((left + 1) / 50) * 50} bytes left.` : "");
  }
}
