// What a screen reader is told.

import assert from "node:assert/strict";

import { scenario } from "./harness/scenario.mjs";
import { contrasts, controlsWithoutName, focusOrder, landmarks, outline } from "./harness/accessibility.mjs";
import { eventually } from "./harness/waiting.mjs";

/** The views that there are; each leads a window with a signed-in person (or nobody) to it. */
const views = {
  "sign in": { signedOut: true, go: (page) => page.open("/") },
  "sign up": { signedOut: true, go: (page) => page.toSignUp() },
  home: { go: (page) => page.home() },
  people: { go: (page, { bob }) => page.search(bob.firstName, bob.secondName) },
  "somebody's profile": { go: (page, { bob }) => page.profile(bob) },
  "one's own profile": { go: (page, { ann }) => page.profile(ann) },
  settings: { go: (page) => page.settings() },
};

/** What is asked of every view. */
async function isAccessible({ page }, { navigation }) {
  assert.deepEqual(await controlsWithoutName(page), [], "every control has a name");
  const marks = await landmarks(page);
  assert.equal(marks.filter((one) => one === "main").length, 1, `one main: ${marks}`);
  assert.equal(marks.includes("navigation"), navigation, `a navigation, or none: ${marks}`);
  const headings = await outline(page);
  assert.equal(headings.filter(({ level }) => level === 1).length, 1, `one heading of level 1: ${JSON.stringify(headings)}`);
  for (const [at, { level }] of headings.entries()) {
    assert.ok(at === 0 || level <= headings[at - 1].level + 1, `no level is left out: ${JSON.stringify(headings)}`);
  }
  assert.match(await page.title(), /\S/);
  assert.match(await page.evaluate(() => document.documentElement.lang), /^en/);

  const order = await focusOrder(page);
  assert.ok(order.reached > 0);
  assert.deepEqual(order.missed, [], "Tab reaches every control");
  assert.deepEqual(order.backwards, [], "in the order in which they stand");
  assert.deepEqual(order.unseen, [], "and one sees where the focus is");

  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await contrasts(page), [], `contrast, ${colorScheme}`);
  }
}

for (const [name, { signedOut = false, go }] of Object.entries(views)) {
  scenario(`${name}: controls have names, landmarks are there, focus runs in reading order and can be seen, contrast is enough`, async ({ person, window, atHome }) => {
    const [ann, bob] = [await person("Ann"), await person("Bob")];
    await ann.follows(bob);
    await bob.posts("something to read");
    await ann.posts("something of one's own");
    const page = signedOut ? await window() : await atHome(ann);
    await go(page, { ann, bob });
    await page.isSettled();
    await isAccessible(page, { navigation: !signedOut });
  });
}

scenario("operations: controls have names, focus runs in reading order and can be seen, contrast is enough", async ({ system, window }) => {
  const ops = await window({ at: "/ops" });
  await isAccessible(ops, { navigation: false });
  await ops.opsSignIn(system.adminToken);
  await ops.opsState("live");
  await isAccessible(ops, { navigation: false });
});

scenario("those who look for it would see: a nameless button, a control off the Tab's way, a faint text, a focus that can't be seen", async ({ window }) => {
  const { page } = await window();
  await page.evaluate(() => {
    const add = (parent, tag, text, look = {}, more = {}) => {
      const made = Object.assign(document.createElement(tag), { textContent: text, ...more });
      Object.assign(made.style, look);
      parent.append(made);
    };
    const main = document.querySelector("main");
    add(main, "button", "");
    add(main, "p", "faint", { color: "#999", background: "#fff" });
    add(main, "button", "unseen", { outline: "none" });
    add(main, "button", "first of all", {}, { tabIndex: 1 });
  });
  assert.deepEqual(await controlsWithoutName(page), ["button"]);
  assert.match((await contrasts(page)).join(), /"faint"/);
  const order = await focusOrder(page);
  assert.match(order.unseen.join(), /unseen/);
  assert.match([...order.missed, ...order.backwards].join(), /first of all/);
});

scenario("titles tell the views apart, and the focus follows into a view", async ({ person, atHome }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  const page = await atHome(ann);
  const titles = [await page.page.title()];
  await page.toPeople();
  titles.push(await page.page.title());
  await page.profile(bob);
  await eventually(async () => (await page.page.title()).includes(bob.name), "the profile's title");
  titles.push(await page.page.title());
  assert.equal(new Set(titles).size, 3, titles.join(", "));
  await page.focusIsSomewhere();
});

scenario("new posts, the connection's state and what went wrong are announced", async ({ system, person, atHome }) => {
  const gateway = await system.addGateway();
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  await bob.postsAll(Array.from({ length: 30 }, (_, number) => `old ${number}`));
  const page = await atHome(ann, { gateway });
  await page.shows("old 29");
  await page.listenToAnnouncements();
  await page.scrollBy(1500);
  await bob.posts("news");
  await eventually(async () => /1 new post/i.test(await page.announced()), async () => `"1 new post" in: ${await page.announced()}`);
  await gateway.kill();
  await page.isResuming();
  await eventually(async () => /resum|reconnect|connection|offline/i.test(await page.announced()), async () => `the loss in: ${await page.announced()}`);
  await page.draft("into the void");
  await page.send();
  assert.match(await page.complaint(), /can’t be reached/i);
});
