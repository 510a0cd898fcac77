// What a call does when things go wrong, and who is signed in meanwhile.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { ApiError, Client, ConnectionError } from "../dist/index.js";
import { LoginRequestSchema, PostCreateRequestSchema, PostIdSchema, PostListSchema, RegisterResponseSchema, TokenSchema, UserListSchema } from "../dist/messages.js";
import { Tokens } from "../dist/tokens.js";
import { answerOf, emptyAnswer, FakeClock, FakeGateway, problem, settle } from "./fakes.mjs";

const GET = { method: "GET", path: "/x", repeatable: true };
const ONCE = { method: "POST", path: "/x", repeatable: false };

/** A call on a clock of its own, which goes on until the call is over. */
async function finish(clock, promise) {
  let over = false;
  promise.catch(() => {}).finally(() => { over = true; });
  for (await settle(); !over; await settle()) await clock.advance(clock.next ?? 0);
  return promise;
}

function scripted(...answers) {
  const gateway = new FakeGateway();
  const clock = new FakeClock();
  gateway.on["/x"] = () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { gateway, clock, http: gateway.http(clock) };
}

const lost = () => new TypeError("fetch failed");

test("a problem is told in full", async () => {
  const { http } = scripted(problem(400, { type: "urn:freshet:problem:invalid-field", title: "Invalid field", detail: "text must not be empty", code: 1001, field: "text", requestId: "r1" }));
  await assert.rejects(http.call(GET), (error) => {
    assert.ok(error instanceof ApiError);
    const { status, type, title, detail, message, code, field, requestId, retryAfter } = error;
    assert.deepEqual({ status, type, title, detail, message, code, field, requestId, retryAfter }, {
      status: 400, type: "urn:freshet:problem:invalid-field", title: "Invalid field", detail: "text must not be empty",
      message: "text must not be empty", code: 1001, field: "text", requestId: "r1", retryAfter: undefined,
    });
    return true;
  });
});

test("what a proxy says in another language is an error with its status", async () => {
  const page = () => new Response("<html>Bad</html>", { status: 404, statusText: "Not Found", headers: { "Content-Type": "text/html", "X-Request-ID": "r2" } });
  const { http } = scripted(page());
  await assert.rejects(http.call(GET), (error) => error instanceof ApiError && error.status === 404 && error.code === 0 && error.requestId === "r2" && error.message === "Not Found");
  const damaged = new Response(Uint8Array.of(0xff, 0xff), { status: 400, headers: { "Content-Type": "application/x-protobuf" } });
  await assert.rejects(scripted(damaged).http.call(GET), (error) => error instanceof ApiError && error.status === 400 && error.message === "HTTP status 400");
});

test("somebody else's 200 is no answer", async () => {
  const portal = () => new Response("<html>Welcome to our hotel</html>", { status: 200, headers: { "Content-Type": "text/html" } });
  const { http, clock } = scripted(portal(), portal(), portal(), portal());
  await assert.rejects(finish(clock, http.call(GET)), (error) => error instanceof ConnectionError && /text\/html/.test(error.message));
});

test("what is repeated, and what not", async () => {
  const overloaded = () => problem(503, { code: 2102 }, { "Retry-After": "1" });
  for (const [request, failure, sent, comment] of [
    [GET, lost, 2, "a lost connection, where it does no harm"],
    [ONCE, lost, 1, "a lost connection, where it might"],
    [GET, () => problem(503, { code: 2101 }), 2, "timed out"],
    [ONCE, () => problem(503, { code: 2101 }), 1, "timed out: it is not known whether it took effect"],
    [ONCE, overloaded, 2, "nothing was done"],
    [ONCE, () => problem(429, { code: 1700 }, { "Retry-After": "2" }), 2, "rate-limited: nothing was done"],
    [GET, () => problem(429, { code: 1701 }, { "Retry-After": "900" }), 1, "who is to wait long decides himself"],
    [GET, () => problem(500, { code: 2000 }), 1, "a defect stays one"],
    [GET, () => problem(404, { code: 1303 }), 1, "an answer is an answer"],
    [GET, () => new Response("", { status: 502 }), 2, "a proxy without its gateway"],
  ]) {
    const { http, gateway, clock } = scripted(failure(), emptyAnswer());
    await finish(clock, http.call(request)).catch(() => {});
    assert.equal(gateway.requests.length, sent, comment);
  }
});

test("it is repeated three times, waits longer each time, and then says what was last", async () => {
  const { http, gateway, clock } = scripted(lost(), lost(), lost(), lost());
  const begun = clock.now();
  await assert.rejects(finish(clock, http.call(GET)), (error) => error instanceof ConnectionError && error.cause.message === "fetch failed");
  assert.equal(gateway.requests.length, 4);
  assert.equal(clock.now() - begun, 100 + 200 + 400);
});

