import { h, uniqueId } from "../dom/h.js";

/** Asks before something that can't be undone. Escape, Cancel: no. The focus goes back to where it was. */
export function confirm(question: { readonly title: string; readonly text: string; readonly yes: string }): Promise<boolean> {
  const title = uniqueId("title");
  const text = uniqueId("text");
  return new Promise((resolve) => {
    const cancel = h("button", { type: "button", class: "button", on: { click: () => dialog.close("no") } }, "Cancel");
    const dialog = h(
      "dialog",
      {
        class: "dialog",
        role: "alertdialog",
        "aria-labelledby": title,
        "aria-describedby": text,
        on: {
          close: () => {
            dialog.remove();
            resolve(dialog.returnValue === "yes");
          },
        },
      },
      h("h2", { id: title }, question.title),
      h("p", { id: text }, question.text),
      h("div", { class: "form-actions" }, cancel, h("button", { type: "button", class: "button button-alarm", on: { click: () => dialog.close("yes") } }, question.yes)),
    );
    document.body.append(dialog);
    dialog.showModal();
    cancel.focus();
  });
}
