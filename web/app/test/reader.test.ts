// What a signed-in person does, against a client that answers as it is told.
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { ApiError, type Client, ConnectionError, type FeedOptions, type Post, type Profile } from "@freshet/client";
import { Reader } from "../src/model/reader.js";
import { SessionStore } from "../src/model/session.js";
import type { Store } from "../src/model/store.js";

class MemoryStore implements Store {
  readonly #map = new Map<string, string>();
  get = (name: string): string | null => this.#map.get(name) ?? null;
  set = (name: string, value: string | null): void => void (value === null ? this.#map.delete(name) : this.#map.set(name, value));
}

const ME = "1";
const post = (id: string, authorUserId: string, text = ""): Post => ({ id, authorUserId, text, createdAt: new Date(0) });
const settle = async (): Promise<void> => {
  for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));
};

let calls: string[];
let keys: (string | undefined)[];
let failure: Error | null;
let feed: Post[];
let live: FeedOptions;
let reader: Reader;

/** The calls that a reader makes; each fails once if `failure` is set. */
function fakeClient(): Client {
  const call = <T>(name: string, value: T): Promise<T> => {
    calls.push(name);
    const error = failure;
    failure = null;
    return error === null ? Promise.resolve(value) : Promise.reject(error);
  };
  const profile = (id: string): Profile => ({
    id, firstName: "F", secondName: "S", birthdate: "", biography: "", city: "", followerCount: 5, followingCount: 0, celebrity: false, followed: false,
  });
  return {
    getFeed: () => call("getFeed", { items: feed }),
    listPosts: (id: string) => call(`listPosts ${id}`, { items: [] }),
    getProfile: (id: string) => call(`getProfile ${id}`, profile(id)),
    follow: (id: string) => call(`follow ${id}`, undefined),
    unfollow: (id: string) => call(`unfollow ${id}`, undefined),
    createPost: (_: string, { idempotencyKey }: { idempotencyKey?: string }) => {
      keys.push(idempotencyKey);
      return call("createPost", "90");
    },
    getPost: (id: string) => call(`getPost ${id}`, post(id, ME, "as stored")),
    updatePost: (id: string) => call(`updatePost ${id}`, undefined),
    deletePost: (id: string) => call(`deletePost ${id}`, undefined),
    openFeed: (options: FeedOptions) => {
      live = options;
      return { close: () => calls.push("close") };
    },
  } as unknown as Client;
}

const atHome = (): string[] => reader.home.list.shown.map(({ id }) => id);

beforeEach(async () => {
  calls = [];
  keys = [];
  failure = null;
  feed = [post("20", "7"), post("10", "8")];
  reader = new Reader(fakeClient(), ME, new MemoryStore());
  reader.wake();
  await settle();
});

describe("the home feed", () => {
  it("is there before the live feed is", () => assert.deepEqual(atHome(), ["20", "10"]));

  it("hears the live feed", () => {
    live.onEvent?.({ type: "post", post: post("30", "7"), snapshot: false });
    live.onEvent?.({ type: "edit", post: { ...post("20", "7", "new"), editedAt: new Date(1) } });
    live.onEvent?.({ type: "delete", id: "10", authorUserId: "8" });
    assert.deepEqual(atHome(), ["30", "20"]);
    assert.equal(reader.home.list.find("20")?.text, "new");
  });

  it("is read again when the stream begins anew", async () => {
    live.onEvent?.({ type: "reset" });
    live.onEvent?.({ type: "post", post: post("40", "7"), snapshot: true });
    feed = [post("40", "7"), post("20", "7")];
    live.onEvent?.({ type: "snapshot_end" });
    await settle();
    assert.deepEqual(atHome(), ["40", "20"]);
  });

  it("loses whom one unfollows at once, with what was still on its way", async () => {
    await reader.profiles.follow("7", false);
    live.onEvent?.({ type: "post", post: post("30", "7"), snapshot: false });
    assert.deepEqual(atHome(), ["10"]);
  });

  it("is read again when one follows somebody", async () => {
    feed = [post("25", "9"), ...feed];
    await reader.profiles.follow("9", true);
    await settle();
    assert.deepEqual(atHome(), ["25", "20", "10"].sort((a, b) => Number(b) - Number(a)));
  });

  it("has nothing of one's own", async () => {
    reader.draft.write("mine");
    await reader.post();
    assert.deepEqual(atHome(), ["20", "10"]);
  });

  it("stays through a session's end, and goes on with the next", async () => {
    reader.sleep();
    assert.ok(calls.includes("close"));
    assert.deepEqual(atHome(), ["20", "10"]);
    feed = [post("30", "7"), ...feed];
    reader.wake();
    await settle();
    assert.deepEqual(atHome(), ["30", "20", "10"]);
  });
});

