// The live feed against a gateway that a test plays, on a clock that it moves.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { ApiError } from "../dist/errors.js";
import { Feed } from "../dist/feed.js";
import { ClientMessageSchema } from "../dist/messages.js";
import {
  bye, cursorOnly, deletion, edit, FakeClock, FakeGateway, fakeWebSockets, post, problem, ready, reset, settle, snapshotEnd,
} from "./fakes.mjs";

/** A session that a test changes. */
class FakeTokens {
  session = { token: "t1" };
  keepers = new Set();

  keep(keeper) {
    this.keepers.add(keeper);
    return () => this.keepers.delete(keeper);
  }

  change(token) {
    this.session = { token };
    for (const keeper of this.keepers) keeper();
    return settle();
  }
}

/** A feed with all around it. What it tells is in `said`: events in short, and states in angle brackets. */
function scene({ sockets, ...options } = {}) {
  const clock = new FakeClock();
  const gateway = new FakeGateway();
  const tokens = new FakeTokens();
  const said = [];
  const details = [];
  const WebSocket = sockets && fakeWebSockets(sockets);
  const host = { http: gateway.http(clock), tokens, clock, timeoutMs: 30_000, WebSocket, withToken: (run) => run(tokens.session.token) };
  const feed = new Feed(host, {
    backoff: { baseMs: 1_000 },
    onEvent: (event) => said.push(short(event)),
    onState: (state, detail) => {
      said.push(`<${state}>`);
      details.push(detail);
    },
    ...options,
  });
  return {
    clock, gateway, tokens, said, details, feed, WebSocket,
    get socket() { return WebSocket.made.at(-1); },
    /** What was said since the last time. */
    news: () => said.splice(0),
  };
}

function short(event) {
  switch (event.type) {
    case "post": return `${event.snapshot ? "old " : ""}${event.post.text}`;
    case "edit": return event.post.text;
    case "delete": return `no ${event.id}`;
    case "ready": return event.resumed ? "resumed" : "ready";
    default: return event.type;
  }
}

/** A live feed on a stream, with a snapshot of two behind it. */
async function liveScene(options) {
  const made = scene(options);
  await settle();
  await made.gateway.stream.send(ready(), reset(), post(1, { snapshot: true, cursor: "" }), post(2, { snapshot: true, cursor: "" }), snapshotEnd("c2"));
  made.news();
  return made;
}

test("from nothing to live", async () => {
  const { gateway, feed, news } = scene({ snapshot: 2 });
  assert.equal(feed.state, "connecting");
  await settle();
  assert.deepEqual(gateway.requests.map(({ path, query, token, headers }) => [path, query, token, headers.accept]), [["/post/feed/stream", { snapshot: "2" }, "t1", "application/x-protobuf"]]);
  await gateway.stream.send(ready(), reset(), post(1, { snapshot: true, cursor: "" }), snapshotEnd("c1"), null, post(2));
  assert.deepEqual(news(), ["<connecting>", "<live>", "ready", "reset", "old post 1", "snapshot_end", "post 2"]);
  assert.equal(feed.cursor, "c2");
  feed.close();
  assert.deepEqual(news(), ["<closed>"]);
});

test("a lost connection is resumed behind the last envelope, whatever that was", async () => {
  const { clock, gateway, news } = await liveScene();
  await gateway.stream.send(post(3), cursorOnly("c3later"));
  await gateway.stream.fail();
  assert.deepEqual(news(), ["post 3", "<resuming>"]);
  await clock.advance(499);
  assert.equal(gateway.streams.length, 1, "it waits, at random, up to a second");
  await clock.advance(1);
  assert.equal(gateway.stream.request.query.cursor, "c3later");
  await gateway.stream.send(ready({ resumed: true, cursor: "c3later" }), post(4));
  assert.deepEqual(news(), ["<live>", "resumed", "post 4"]);
});

