// The live feed against a real gateway: node feed.mjs TRANSPORT SCENARIO URL. Ends with 0 if all is as it should be.
//
// A scenario that wants something done to the gateway says it in a line on standard output, and waits for a line on standard input.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { ApiError, Client } from "../../dist/index.js";

const [transport, scenario, url] = process.argv.slice(2);
const password = "correct horse battery";
const input = createInterface({ input: process.stdin });
const answers = input[Symbol.asyncIterator]();

async function ask(what) {
  console.log(what);
  assert.equal((await answers.next()).value, "done");
}

/** A new user, signed in by credentials. */
async function person(firstName, options = {}) {
  const id = await new Client(url).register({ firstName, secondName: "Live", password });
  return { id, client: new Client(url, { credentials: { id, password }, ...options }) };
}

/** Everything that a feed tells, and waiting for it. */
class Watcher {
  events = [];
  states = [];
  #waiting = new Set();

  constructor(client, options = {}) {
    this.feed = client.openFeed({
      transport,
      backoff: { maxMs: 1_000 },
      ...options,
      onEvent: (event) => { this.events.push(event); this.#look(); },
      onState: (state, { error }) => { this.states.push(state); this.error = error; this.#look(); },
    });
  }

  #look() {
    for (const look of this.#waiting) look();
  }

  until(holds, what) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not within 60 s: ${what}; states ${this.states}, last events ${JSON.stringify(this.events.slice(-5))}`)), 60_000);
      const look = () => {
        if (!holds(this)) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  has(type, id) {
    return this.until(({ events }) => events.some((event) => event.type === type && (event.post?.id ?? event.id) === id), `${type} of ${id}`);
  }

  /** Until what follows comes live. */
  begun() {
    return this.until(({ events, states }) => states.at(-1) === "live" && events.some(({ type }) => type === "snapshot_end"), "a snapshot");
  }

  get posts() {
    return this.events.filter(({ type }) => type === "post").map(({ post }) => post.id);
  }
}

const ben = await person("Ben");

const scenarios = {
  async "tells all kinds of events"() {
    const anna = await person("Anna");
    await anna.client.follow(ben.id);
    const before = await ben.client.createPost("Before");
    const watcher = new Watcher(anna.client, { snapshot: 5 });
    await watcher.begun();
    const [ready, reset, ...snapshot] = watcher.events;
    assert.deepEqual([ready.type, ready.resumed, ready.userId], ["ready", false, anna.id]);
    assert.equal(reset.type, "reset");
    assert.ok(snapshot.every(({ type, snapshot }) => type === "snapshot_end" || snapshot));
    await watcher.has("post", before); // in the snapshot or behind it
    const id = await ben.client.createPost("Live 🌊");
    await watcher.has("post", id);
    const told = watcher.events.at(-1);
    assert.deepEqual([told.post, told.snapshot], [await anna.client.getPost(id), false], "as the page has it");
    await ben.client.updatePost(id, "Edited");
    await watcher.has("edit", id);
    assert.equal(watcher.events.at(-1).post.text, "Edited");
    assert.ok(watcher.events.at(-1).post.editedAt instanceof Date);
    await ben.client.deletePost(id);
    await watcher.has("delete", id);
    assert.equal(watcher.events.at(-1).authorUserId, ben.id);
    assert.ok(watcher.feed.cursor);
    watcher.feed.close();
    assert.deepEqual(watcher.states, ["connecting", "live", "closed"]);

    const missed = await ben.client.createPost("Missed");
    const later = new Watcher(anna.client, { cursor: watcher.feed.cursor });
    await later.has("post", missed);
    assert.deepEqual(later.events.map(({ type }) => type), ["ready", "post"]);
    assert.equal(later.events[0].resumed, true);
    later.feed.dropCursor();
    await later.until(({ events }) => events.some(({ type }) => type === "snapshot_end"), "a new beginning");
    later.feed.close();
  },

  async "begins anew with a cursor that is not its user's"() {
    const anna = await person("Anna");
    const other = new Watcher(ben.client);
    await other.begun();
    const watcher = new Watcher(anna.client, { cursor: other.feed.cursor });
    other.feed.close();
    await watcher.begun();
    assert.deepEqual(watcher.states, ["connecting", "live"]);
    watcher.feed.close();
  },

  async "ends when nobody is signed in any more"() {
    const anna = await person("Anna");
    const sessions = [];
    await anna.client.getFeed();
    const client = new Client(url, { token: anna.client.session.token, onSession: (session) => sessions.push(session) });
    const watcher = new Watcher(client);
    await watcher.begun();
    await anna.client.logout();
    await watcher.until(({ states }) => states.at(-1) === "closed", "the end");
    assert.ok(watcher.error instanceof ApiError && watcher.error.status === 401, watcher.error);
    assert.deepEqual(sessions, [undefined]);

    const wrong = new Watcher(new Client(url, { credentials: { id: anna.id, password: "wrong horse" } }));
    await wrong.until(({ states }) => states.at(-1) === "closed", "the end");
    assert.equal(wrong.error.code, 1002);
  },

  async "signs in anew when its token is revoked"() {
    const anna = await person("Anna");
    await anna.client.follow(ben.id);
    const watcher = new Watcher(anna.client);
    await watcher.begun();
    const { token } = anna.client.session;
    await new Client(url, { token }).logout();
    await watcher.until(({ states }) => states.filter((state) => state === "live").length === 2, "another connection");
    assert.notEqual(anna.client.session.token, token);
    await watcher.has("post", await ben.client.createPost("Still there"));
    watcher.feed.close();
  },

  /** The gateway's tokens live for some seconds. */
  async "outlives its tokens"() {
    const sessions = [];
    const id = await new Client(url).register({ firstName: "Anna", secondName: "Live", password });
    const client = new Client(url, { onSession: (session) => sessions.push(session) });
    await client.login(id, password);
    await client.follow(ben.id);
    const watcher = new Watcher(client);
    await watcher.begun();
    const posted = [];
    while (sessions.length < 4) {
      posted.push(await ben.client.createPost(`Under session ${sessions.length}`));
      await watcher.has("post", posted.at(-1));
    }
    assert.deepEqual(watcher.posts, posted);
    assert.ok(!watcher.states.includes("offline"), `${watcher.states}`);
    if (transport === "websocket") assert.deepEqual(watcher.states, ["connecting", "live"], "one connection went through all of them");
    watcher.feed.close();
  },

  async "loses and doubles nothing when the gateway is killed"() {
    const anna = await person("Anna");
    await anna.client.follow(ben.id);
    const watcher = new Watcher(anna.client);
    await watcher.begun();
    const posted = [];
    let kills = 3;
    const killing = (async () => {
      for (; kills > 0; kills--) {
        const seen = watcher.posts.length;
        await watcher.until(({ posts }) => posts.length >= seen + 30, "30 more posts");
        await ask("kill the gateway");
      }
    })();
    for (let i = 0; kills > 0 || i < 150; i++) {
      for (;;) {
        try {
          posted.push(await ben.client.createPost(`Post ${i}`, { idempotencyKey: `storm-${i}` }));
          break;
        } catch (error) {
          if (error.status < 500) throw error; // else: the same post, until it is there
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    }
    await killing;
    await watcher.has("post", posted.at(-1));
    assert.deepEqual(watcher.posts, posted, "each once, in order");
    assert.equal(watcher.events.filter(({ type }) => type === "reset").length, 1, "always resumed");
    assert.ok(watcher.states.includes("resuming"));
    watcher.feed.close();
  },

  async "waits for a slow reader"() {
    const anna = await person("Anna");
    await anna.client.follow(ben.id);
    const states = [];
    const feed = anna.client.openFeed({ transport, bufferSize: 128, snapshot: 0, backoff: { maxMs: 1_000 }, onState: (state) => states.push(state) });
    const reader = feed[Symbol.asyncIterator]();
    while ((await reader.next()).value.type !== "snapshot_end");
    const posted = [];
    for (let i = 0; i < 400; i++) posted.push(await ben.client.createPost(`Post ${i}`));
    const read = [];
    while (read.length < posted.length) {
      const { value } = await reader.next();
      if (value.type === "post") read.push(value.post.id);
    }
    assert.deepEqual(read, posted);
    assert.ok(states.includes("resuming"), "it was held up");
    await reader.return();
    assert.equal(feed.state, "closed");
  },
};

await scenarios[scenario]();
input.close();
