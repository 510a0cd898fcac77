/** A timeline on the screen: cards in its order, what waits behind a button, what is below as one scrolls. */
import type { Post } from "@freshet/client";
import type { App } from "../app.js";
import { type Anchor, holdAnchor, isAtTop, takeAnchors } from "../dom/anchor.js";
import { watchEnd } from "../dom/end_watcher.js";
import { h, setAttribute, setText } from "../dom/h.js";
import { icon } from "../dom/icons.js";
import { WAITING_MAX } from "../model/post_list.js";
import type { Reader } from "../model/reader.js";
import type { Timeline } from "../model/timeline.js";
import { sayCount, sayError } from "../model/words.js";
import { PostCard } from "./post_card.js";

export interface PostFeedOptions {
  readonly app: App;
  readonly reader: Reader;
  readonly timeline: Timeline<Post>;
  readonly until: AbortSignal;
  readonly label: string;
  /** What is shown if there are no posts. */
  readonly empty: () => HTMLElement;
  /** Where the focus goes if the last post has gone. */
  readonly fallback: HTMLElement;
}

/** The next page is read when the end is nearer than this. */
const READ_AHEAD = "800px";
/** Bursts are announced once. */
const ANNOUNCE_MS = 1_000;

export class PostFeed {
  readonly element: HTMLElement;
  readonly #options: PostFeedOptions;
  readonly #cards = new Map<string, PostCard>();