test("an end in good form is a lost connection too", async () => {
  const { clock, gateway, news } = await liveScene();
  await gateway.stream.end();
  await clock.advance(500);
  assert.equal(gateway.streams.length, 2);
  assert.deepEqual(news(), ["<resuming>"]);
});

test("repetitions are dropped, changes are not", async () => {
  const { clock, gateway, news } = await liveScene();
  await gateway.stream.send(post(3), edit(3, 1), deletion(2));
  await gateway.stream.fail();
  await clock.advance(500);
  await gateway.stream.send(ready({ resumed: true }), post(3), edit(3, 1), edit(3, 2), deletion(2), post(1, { cursor: "c1again" }));
  assert.deepEqual(news(), ["post 3", "edit 1", "no 2", "<resuming>", "<live>", "resumed", "edit 2"]);
  await gateway.stream.fail();
  await clock.advance(1_000);
  assert.equal(gateway.stream.request.query.cursor, "c1again", "the cursor of a repetition counts");
});

test("a reset forgets what was seen, and the cursor", async () => {
  const { clock, gateway, feed, news } = await liveScene();
  await gateway.stream.send(post(3), reset(), post(3, { snapshot: true, cursor: "" }));
  assert.deepEqual(news(), ["post 3", "reset", "old post 3"]);
  assert.equal(feed.cursor, undefined);
  await gateway.stream.fail();
  await clock.advance(500);
  assert.equal("cursor" in gateway.stream.request.query, false, "resumed within a snapshot, the rest of it would be missing");
});

test("kinds and fields of a later version are skipped, their cursors kept", async () => {
  const { clock, gateway, news } = await liveScene();
  await gateway.stream.send({ type: 99, text: "what is this", cursor: "c99" });
  await gateway.stream.fail();
  await clock.advance(500);
  assert.deepEqual(news(), ["<resuming>"]);
  assert.equal(gateway.stream.request.query.cursor, "c99");
});

test("bye: it waits as long as it is told, no longer", async () => {
  const { clock, gateway, news, details } = await liveScene();
  await gateway.stream.send(bye(1001, 7_000), post(3));
  assert.equal(gateway.stream.cancelled, true);
  assert.deepEqual(news(), ["<resuming>"], "nothing is taken behind a bye");
  assert.deepEqual(details.at(-1), { retryAt: new Date(clock.now() + 7_000) });
  await clock.advance(6_999);
  assert.equal(gateway.streams.length, 1);
  await clock.advance(1);
  assert.equal(gateway.stream.request.query.cursor, "c2");
});

test("a gateway that sends everybody away at once is not asked in a circle", async () => {
  const { clock, gateway } = scene();
  for (let i = 0; i < 20; i++) {
    await settle();
    if (gateway.streams.length > 6) break;
    await gateway.stream?.send(ready(), bye(4003, 0)).catch(() => {});
    await clock.advance(500 * 2 ** i);
  }
  assert.ok(gateway.streams.length <= 14, `${gateway.streams.length} connections`);
});

