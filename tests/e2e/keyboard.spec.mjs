// Without a mouse.

import assert from "node:assert/strict";

import { scenario } from "./harness/scenario.mjs";
import { eventually } from "./harness/waiting.mjs";

scenario("by keys alone: sign in, find, follow, write, delete, sign out", async ({ person, window }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await bob.posts("Bob's post");
  const page = await window();
  const { keyboard } = page.page;

  await page.tabTo(page.field("id"));
  await keyboard.type(ann.id);
  await page.tabTo(page.field("password"));
  await keyboard.type(ann.password);
  await keyboard.press("Enter");
  await page.isLive();

  await page.tabTo(page.link("people"));
  await keyboard.press("Enter");
  await page.tabTo(page.field("searchFirst"));
  await keyboard.type(bob.firstName);
  await page.tabTo(page.field("searchLast"));
  await keyboard.type(bob.secondName);
  await keyboard.press("Enter");
  await page.tabTo(page.page.getByRole("link", { name: bob.name }));
  await keyboard.press("Enter");
  await page.isProfileOf(bob);
  await page.tabTo(page.followButton());
  await keyboard.press("Space");
  await page.isFollowing();

  await page.tabTo(page.link("home"));
  await keyboard.press("Enter");
  await page.shows("Bob's post");
  await page.tabTo(page.draftField());
  await keyboard.type("typed by Ann");
  await keyboard.press("Control+Enter");
  await eventually(async () => (await page.draftText()) === "", "the draft is sent");

  await page.tabTo(page.link("me"));
  await keyboard.press("Enter");
  await page.isProfileOf(ann);
  await page.shows("typed by Ann");
  await page.tabTo(page.buttonOf("typed by Ann", "Delete"));
  await keyboard.press("Enter");
  await page.tabTo(page.confirmButton());
  await keyboard.press("Enter");
  await page.showsNot("typed by Ann");
  assert.deepEqual(await ann.ownPosts(), []);
  await page.focusIsSomewhere();

  await page.tabTo(page.link("settings"));
  await keyboard.press("Enter");
  await page.tabTo(page.signOutButton());
  await keyboard.press("Enter");
  await page.isSignedOut();
});

scenario("new posts are fetched to the top by key, and the focus goes with them", async ({ person, atHome }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  await bob.postsAll(Array.from({ length: 30 }, (_, number) => `old ${number}`));
  const page = await atHome(ann);
  await page.shows("old 29");
  await page.scrollBy(1500);
  await bob.posts("news");
  await page.counts(1);
  await page.newPostsButton().focus();
  await page.page.keyboard.press("Enter");
  await page.shows("news");
  await eventually(() => page.isInView("news"), "the new post is in view");
  await page.focusIsSomewhere();
});

scenario("after editing, cancelling and deleting the focus is where one goes on", async ({ person, atHome }) => {
  const bob = await person("Bob");
  await bob.postsAll(["one", "two"]);
  const page = await atHome(bob);
  await page.profile(bob);
  await page.edit("two", "two and a half");
  await page.focusIsSomewhere();
  await page.startEditing("one");
  await page.page.keyboard.press("Escape");
  await page.focusIsSomewhere();
  await page.remove("two and a half");
  await page.focusIsSomewhere();
  assert.deepEqual(await page.texts(), ["one"]);
});
