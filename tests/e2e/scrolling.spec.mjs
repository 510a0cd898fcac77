// The home feed to its end, and back.

import assert from "node:assert/strict";

import { scenario } from "./harness/scenario.mjs";
import { eventually } from "./harness/waiting.mjs";

scenario("three hundred posts, scrolled to the end: each once, newest first, none missing, also when more arrive meanwhile", async ({ system, person, atHome }) => {
  const ann = await person("Ann");
  const authors = await Promise.all(["Bob", "Cat", "Dan"].map((name) => person(name)));
  for (const author of authors) await ann.follows(author);
  await Promise.all(authors.map((author) => author.postsAll(Array.from({ length: 100 }, (_, n) => `${author.firstName} ${n}`))));
  await system.settled();
  const page = await atHome(ann);
  await eventually(async () => (await page.posts()).length > 0, "the first page");
  assert.ok((await page.posts()).length <= 100, "the page does not load everything at once");

  let more = 0;
  await page.scrollToEnd(async () => {
    if (more < 5) await authors[0].posts(`meanwhile ${more++}`);
  });
  await page.look();
  await page.shows("meanwhile 4");
  const feed = await ann.feed();
  assert.equal(feed.length, 305);
  assert.deepEqual(await page.ids(), feed.map((post) => post.id));
  assert.deepEqual(await page.texts(), feed.map((post) => post.text));
});

scenario("older posts that can't be read: the page says so, and reads them when asked again", async ({ person, atHome }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  await bob.postsAll(Array.from({ length: 120 }, (_, number) => `post ${number}`));
  const page = await atHome(ann);
  await page.shows("post 119");
  let broken = true;
  await page.page.route(
    (url) => url.pathname === "/post/feed" && url.searchParams.has("cursor"),
    (route) => (broken ? route.abort("connectionreset") : route.fallback()),
  );
  await page.scrollBy(5000);
  assert.match(await page.complaint(), /could not be read/i);
  broken = false;
  await page.page.getByRole("button", { name: "Try again" }).click();
  await page.scrollToEnd();
  assert.deepEqual(await page.complaints(), []);
  assert.deepEqual(await page.ids(), (await ann.feed()).map((post) => post.id));
});

scenario("from a post to its author and back: the place in the feed is still there", async ({ person, atHome }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  await bob.postsAll(Array.from({ length: 40 }, (_, number) => `post ${number}`));
  const page = await atHome(ann);
  await page.shows("post 39");
  await page.scrollBy(1500);
  const { id } = await page.place();
  await page.openAuthorOf(id);
  await page.isProfileOf(bob);
  await page.page.goBack();
  await eventually(async () => (await page.place())?.id === id, async () => `the place of post ${id}, not ${JSON.stringify(await page.place())}`);
});