test("Retry-After is the least that is waited", async () => {
  const { http, clock } = scripted(problem(503, { code: 2100 }, { "Retry-After": "3" }), emptyAnswer());
  const begun = clock.now();
  await finish(clock, http.call(GET));
  assert.equal(clock.now() - begun, 3_100);
});

test("a server that does not answer: each attempt has its time", async () => {
  const { http, gateway, clock } = scripted();
  gateway.on["/x"] = ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  await assert.rejects(finish(clock, http.call(ONCE)), (error) => error instanceof ConnectionError && error.message === "no answer within 30 s");
});

test("an aborted call rejects with the signal's reason: before, during, and while it waits", async () => {
  const reason = new Error("not wanted any more");
  const early = scripted();
  await assert.rejects(early.http.call(GET, undefined, AbortSignal.abort(reason)), reason);
  assert.equal(early.gateway.requests.length, 0, "nothing was sent");

  const during = scripted();
  during.gateway.on["/x"] = ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const stop = new AbortController();
  const call = during.http.call(GET, undefined, stop.signal);
  await settle();
  stop.abort(reason);
  await assert.rejects(call, reason);
  assert.equal(during.gateway.requests[0].signal.aborted, true, "the request is taken back");
  assert.equal(during.clock.next, undefined, "and its timer");

  const waiting = scripted(lost());
  const stopWaiting = new AbortController();
  const other = waiting.http.call(GET, undefined, stopWaiting.signal);
  await settle();
  stopWaiting.abort(reason);
  await assert.rejects(other, reason);
});

// ---- the client ----

function clientOf(options = {}, base = "http://gateway.test") {
  const gateway = new FakeGateway();
  return { gateway, client: new Client(base, { fetch: gateway.fetch, retries: 0, ...options }) };
}

const later = (ms) => BigInt(Date.now() + ms);

test("a base address with a path keeps it", async () => {
  const { gateway, client } = clientOf({}, "http://gateway.test/freshet");
  await client.follow("5");
  assert.deepEqual(gateway.paths, ["/freshet/friend/set/5"]);
});

test("a path is never left by what is put into it", async () => {
  const { gateway, client } = clientOf();
  await client.follow("../../post/delete/5?x=#y");
  assert.deepEqual(gateway.paths, ["/friend/set/..%2F..%2Fpost%2Fdelete%2F5%3Fx%3D%23y"]);
});

test("a post has a key, the same for each repetition, another for each post, or the caller's", async () => {
  const { gateway, client } = clientOf({ retries: 1, token: "t" });
  let fails = true;
  gateway.on["/post/create"] = () => {
    fails = !fails;
    if (!fails) throw lost();
    return answerOf(PostIdSchema, { id: 2n ** 62n });
  };
  assert.equal(await client.createPost("Hello"), "4611686018427387904");
  await client.createPost("Hello");
  await client.createPost("Hello", { idempotencyKey: "mine", requestId: "r7" });
  const keys = gateway.requests.map(({ headers }) => headers["idempotency-key"]);
  assert.match(keys[0], /^[0-9a-f]{32}$/);
  assert.equal(keys[0], keys[1]);
  assert.notEqual(keys[0], keys[2]);
  assert.deepEqual(keys.slice(4), ["mine", "mine"]);
  assert.equal(gateway.requests[4].headers["x-request-id"], "r7");
  assert.equal(fromBinary(PostCreateRequestSchema, gateway.requests[0].body).text, "Hello");
});

test("where there is no crypto (node 18, pages that are not secure) keys differ, too", async () => {
  const { gateway, client } = clientOf({ token: "t" });
  gateway.on["/post/create"] = () => answerOf(PostIdSchema, { id: 1n });
  const kept = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  Object.defineProperty(globalThis, "crypto", { value: undefined, configurable: true });
  try {
    await client.createPost("Hello");
    await client.createPost("Hello");
  } finally {
    if (kept) Object.defineProperty(globalThis, "crypto", kept);
    else delete globalThis.crypto;
  }
  const [one, two] = gateway.requests.map(({ headers }) => headers["idempotency-key"]);
  assert.match(one, /^[0-9a-f]{32}$/);
  assert.notEqual(one, two);
});

