/** Somebody: who they are, what they wrote, who follows them, whom they follow. */
import type { Profile } from "@freshet/client";
import { sayDay } from "../dom/dates.js";
import { h } from "../dom/h.js";
import { hrefOf, type ProfileTab, type Route } from "../model/routes.js";
import { fullName, sayCount, sayError, sayNumber } from "../model/words.js";
import { avatar } from "./avatar.js";
import { celebrityMark } from "./celebrity_mark.js";
import { emptyState } from "./empty.js";
import { followButton } from "./follow_button.js";
import { personList } from "./person_list.js";
import { PostFeed } from "./post_feed.js";
import type { ReaderContext, View } from "./view.js";

export function profileView(context: ReaderContext, route: Extract<Route, { view: "profile" }>): View {
  const { reader, until } = context;
  const { id } = route;
  const heading = h("h1", { dir: "auto" }, " ");
  const head = h("header", { class: "profile", "data-user-id": id });
  const tabs = h("nav", { class: "tabs", "aria-label": "Of this person" });
  const content = h("div", { class: "profile-content" });
  const wrong = h("p", { class: "wrong", role: "alert" });
  const element = h("div", {}, head, wrong, tabs, content);

  const draw = (profile: Profile | null | undefined): void => {
    if (profile === null) {
      heading.textContent = "Nobody here";
      heading.classList.remove("waiting-name");
      element.replaceChildren(heading, emptyState("person", "There is no such person", "Their account may have been deleted.", { text: "Find people", href: "#/people" }));
      return;
    }
    drawHead(context, head, heading, id, profile);
    drawTabs(tabs, route, profile);
    if (profile !== undefined) document.title = `${fullName(profile)} · Freshet`;
  };
  const known = reader.profiles.get(id);
  known.watch(draw, until);
  // What is known may be old.
  reader.profiles.refresh(id).catch((error: unknown) => {
    if (!until.aborted && known.value === undefined) wrong.textContent = sayError(error).text;
  });
  content.append(drawContent(context, route, heading));
  return { title: known.value ? fullName(known.value) : "Profile", element };
}

function drawHead({ app, reader, until }: ReaderContext, head: HTMLElement, heading: HTMLElement, id: string, profile: Profile | undefined): void {
  heading.textContent = profile === undefined ? " " : fullName(profile);
  heading.classList.toggle("waiting-name", profile === undefined);
  const drawn = head.querySelector(".profile-follow");
  const follow = drawn ?? h("div", { class: "profile-follow" }, id === reader.id ? h("p", { class: "hint" }, "This is you.") : followButton(app, reader, id, until));
  head.replaceChildren(
    avatar(id, profile),
    h(
      "div",
      { class: "profile-words" },
      h("div", { class: "profile-name" }, heading, profile?.celebrity === true && celebrityMark()),
      h("p", { class: "hint" }, "id ", h("span", { class: "id" }, id)),
      profile !== undefined && profile.city !== "" && h("p", { dir: "auto" }, profile.city),
      profile !== undefined && profile.birthdate !== "" && h("p", { class: "hint" }, `Born ${sayDay(profile.birthdate)}`),
      profile !== undefined && profile.biography !== "" && h("p", { class: "biography", dir: "auto" }, profile.biography),
    ),
    follow,
  );
}

function drawTabs(tabs: HTMLElement, route: Extract<Route, { view: "profile" }>, profile: Profile | undefined): void {
  const tab = (to: ProfileTab, text: string, count?: number): HTMLElement =>
    h(
      "li",
      {},
      h(
        "a",
        { href: hrefOf({ ...route, tab: to }), "aria-current": route.tab === to ? "page" : undefined, testid: `tab-${to}` },
        count !== undefined && h("strong", {}, sayNumber(count)),
        count !== undefined && " ",
        text,
      ),
    );
  const followers = profile?.followerCount;
  tabs.replaceChildren(
    h(
      "ul",
      {},
      tab("posts", "Posts"),
      tab("followers", followers === undefined ? "Followers" : sayCount(followers, "follower", "followers").replace(/^\S+ /, ""), followers),
      tab("following", "following", profile?.followingCount),
    ),
  );
}

function drawContent(context: ReaderContext, { id, tab }: Extract<Route, { view: "profile" }>, heading: HTMLElement): HTMLElement {
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