describe("a post", () => {
  it("empties the draft, and is shown as it was stored", async () => {
    reader.draft.write("mine");
    await reader.post();
    assert.equal(reader.draft.text, "");
    assert.equal(reader.written.value?.text, "as stored");
  });

  it("whose answer got lost goes out again under the same key", async () => {
    reader.draft.write("mine");
    failure = new ConnectionError("away");
    await assert.rejects(reader.post());
    assert.equal(reader.draft.text, "mine");
    await reader.post();
    assert.equal(keys.length, 2);
    assert.equal(keys[0], keys[1]);
  });

  it("appears in the list of one's own", async () => {
    const until = new AbortController();
    const mine = reader.postsOf(ME, until.signal);
    await settle();
    reader.draft.write("mine");
    await reader.post();
    assert.deepEqual(mine.list.shown.map(({ id }) => id), ["90"]);
    await reader.delete(post("90", ME));
    assert.deepEqual(mine.list.shown, []);
    until.abort();
  });

  it("that is edited reads as the server has it, or as it was written if that can't be told", async () => {
    reader.written.set(post("90", ME, "old"));
    await reader.edit(post("90", ME, "old"), "new");
    assert.equal(reader.written.value?.text, "as stored");
  });

  it("that is deleted already is deleted", async () => {
    failure = new ApiError({ status: 404, code: 1303 });
    await reader.delete(post("90", ME));
    failure = new ApiError({ status: 403 });
    await assert.rejects(reader.delete(post("90", ME)));
  });
});

describe("profiles", () => {
  it("are read once, however many buttons ask", async () => {
    for (let n = 0; n < 3; n++) reader.profiles.get("7");
    await settle();
    assert.equal(calls.filter((name) => name === "getProfile 7").length, 1);
    assert.equal(reader.profiles.get("7").value?.followerCount, 5);
  });

  it("know at once who is followed, and by how many", async () => {
    reader.profiles.get("7");
    await settle();
    await reader.profiles.follow("7", true);
    assert.equal(reader.profiles.get("7").value?.followed, true);
    assert.equal(reader.profiles.get("7").value?.followerCount, 6);
  });

  it("of nobody are null; those that could not be read are asked for again", async () => {
    failure = new ApiError({ status: 404 });
    reader.profiles.get("7");
    await settle();
    assert.equal(reader.profiles.get("7").value, null);
    failure = new ConnectionError("away");
    const profile = reader.profiles.get("8");
    await settle();
    assert.equal(profile.value, undefined);
    reader.profiles.get("8");
    await settle();
    assert.equal(profile.value?.id, "8");
  });
});

describe("the connection", () => {
  it("is told as the SDK tells it; why it ended for good, too", () => {
    const retryAt = new Date(5);
    live.onState?.("offline", { retryAt, error: new ConnectionError("away") });
    assert.deepEqual(reader.connection.value, { kind: "offline", retryAt, reason: undefined });
    live.onState?.("closed", { error: new ApiError({ status: 403, detail: "not from here" }) });
    assert.equal(reader.connection.value.reason, "not from here");
  });
});

describe("a session", () => {
  it("survives a reload", () => {
    const store = new MemoryStore();
    const expiresAt = new Date(1_700_000_000_000);
    new SessionStore(store).save("7", { token: "t", expiresAt });
    assert.deepEqual(new SessionStore(store).load(), { userId: "7", token: "t", expiresAt });
    new SessionStore(store).clear();
    assert.equal(new SessionStore(store).load(), null);
    assert.equal(new SessionStore(store).lastId, "7", "the id is offered when signing in again");
  });

  it("that can't be read is none", () => {
    const store = new MemoryStore();
    for (const saved of ["{", "null", "[]", '{"userId":7,"token":"t"}']) {
      store.set("freshet.session", saved);
      assert.equal(new SessionStore(store).load(), null, saved);
    }
  });
});
