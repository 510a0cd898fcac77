import type { Registration } from "@freshet/client";
import { Field, Form } from "../dom/form.js";
import { h } from "../dom/h.js";
import { byteLength } from "../model/draft.js";
import type { Context, View } from "./view.js";

/** Bytes of UTF-8, as the server counts. */
const NAME_MAX = 128;
const PASSWORD = { min: 8, max: 128 };
const BIOGRAPHY_MAX = 4096;

export function signUpView({ app }: Context): View {
  const first = new Field({ name: "first_name", label: "First name", required: true, autocomplete: "given-name", check: (value) => tooLong(value, NAME_MAX) });
  const fields = [
    first,
    new Field({ name: "second_name", label: "Last name", required: true, autocomplete: "family-name", check: (value) => tooLong(value, NAME_MAX) }),
    new Field({
      name: "password",
      label: "Password",
      type: "password",
      required: true,
      autocomplete: "new-password",
      hint: `At least ${PASSWORD.min} characters.`,
      check: checkPassword,
    }),
    new Field({ name: "birthdate", label: "Date of birth", type: "date", autocomplete: "bday", max: new Date().toISOString().slice(0, 10) }),
    new Field({ name: "city", label: "City", autocomplete: "address-level2", check: (value) => tooLong(value, NAME_MAX) }),
    new Field({ name: "biography", label: "About you", multiline: true, check: (value) => tooLong(value, BIOGRAPHY_MAX) }),
  ];
  const form = new Form({
    label: "Create an account",
    fields,
    submit: h("button", { class: "button button-main", type: "submit" }, "Create account"),
    actions: [h("p", {}, "Have one? ", h("a", { href: "#/signin" }, "Sign in"))],
    send: async (values) => app.signUp(registrationOf(values)),
  });
  return {
    title: "Create an account",
    element: h("section", { class: "panel panel-narrow" }, h("h1", {}, "Create an account"), h("p", { class: "lead" }, "Your names are how others find you."), form.element),
    focus: first.input,
  };
}

function registrationOf(values: Record<string, string>): Registration {
  const optional = (name: string): string => (values[name] ?? "").trim();
  const birthdate = optional("birthdate");
  const city = optional("city");
  const biography = optional("biography");
  return {
    firstName: optional("first_name"),
    secondName: optional("second_name"),
    password: values["password"] ?? "",
    ...(birthdate !== "" && { birthdate }),
    ...(city !== "" && { city }),
    ...(biography !== "" && { biography }),
  };
}

function checkPassword(value: string): string {
  const bytes = byteLength(value);
  if (bytes < PASSWORD.min) return `A password has at least ${PASSWORD.min} characters.`;
  return bytes > PASSWORD.max ? `A password has at most ${PASSWORD.max} bytes.` : "";
}

function tooLong(value: string, max: number): string {
  const bytes = byteLength(value);
  return bytes > max ? `That is ${bytes - max} bytes too long.` : "";
}