  readonly #list = h("div", { class: "feed", role: "feed" });
  readonly #fresh = h("button", { type: "button", class: "fresh button button-main", testid: "fresh", hidden: true, on: { click: () => void this.#reveal() } });
  /** Says what the button says, to those who don't see it come. */
  readonly #freshCount = h("p", { class: "unseen", role: "status", testid: "fresh-count" });
  readonly #catching = h("p", { class: "feed-note hint", testid: "catching-up", hidden: true }, "Catching up…");
  readonly #empty = h("div", { hidden: true });
  readonly #wrong = h("div", { class: "feed-note" });
  readonly #skeleton = skeleton();
  readonly #older = h("button", { type: "button", class: "button", hidden: true, on: { click: () => this.#readOlder() } }, "Older posts");
  readonly #end = h("p", { class: "feed-end hint", testid: "end", hidden: true }, "This is the source: there is nothing older.");
  readonly #tail = h("div", { class: "feed-tail" }, this.#skeleton, this.#older, this.#end);
  #drawing = false;
  #shownError = "";
  #count = "";
  #announcing: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PostFeedOptions) {
    this.#options = options;
    const { timeline, reader, until } = options;
    this.#list.setAttribute("aria-label", options.label);
    this.#list.addEventListener("keydown", (event) => this.#onKey(event));
    this.element = h("div", { class: "post-feed" }, this.#fresh, this.#freshCount, this.#catching, this.#empty, this.#list, this.#tail);

    timeline.hold = () => !isAtTop() || this.#isBusy();
    until.addEventListener("abort", () => {
      timeline.hold = () => true; // nobody sees the top
      clearTimeout(this.#announcing);
    });
    timeline.changed.on(() => this.#drawSoon(), until);
    timeline.state.watch(() => this.#drawSoon(), until);
    reader.people.learned.on((ids) => {
      for (const card of this.#cards.values()) if (ids.has(card.authorId)) card.drawAuthor();
    }, until);
    watchEnd(this.#tail, READ_AHEAD, () => void timeline.older(), timeline.changed, until);
    this.#draw();
  }

  /** Where the reader is, to come back to. */
  get place(): readonly Anchor[] {
    return isAtTop() ? [] : takeAnchors(this.#elements());
  }

  /** Once the feed is in the page again. */
  goTo(place: readonly Anchor[]): void {
    if (!this.#hold(place)) window.scrollTo({ top: 0, behavior: "instant" });
  }

  /** Much may happen at once: it is drawn once. Hidden pages get no frames, but time goes on for them, too. */
  #drawSoon(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    const draw = (): void => {
      if (!this.#drawing) return;
      this.#drawing = false;
      if (!this.#options.until.aborted) this.#draw();
    };
    requestAnimationFrame(draw);
    setTimeout(draw, 200);
  }

  #draw(): void {
    const { timeline } = this.#options;
    const anchors = isAtTop() && !this.#isBusy() ? [] : takeAnchors(this.#elements());
    this.#drawCards();
    this.#drawRest();
    this.#hold(anchors);
    setAttribute(this.#list, "aria-busy", timeline.state.value.reading !== null ? "true" : undefined);
  }

  #hold(anchors: readonly Anchor[]): boolean {
    return holdAnchor(anchors, (id) => this.#cards.get(id)?.element);
  }

  #drawCards(): void {
    const { app, reader, timeline } = this.#options;
    const posts = timeline.list.shown;
    const ids = new Set(posts.map((post) => post.id));
    for (const [id, card] of this.#cards) {
      if (ids.has(id)) continue;
      this.#cards.delete(id);
      this.#takeOut(card.element);
    }
    const size = timeline.list.next === undefined && !timeline.list.stale ? posts.length : -1;
    let before: Element | null = null;
    posts.forEach((post, at) => {
      let card = this.#cards.get(post.id);
      if (card === undefined) {
        card = new PostCard(app, reader, post);
        this.#cards.set(post.id, card);
      } else {
        card.update(post);
      }
      setAttribute(card.element, "aria-posinset", at + 1);
      setAttribute(card.element, "aria-setsize", size);
      const next: Element | null = before === null ? this.#list.firstElementChild : before.nextElementSibling;
      // Cards that are in their place are not touched: moving one would take its focus.
      if (next !== card.element) this.#list.insertBefore(card.element, next);
      before = card.element;
    });
  }

  #drawRest(): void {
    const { list, state } = this.#options.timeline;
    const { reading, error } = state.value;
    const none = list.shown.length === 0;
    const known = !list.stale;

    this.#fresh.hidden = list.waiting.length === 0;
    const count = sayCount(list.waiting.length, "new post", "new posts", WAITING_MAX - 1);
    if (!this.#fresh.hidden && this.#fresh.dataset["text"] !== count) {
      this.#fresh.dataset["text"] = count;
      this.#fresh.replaceChildren(icon("up"), count);
    }
    this.#announce(this.#fresh.hidden ? "" : count);

    this.#catching.hidden = none || known || reading !== "all";
    this.#skeleton.hidden = !(reading === "older" || (none && !known && error === null));
    this.#older.hidden = none || !known || list.next === undefined || reading !== null;
    this.#end.hidden = none || !known || list.next !== undefined;
    this.#drawWrong(error);

    const empty = none && known;
    if (empty && this.#empty.hidden) this.#empty.replaceChildren(this.#options.empty());
    this.#empty.hidden = !empty;
  }

  /** Where the posts are missing: above what is shown, or below. Once for each error: it is announced. */
  #drawWrong(error: unknown): void {
    const text = error === null ? "" : `Posts could not be read. ${sayError(error).text}`;
    if (text === this.#shownError) return;
    this.#shownError = text;
    if (this.#wrong.contains(document.activeElement)) this.#focusLast();
    this.#wrong.remove();
    if (text === "") return;
    this.#wrong.replaceChildren(
      h("p", { class: "wrong", role: "alert" }, text),
      h("button", { type: "button", class: "button", on: { click: () => void this.#options.timeline.retry() } }, "Try again"),
    );
    if (this.#options.timeline.list.stale) this.#list.before(this.#wrong);
    else this.#tail.prepend(this.#wrong);
  }

  #announce(text: string): void {
    this.#count = text;
    this.#announcing ??= setTimeout(() => {
      this.#announcing = undefined;
      setText(this.#freshCount, this.#count);
    }, ANNOUNCE_MS);
  }

  async #reveal(): Promise<void> {
    window.scrollTo({ top: 0, behavior: "instant" });
    await this.#options.timeline.reveal();
    this.#draw();
    window.scrollTo({ top: 0, behavior: "instant" });
    (this.#list.firstElementChild as HTMLElement | null)?.focus({ preventScroll: true });
  }

  #readOlder(): void {
    // The button goes while they are read; the next Tab leads to what comes.
    this.#focusLast();
    void this.#options.timeline.older();
  }

  #focusLast(): void {
    ((this.#list.lastElementChild as HTMLElement | null) ?? this.#options.fallback).focus({ preventScroll: true });
  }

  /** The focus of a card that goes is taken by its neighbour. */
  #takeOut(element: HTMLElement): void {
    if (element.contains(document.activeElement)) {
      const neighbour = element.nextElementSibling ?? element.previousElementSibling;
      ((neighbour as HTMLElement | null) ?? this.#options.fallback).focus({ preventScroll: true });
    }
    element.remove();
  }

  /** Page Down and Page Up go from post to post, as in every feed (ARIA Authoring Practices). */
  #onKey(event: KeyboardEvent): void {
    if (event.target instanceof HTMLTextAreaElement || (event.key !== "PageDown" && event.key !== "PageUp")) return;
    const card = (event.target as Element).closest("article");
    const to = event.key === "PageDown" ? card?.nextElementSibling : card?.previousElementSibling;
    if (!(to instanceof HTMLElement)) return;
    event.preventDefault();
    to.focus();
  }

  #isBusy(): boolean {
    for (const card of this.#cards.values()) if (card.busy) return true;
    return false;
  }

  /** In their order on the page, which may be older than the timeline's. */
  *#elements(): Generator<readonly [string, HTMLElement]> {
    for (const element of this.#list.children) yield [(element as HTMLElement).dataset["postId"] ?? "", element as HTMLElement];
  }
}

/** As tall as what will take its place. */
function skeleton(): HTMLElement {
  const bone = (): HTMLElement => h("div", { class: "bone" }, h("span"), h("span"), h("span"));
  return h("div", { class: "skeleton", "aria-hidden": "true", testid: "loading" }, bone(), bone(), bone());
}
