import type { App } from "../app.js";
import { h, setAttribute } from "../dom/h.js";
import type { Reader } from "../model/reader.js";
import { sayError } from "../model/words.js";
import { PostField } from "./post_field.js";

/** Where one writes. The draft is kept with each letter, and goes when the server has it. */
export function composer(app: App, reader: Reader): HTMLElement {
  const field = new PostField({
    label: "Write a post",
    value: reader.draft.text,
    placeholder: "What is flowing?",
    onInput: (text) => reader.draft.write(text),
  });
  const submit = h("button", { class: "button button-main", type: "submit" }, "Post");
  let sending = false;
  const busy = (is: boolean): void => {
    sending = is;
    field.input.readOnly = is;
    setAttribute(submit, "aria-disabled", is ? "true" : undefined);
  };
  const send = async (): Promise<void> => {
    if (sending || !field.check()) return;
    busy(true);
    try {
      await reader.post();
      field.value = "";
      app.said.emit({ text: "Posted. Your followers have it.", link: { text: "See your posts", href: `#/user/${reader.id}` } });
      field.input.focus();
    } catch (error) {
      field.refuse(sayError(error).text);
      field.input.focus();
    } finally {
      busy(false);
    }
  };
  return h(
    "form",
    {
      class: "composer",
      "aria-label": "Write a post",
      on: {
        submit: (event) => {
          event.preventDefault();
          void send();
        },
      },
    },
    field.element,
    submit,
  );
}
