/** The home feed: what those write whom the reader follows, and where the reader writes. */
import { h } from "../dom/h.js";
import { composer } from "./composer.js";
import { emptyState } from "./empty.js";
import { PostCard } from "./post_card.js";
import { PostFeed } from "./post_feed.js";
import type { ReaderContext, View } from "./view.js";

export function homeView({ app, reader, until }: ReaderContext): View {
  const heading = h("h1", {}, "Home");
  const place = reader.homePlace;
  // Who was at the top sees what is new at once; who was further down finds their place.
  if (place.length === 0) void reader.home.reveal();
  const feed = new PostFeed({
    app,
    reader,
    until,
    timeline: reader.home,
    label: "Your feed",
    fallback: heading,
    empty: () =>
      emptyState("drop", "Your feed is still dry", "It fills with what those write whom you follow.", { text: "Find people to follow", href: "#/people" }),
  });
  const writing = composer(app, reader);
  return {
    title: "Home",
    element: h("div", { class: "home" }, heading, writing, justWritten({ app, reader, until }, writing.querySelector("textarea") ?? heading), feed.element),
    shown: () => feed.goTo(place),
    left: () => {
      reader.homePlace = feed.place;
    },
  };
}

/** One's own posts are not in one's feed; what was just written is shown here, to be looked at once more. `heir` gets the focus of a
 * post that is deleted. */
function justWritten({ app, reader, until }: ReaderContext, heir: HTMLElement): HTMLElement {
  const element = h("section", { class: "just-written", "aria-label": "What you have just written" });
  let card: PostCard | null = null;
  let shown = "";
  reader.people.learned.on(() => card?.drawAuthor(), until);
  reader.written.watch((post) => {
    if (post === null) {
      if (element.contains(document.activeElement)) heir.focus();
      element.replaceChildren();
      card = null;
    } else if (card !== null && shown === post.id) {
      card.update(post);
    } else {
      card = new PostCard(app, reader, post);
      shown = post.id;
      element.replaceChildren(h("p", { class: "hint" }, "You have just written:"), card.element);
    }
    element.hidden = post === null;
  }, until);
  return element;
}
