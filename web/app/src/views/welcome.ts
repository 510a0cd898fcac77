import { h } from "../dom/h.js";
import { idBox } from "./id_box.js";
import type { Context, View } from "./view.js";

/** Who has just signed up is shown the id: it is what one signs in with. */
export function welcomeView({ app }: Context): View {
  const signedIn = app.reader.value !== null;
  return {
    title: "Welcome",
    element: h(
      "section",
      { class: "panel panel-narrow" },
      h("h1", {}, "Welcome to Freshet"),
      h("p", { class: "lead" }, "This number is your id. You sign in with it and your password, so keep it: nobody can look it up for you."),
      idBox(app.newId ?? ""),
      h(
        "div",
        { class: "form-actions" },
        signedIn ? h("a", { class: "button button-main", href: "#/people" }, "Find people to follow") : h("a", { class: "button button-main", href: "#/signin" }, "Sign in"),
        signedIn && h("a", { class: "button", href: "#/" }, "Go to your feed"),
      ),
    ),
  };
}
