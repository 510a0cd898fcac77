import { ApiError } from "@freshet/client";
import type { Farewell } from "../app.js";
import { Field, Form } from "../dom/form.js";
import { h } from "../dom/h.js";
import { isId } from "../model/ids.js";
import { Code, sayError, type Wrong } from "../model/words.js";
import type { Context, View } from "./view.js";

const FAREWELLS: Record<Farewell, string> = {
  expired: "Your session has ended. Sign in to go on where you were; what you were writing is kept.",
  "signed-out": "You are signed out.",
  "signed-out-elsewhere": "You have signed out in another window.",
  deleted: "Your account is deleted, and with it all that you wrote here.",
};

export function signInView({ app }: Context): View {
  const lastId = app.sessions.lastId;
  const id = new Field({
    name: "id",
    label: "Your id",
    required: true,
    value: lastId,
    autocomplete: "username",
    inputmode: "numeric",
    hint: "The number that you were given when you signed up.",
    check: (value) => (isId(value.trim()) ? "" : "An id has digits only, at most 19, and does not begin with 0."),
  });
  const password = new Field({ name: "password", label: "Password", type: "password", required: true, autocomplete: "current-password" });
  const form = new Form({
    label: "Sign in",
    fields: [id, password],
    submit: h("button", { class: "button button-main", type: "submit" }, "Sign in"),
    actions: [h("p", {}, "New here? ", h("a", { href: "#/signup" }, "Create an account"))],
    send: async (values) => app.signIn((values["id"] ?? "").trim(), values["password"] ?? ""),
    place: placeError,
  });
  const farewell = app.farewell;
  return {
    title: "Sign in",
    element: h(
      "section",
      { class: "panel panel-narrow" },
      h("h1", {}, "Sign in"),
      farewell === null
        ? h("p", { class: "lead" }, "What the people you follow write, the moment they write it.")
        : h("p", { class: "lead", testid: "farewell" }, FAREWELLS[farewell]),
      form.element,
    ),
    // Who is told something hears it first.
    ...(farewell === null && { focus: lastId === "" ? id.input : password.input }),
  };
}

function placeError(error: unknown): Wrong {
  const wrong = sayError(error);
  if (!(error instanceof ApiError)) return wrong;
  if (error.code === Code.unknownUser) return { text: "Nobody has this id. Look at it once more, or create an account.", field: "id" };
  if (error.code === Code.wrongPassword) return { text: "That is not the password of this id.", field: "password" };
  return wrong;
}
