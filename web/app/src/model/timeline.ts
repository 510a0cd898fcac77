/** One list of posts on the screen (the home feed, or what somebody wrote): reads its pages, hears the stream, and says when it
 * changed. The rules are in `PostList`; here is when to read what, and what to do if that fails. */
import type { Page } from "@freshet/client";
import { compareIds } from "./ids.js";
import { type Listed, PostList } from "./post_list.js";
import { Emitter, Signal } from "./signal.js";

export type PageReader<P> = (cursor: string | undefined, limit: number, signal: AbortSignal) => Promise<Page<P>>;

/** What may happen to posts, whoever told it: the stream, or the reader's own hand. */
export type FeedEvent<P> =
  | { readonly type: "put"; readonly post: P }
  | { readonly type: "delete"; readonly id: string }
  | { readonly type: "unfollowed"; readonly authorUserId: string }
  /** The stream begins anew: a snapshot follows as puts, then `renewed`. */
  | { readonly type: "reset" }
  | { readonly type: "renewed" }
  /** Pages say something else from now on. */
  | { readonly type: "expired" };

export interface TimelineState {
  /** What is being read: everything, what is below, or nothing. */
  readonly reading: "all" | "older" | null;
  /** Why the last reading failed; it is tried again by itself if the list is stale. */
  readonly error: unknown;
}

export interface TimelineOptions<P> {
  readonly read: PageReader<P>;
  /** Which posts of the stream belong here. */
  readonly wants: (post: P) => boolean;
  /** Schedules a second try; tests have their own. */
  readonly later?: (run: () => void, ms: number) => () => void;
}

const FIRST_PAGE = 20;
const OLDER_PAGE = 30;
const PAGE_MAX = 100;
/** So many pages are read to find back to the reader's place; whoever was away for longer starts at the top. */
const RENEW_PAGES = 10;
/** So many posts are shown at once when they have waited; else the newest page takes their place. */
const REVEAL_MAX = 100;
/** A list that has grown at its top while the reader stayed there is cut back to a page at this length. */
const SHOWN_MAX = 1000;
const RETRY_MS = { first: 1_000, last: 30_000 };

export class Timeline<P extends Listed> {
  readonly list = new PostList<P>();
  readonly state = new Signal<TimelineState>({ reading: null, error: null });
  /** The list is another one: draw it. */
  readonly changed = new Emitter<void>();
  /** Says whether the reader is in the middle of the list, so that new posts wait. Set by the view that shows it. */
  hold: () => boolean = () => false;

  readonly #options: TimelineOptions<P>;
  readonly #later: NonNullable<TimelineOptions<P>["later"]>;
  #reading: AbortController | null = null;
  #cancelRetry: () => void = () => undefined;
  #failures = 0;
  #closed = false;

  constructor(options: TimelineOptions<P>) {
    this.#options = options;
    this.#later = options.later ?? laterByTimer;
  }

  /** Reads everything again that is shown, and what came before it; what is shown stays until then. Doing so while it is done
   * already begins anew, since the first answer may be too old. */
  async renew(keepPlace = true): Promise<void> {
    await this.#read("all", async (signal) => {
      const oldest = keepPlace ? this.list.oldest?.id : undefined;
      const page = await this.#readDownTo(oldest, signal);
      signal.throwIfAborted();
      this.list.renew(page, keepPlace && this.hold());
    });
  }

  /** Reads the page below. */
  async older(): Promise<void> {
    const cursor = this.list.next;
    if (cursor === undefined || this.list.stale || this.#reading !== null) return;
    await this.#read("older", async (signal) => {
      const page = await this.#options.read(cursor, OLDER_PAGE, signal);
      signal.throwIfAborted();
      this.list.append(page);
    });
  }

  /** Goes on where it failed. */
  async retry(): Promise<void> {
    await (this.list.stale ? this.renew() : this.older());
  }

  /** Shows what waits. */
  async reveal(): Promise<void> {
    if (this.list.waiting.length > REVEAL_MAX) {
      await this.renew(false);
    } else {
      this.list.reveal();
      this.changed.emit();
    }
  }

  hear(event: FeedEvent<P>): void {
    if (this.#closed) return;
    const wasStale = this.list.stale;
    switch (event.type) {
      case "put":
        if (!this.#options.wants(event.post)) return;
        this.list.put(event.post, this.hold());
        break;
      case "delete":
        this.list.remove(event.id);
        break;
      case "unfollowed":
        this.list.removeAuthor(event.authorUserId);
        break;
      case "reset":
        this.list.reset();
        return;
      case "expired":
        this.list.expire();
        void this.renew();
        return;
      case "renewed":
        void this.renew();
        return;
    }
    this.changed.emit();
    if (this.list.stale && !wasStale) void this.renew();
    else if (this.list.shown.length > SHOWN_MAX && this.#reading === null && !this.hold()) void this.renew(false);
  }

  /** Reads nothing until it is asked again. */
  pause(): void {
    this.#stop();
  }

  /** Nothing is read or said any more. */
  close(): void {
    this.#closed = true;
    this.#stop();
  }

  /** The pages from the newest post down to `oldest`, as one. */
  async #readDownTo(oldest: string | undefined, signal: AbortSignal): Promise<Page<P>> {
    // If nothing has changed, one page of as many as are shown is enough.
    const limit = oldest === undefined ? FIRST_PAGE : Math.min(Math.max(this.list.shown.length, FIRST_PAGE), PAGE_MAX);
    const items: P[] = [];
    let next: string | undefined;
    for (let pages = 0; pages < RENEW_PAGES; pages++) {
      const page = await this.#options.read(next, limit, signal);
      items.push(...page.items);
      next = page.next;
      const last = page.items.at(-1);
      if (next === undefined || last === undefined || oldest === undefined || compareIds(last.id, oldest) <= 0) break;
    }
    return next === undefined ? { items } : { items, next };
  }

  async #read(what: "all" | "older", read: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.#closed) return;
    this.#stop();
    const reading = new AbortController();
    this.#reading = reading;
    // Who is told that everything is out of date is told so until it isn't.
    this.state.set({ reading: what, error: what === "all" ? this.state.value.error : null });
    try {
      await read(reading.signal);
      if (reading.signal.aborted) return;
      this.#failures = 0;
      this.#reading = null;
      this.changed.emit();
      this.state.set({ reading: null, error: null });
    } catch (error) {
      if (reading.signal.aborted) return;
      this.#reading = null;
      this.state.set({ reading: null, error });
      if (what === "all") this.#retryLater();
    }
  }

  #retryLater(): void {
    const wait = Math.min(RETRY_MS.first * 2 ** this.#failures++, RETRY_MS.last);
    this.#cancelRetry = this.#later(() => void this.renew(), wait * (0.5 + Math.random() / 2));
  }

  #stop(): void {
    this.#cancelRetry();
    this.#cancelRetry = () => undefined;
    this.#reading?.abort();
    this.#reading = null;
    if (this.state.value.reading !== null) this.state.set({ ...this.state.value, reading: null });
  }
}

function laterByTimer(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}
