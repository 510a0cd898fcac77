/** Everything that belongs to somebody who is signed in: their feed, their draft, the people they have seen, the live connection. It
 * outlives a session that expired, so that they come back to the same place. */
import { ApiError, type Client, type Feed, type FeedEvent as LiveEvent, type Post, type User } from "@freshet/client";
import type { Connection } from "./connection.js";
import { Draft } from "./draft.js";
import { People } from "./people.js";
import { Profiles } from "./profiles.js";
import { Emitter, Signal } from "./signal.js";
import type { Store } from "./store.js";
import { type FeedEvent, type PageReader, Timeline } from "./timeline.js";

/** So many posts of an author come into the feed of a new follower. */
const BACKFILLED = 100;

export class Reader {
  readonly id: string;
  readonly draft: Draft;
  readonly people: People<User>;
  readonly profiles: Profiles;
  readonly home: Timeline<Post>;
  readonly connection = new Signal<Connection>({ kind: "connecting" });
  /** Where they were in the home feed when they left it for another view: what could be seen, and how far from the top. */
  homePlace: readonly { readonly key: string; readonly top: number }[] = [];
  /** What was written last in this visit: one's own posts are not in one's feed. */
  readonly written = new Signal<Post | null>(null);

  readonly #client: Client;
  readonly #events = new Emitter<FeedEvent<Post>>();
  #feed: Feed | null = null;

  constructor(client: Client, id: string, store: Store) {
    this.id = id;
    this.#client = client;
    this.draft = new Draft(store, id);
    this.people = new People<User>({ read: (ids) => client.getUsers(ids) });
    this.profiles = new Profiles(client);
    this.home = new Timeline<Post>({
      read: (cursor, limit, signal) => client.getFeed({ ...pageOptions(cursor, limit), signal }),
      // What the stream sent before it knew of an unfollow, or tells of one's own posts, is none of the feed's.
      wants: (post) => post.authorUserId !== id && !this.#unfollowed.has(post.authorUserId),
    });
    this.#events.on((event) => this.home.hear(event));
    this.profiles.followed.on(({ id: author, follows }) => this.#follows(author, follows));
  }

  /** Opens the live feed; what pages miss it tells, so both begin at once. */
  wake(): void {
    this.sleep();
    this.connection.set({ kind: "connecting" });
    void this.home.renew();
    this.#feed = this.#client.openFeed({
      onEvent: (event) => this.#hear(event),
      onState: (kind, { retryAt, error }) => this.connection.set({ kind, retryAt, reason: kind === "closed" ? reasonOf(error) : undefined }),
    });
  }

  /** Nothing is read or heard until `wake`. What was read stays. */
  sleep(): void {
    this.#feed?.close();
    this.#feed = null;
    this.home.pause();
  }

  /** What somebody wrote, kept true as long as it is looked at. */
  postsOf(author: string, until: AbortSignal): Timeline<Post> {
    const read: PageReader<Post> = (cursor, limit, signal) => this.#client.listPosts(author, { ...pageOptions(cursor, limit), signal });
    const timeline = new Timeline<Post>({ read, wants: (post) => post.authorUserId === author });
    this.#events.on((event) => timeline.hear(event), until);
    until.addEventListener("abort", () => timeline.close(), { once: true });
    void timeline.renew();
    return timeline;
  }

  /** Posts the draft. Sent again after its answer got lost, it is still one post. */
  async post(): Promise<void> {
    const { text, key } = this.draft;
    const id = await this.#client.createPost(text, { idempotencyKey: key });
    if (this.draft.key === key) this.draft.write("");
    const post = await this.#readBack({ id, text, authorUserId: this.id, createdAt: new Date() });
    this.written.set(post);
    this.#events.emit({ type: "put", post });
  }

  async edit(post: Post, text: string): Promise<void> {
    await this.#client.updatePost(post.id, text);
    // The least that is later, if the server can't say when it was.
    const after = (post.editedAt ?? post.createdAt).getTime() + 1;
    const edited = await this.#readBack({ ...post, text, editedAt: new Date(after) });
    if (this.written.value?.id === post.id) this.written.set(edited);
    this.#events.emit({ type: "put", post: edited });
  }

  async delete(post: Post): Promise<void> {
    try {
      await this.#client.deletePost(post.id);
    } catch (error) {
      // Deleted already, in another window or by a call whose answer got lost: that is what was wanted.
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
    if (this.written.value?.id === post.id) this.written.set(null);
    this.#events.emit({ type: "delete", id: post.id });
  }

  /** Authors whom the reader has left in this visit. */
  readonly #unfollowed = new Set<string>();

  #follows(author: string, follows: boolean): void {
    if (follows) {
      this.#unfollowed.delete(author);
      this.home.hear({ type: "expired" });
      this.#bringPostsOf(author).catch(() => undefined); // then they come with the next reading of the feed
    } else {
      this.#unfollowed.add(author);
      this.home.hear({ type: "unfollowed", authorUserId: author });
    }
    void this.profiles.refresh(this.id).catch(() => undefined);
  }

  /** The server brings the newest posts of somebody who is followed from now on into the feed in a while, and does not say when. So
   * they are taken from where they are already. */
  async #bringPostsOf(author: string): Promise<void> {
    const { items } = await this.#client.listPosts(author, { limit: BACKFILLED });
    for (const post of items) this.home.hear({ type: "put", post });
  }

  #hear(event: LiveEvent): void {
    switch (event.type) {
      case "ready":
        return;
      case "post":
      case "edit":
        this.#events.emit({ type: "put", post: event.post });
        return;
      case "delete":
        this.#events.emit({ type: "delete", id: event.id });
        return;
      case "reset":
        this.#events.emit({ type: "reset" });
        return;
      case "snapshot_end":
        this.#events.emit({ type: "renewed" });
        return;
    }
  }

  /** The post as the server has it, or as we think it is. */
  async #readBack(post: Post): Promise<Post> {
    try {
      return await this.#client.getPost(post.id);
    } catch {
      return post;
    }
  }
}

function pageOptions(cursor: string | undefined, limit: number): { cursor?: string; limit: number } {
  return cursor === undefined ? { limit } : { cursor, limit };
}

function reasonOf(error: Error | undefined): string | undefined {
  return error instanceof ApiError ? error.detail : error?.message;
}