test("offline: it says so, waits longer each time, and is live again", async () => {
  const { clock, gateway, feed, news, details } = await liveScene();
  gateway.on["/post/feed/stream"] = () => { throw new TypeError("fetch failed"); };
  await gateway.stream.fail();
  const waits = [];
  for (let i = 0; i < 8; i++) {
    waits.push(clock.next);
    await clock.advance(clock.next);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  assert.equal(details.at(-1).error.name, "ConnectionError");
  assert.deepEqual(new Set(news()), new Set(["<resuming>", "<offline>"]));
  delete gateway.on["/post/feed/stream"];
  feed.retryNow();
  await settle();
  await gateway.stream.send(ready({ resumed: true }));
  assert.deepEqual(news(), ["<live>", "resumed"]);
  await clock.advance(10_000);
  await gateway.stream.fail();
  assert.equal(clock.next, 500, "after a good connection the first wait is a short one");
});

test("Retry-After is the least that is waited", async () => {
  const { clock, gateway } = await liveScene();
  gateway.on["/post/feed/stream"] = () => problem(503, { code: 2100 }, { "Retry-After": "5" });
  await gateway.stream.fail();
  await clock.advance(500);
  assert.equal(clock.next, 5_000 + 1_000);
});

test("a cursor that is refused is forgotten, at once and without a word", async () => {
  const { gateway, news } = scene({ cursor: "somebody else's" });
  gateway.on["/post/feed/stream"] = ({ query }) => (query.cursor ? problem(400, { code: 1001, field: "cursor" }) : undefined);
  await settle();
  assert.equal(gateway.requests.length, 2);
  await gateway.stream.send(ready(), reset());
  assert.deepEqual(news(), ["<connecting>", "<live>", "ready", "reset"]);
});

test("4004 forgets the cursor too", async () => {
  const { gateway, news } = await liveScene();
  await gateway.stream.send(bye(4004, 0));
  assert.equal(gateway.streams.length, 2);
  assert.equal("cursor" in gateway.stream.request.query, false);
  assert.deepEqual(news(), ["<resuming>"]);
});

test("what can't be mended by trying again ends it", async () => {
  for (const [status, code, field] of [[401, 1100], [403, 1201], [400, 1001, "snapshot"], [404, 1301]]) {
    const { clock, gateway, feed, news, details } = scene();
    gateway.on["/post/feed/stream"] = () => problem(status, { code, ...(field && { field }) });
    await settle();
    assert.equal(feed.state, "closed", `${status}`);
    assert.deepEqual(news(), ["<connecting>", "<closed>"]);
    assert.ok(details.at(-1).error instanceof ApiError && details.at(-1).error.status === status);
    assert.equal(clock.next, undefined, "nothing is left behind");
  }
});

test("a stream that is silent for too long is given up; signs of life keep it", async () => {
  const { clock, gateway, news } = await liveScene();
  for (let i = 0; i < 10; i++) {
    await clock.advance(15_000);
    await gateway.stream.send(null);
  }
  assert.deepEqual([gateway.streams.length, news()], [1, []]);
  await clock.advance(44_999);
  assert.deepEqual(news(), []);
  await clock.advance(1);
  assert.deepEqual(news(), ["<resuming>"]);
  assert.equal(gateway.streams[0].cancelled, true);
});

test("damage ends the connection, not the feed", async () => {
  for (const damage of [[0xff, 0xff, 0xff], [2, 0xff, 0xff]]) {
    const { clock, gateway, news, details } = await liveScene();
    gateway.stream.controller.enqueue(Uint8Array.from(damage));
    await settle();
    assert.equal(details.at(-1).error.name, "ConnectionError");
    await clock.advance(500);
    await gateway.stream.send(ready({ resumed: true }));
    assert.deepEqual(news(), ["<resuming>", "<live>", "resumed"]);
  }
});

test("a new token: a stream goes on as another one", async () => {
  const { gateway, tokens, news } = await liveScene();
  await tokens.change("t2");
  assert.equal(gateway.streams[0].cancelled, true);
  assert.deepEqual([gateway.stream.request.token, gateway.stream.request.query.cursor], ["t2", "c2"]);
  await gateway.stream.send(ready({ resumed: true }));
  assert.deepEqual(news(), ["<resuming>", "<live>", "resumed"]);
});

test("dropCursor begins anew", async () => {
  const { gateway, feed, news } = await liveScene();
  feed.dropCursor();
  await settle();
  assert.equal("cursor" in gateway.stream.request.query, false);
  await gateway.stream.send(ready(), reset(), post(1, { snapshot: true, cursor: "" }));
  assert.deepEqual(news(), ["<resuming>", "<live>", "ready", "reset", "old post 1"]);
});

test("close() ends it at any time, and leaves nothing behind", async () => {
  const phases = {
    "at once": () => {},
    "while it connects": async ({ gateway }) => {
      gateway.on["/post/feed/stream"] = ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      await settle();
    },
    live: async ({ gateway }) => {
      await settle();
      await gateway.stream.send(ready());
    },
    "while it waits": async ({ gateway }) => {
      await settle();
      await gateway.stream.fail();
    },
  };
  for (const [phase, reach] of Object.entries(phases)) {
    const made = scene();
    await reach(made);
    made.feed.close();
    made.feed.close();
    await settle();
    assert.equal(made.feed.state, "closed", phase);
    assert.equal(made.said.at(-1), "<closed>", phase);
    assert.equal(made.said.filter((one) => one === "<closed>").length, 1, phase);
    assert.equal(made.clock.next, undefined, `${phase}: a timer is left`);
    assert.equal(made.tokens.keepers.size, 0, phase);
    assert.ok(made.gateway.streams.every((stream) => stream.cancelled || phase === "while it waits"), `${phase}: a stream is left`);
  }
});

test("a signal closes it", async () => {
  const stop = new AbortController();
  const { feed, details } = await liveScene({ signal: stop.signal });
  const reason = new Error("enough");
  stop.abort(reason);
  assert.equal(feed.state, "closed");
  assert.equal(details.at(-1).error, reason);
  const never = scene({ signal: AbortSignal.abort(reason) });
  await settle();
  assert.deepEqual([never.feed.state, never.gateway.requests.length], ["closed", 0]);
});

test("an event handler may close the feed: nothing comes after that", async () => {
  let feed;
  const seen = [];
  const made = scene({ onEvent: (event) => { seen.push(short(event)); if (event.type === "post") feed.close(); } });
  feed = made.feed;
  await settle();
  await made.gateway.stream.send(ready(), post(1), post(2));
  assert.deepEqual(seen, ["ready", "post 1"]);
});

// ---- WebSockets ----

/** A live feed on a WebSocket. */
async function socketScene(options) {
  const made = scene({ sockets: {}, ...options });
  await settle();
  await made.socket.tell(ready(), reset(), snapshotEnd("c0"));
  made.news();
  return made;
}

test("a WebSocket has a ticket, never the token, and speaks protobuf", async () => {
  const { gateway, socket, feed } = await socketScene({ snapshot: 0 });
  assert.deepEqual(gateway.requests.map(({ method, path, token }) => [method, path, token]), [["POST", "/token/ticket", "t1"]]);
  assert.equal(socket.url.href, "ws://gateway.test/post/feed/posted?ticket=ticket-of-t1&snapshot=0");
  assert.equal(socket.asked, "freshet.v1.protobuf");
  feed.close();
  assert.equal(socket.closed, true);
});

test("a lost WebSocket is resumed with a ticket of its own", async () => {
  const { clock, gateway, socket, WebSocket, news } = await socketScene();
  await socket.tell(post(1));
  await socket.end(1006);
  await clock.advance(500);
  assert.equal(WebSocket.made.length, 2);
  assert.equal(gateway.requests.length, 2);
  assert.equal(WebSocket.made[1].query.cursor, "c1");
  await WebSocket.made[1].tell(ready({ resumed: true }));
  assert.deepEqual(news(), ["post 1", "<resuming>", "<live>", "resumed"]);
});

test("too slow (4002) is resumed", async () => {
  const { clock, socket, WebSocket } = await socketScene();
  await socket.tell(post(1), bye(4002, 300));
  await clock.advance(300);
  assert.equal(WebSocket.made[1].query.cursor, "c1");
});

test("a new token is told to the open WebSocket", async () => {
  const { tokens, socket, WebSocket, news } = await socketScene();
  await tokens.change("t2");
  await tokens.change("t2");
  assert.deepEqual(socket.sent.map((bytes) => fromBinary(ClientMessageSchema, bytes).authToken), ["t2"]);
  assert.deepEqual([WebSocket.made.length, news()], [1, []]);
});

test("a token that changed while the WebSocket was opened is told to it, too", async () => {
  const made = scene({ sockets: {} });
  made.gateway.on["/token/ticket"] = () => { made.tokens.session = { token: "t2" }; };
  await settle();
  assert.deepEqual(made.socket.sent.map((bytes) => fromBinary(ClientMessageSchema, bytes).authToken), ["t2"]);
});

test("where no WebSocket can be opened the stream takes over", async () => {
  const { gateway, news, feed } = scene({ sockets: { opens: false } });
  await settle();
  assert.deepEqual(gateway.paths, ["/token/ticket", "/post/feed/stream"]);
  await gateway.stream.send(ready());
  assert.deepEqual(news(), ["<connecting>", "<live>", "ready"]);
  feed.close();
});

test("why a WebSocket was refused is learnt from the stream", async () => {
  const { clock, gateway, socket, WebSocket } = await socketScene();
  WebSocket.opens = false;
  gateway.on["/post/feed/stream"] = ({ query }) => (query.cursor ? problem(400, { code: 1001, field: "cursor" }) : undefined);
  await socket.tell(bye(1001, 0));
  await clock.advance(0);
  const cursors = gateway.requests.filter(({ path }) => path === "/post/feed/stream").map(({ query }) => query.cursor);
  assert.deepEqual(cursors, ["c0", undefined], "the cursor was at fault: without it, it goes on");
});

test("WebSockets only: the stream is only asked why", async () => {
  const { clock, gateway, news, details } = scene({ sockets: { opens: false }, transport: "websocket" });
  await settle();
  assert.equal(gateway.stream.cancelled, true);
  assert.deepEqual(news(), ["<connecting>", "<offline>"]);
  assert.equal(details.at(-1).error.message, "the WebSocket failed");
  assert.equal(clock.next, 500);
});

test("WebSockets only, where there are none, is a mistake", () => {
  assert.throws(() => scene({ transport: "websocket" }), TypeError);
});

test("when the gateway can't be reached no WebSocket is tried", async () => {
  const { gateway, WebSocket, news } = scene({ sockets: {} });
  gateway.on["/token/ticket"] = () => { throw new TypeError("fetch failed"); };
  await settle();
  assert.deepEqual([WebSocket.made.length, news()], [0, ["<connecting>", "<offline>"]]);
});

test("a WebSocket that never opens is given up in time", async () => {
  const made = scene({ sockets: {}, transport: "websocket" });
  made.WebSocket.prototype.open = () => {};
  await settle();
  await made.clock.advance(30_000);
  assert.equal(made.socket.closed || made.WebSocket.made[0].closed, true);
  assert.ok(made.news().includes("<offline>"));
});

test("a server that speaks another subprotocol, or text, is not listened to", async () => {
  const other = scene({ sockets: {}, transport: "websocket" });
  other.WebSocket.prototype.open = function () {
    this.protocol = "";
    this.onopen({});
  };
  await settle();
  assert.ok(other.news().includes("<offline>"));
  const { socket, news } = await socketScene();
  socket.onmessage({ data: '{"type":"ready"}' });
  await settle();
  assert.deepEqual(news(), ["<resuming>"]);
});

test("a silent WebSocket is doubted after two and a half minutes", async () => {
  const { clock, socket, news } = await socketScene();
  await clock.advance(100_000);
  await socket.tell(cursorOnly("c5"));
  await clock.advance(149_999);
  assert.deepEqual(news(), []);
  await clock.advance(1);
  assert.deepEqual(news(), ["<resuming>"]);
  assert.equal(socket.closed, true);
});

// ---- readers ----

test("iteration: events in order, and leaving the loop closes the feed", async () => {
  const { gateway, feed } = scene({ onEvent: undefined });
  await settle();
  await gateway.stream.send(ready(), post(1), cursorOnly("c1later"), post(2), post(3));
  const got = [];
  for await (const event of feed) {
    got.push([short(event), feed.cursor]);
    if (event.type === "post" && event.post.id === "2") break;
  }
  assert.deepEqual(got, [["ready", undefined], ["post 1", "c1"], ["post 2", "c2"]], "the cursor is behind what was read, not behind what came");
  assert.equal(feed.state, "closed");
  await settle();
  assert.equal(gateway.stream.cancelled, true);
});

test("iteration: a fatal error is thrown behind what came before it", async () => {
  const { clock, gateway, feed } = scene({ onEvent: undefined });
  await settle();
  await gateway.stream.send(ready(), post(1));
  gateway.on["/post/feed/stream"] = () => problem(403, { code: 1200 });
  await gateway.stream.fail();
  await clock.advance(500);
  const got = [];
  await assert.rejects(async () => {
    for await (const event of feed) got.push(short(event));
  }, (error) => error.status === 403);
  assert.deepEqual(got, ["ready", "post 1"]);
});

test("iteration: close() ends a reader that waits", async () => {
  const { feed } = scene({ onEvent: undefined });
  await settle();
  const next = feed[Symbol.asyncIterator]().next();
  feed.close();
  assert.deepEqual(await next, { done: true, value: undefined });
});

test("events go to the handler or to the loop, not to both", () => {
  const { feed } = scene();
  assert.throws(() => feed[Symbol.asyncIterator](), TypeError);
  feed.close();
});

test("a slow reader: what waits is bounded, and nothing is lost or doubled", async () => {
  const { gateway, feed, said } = scene({ onEvent: undefined, bufferSize: 128 });
  await settle();
  const posts = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => post(from + i));
  await gateway.stream.send(ready(), ...posts(1, 200));
  assert.equal(gateway.streams[0].cancelled, true, "past the bound the connection is given up");
  assert.equal(gateway.streams.length, 1, "until everything is read");
  assert.deepEqual(said, ["<connecting>", "<live>", "<resuming>"]);
  const got = [];
  const reader = feed[Symbol.asyncIterator]();
  while (got.length < 128) got.push((await reader.next()).value);
  await settle();
  assert.equal(gateway.stream.request.query.cursor, "c127");
  await gateway.stream.send(ready({ resumed: true }), ...posts(128, 200));
  while (got.length < 202) got.push((await reader.next()).value);
  assert.deepEqual(got.filter(({ type }) => type === "post").map(({ post }) => Number(post.id)), Array.from({ length: 200 }, (_, i) => i + 1));
  feed.close();
});

