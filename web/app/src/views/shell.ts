/** What stays while views come and go: header, navigation, the main part, and the notes. Also: what happens when a view comes. */
import type { App } from "../app.js";
import { Announcer } from "../dom/announce.js";
import { h, setAttribute } from "../dom/h.js";
import { icon, type IconName } from "../dom/icons.js";
import { sayConnection } from "../model/connection.js";
import { hrefOf, type Route } from "../model/routes.js";
import { connectionPill } from "./connection_pill.js";
import { homeView } from "./home.js";
import { lostView } from "./lost.js";
import { peopleView } from "./people.js";
import { profileView } from "./profile.js";
import { settingsView } from "./settings.js";
import { signInView } from "./sign_in.js";
import { signUpView } from "./sign_up.js";
import { themeSwitch } from "./theme_switch.js";
import { titleOf, type View } from "./view.js";
import { welcomeView } from "./welcome.js";

export function startShell(app: App, body: HTMLElement): void {
  history.scrollRestoration = "manual"; // each view knows its place
  const main = h("main", { id: "main", class: "main" });
  const navigation = h("nav", { class: "navigation", "aria-label": "Main" });
  const announcer = new Announcer();
  app.connection.watch((connection) => {
    // It does not come back by itself, so a coloured dot is not enough.
    if (connection.kind === "closed") announcer.say(sayConnection(connection, Date.now()).sentence);
  });
  app.said.on(({ text, link }) => announcer.say(text, link));

  body.replaceChildren(
    // A link to #main would be a route.
    h("button", { type: "button", class: "skip button button-main", on: { click: () => focusHeading(main) } }, "Skip to the content"),
    h(
      "header",
      { class: "header" },
      h("a", { class: "wordmark", href: "#/", "aria-label": "Freshet, home" }, icon("wave"), h("span", {}, "Freshet")),
      connectionPill(app),
      themeSwitch(),
    ),
    h("div", { class: "layout" }, navigation, main),
    announcer.element,
  );

  let leaving = new AbortController();
  let view: View | null = null;
  app.route.watch((route) => {
    const first = view === null;
    view?.left?.();
    leaving.abort();
    leaving = new AbortController();
    announcer.clear();
    drawNavigation(navigation, app, route);
    view = build(app, route, leaving.signal);
    document.title = titleOf(view.title);
    main.replaceChildren(view.element);
    if (view.shown === undefined) window.scrollTo({ top: 0, behavior: "instant" });
    else view.shown();
    // The first view comes with the page, which starts at its beginning by itself.
    if (view.focus !== undefined) view.focus.focus({ preventScroll: true });
    else if (!first) focusHeading(main);
  });
}

function build(app: App, route: Route, until: AbortSignal): View {
  const context = { app, until };
  const reader = app.reader.value;
  if (route.view === "signup") return signUpView(context);
  if (route.view === "welcome") return welcomeView(context);
  if (route.view === "signin" || reader === null) return signInView(context);
  switch (route.view) {
    case "home":
      return homeView({ ...context, reader });
    case "people":
      return peopleView({ ...context, reader }, route);
    case "profile":
      return profileView({ ...context, reader }, route);
    case "settings":
      return settingsView({ ...context, reader });
    case "lost":
      return lostView();
  }
}

function drawNavigation(navigation: HTMLElement, app: App, route: Route): void {
  const reader = app.reader.value;
  navigation.hidden = reader === null;
  if (reader === null) {
    navigation.replaceChildren();
    return;
  }
  const mine: Route = { view: "profile", id: reader.id, tab: "posts" };
  const links: readonly (readonly [string, IconName, Route, boolean])[] = [
    ["Home", "home", { view: "home" }, route.view === "home"],
    ["People", "people", { view: "people", first: "", last: "" }, route.view === "people"],
    ["You", "person", mine, route.view === "profile" && route.id === reader.id],
    ["Settings", "settings", { view: "settings" }, route.view === "settings"],
  ];
  navigation.replaceChildren(
    h(
      "ul",
      {},
      ...links.map(([text, name, to, here]) => {
        const link = h("a", { href: hrefOf(to) }, icon(name), h("span", {}, text));
        setAttribute(link, "aria-current", here ? "page" : undefined);
        if (here && location.hash === hrefOf(to)) link.addEventListener("click", () => window.scrollTo({ top: 0 }));
        return h("li", {}, link);
      }),
    ),
  );
}

/** Reading goes on at the view's heading: for screen readers, and for the next Tab. */
function focusHeading(main: HTMLElement): void {
  const heading = main.querySelector<HTMLElement>("h1") ?? main;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}
