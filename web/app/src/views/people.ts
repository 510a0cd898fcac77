import { Field, Form } from "../dom/form.js";
import { h } from "../dom/h.js";
import { icon } from "../dom/icons.js";
import type { Route } from "../model/routes.js";
import { emptyState } from "./empty.js";
import { personList } from "./person_list.js";
import type { ReaderContext, View } from "./view.js";

/** Finding people by the beginnings of both names. What is asked stands in the address, so that Back leads to what was found. */
export function peopleView({ app, reader, until }: ReaderContext, route: Extract<Route, { view: "people" }>): View {
  const first = new Field({ name: "first_name", label: "First name begins with", type: "search", required: true, value: route.first, autocomplete: "off" });
  const last = new Field({ name: "last_name", label: "Last name begins with", type: "search", required: true, value: route.last, autocomplete: "off" });
  const form = new Form({
    label: "Find people",
    fields: [first, last],
    submit: h("button", { class: "button button-main", type: "submit" }, icon("search"), "Search"),
    send: async (values) => app.go({ view: "people", first: (values["first_name"] ?? "").trim(), last: (values["last_name"] ?? "").trim() }),
  });
  form.element.setAttribute("role", "search");
  form.element.classList.add("search");
  const asked = route.first !== "" && route.last !== "";
  const found = asked
    ? personList({
        app,
        reader,
        until,
        label: "People found",
        read: (options) => app.client.searchUsers(route.first, route.last, options),
        empty: () => emptyState("people", "Nobody found", "Both names have to begin as you wrote. Try fewer letters."),
      })
    : emptyState("people", "Whom are you looking for?", "The first letters of both names are enough. Capitals don’t matter.");
  const heading = h("h1", {}, "People");
  return {
    title: asked ? `People: ${route.first} ${route.last}` : "People",
    element: h("div", {}, heading, form.element, h("h2", { class: asked ? "" : "unseen" }, asked ? "Found" : "Search"), found),
    ...(!asked && { focus: first.input }),
  };
}