// ---- windows ----

test("what a browser knows of its network is taken as a hint", async () => {
  const events = new EventTarget();
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  globalThis.window = events;
  globalThis.document = page;
  try {
    const { clock, gateway, feed, news } = await liveScene();
    events.dispatchEvent(new Event("offline"));
    await settle();
    assert.equal(gateway.streams.length, 2, "offline: an attempt tells the truth");
    await gateway.stream.send(ready({ resumed: true }));
    assert.deepEqual(news(), ["<resuming>", "<live>", "resumed"]);

    page.dispatchEvent(new Event("visibilitychange"));
    await settle();
    assert.equal(gateway.streams.length, 2, "a window that comes back trusts a connection that spoke just now");
    await clock.advance(31_000);
    page.dispatchEvent(new Event("visibilitychange"));
    await settle();
    assert.equal(gateway.streams.length, 3, "and doubts one that has been silent");

    gateway.on["/post/feed/stream"] = () => { throw new TypeError("fetch failed"); };
    await gateway.stream.fail();
    await clock.advance(clock.next);
    const asked = gateway.requests.length;
    events.dispatchEvent(new Event("online"));
    await settle();
    assert.equal(gateway.requests.length, asked + 1, "online: it does not wait");
    feed.close();
    events.dispatchEvent(new Event("online"));
    await settle();
    assert.equal(gateway.requests.length, asked + 1);
  } finally {
    delete globalThis.window;
    delete globalThis.document;
  }
});
