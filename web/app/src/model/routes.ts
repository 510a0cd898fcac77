/** Where one can be. Routes live behind the # of the address: the gateway has one page to serve, and what somebody looks at is not told
 * to any server's log. */
import { isId } from "./ids.js";

export type ProfileTab = "posts" | "followers" | "following";

export type Route =
  | { readonly view: "home" }
  | { readonly view: "people"; readonly first: string; readonly last: string }
  | { readonly view: "profile"; readonly id: string; readonly tab: ProfileTab }
  | { readonly view: "settings" }
  | { readonly view: "welcome" }
  | { readonly view: "signin" }
  | { readonly view: "signup" }
  | { readonly view: "lost" };

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  const [view = "", id = "", tab = "posts", ...more] = path.split("/").filter((part) => part !== "");
  if (more.length === 0 && view === "user" && isId(id) && isTab(tab)) return { view: "profile", id, tab };
  if (id !== "") return { view: "lost" };
  switch (view) {
    case "":
      return { view: "home" };
    case "people": {
      const asked = new URLSearchParams(query);
      return { view: "people", first: asked.get("first") ?? "", last: asked.get("last") ?? "" };
    }
    case "settings":
    case "welcome":
    case "signin":
    case "signup":
      return { view };
    default:
      return { view: "lost" };
  }
}

export function hrefOf(route: Route): string {
  switch (route.view) {
    case "home":
    case "lost":
      return "#/";
    case "people": {
      const asked = new URLSearchParams();
      if (route.first !== "") asked.set("first", route.first);
      if (route.last !== "") asked.set("last", route.last);
      const query = asked.toString();
      return query === "" ? "#/people" : `#/people?${query}`;
    }
    case "profile":
      return route.tab === "posts" ? `#/user/${route.id}` : `#/user/${route.id}/${route.tab}`;
    case "settings":
    case "welcome":
    case "signin":
    case "signup":
      return `#/${route.view}`;
  }
}

/** Who is not signed in can be there, and nobody else needs to be. */
export function isForStrangers(route: Route): boolean {
  return route.view === "signin" || route.view === "signup";
}

function isTab(text: string): text is ProfileTab {
  return text === "posts" || text === "followers" || text === "following";
}
