/** The list of a feed: what pages say and what the live stream tells, merged into one order without doubles or holes.
 *
 * Invariants, after every call:
 *  - `shown` and `waiting` are ordered by id, newest first, no id is in both or twice;
 *  - all that waits is newer than all that is shown: `shown` never has a hole that `waiting` fills;
 *  - below `shown` the list goes on with the page of `next`; if there is none, nothing is there.
 *
 * No DOM, no network: `Timeline` feeds it, views draw it. */
import type { Page } from "@freshet/client";
import { BoundedMap } from "./bounded.js";
import { compareIds, isNewer } from "./ids.js";

/** What a list needs to know of a post. */
export interface Listed {
  readonly id: string;
  readonly authorUserId: string;
  /** Of the newest edit, undefined if there was none. */
  readonly editedAt?: Date | undefined;
}

/** How many events of the stream are remembered, so that a page that was on its way does not undo them. */
const REMEMBERED = 2048;

/** More than this never wait: whoever comes back to so many gets the newest page, not all of them. */
export const WAITING_MAX = 999;

export class PostList<P extends Listed> {
  #shown: P[] = [];
  #waiting: P[] = [];
  #next: string | undefined;
  #stale = true;
  /** Of what waits the oldest was let go. */
  #cut = false;

  /** What the stream has said since the last reset; it goes before pages, which may have been read earlier. */
  readonly #told = new BoundedMap<P>(REMEMBERED);
  readonly #gone = new BoundedMap<true>(REMEMBERED);

  /** Newest first. */
  get shown(): readonly P[] {
    return this.#shown;
  }

  /** Newer than all that is shown, kept back so that the reader's place does not move. Newest first. */
  get waiting(): readonly P[] {
    return this.#waiting;
  }

  /** The cursor of the page below what is shown; undefined: that was all. Means nothing while the list is stale. */
  get next(): string | undefined {
    return this.#next;
  }

  /** Something may be missing until `renew` was called: nothing was read yet, or the stream could not resume. */
  get stale(): boolean {
    return this.#stale;
  }

  get oldest(): P | undefined {
    return this.#shown.at(-1);
  }

  find(id: string): P | undefined {
    return find(this.#shown, id) ?? find(this.#waiting, id);
  }

  /** A post, new or as it reads after an edit. `hold`: the reader is in the middle of the list, so new ones wait. */
  put(post: P, hold: boolean): void {
    if (this.#gone.has(post.id)) return;
    const told = this.#told.get(post.id);
    if (told !== undefined && isLaterRevision(told, post)) return;
    this.#told.set(post.id, post);
    if (replace(this.#shown, post) || replace(this.#waiting, post)) return;
    if (this.#stale) return; // between it and what is shown something may be missing; `renew` finds it among the told

    const newest = this.#shown[0];
    const oldest = this.#shown.at(-1);
    if (newest === undefined || oldest === undefined || isNewer(post.id, newest.id)) {
      if (hold || this.#waiting.length > 0) this.#wait(post);
      else insert(this.#shown, post);
    } else if (this.#next === undefined || isNewer(post.id, oldest.id)) {
      insert(this.#shown, post);
    } // else it belongs to a page that will be read yet
  }

  remove(id: string): void {
    this.#gone.set(id, true);
    this.#told.delete(id);
    this.#keep((post) => post.id !== id);
  }

  /** Somebody is not followed any more: nothing of theirs is in this list. */
  removeAuthor(authorUserId: string): void {
    for (const post of [...this.#told.values()]) {
      if (post.authorUserId === authorUserId) this.#told.delete(post.id);
    }
    this.#keep((post) => post.authorUserId !== authorUserId);
  }

  /** The stream has lost its thread. What is shown stays until the truth is read again, but it counts no more. */
  reset(): void {
    this.#told.clear();
    this.#gone.clear();
    this.#stale = true;
  }

  /** The list is not the feed any more, though nothing told so: somebody new is followed. */
  expire(): void {
    this.#stale = true;
  }

  /** The truth from the newest post down to the end of `page`, which replaces everything. */
  renew(page: Page<P>, hold: boolean): void {
    const place = this.#shown[0];
    const truth = this.#merge(page, null);
    const split = hold && place !== undefined ? truth.filter((post) => isNewer(post.id, place.id)).length : 0;
    // Nothing of what the reader had is left, so there is no place to keep.
    const kept = split < truth.length ? split : 0;
    this.#waiting = truth.slice(0, kept);
    this.#shown = truth.slice(kept);
    this.#next = page.next;
    this.#stale = false;
    this.#cut = false;
  }

  /** The page of `next`. */
  append(page: Page<P>): void {
    const above = this.#shown.at(-1);
    this.#shown.push(...this.#merge(page, above?.id ?? null));
    this.#next = page.next;
  }

  /** Show what waits. If it was more than may wait the list is stale now. */
  reveal(): void {
    this.#shown = [...this.#waiting, ...this.#shown];
    this.#waiting = [];
    this.#stale ||= this.#cut;
    this.#cut = false;
  }

  /** What is true in the range from `above` (excluded; null: from the top) to the end of the page, newest first. */
  #merge(page: Page<P>, above: string | null): P[] {
    const last = page.items.at(-1);
    const below = page.next === undefined || last === undefined ? null : last.id;
    const inRange = (id: string): boolean => (above === null || isNewer(above, id)) && (below === null || !isNewer(below, id));
    const found = new Map<string, P>();
    for (const post of page.items) {
      if (inRange(post.id) && !this.#gone.has(post.id)) found.set(post.id, post);
    }
    for (const post of this.#told.values()) {
      const paged = found.get(post.id);
      if (inRange(post.id) && (paged === undefined || !isLaterRevision(paged, post))) found.set(post.id, post);
    }
    return [...found.values()].sort((a, b) => compareIds(b.id, a.id));
  }

  #wait(post: P): void {
    insert(this.#waiting, post);
    if (this.#waiting.length > WAITING_MAX) {
      this.#waiting.pop();
      this.#cut = true;
    }
  }

  #keep(wanted: (post: P) => boolean): void {
    this.#shown = this.#shown.filter(wanted);
    this.#waiting = this.#waiting.filter(wanted);
    // With nothing shown there is no place to keep, and what waits would wait below nothing.
    if (this.#shown.length === 0) this.reveal();
  }
}

/** Whether `a` is a later revision of the same post than `b`. */
function isLaterRevision(a: Listed, b: Listed): boolean {
  return (a.editedAt?.getTime() ?? 0) > (b.editedAt?.getTime() ?? 0);
}

/** Where in `posts`, newest first, a post with this id stands or would stand. */
function position(posts: readonly Listed[], id: string): number {
  let low = 0;
  let high = posts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isNewer((posts[middle] as Listed).id, id)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function find<P extends Listed>(posts: readonly P[], id: string): P | undefined {
  const post = posts[position(posts, id)];
  return post?.id === id ? post : undefined;
}

function replace<P extends Listed>(posts: P[], post: P): boolean {
  const at = position(posts, post.id);
  const there = posts[at];
  if (there?.id !== post.id) return false;
  if (!isLaterRevision(there, post)) posts[at] = post;
  return true;
}

function insert<P extends Listed>(posts: P[], post: P): void {
  posts.splice(position(posts, post.id), 0, post);
}
