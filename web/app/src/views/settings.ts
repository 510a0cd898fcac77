/** One's id, and the ways out. */
import { ApiError } from "@freshet/client";
import type { App } from "../app.js";
import { Field, Form } from "../dom/form.js";
import { h } from "../dom/h.js";
import { icon } from "../dom/icons.js";
import { Code, sayError } from "../model/words.js";
import { confirm } from "./confirm.js";
import { idBox } from "./id_box.js";
import type { ReaderContext, View } from "./view.js";

export function settingsView({ app, reader }: ReaderContext): View {
  return {
    title: "Settings",
    element: h(
      "div",
      { class: "stack" },
      h("h1", {}, "Settings"),
      panel("Your id", h("p", {}, "You sign in with it and your password."), idBox(reader.id)),
      signOutPanel(app),
      deletePanel(app),
    ),
  };
}

function signOutPanel(app: App): HTMLElement {
  const form = new Form({
    label: "Sign out",
    fields: [],
    submit: h("button", { class: "button", type: "submit" }, icon("leave"), "Sign out"),
    send: async () => app.signOut(),
  });
  return panel("Sign out", h("p", {}, "In all windows of this browser. A draft that you have not posted goes, too."), form.element);
}

function deletePanel(app: App): HTMLElement {
  const password = new Field({ name: "password", label: "Your password, once more", type: "password", required: true, autocomplete: "current-password" });
  const form = new Form({
    label: "Delete your account",
    fields: [password],
    submit: h("button", { class: "button button-alarm", type: "submit" }, icon("trash"), "Delete account"),
    send: async (values) => {
      const sure = await confirm({ title: "Delete your account?", text: "You, your posts and whom you follow: all of it goes, for good.", yes: "Delete account" });
      if (sure) await app.deleteAccount(values["password"] ?? "");
    },
    place: (error) =>
      error instanceof ApiError && error.code === Code.wrongPassword ? { text: "That is not your password.", field: "password" } : sayError(error),
  });
  return panel("Delete your account", h("p", {}, "Nobody finds you any more, and your posts go from everybody’s feed. It can’t be undone."), form.element);
}

function panel(title: string, ...children: HTMLElement[]): HTMLElement {
  return h("section", { class: "panel" }, h("h2", {}, title), ...children);
}
