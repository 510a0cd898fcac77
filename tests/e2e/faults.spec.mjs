// The network and the servers break: the page tells the truth, and misses nothing.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

import { scenario } from "./harness/scenario.mjs";
import { eventually } from "./harness/waiting.mjs";

/** Posts on and on, forty a second, until told to stop; `sent` are the texts that were answered, in order. */
function keepsPosting(author) {
  const flow = { sent: [], stop: null };
  let going = true;
  const done = (async () => {
    for (let number = 0; going; number++) {
      const text = `number ${number}`;
      await author.posts(text);
      flow.sent.push(text);
      await pause(25);
    }
  })();
  flow.stop = () => {
    going = false;
    return done;
  };
  flow.reached = (count) => eventually(() => flow.sent.length >= count, `post ${count}`);
  return flow;
}

/** The page and the API show the same posts, each once, in the same order, and these are all that were sent. */
async function nothingMissingNothingDoubled(page, reader, sent) {
  await page.shows(sent.at(-1));
  await page.scrollToEnd();
  await page.look();
  const feed = await reader.feed();
  assert.deepEqual(feed.map((post) => post.text), [...sent].reverse(), "the API's feed");
  await eventually(async () => (await page.ids()).length >= feed.length, async () => `${feed.length} posts, not ${(await page.ids()).length}`);
  assert.deepEqual(await page.ids(), feed.map((post) => post.id));
}

/** They came one after another, whatever lay between. */
function cameInThisOrder(states, wanted) {
  let at = 0;
  for (const state of states) if (state === wanted[at]) at++;
  assert.equal(at, wanted.length, `${wanted.join(", ")} in ${states.join(", ")}`);
}

scenario("the gateway is killed and started again under posting: the page says resuming, then live, and nothing is missing or doubled", async ({ system, person, atHome }) => {
  const gateway = await system.addGateway();
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  const page = await atHome(ann, { gateway });
  const flow = keepsPosting(bob); // through another gateway
  await flow.reached(10);
  for (const round of [1, 2]) {
    await page.forgetStates();
    await gateway.kill();
    await page.isResuming();
    const before = flow.sent.length;
    await flow.reached(before + 20);
    await gateway.start();
    await page.isLive();
    cameInThisOrder(await page.states(), ["resuming", "live"]);
    await flow.reached(before + 40 * round);
  }
  await flow.stop();
  await nothingMissingNothingDoubled(page, ann, flow.sent);
});

scenario("a gateway drains while another takes over: the page waits as it was told, goes there, and misses nothing", async ({ system, person, atHome }) => {
  const [old, next] = [await system.addGateway(), await system.addGateway()];
  const front = await system.addFront(old);
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  const page = await atHome(ann, { gateway: front });
  const flow = keepsPosting(bob);
  await flow.reached(10);
  await page.forgetStates();
  const sockets = page.sockets.length;
  await front.point(next);
  await old.drain();
  await page.isLiveOver(sockets);
  await old.ended();
  await flow.reached(flow.sent.length + 10);
  await flow.stop();

  const bye = page.sockets[sockets - 1].bye;
  assert.ok(bye, "the socket was ended by a bye");
  assert.equal(bye.code, 1001);
  const waited = page.sockets[sockets].opened - page.sockets[sockets - 1].byeAt;
  assert.ok(waited >= bye.reconnectAfterMs - 20, `asked to wait ${bye.reconnectAfterMs} ms, came back after ${waited}`);
  assert.ok(!(await page.states()).includes("offline"), "it was not offline: it was told to come back");
  await nothingMissingNothingDoubled(page, ann, flow.sent);
});

scenario("connections break again and again: nothing is missing or doubled", async ({ system, person, atHome }) => {
  const front = await system.addFront(system.gateway);
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  const page = await atHome(ann, { gateway: front });
  const flow = keepsPosting(bob);
  for (let round = 0; round < 3; round++) {
    await flow.reached(flow.sent.length + 5);
    const sockets = page.sockets.length;
    await front.cut();
    await page.isLiveOver(sockets);
  }
  await flow.stop();
  await nothingMissingNothingDoubled(page, ann, flow.sent);
});

scenario("offline: the page says so, a post that can't be sent stays a draft, and all is well when the network is back", async ({ person, atHome }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  const page = await atHome(ann);
  await page.forgetStates();
  await page.page.context().setOffline(true);
  await page.isOffline();
  await bob.posts("while Ann was away");
  await page.draft("written in a tunnel");
  await page.send();
  assert.match(await page.complaint(), /can’t be reached/i);
  assert.equal(await page.draftText(), "written in a tunnel");
  assert.deepEqual(await ann.ownPosts(), []);

  await page.page.context().setOffline(false);
  await page.isLive();
  await page.shows("while Ann was away");
  assert.deepEqual(await page.texts(), ["while Ann was away"]);
  await page.send();
  await eventually(async () => (await page.draftText()) === "", "the draft is sent");
  assert.deepEqual((await ann.ownPosts()).map((post) => post.text), ["written in a tunnel"]);
  cameInThisOrder(await page.states(), ["offline", "live"]);
});

scenario("the answer to a post gets lost: sent again, it is there once", async ({ person, atHome }) => {
  const ann = await person("Ann");
  const page = await atHome(ann);
  let lost = 0;
  await page.page.route("**/post/create", async (route) => {
    if (lost++ > 0) return route.fallback();
    await route.fetch();
    await route.abort("connectionreset");
  });
  await page.draft("did it arrive?");
  await page.send();
  // The page may send it again by itself; if it does not, it says what happened and leaves it to Ann.
  await eventually(async () => (await page.draftText()) === "" || (await page.complaints()).length > 0, "sent, or a word about it");
  if ((await page.draftText()) !== "") {
    assert.equal(await page.draftText(), "did it arrive?");
    await page.send();
  }
  await eventually(async () => (await page.draftText()) === "", "the draft is sent");
  assert.ok(lost > 1, "it was sent again");
  assert.deepEqual((await ann.ownPosts()).map((post) => post.text), ["did it arrive?"]);
});

scenario("a slow network: the page comes up, gets posts, and posts once", async ({ person, window }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  await bob.posts("there before");
  const page = await window({ at: null });
  await page.network({ latency: 300, bytesPerSecond: 40_000 });
  await page.open("/");
  await page.signIn(ann);
  await page.isLive();
  await page.shows("there before");
  await bob.posts("over a thin wire");
  await page.shows("over a thin wire");
  await page.draft("mine");
  await page.send();
  await page.postButton().click({ force: true, noWaitAfter: true }).catch(() => {}); // it may be gone or disabled by now
  await eventually(async () => (await page.draftText()) === "", "the draft is sent");
  assert.deepEqual((await ann.ownPosts()).map((post) => post.text), ["mine"]);
});

scenario("the gateway is away when the page is already open: every view says so and works again afterwards", async ({ system, person, atHome }) => {
  const gateway = await system.addGateway();
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await bob.posts("from Bob");
  const page = await atHome(ann, { gateway });
  await page.profile(bob);
  await page.shows("from Bob");
  await gateway.kill();
  await page.isResuming();
  await page.tryToFollow();
  assert.match(await page.note(), /reach/i);
  await gateway.start();
  await page.isLive();
  await page.follow(bob);
  await page.home();
  await page.shows("from Bob");
});
