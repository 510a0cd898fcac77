// @freshet/client as a program that does what it is told by lines of JSON (README.md): how the scenarios drive it.
//
//     node driver.mjs --transport=stream|websocket
import { createInterface } from "node:readline";

import { ApiError, Client, ConnectionError } from "../../web/sdk/dist/index.js";

const transport = process.argv[2]?.split("=")[1] ?? "auto";
const clients = new Map(); // name: { client, feeds: Set of names }
const feeds = new Map(); // name: { feed, held: a promise that ends with go_on, or undefined, goOn }
const calls = new Map(); // n: AbortController

function tell(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function errorOf(error) {
  if (error?.name === "AbortError") return { kind: "cancelled", detail: error.message };
  if (error instanceof ApiError) {
    const { status, code, detail, field, requestId } = error;
    return { kind: status === 401 ? "unauthenticated" : "problem", status, code, detail, field, request_id: requestId };
  }
  if (error instanceof ConnectionError) return { kind: "network", detail: error.message };
  return { kind: "argument", detail: String(error) };
}

// ---- what calls hand out ----

const userOf = ({ id, firstName, secondName, birthdate, biography, city }) =>
  ({ id, first_name: firstName, second_name: secondName, birthdate, biography, city });
const profileOf = (profile) => ({
  ...userOf(profile), follower_count: profile.followerCount, following_count: profile.followingCount,
  celebrity: profile.celebrity, followed: profile.followed,
});
const postOf = ({ id, authorUserId, text, createdAt, editedAt }) => ({
  id, author_user_id: authorUserId, text, created_at_ms: createdAt.getTime(), edited_at_ms: editedAt?.getTime() ?? 0,
});
const pageOf = (page, itemOf) => ({ items: page.items.map(itemOf), next: page.next ?? null });
const sessionOf = ({ token, expiresAt }) => ({ text: token, expires_at_ms: expiresAt?.getTime() ?? 0 });
const ticketOf = ({ ticket, expiresAt }) => ({ text: ticket, expires_at_ms: expiresAt.getTime() });

const makers = {
  login: async (c, { id, password }, o) => sessionOf(await c.login(id, password, o)),
  logout: (c, _, o) => c.logout(o),
  token_refresh: async (c, _, o) => sessionOf(await c.refresh(o)),
  ticket_create: async (c, _, o) => ticketOf(await c.makeTicket(o)),
  register: (c, w, o) => c.register({
    firstName: w.first_name, secondName: w.second_name, birthdate: w.birthdate, biography: w.biography, city: w.city,
    password: w.password,
  }, o),
  account_delete: (c, { password }, o) => c.deleteAccount(password, o),
  user_get: async (c, { id }, o) => userOf(await c.getUser(id, o)),
  user_profile: async (c, { id }, o) => profileOf(await c.getProfile(id, o)),
  user_list: async (c, { ids }, o) => ({ items: (await c.getUsers(ids, o)).map(userOf), next: null }),
  user_search: async (c, w, o) => pageOf(await c.searchUsers(w.first_name, w.last_name, { ...w, ...o }), userOf),
  user_followers: async (c, w, o) => pageOf(await c.listFollowers(w.id, { ...w, ...o }), userOf),
  user_following: async (c, w, o) => pageOf(await c.listFollowing(w.id, { ...w, ...o }), userOf),
  user_posts: async (c, w, o) => pageOf(await c.listPosts(w.id, { ...w, ...o }), postOf),
  follow: (c, { id }, o) => c.follow(id, o),
  unfollow: (c, { id }, o) => c.unfollow(id, o),
  post_create: (c, w, o) => c.createPost(w.text, { idempotencyKey: w.idempotency_key, ...o }),
  post_update: (c, { id, text }, o) => c.updatePost(id, text, o),
  post_delete: (c, { id }, o) => c.deletePost(id, o),
  post_get: async (c, { id }, o) => postOf(await c.getPost(id, o)),
  feed_page: async (c, w, o) => pageOf(await c.getFeed({ ...w, ...o }), postOf),
};

// ---- feeds ----

function eventOf(event) {
  switch (event.type) {
    case "ready":
      return { type: "ready", user_id: event.userId, resumed: event.resumed, cursor: event.cursor };
    case "post":
    case "edit":
      return { type: event.type, ...postOf(event.post), snapshot: event.snapshot ?? false, cursor: event.cursor };
    case "delete":
      return { type: "delete", id: event.id, author_user_id: event.authorUserId, cursor: event.cursor };
    default:
      return { type: event.type, cursor: event.cursor };
  }
}

async function read(name, entry) {
  try {
    for await (const event of entry.feed) {
      tell({ feed: name, event: eventOf(event) });
      await entry.held;
    }
    tell({ feed: name, closed: null });
  } catch (error) {
    tell({ feed: name, closed: errorOf(error) });
  }
}

// ---- requests ----

const doers = {
  client({ client, url, token, token_expires_at_ms: end, id, password, timeout_ms: timeoutMs }) {
    const options = {
      ...(token && { token: end ? { token, expiresAt: new Date(end) } : token }),
      ...(id && { credentials: { id, password } }),
      // A short patience is meant for the whole call, repeats included.
      ...(timeoutMs && { timeoutMs, retries: 1 }),
    };
    clients.set(client, { client: new Client(url, options), feeds: new Set() });
  },
  async call({ n, client, call, with: given }) {
    const controller = new AbortController();
    calls.set(n, controller);
    try {
      return await makers[call](clients.get(client).client, given, { signal: controller.signal, requestId: given.request_id });
    } finally {
      calls.delete(n);
    }
  },
  cancel({ of }) {
    calls.get(of)?.abort();
  },
  feed({ client, feed: name, cursor, snapshot, queue }) {
    const made = clients.get(client);
    const entry = {};
    entry.feed = made.client.openFeed({
      transport, cursor, snapshot, bufferSize: queue, backoff: { baseMs: 300, maxMs: 3000 },
      onState: (state, { error }) => tell({ feed: name, state, ...(error && { error: errorOf(error) }) }),
    });
    made.feeds.add(name);
    feeds.set(name, entry);
    read(name, entry);
  },
  hold({ feed }) {
    const entry = feeds.get(feed);
    entry.held = new Promise((resolve) => { entry.goOn = resolve; });
  },
  go_on({ feed }) {
    const entry = feeds.get(feed);
    entry.held = undefined;
    entry.goOn?.();
  },
  close({ feed }) {
    doers.go_on({ feed });
    feeds.get(feed).feed.close();
  },
  end({ client }) {
    for (const feed of clients.get(client).feeds) doers.close({ feed });
    clients.delete(client);
  },
};

async function take(request) {
  try {
    tell({ n: request.n, value: (await doers[request.do](request)) ?? null });
  } catch (error) {
    tell({ n: request.n, error: errorOf(error) });
  }
}

for await (const line of createInterface({ input: process.stdin })) take(JSON.parse(line));
for (const client of [...clients.keys()]) doers.end({ client });
