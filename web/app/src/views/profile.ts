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
import type { ReaderContext, View } from "./view.js";

export function profileView(context: ReaderContext, route: Extract<Route, { view: "profile" }>): View {
  const { reader, until } = context;
  const { id } = route;
  const heading = h("h1", { dir: "auto" }, " ");
  const head = profileHead(context, id, heading);
  const tabs = profileTabs(route);
  const content = h("div", { class: "profile-content" });
  const wrong = h("p", { class: "wrong", role: "alert" });
  const element = h("div", {}, head.element, wrong, tabs.element, content);

  const draw = (profile: Profile | null | undefined): void => {
    if (profile === null) {
      heading.textContent = "Nobody here";
      heading.classList.remove("waiting-name");
      const focused = document.activeElement === heading;
      element.replaceChildren(heading, emptyState("person", "There is no such person", "Their account may have been deleted.", { text: "Find people", href: "#/people" }));
      if (focused) heading.focus({ preventScroll: true });
      return;
    }
    head.draw(profile);
    tabs.draw(profile);
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

/** A part of the view that is made once and changed from then on: what has the focus must not be taken out of the page. */
interface Part {
  readonly element: HTMLElement;
  readonly draw: (profile: Profile | undefined) => void;
}

function profileHead({ app, reader, until }: ReaderContext, id: string, heading: HTMLElement): Part {
  let face = avatar(id, undefined);
  const name = h("div", { class: "profile-name" }, heading);
  const number = h("p", { class: "hint" }, "id ", h("span", { class: "id" }, id));
  const words = h("div", { class: "profile-words" }, name, number);
  const follow = h("div", { class: "profile-follow" }, id === reader.id ? h("p", { class: "hint" }, "This is you.") : followButton(app, reader, id, until));
  const draw = (profile: Profile | undefined): void => {
    const drawn = avatar(id, profile);
    face.replaceWith(drawn);
    face = drawn;
    setText(heading, profile === undefined ? " " : fullName(profile));
    heading.classList.toggle("waiting-name", profile === undefined);
    replaceAfter(heading, profile?.celebrity === true && celebrityMark());
    replaceAfter(
      number,
      profile !== undefined && profile.city !== "" && h("p", { dir: "auto" }, profile.city),
      profile !== undefined && profile.birthdate !== "" && h("p", { class: "hint" }, `Born ${sayDay(profile.birthdate)}`),
      profile !== undefined && profile.biography !== "" && h("p", { class: "biography", dir: "auto" }, profile.biography),
    );
  };
  return { element: h("header", { class: "profile", "data-user-id": id }, face, words, follow), draw };
}

function replaceAfter(element: HTMLElement, ...others: readonly (HTMLElement | false)[]): void {
  while (element.nextSibling !== null) element.nextSibling.remove();
  element.after(...others.filter((other) => other !== false));
}

function profileTabs(route: Extract<Route, { view: "profile" }>): Part {
  const link = (to: ProfileTab): HTMLElement =>
    h("a", { href: hrefOf({ ...route, tab: to }), "aria-current": route.tab === to ? "page" : undefined, testid: `tab-${to}` });
  const [posts, followers, following] = [link("posts"), link("followers"), link("following")];
  const counted = (count: number | undefined, one: string, many: string): (HTMLElement | string)[] =>
    count === undefined ? [many] : [h("strong", {}, sayNumber(count)), ` ${count === 1 ? one : many}`];
  const draw = (profile: Profile | undefined): void => {
    posts.replaceChildren("Posts");
    followers.replaceChildren(...counted(profile?.followerCount, "follower", "followers"));
    following.replaceChildren(...counted(profile?.followingCount, "following", "following"));
  };
  return { element: h("nav", { class: "tabs", "aria-label": "Of this person" }, h("ul", {}, h("li", {}, posts), h("li", {}, followers), h("li", {}, following))), draw };
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