test("registration and deletions are not repeated when it is not known whether they took effect", async () => {
  const { gateway, client } = clientOf({ retries: 3, token: "t" });
  for (const path of ["/user/register", "/user/me", "/post/delete/5"]) gateway.on[path] = () => { throw lost(); };
  await assert.rejects(client.register({ firstName: "A", secondName: "B", password: "correct horse" }), ConnectionError);
  await assert.rejects(client.deleteAccount("correct horse"), ConnectionError);
  await assert.rejects(client.deletePost("5"), ConnectionError);
  assert.equal(gateway.requests.length, 3);
  assert.equal(client.session.token, "t", "an account that may not be deleted is still signed in");
});

test("pages: what is asked for is sent, and the next cursor comes with them", async () => {
  const { gateway, client } = clientOf({ token: "t" });
  gateway.on["/post/feed"] = () => answerOf(PostListSchema, { posts: [{ id: 1n, text: "x", authorUserId: 2n, createdAtMs: 3n }] }, { headers: { Link: '</post/feed?cursor=NEXT&limit=1>; rel="next"' } });
  assert.deepEqual(await client.getFeed({ limit: 1 }), { items: [{ id: "1", text: "x", authorUserId: "2", createdAt: new Date(3) }], next: "NEXT" });
  gateway.on["/user/search"] = () => answerOf(UserListSchema, { users: [] });
  assert.deepEqual(await client.searchUsers("Ко", "Ли", { cursor: "C" }), { items: [] }, "an empty body is an empty list");
  assert.deepEqual(gateway.requests.map(({ query }) => query), [{ limit: "1" }, { first_name: "Ко", last_name: "Ли", cursor: "C" }]);
  assert.deepEqual(await client.getUsers([]), [], "nobody is asked for nobody");
});

test("signing in and out by hand", async () => {
  const told = [];
  const { gateway, client } = clientOf({ onSession: (session) => told.push(session?.token) });
  gateway.on["/login"] = () => answerOf(TokenSchema, { token: "one", expiresAtMs: later(86_400_000) });
  gateway.on["/user/register"] = () => answerOf(RegisterResponseSchema, { userId: 5n });
  assert.equal(await client.register({ firstName: "A", secondName: "B", password: "correct horse" }), "5");
  assert.equal(client.session, undefined);
  await client.login("5", "correct horse");
  const { id, password } = fromBinary(LoginRequestSchema, gateway.requests[1].body);
  assert.deepEqual([id, password], [5n, "correct horse"]);
  assert.equal(gateway.requests[1].token, undefined, "an old token would spoil it");
  await client.follow("6");
  assert.equal(gateway.requests[2].token, "one");
  gateway.on["/logout"] = () => problem(401, { code: 1100 });
  await client.logout();
  assert.equal(client.session, undefined);
  await client.logout();
  assert.deepEqual(gateway.paths.slice(3), ["/logout"], "there is nobody to sign out");
  await client.follow("6");
  assert.equal(gateway.requests.at(-1).token, undefined, "the gateway says who needs a token");
  assert.deepEqual(told, ["one", undefined]);
});

test("a refused token ends the session, and the call says so", async () => {
  const told = [];
  const { gateway, client } = clientOf({ token: "old", onSession: (session) => told.push(session) });
  gateway.on["/friend/set/6"] = () => problem(401, { code: 1100 });
  await assert.rejects(client.follow("6"), (error) => error.status === 401);
  assert.equal(client.session, undefined);
  assert.deepEqual(told, [undefined]);
});

test("credentials sign in when it is needed, once for all, and again when the token is refused", async () => {
  const { gateway, client } = clientOf({ credentials: { id: "5", password: "correct horse" } });
  let logins = 0;
  gateway.on["/login"] = () => answerOf(TokenSchema, { token: `login-${++logins}`, expiresAtMs: later(86_400_000) });
  await Promise.all([client.follow("1"), client.follow("2"), client.follow("3")]);
  assert.equal(logins, 1);
  gateway.on["/friend/set/4"] = ({ token }) => (token === "login-1" ? problem(401, { code: 1100 }) : undefined);
  await Promise.all([client.follow("4"), client.follow("4")]);
  assert.equal(logins, 2);
});

test("a callback is asked for a token, and told which one was refused", async () => {
  const asked = [];
  const { gateway, client } = clientOf({ token: async (refused) => { asked.push(refused); return `given-${asked.length}`; } });
  gateway.on["/friend/set/4"] = ({ token }) => (token === "given-1" ? problem(401, { code: 1100 }) : undefined);
  await client.follow("4");
  await client.follow("4");
  assert.deepEqual(asked, [undefined, "given-1"]);
  const stubborn = clientOf({ token: () => "the same" });
  stubborn.gateway.on["/friend/set/4"] = () => problem(401, { code: 1100 });
  await assert.rejects(stubborn.client.follow("4"), (error) => error.status === 401);
  assert.equal(stubborn.gateway.requests.length, 1, "the same token is not tried again");
});

