// The stream lost its thread: what the page shows is read again, and nobody loses their place.

import assert from "node:assert/strict";

import { scenario } from "./harness/scenario.mjs";
import { eventually } from "./harness/waiting.mjs";

/** From `window.e2eForgets` on, sockets are opened without the cursor that the page has: the server then begins anew. */
const withoutCursor = () => {
  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(url, protocols) {
      const at = new URL(url);
      if (window.e2eForgets) at.searchParams.delete("cursor");
      super(at, protocols);
    }
  };
};

scenario("after a reset the place is kept: what went away is gone, what was edited reads anew, what was missed waits", async ({ person, window }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  const ids = await bob.postsAll(Array.from({ length: 60 }, (_, number) => `old ${number}`));
  const page = await window({ at: null });
  await page.page.addInitScript(withoutCursor);
  await page.open("/");
  await page.signIn(ann);
  await page.isLive();
  await page.shows("old 59");
  await page.scrollBy(3500);
  await eventually(async () => (await page.posts()).length > 40, "a second page");
  await page.isSettled();
  const place = await page.place();

  const sockets = page.sockets.length;
  await page.page.evaluate(() => (window.e2eForgets = true));
  await page.page.context().setOffline(true);
  await page.isOffline();
  await bob.postsAll(Array.from({ length: 30 }, (_, number) => `missed ${number}`));
  await bob.deletes(ids[58]);
  await bob.edits(ids[57], "edited meanwhile,\nin more lines\nthan before");
  await page.page.context().setOffline(false);
  await page.isLiveOver(sockets);
  await page.counts(30);
  await page.showsNot("old 58");
  await page.shows("edited meanwhile,\nin more lines\nthan before");
  await page.hasNotMovedFrom(place);

  await bob.posts("after it");
  await page.counts(31);
  await page.hasNotMovedFrom(place);
  await page.look();
  await page.scrollToEnd();
  assert.deepEqual(await page.ids(), (await ann.feed()).map((post) => post.id));
});
