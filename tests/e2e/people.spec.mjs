// Finding people, and their profiles.

import assert from "node:assert/strict";

import { scenario } from "./harness/scenario.mjs";
import { eventually } from "./harness/waiting.mjs";

scenario("a profile tells who somebody is, and shows the posts", async ({ person, atHome }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob", { city: "Riga", biography: "Writes <little>.", birthdate: "1990-05-17" })];
  await bob.postsAll(["one", "two"]);
  const page = await atHome(ann);
  await page.find(bob);
  await page.isProfileOf(bob);
  const text = await page.mainText();
  for (const part of [bob.name, "Riga", "Writes <little>."]) assert.ok(text.includes(part), `${part} in ${text}`);
  await page.shows("one");
  assert.deepEqual(await page.texts(), ["two", "one"]);
});

scenario("who has more followers than the threshold bears the celebrity's mark, and his posts arrive all the same", async ({ system, person, atHome }) => {
  const idol = await person("Idol");
  const followers = await Promise.all(["Ann", "Ben", "Cleo", "Dora"].map((name) => person(name)));
  const page = await atHome(followers[0]);
  await page.profile(idol);
  assert.ok(!(await page.isMarkedCelebrity()));
  await page.follow(idol);
  for (const follower of followers.slice(1)) await follower.follows(idol);
  await system.settled();
  await eventually(async () => {
    await page.page.reload();
    await page.isProfileOf(idol);
    return page.isMarkedCelebrity();
  }, "the mark");
  assert.match(await page.mainText(), /\b4 followers/i);
  await page.home();
  await page.isLive();
  await idol.posts("to all of you");
  await page.shows("to all of you");
  await page.scrollToEnd();
  assert.deepEqual(await page.ids(), (await followers[0].feed()).map((post) => post.id));
});

scenario("a search is by the beginnings of both names, and says when nobody is found", async ({ person, atHome }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  const page = await atHome(ann);
  await page.search("bo", bob.secondName.slice(0, -1).toLowerCase());
  await eventually(async () => (await page.found()).join() === bob.name, async () => `Bob alone, not ${await page.found()}`);
  await page.page.goto("about:blank");
  await page.page.goBack();
  await eventually(async () => (await page.found()).join() === bob.name, "Bob, after coming back");
  for (const nobody of [["Bob", `${bob.secondName}zzz`], ["'; DROP TABLE users; --", "%_\\"]]) {
    await page.search(...nobody);
    await eventually(async () => /nobody found/i.test(await page.mainText()), "a word that there is nobody");
  }
});

scenario("nobody is offered to follow himself; an id that nobody has is told", async ({ person, atHome }) => {
  const ann = await person("Ann");
  const page = await atHome(ann);
  await page.profile(ann);
  assert.equal(await page.page.getByRole("button", { name: /follow/i }).count(), 0);
  await page.openProfile("999999999999");
  await eventually(async () => /no such person/i.test(await page.mainText()), "nobody is there");
});
