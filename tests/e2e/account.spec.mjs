// Coming in and going out.

import assert from "node:assert/strict";

import { scenario } from "./harness/scenario.mjs";
import { eventually } from "./harness/waiting.mjs";

scenario("a newcomer signs up, learns the id to sign in with next time, and stands in an empty home feed", async ({ window, system }) => {
  const page = await window();
  const id = await page.signUp({ firstName: "Ann", secondName: "Newcomer", password: "a long password" });
  assert.match(id, /^\d{1,19}$/);
  await page.isLive();
  assert.deepEqual(await page.posts(), []);
  assert.match(await page.mainText(), /follow/i, "an empty feed says how to fill it");

  const later = await window();
  await later.signIn({ id, password: "a long password" });
  await later.isLive();
  assert.equal(new URL(later.page.url()).host, new URL(system.gateway.url).host);
});

scenario("a wrong password is told beside the form, and the id need not be typed again", async ({ person, window }) => {
  const ann = await person("Ann");
  const page = await window();
  await page.tryToSignIn({ id: ann.id, password: "not the password" });
  assert.match(await page.complaint(), /password/i);
  assert.equal(await page.field("id").inputValue(), ann.id);
  await page.field("password").fill(ann.password);
  await page.page.keyboard.press("Enter");
  await page.isLive();
});

scenario("an id that nobody has is told as such", async ({ window }) => {
  const page = await window();
  await page.tryToSignIn({ id: "999999999999", password: "some password" });
  assert.match(await page.complaint(), /\w{3}/);
  await page.isSignedOut();
});

scenario("a sign-up that cannot be says which field is wrong, and keeps the others", async ({ window }) => {
  const page = await window();
  await page.tryToSignUp({ firstName: "Ann", secondName: "Short", password: "short" });
  await eventually(() => page.invalidFields().then((fields) => fields.includes("password")), "the password is marked as wrong");
  assert.equal(await page.field("firstName").inputValue(), "Ann");
  await page.isSignedOut();
});

scenario("a reload keeps the session; who signs out leaves nothing behind", async ({ person, window, atHome }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  await bob.posts("for Ann's eyes");
  const page = await atHome(ann);
  await page.shows("for Ann's eyes");
  await page.page.reload();
  await page.isLive();
  await page.shows("for Ann's eyes");

  await page.signOut();
  await page.isSignedOut();
  assert.ok(!(await page.page.content()).includes("for Ann's eyes"));
  await page.page.goBack().catch(() => {}); // there may be nothing to go back to
  await page.open("/");
  await page.isSignedOut();
  const stored = await page.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  assert.ok(!/eyJ[\w-]+\./.test(stored), `a token is still stored: ${stored}`);

  const other = await window({ context: page.page.context() });
  await other.isSignedOut();
});

scenario("a session ended elsewhere: the page asks to sign in again, and the draft is still there", async ({ person, atHome }) => {
  const ann = await person("Ann");
  const page = await atHome(ann);
  await page.draft("not sent yet");
  await ann.endsSession(await page.token());
  await page.isSignedOut();
  assert.match(await page.mainText(), /session|sign(ed)? (in|out)/i, "it says why");
  await page.signIn(ann);
  await page.isLive();
  assert.equal(await page.draftText(), "not sent yet");
});

scenario("a session is renewed before it ends, and the live feed goes on", async ({ system, person, window }) => {
  const gateway = await system.addGateway({ token_ttl: "4s" });
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  const page = await window({ gateway });
  await page.signIn(ann);
  await page.isLive();
  const first = await page.token();
  await page.renewals(2); // the first token is dead by now
  assert.notEqual(await page.token(), first);
  await bob.posts("after the first token's end");
  await page.shows("after the first token's end");
  assert.ok(!(await page.states()).includes("closed"));
});

scenario("a session that ran out while the network was away: the page asks to sign in again", async ({ system, person, window }) => {
  const gateway = await system.addGateway({ token_ttl: "2s" });
  const ann = await person("Ann");
  const page = await window({ gateway });
  await page.signIn(ann);
  await page.isLive();
  const context = page.page.context();
  await context.setOffline(true);
  await page.isOffline();
  const token = await page.token();
  await eventually(async () => {
    const answer = await fetch(`${gateway.url}/post/feed`, { headers: { authorization: `Bearer ${token}` } });
    return answer.status === 401;
  }, "end of the token");
  await context.setOffline(false);
  await page.isSignedOut();
  await page.signIn(ann);
  await page.isLive();
});

scenario("two windows of one browser share the session: both renew it, and signing out in one ends it in the other", async ({ system, person, context, window }) => {
  const gateway = await system.addGateway({ token_ttl: "4s" });
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  const shared = await context({ gateway });
  const first = await window({ context: shared });
  await first.signIn(ann);
  await first.isLive();
  const second = await window({ context: shared });
  await second.isLive();
  await first.renewals(2);
  await second.renewals(2);
  await bob.posts("to both of them");
  for (const page of [first, second]) await page.shows("to both of them");

  await first.signOut();
  await second.isSignedOut();
  assert.match(await second.mainText(), /signed out in another window/i);
});

scenario("Bob deletes his account: Ann's page, read anew, has nothing of him, and nobody can sign in as him", async ({ person, atHome, window }) => {
  const [ann, bob, cat] = [await person("Ann"), await person("Bob"), await person("Cat")];
  for (const author of [bob, cat]) await ann.follows(author);
  await cat.posts("Cat stays");
  await bob.posts("Bob goes");
  const page = await atHome(ann);
  await page.shows("Bob goes");
  const bobs = await atHome(bob);
  await bobs.deleteAccount(bob.password);
  await page.page.reload();
  await page.showsExactly(["Cat stays"]);
  const again = await window();
  await again.tryToSignIn(bob);
  assert.match(await again.complaint(), /nobody/i);
});
