/** Somebody: who they are, what they wrote, who follows them, whom they follow. */
import type { Profile } from "@freshet/client";
import { sayDay } from "../dom/dates.js";
import { h, setText } from "../dom/h.js";
import { hrefOf, type ProfileTab, type Route } from "../model/routes.js";
import { fullName, sayError, sayNumber } from "../model/words.js";
import { avatar } from "./avatar.js";
import { celebrityMark } from "./celebrity_mark.js";
import { emptyState } from "./empty.js";
import { followButton } from "./follow_button.js";
import { personList } from "./person_list.js";
import { PostFeed } from "./post_feed.js";
import { type ReaderContext, titleOf, type View } from "./view.js";

type ProfileRoute = Extract<Route, { view: "profile" }>;

export function profileView(context: ReaderContext, route: ProfileRoute): View {
  const { reader, until } = context;
  const { id } = route;
  const heading = h("h1", { dir: "auto" });
  const head = new Head(context, id, heading);
  const tabs = new Tabs(route);
  const wrong = h("p", { class: "wrong", role: "alert" });
  const element = h("div", {}, head.element, wrong, tabs.element, drawContent(context, route, heading));

  const known = reader.profiles.get(id);
  known.watch((profile) => {
    if (profile === null) {
      drawNobody(element, heading);
    } else {
      head.draw(profile);
      tabs.draw(profile);
      if (profile !== undefined) document.title = titleOf(fullName(profile));
    }
  }, until);
  // What is known may be old.
  reader.profiles.refresh(id).catch((error: unknown) => {
    if (!until.aborted && known.value === undefined) wrong.textContent = sayError(error).text;
  });
  return { title: known.value ? fullName(known.value) : "Profile", element };
}

/** What is drawn again and again is drawn in place: the focus may be in it. */
class Head {
  readonly element: HTMLElement;
  readonly #id: string;
  readonly #heading: HTMLElement;
  readonly #face = h("span");
  readonly #mark = h("span");
  readonly #about = h("div", { class: "profile-about" });

  constructor({ app, reader, until }: ReaderContext, id: string, heading: HTMLElement) {
    this.#id = id;
    this.#heading = heading;
    const follow = id === reader.id ? h("p", { class: "hint" }, "This is you.") : followButton(app, reader, id, until);
    this.element = h(
      "header",
      { class: "profile", "data-user-id": id },
      this.#face,
      h(
        "div",
        { class: "profile-words" },
        h("div", { class: "profile-name" }, heading, this.#mark),
        h("p", { class: "hint" }, "id ", h("span", { class: "id" }, id)),
        this.#about,
      ),
      h("div", { class: "profile-follow" }, follow),
    );
  }

  draw(profile: Profile | undefined): void {
    this.#heading.classList.toggle("waiting-name", profile === undefined);
    this.#face.replaceChildren(avatar(this.#id, profile));
    if (profile === undefined) return;
    setText(this.#heading, fullName(profile));
    this.#mark.replaceChildren(...(profile.celebrity ? [celebrityMark()] : []));
    this.#about.replaceChildren(
      ...[
        profile.city !== "" && h("p", { dir: "auto" }, profile.city),
        profile.birthdate !== "" && h("p", { class: "hint" }, `Born ${sayDay(profile.birthdate)}`),
        profile.biography !== "" && h("p", { class: "biography", dir: "auto" }, profile.biography),
      ].filter((line) => line !== false),
    );
  }
}

class Tabs {
  readonly element: HTMLElement;
  readonly #followers = { count: h("strong"), word: h("span", {}, "followers") };
  readonly #following = { count: h("strong"), word: h("span", {}, "following") };

  constructor(route: ProfileRoute) {
    const tab = (to: ProfileTab, ...words: (HTMLElement | string)[]): HTMLElement =>
      h("li", {}, h("a", { href: hrefOf({ ...route, tab: to }), "aria-current": route.tab === to ? "page" : undefined, testid: `tab-${to}` }, ...words));
    this.element = h(
      "nav",
      { class: "tabs", "aria-label": "Of this person" },
      h(
        "ul",
        {},
        tab("posts", "Posts"),
        tab("followers", this.#followers.count, " ", this.#followers.word),
        tab("following", this.#following.count, " ", this.#following.word),
      ),
    );
  }

  draw(profile: Profile | undefined): void {
    if (profile === undefined) return;
    setText(this.#followers.count, sayNumber(profile.followerCount));
    setText(this.#followers.word, profile.followerCount === 1 ? "follower" : "followers");
    setText(this.#following.count, sayNumber(profile.followingCount));
  }
}

function drawNobody(element: HTMLElement, heading: HTMLElement): void {
  const focused = document.activeElement === heading;
  heading.textContent = "Nobody here";
  heading.classList.remove("waiting-name");
  element.replaceChildren(heading, emptyState("person", "There is no such person", "Their account may have been deleted.", { text: "Find people", href: "#/people" }));
  if (focused) heading.focus();
}

function drawContent(context: ReaderContext, { id, tab }: ProfileRoute, heading: HTMLElement): HTMLElement {
  const { app, reader, until } = context;
  const mine = id === reader.id;
  switch (tab) {
    case "posts":
      return new PostFeed({
        app,
        reader,
        until,
        timeline: reader.postsOf(id, until),
        label: "Posts",
        fallback: heading,
        empty: () =>
          mine
            ? emptyState("drop", "You have written nothing yet", "Your followers are waiting.", { text: "Write a post", href: "#/" })
            : emptyState("drop", "Nothing written yet", "Follow them, and their first post comes to your feed."),
      }).element;
    case "followers":
      return personList({
        app,
        reader,
        until,
        label: "Followers",
        read: (options) => app.client.listFollowers(id, options),
        empty: () => emptyState("people", "No followers yet", mine ? "Tell somebody your name, and write something." : "Be the first."),
      });
    case "following":
      return personList({
        app,
        reader,
        until,
        label: "Following",
        read: (options) => app.client.listFollowing(id, options),
        empty: () =>
          mine
            ? emptyState("people", "You follow nobody yet", "Whom you follow fills your feed.", { text: "Find people", href: "#/people" })
            : emptyState("people", "They follow nobody yet", "Their feed is still dry."),
      });
  }
}
