// A picture of each view, light and dark, narrow and wide, for people to look at: build/e2e/screenshots. What can be checked of looks
// without eyes is checked beside: nothing sticks out of the window, and nothing is cut off.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";

import { OUTPUT, scenario } from "./harness/scenario.mjs";
import { eventually } from "./harness/waiting.mjs";

const FOLDER = `${OUTPUT}/screenshots`;
const WIDTHS = [360, 1280];

async function pictures(window, view, { fullPage = false } = {}) {
  await mkdir(FOLDER, { recursive: true });
  const before = window.page.viewportSize();
  for (const width of WIDTHS) {
    await window.page.setViewportSize({ width, height: 800 });
    for (const colorScheme of ["light", "dark"]) {
      await window.page.emulateMedia({ colorScheme });
      await window.page.screenshot({ path: `${FOLDER}/${view}-${width}-${colorScheme}.png`, fullPage, animations: "disabled" });
    }
    assert.ok(await window.fitsInWidth(), `${view} sticks out at ${width} px: ${await window.sticksOut()}`);
  }
  await window.page.setViewportSize({ width: 320, height: 640 });
  assert.ok(await window.fitsInWidth(), `${view} sticks out at 320 px: ${await window.sticksOut()}`);
  await window.page.setViewportSize(before);
}

scenario("pictures: signed out", async ({ window }) => {
  const page = await window();
  await pictures(page, "sign-in");
  await page.tryToSignIn({ id: "999999999999", password: "some password" });
  await page.complaint();
  await pictures(page, "sign-in-refused");
  await page.toSignUp();
  await pictures(page, "sign-up");
});

scenario("pictures: home, people, profiles", async ({ system, person, atHome }) => {
  const ann = await person("Ann", { city: "Tallinn" });
  const bob = await person("Bartholomew", { city: "Riga", biography: "Gardens, trains, and everything that grows or moves.", birthdate: "1990-05-17" });
  const idol = await person("Ida");
  const page = await atHome(ann);
  await pictures(page, "home-empty");

  const fans = await Promise.all(["Ben", "Cleo", "Dora"].map((name) => person(name)));
  for (const follower of [ann, ...fans]) await follower.follows(idol);
  await ann.follows(bob);
  await system.settled();
  for (let number = 0; number < 12; number++) await bob.posts(`Note ${number}: the 08:14 was on time.`);
  const ids = await bob.postsAll([
    "The first tomatoes are red.",
    "Three things I learned this week:\n\n1. water less\n2. wait longer\n3. tell people when it works",
    `A long one. ${"Trains that leave on time make everybody forget how hard it is. ".repeat(8)}`,
    `${"nobreak".repeat(30)}`,
  ]);
  await idol.posts("To all of you: thank you for coming last night");
  await bob.edits(ids[0], "The first tomatoes are red. (All seven.)");
  await ann.postsAll(["Morning.", "My own words, to be changed."]);
  await page.shows("Note 0: the 08:14 was on time.");
  await page.shows("The first tomatoes are red. (All seven.)");
  await page.look();
  await pictures(page, "home");
  await page.draft("A draft with two lines\nof which this is the second");
  await pictures(page, "home-draft");
  await page.draft("");

  await page.scrollBy(600);
  await bob.posts("Just now.");
  await page.counts(1);
  await pictures(page, "home-new-posts");
  await page.look();

  await page.search(bob.firstName.slice(0, 3), bob.secondName);
  await eventually(async () => (await page.found()).length === 1, "Bob is found");
  await pictures(page, "people");
  await page.search("Nobody", "Atall");
  await pictures(page, "people-none");
  await page.profile(bob);
  await page.shows("Just now.");
  await pictures(page, "profile");
  await page.profile(idol);
  await eventually(async () => {
    await page.page.reload();
    await page.isProfileOf(idol);
    return page.isMarkedCelebrity();
  }, "the mark");
  await pictures(page, "profile-celebrity");
  await page.settings();
  await pictures(page, "settings");
  await page.profile(ann);
  await page.startEditing("My own words, to be changed.");
  await pictures(page, "profile-own-editing");
  await page.cancel();
  await page.startRemoving("My own words, to be changed.");
  await pictures(page, "profile-own-deleting");
  await page.cancel();
  await page.openProfile("999999999999");
  await page.isSettled();
  await pictures(page, "profile-unknown");

  await page.home();
  await page.page.context().setOffline(true);
  await page.isOffline();
  await page.draft("Written in a tunnel");
  await page.send();
  await page.complaint();
  await pictures(page, "home-offline");
});

scenario("pictures: operations", async ({ system, person, atHome, window }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  const page = await atHome(ann);
  const ops = await window({ at: "/ops" });
  await pictures(ops, "ops-sign-in");
  await ops.opsSignIn(system.adminToken);
  await ops.chart("connections").waitFor();
  for (let number = 0; (await ops.points("connections")) < 4; number++) await bob.posts(`number ${number}`);
  await page.scrollToEnd();
  await pictures(ops, "ops", { fullPage: true });
  await ops.page.getByRole("button", { name: "Show tables" }).click();
  await ops.page.getByRole("region", { name: "Connections, as a table" }).waitFor();
  await pictures(ops, "ops-tables", { fullPage: true });
});

scenario("the colours are the system's, unless one chooses; the choice is kept", async ({ window }) => {
  const page = await window();
  const isDark = () =>
    page.page.evaluate(() => {
      const [r, g, b] = getComputedStyle(document.documentElement).backgroundColor.match(/[\d.]+/g).map(Number);
      return r + g + b < 3 * 128;
    });
  const chooses = async (theme) => {
    const button = page.page.getByTestId("theme");
    await eventually(async () => {
      if ((await button.getAttribute("data-theme")) === theme) return true;
      await button.click();
      return false;
    }, `the theme ${theme}`);
  };
  for (const [scheme, dark] of [["light", false], ["dark", true]]) {
    await page.page.emulateMedia({ colorScheme: scheme });
    assert.equal(await isDark(), dark, `the system is ${scheme}`);
  }
  await chooses("light");
  assert.equal(await isDark(), false, "light was chosen, though the system is dark");
  await page.page.reload();
  await page.isSignedOut();
  assert.equal(await isDark(), false, "and is still, after a reload");
  await page.page.emulateMedia({ colorScheme: "light" });
  await chooses("dark");
  assert.equal(await isDark(), true);
});