test("token and credentials together make no sense", () => {
  assert.throws(() => clientOf({ token: "t", credentials: { id: "1", password: "x" } }), TypeError);
});

// ---- sessions on a clock ----

function tokensOf({ source = {}, session, refresh, login } = {}) {
  const clock = new FakeClock();
  const told = [];
  let made = 0;
  const hour = () => ({ token: `new-${++made}`, expiresAt: new Date(clock.now() + 3_600_000) });
  const begun = session && { token: session.token, ...(session.leftMs !== undefined && { expiresAt: new Date(clock.now() + session.leftMs) }) };
  const tokens = new Tokens(source, begun, { refresh: refresh ?? (async () => hour()), login: login ?? (async () => hour()) }, clock, (given) => told.push(given?.token));
  return { clock, told, tokens, hour };
}

test("a session is renewed before it expires, by whoever needs it", async () => {
  const { clock, tokens, told } = tokensOf({ session: { token: "old", leftMs: 3_600_000 } });
  await clock.advance(3_299_000);
  assert.equal(await tokens.get(), "old");
  await clock.advance(2_000);
  assert.deepEqual(await Promise.all([tokens.get(), tokens.get()]), ["new-1", "new-1"], "one renewal for all");
  assert.deepEqual(told, ["new-1"]);
});

test("kept, it is renewed unasked; a short one in time, too", async () => {
  const { clock, tokens, told } = tokensOf({ session: { token: "old", leftMs: 10_000 } });
  let heard = 0;
  const release = tokens.keep(() => { heard++; });
  await clock.advance(7_000);
  assert.deepEqual(told, []);
  await clock.advance(2_000);
  assert.deepEqual([told, heard], [["new-1"], 1]);
  await clock.advance(3_600_000);
  assert.deepEqual([told, heard], [["new-1", "new-2"], 2]);
  release();
  assert.equal(clock.next, undefined, "nothing is left behind");
});

test("a renewal that fails is tried again; until then the old one is good", async () => {
  let away = true;
  const { clock, tokens, hour } = tokensOf({
    session: { token: "old", leftMs: 60_000 },
    refresh: async () => {
      if (away) throw new ConnectionError("away");
      return hour();
    },
  });
  const release = tokens.keep(() => {});
  await clock.advance(50_000);
  assert.equal(await tokens.get(), "old");
  away = false;
  await clock.advance(5_000);
  assert.equal(await tokens.get(), "new-1");
  release();
});

test("a session that is too old to be renewed is over", async () => {
  const { tokens, told } = tokensOf({ session: { token: "old", leftMs: -5 }, refresh: async () => { throw new ApiError({ status: 401, code: 1100 }); } });
  await assert.rejects(tokens.get(), (error) => error.status === 401);
  assert.equal(await tokens.get(), undefined);
  assert.deepEqual(told, [undefined]);
});

test("with credentials, it is replaced by a new one", async () => {
  const { clock, tokens } = tokensOf({ source: { credentials: { id: "1", password: "x" } }, refresh: async () => { throw new ApiError({ status: 401, code: 1100 }); } });
  assert.equal(await tokens.get(), "new-1");
  await clock.advance(3_500_000);
  assert.equal(await tokens.get(), "new-2");
});

test("a clock that is a day ahead does not renew with each call", async () => {
  let renewals = 0;
  const { tokens, clock } = tokensOf({
    session: { token: "old", leftMs: -5 },
    refresh: async () => ({ token: `new-${++renewals}`, expiresAt: new Date(clock.now() - 1) }),
  });
  for (let i = 0; i < 5; i++) await tokens.get();
  assert.equal(renewals, 1);
});

test("who signs out during a renewal stays signed out", async () => {
  let answer;
  const { tokens, told } = tokensOf({ session: { token: "old", leftMs: -5 }, refresh: () => new Promise((resolve) => { answer = resolve; }) });
  const waiting = tokens.get();
  await settle();
  tokens.replaceBy(undefined);
  answer({ token: "too late" });
  assert.equal(await waiting, undefined);
  assert.deepEqual(told, [undefined]);
});

test("a wrong password is not tried again and again", async () => {
  let logins = 0;
  const { tokens } = tokensOf({ source: { credentials: { id: "1", password: "x" } }, login: async () => { logins++; throw new ApiError({ status: 400, code: 1002 }); } });
  await assert.rejects(tokens.get(), (error) => error.code === 1002);
  assert.equal(logins, 1);
});
