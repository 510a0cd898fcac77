// What others do arrives in the page.

import assert from "node:assert/strict";

import { scenario } from "./harness/scenario.mjs";
import { eventually } from "./harness/waiting.mjs";

scenario("Ann finds Bob and follows him; Bob posts; Ann sees it within the page without reloading", async ({ person, atHome }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  const anns = await atHome(ann);
  const bobs = await atHome(bob);
  const loads = anns.loads();

  await anns.find(bob);
  await anns.follow(bob);
  await anns.home();
  await bobs.write("hello from Bob");

  await anns.shows("hello from Bob");
  assert.deepEqual(await anns.texts(), ["hello from Bob"]);
  assert.equal(await anns.authorOf("hello from Bob"), bob.name);
  assert.equal(anns.loads(), loads, "the page was not loaded again");
});

scenario("Bob edits and deletes: Ann's page follows", async ({ person, atHome }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  const anns = await atHome(ann);
  const bobs = await atHome(bob);
  await bobs.write("first thoughts");
  await bobs.write("stays as it is");
  await anns.shows("first thoughts");

  await bobs.profile(bob);
  await bobs.edit("first thoughts", "second thoughts");
  await anns.shows("second thoughts");
  assert.deepEqual(await anns.texts(), ["stays as it is", "second thoughts"], "in its place");
  assert.ok(await anns.isMarkedEdited("second thoughts"));

  await bobs.remove("second thoughts");
  await anns.showsNot("second thoughts");
  assert.deepEqual(await anns.texts(), ["stays as it is"]);
  assert.deepEqual(await bobs.texts(), ["stays as it is"]);
});

scenario("who changes his mind while editing or deleting changes nothing", async ({ person, atHome }) => {
  const bob = await person("Bob");
  await bob.posts("as it was");
  const page = await atHome(bob);
  await page.profile(bob);
  await page.startEditing("as it was");
  await page.page.keyboard.type(" and more");
  await page.cancel();
  await page.startRemoving("as it was");
  await page.cancel();
  assert.deepEqual(await page.texts(), ["as it was"]);
  assert.deepEqual((await bob.ownPosts()).map((post) => post.text), ["as it was"]);
});

scenario("Ann unfollows Bob: his posts leave her page, and no new ones come to any window; she follows him again: they are back", async ({ person, atHome }) => {
  const [ann, bob, cat] = [await person("Ann"), await person("Bob"), await person("Cat")];
  await ann.follows(bob);
  await ann.follows(cat);
  await bob.postsAll(["Bob one", "Bob two"]);
  await cat.posts("Cat one");
  const [page, other] = [await atHome(ann), await atHome(ann)];
  for (const one of [page, other]) await one.showsExactly(["Cat one", "Bob two", "Bob one"]);

  await page.profile(bob);
  await page.unfollow(bob);
  await page.home();
  await page.showsExactly(["Cat one"]);
  await bob.posts("Bob unheard");
  await cat.posts("Cat two");
  for (const one of [page, other]) await one.shows("Cat two");
  assert.ok(!(await other.texts()).includes("Bob unheard"));
  assert.deepEqual(await page.texts(), ["Cat two", "Cat one"]);

  await page.profile(bob);
  await page.follow(bob);
  await page.home();
  await page.showsExactly(["Cat two", "Bob unheard", "Cat one", "Bob two", "Bob one"]);
  await other.page.reload();
  await other.showsExactly(["Cat two", "Bob unheard", "Cat one", "Bob two", "Bob one"]);
});

scenario("new posts while Ann reads further down: her place is kept, and they are counted until she looks", async ({ person, atHome }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  await bob.postsAll(Array.from({ length: 30 }, (_, number) => `old ${number}`));
  const page = await atHome(ann);
  await page.shows("old 29");
  await page.scrollBy(1500);
  const place = await page.place();

  for (const [number, text] of ["new one", "new two", "new three"].entries()) {
    await bob.posts(text);
    await page.counts(number + 1);
    await page.hasNotMovedFrom(place);
  }
  await page.look();
  await page.shows("new three");
  assert.deepEqual((await page.texts()).slice(0, 4), ["new three", "new two", "new one", "old 29"]);
  assert.ok(await page.isInView("new three"));
  await page.counts(0);
});

scenario("an edit and a delete above the place where Ann reads do not move it", async ({ person, atHome }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  const ids = await bob.postsAll(Array.from({ length: 30 }, (_, number) => `old ${number}`));
  const page = await atHome(ann);
  await page.shows("old 29");
  await page.scrollBy(1500);
  const place = await page.place();
  await bob.edits(ids[29], "a text\nthat has\nbecome\nmuch\nlonger");
  await bob.deletes(ids[28]);
  await page.showsNot("old 28");
  await eventually(async () => (await page.texts())[0].startsWith("a text"), "the edit");
  await page.hasNotMovedFrom(place);
});

scenario("two windows of one person: each shows each post, once", async ({ person, atHome }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  const windows = [await atHome(ann), await atHome(ann)];
  await bob.postsAll(["one", "two", "three"]);
  for (const page of windows) {
    await page.shows("three");
    assert.deepEqual(await page.texts(), ["three", "two", "one"]);
  }
});

scenario("what people write is shown as text, as they wrote it", async ({ person, atHome }) => {
  const texts = [
    '<img src=x onerror="document.title=`broken`"><b>bold</b>',
    "line one\nline two\n\n  indented",
    "\u202eright to left\u202c, \ud83d\udc69\u200d\ud83d\udcbb, e\u0301, \u4e2d\u6587",
    `a word without an end ${"x".repeat(300)}`,
    "&amp; is not &",
  ];
  const [ann, bob] = [await person("Ann"), await person("<i>Bob</i>")];
  await ann.follows(bob);
  await bob.posts(texts[0]);
  const page = await atHome(ann, { viewport: { width: 360, height: 740 } });
  await bob.postsAll(texts.slice(1));
  for (const text of texts) await page.shows(text);
  assert.deepEqual(await page.texts(), [...texts].reverse());
  assert.equal(await page.authorOf(texts[0]), bob.name);
  assert.equal(await page.page.locator("main img, main b, main i").count(), 0);
  assert.ok(await page.fitsInWidth(), "the long word is broken");
  assert.notEqual(await page.page.title(), "broken");
});

scenario("a post too long for the API can't be sent, and the page says how much is too much", async ({ person, atHome }) => {
  const bob = await person("Bob");
  const page = await atHome(bob);
  await page.write("\u00e9".repeat(2048)); // 4,096 bytes: just right
  await page.profile(bob);
  await page.shows("\u00e9".repeat(2048));
  await page.home();
  await page.draft("\u00e9".repeat(2048) + "!");
  await page.cannotSend();
  assert.equal((await bob.ownPosts()).length, 1);
});

scenario("pressing Post twice posts once", async ({ person, atHome }) => {
  const bob = await person("Bob");
  const page = await atHome(bob);
  await page.draft("only once");
  await page.postButton().dblclick();
  await eventually(async () => (await page.draftText()) === "", "the draft is sent");
  assert.equal((await bob.ownPosts()).length, 1);
});
