/** A form that keeps its focus and what was typed, says what is wrong at the field that is at fault, and sends once at a time. */
import { sayError, type Wrong } from "../model/words.js";
import { h, setAttribute, uniqueId } from "./h.js";

export interface FieldOptions {
  /** As the API calls it: errors find their field by it. */
  readonly name: string;
  readonly label: string;
  readonly type?: "text" | "password" | "date" | "search";
  readonly multiline?: boolean;
  readonly required?: boolean;
  readonly value?: string;
  readonly hint?: string;
  readonly autocomplete?: string;
  readonly inputmode?: string;
  readonly minlength?: number;
  readonly max?: string;
  /** Says what is wrong with a value before it is sent; "" if nothing is. */
  readonly check?: (value: string) => string;
}

export class Field {
  readonly element: HTMLElement;
  readonly input: HTMLInputElement | HTMLTextAreaElement;
  readonly #wrong: HTMLElement;
  readonly #options: FieldOptions;

  constructor(options: FieldOptions) {
    this.#options = options;
    const id = uniqueId(options.name);
    const hint = options.hint === undefined ? null : h("p", { class: "hint", id: `${id}-hint` }, options.hint);
    this.#wrong = h("p", { class: "wrong", id: `${id}-wrong`, role: "alert" });
    const attributes = {
      id,
      name: options.name,
      required: options.required,
      autocomplete: options.autocomplete,
      inputmode: options.inputmode,
      max: options.max,
      dir: options.type === undefined ? "auto" : undefined,
      "aria-describedby": [hint?.id, this.#wrong.id].filter(Boolean).join(" "),
      on: { input: () => this.#setWrong("") },
    };
    this.input = options.multiline === true ? h("textarea", { ...attributes, rows: 3 }) : h("input", { ...attributes, type: options.type ?? "text" });
    this.input.value = options.value ?? "";
    this.element = h("div", { class: "field" }, h("label", { for: id }, options.label, options.required !== true && h("span", { class: "hint" }, " (optional)")), this.input, hint, this.#wrong);
  }

  get name(): string {
    return this.#options.name;
  }

  get value(): string {
    return this.input.value;
  }

  /** Whether the value can be sent; says at the field if it can't. */
  check(): boolean {
    const empty = this.#options.required === true && this.value.trim() === "";
    const wrong = empty ? `${this.#options.label} is needed.` : (this.#options.check?.(this.value) ?? "");
    this.#setWrong(wrong);
    return wrong === "";
  }

  refuse(text: string): void {
    this.#setWrong(text);
    this.input.focus();
  }

  #setWrong(text: string): void {
    this.#wrong.textContent = text;
    setAttribute(this.input, "aria-invalid", text === "" ? undefined : "true");
  }
}

export interface FormOptions {
  readonly label: string;
  readonly fields: readonly Field[];
  readonly submit: HTMLButtonElement;
  /** Between the fields and the end. */
  readonly actions?: readonly HTMLElement[];
  readonly send: (values: Record<string, string>) => Promise<void>;
  /** Where an error belongs that names no field. */
  readonly place?: (error: unknown) => Wrong;
}

export class Form {
  readonly element: HTMLFormElement;
  readonly #options: FormOptions;
  /** Of what is no field's fault. */
  readonly #wrong = h("p", { class: "wrong", role: "alert" });
  #sending = false;

  constructor(options: FormOptions) {
    this.#options = options;
    this.element = h(
      "form",
      {
        class: "form",
        "aria-label": options.label,
        // Our own words at the field, instead of the browser's bubbles over it.
        novalidate: true,
        on: {
          submit: (event) => {
            event.preventDefault();
            void this.#send();
          },
        },
      },
      ...options.fields.map((field) => field.element),
      this.#wrong,
      h("div", { class: "form-actions" }, options.submit, ...(options.actions ?? [])),
    );
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#wrong.textContent = "";
    const refused = this.#options.fields.filter((field) => !field.check());
    if (refused[0] !== undefined) {
      refused[0].input.focus();
      return;
    }
    this.#busy(true);
    try {
      await this.#options.send(Object.fromEntries(this.#options.fields.map((field) => [field.name, field.value])));
    } catch (error) {
      const wrong = this.#options.place?.(error) ?? sayError(error);
      const field = this.#options.fields.find(({ name }) => name === wrong.field);
      if (field !== undefined) field.refuse(wrong.text);
      else this.#wrong.textContent = wrong.text;
    } finally {
      this.#busy(false);
    }
  }

  #busy(busy: boolean): void {
    this.#sending = busy;
    setAttribute(this.#options.submit, "aria-disabled", busy ? "true" : undefined);
  }
}
