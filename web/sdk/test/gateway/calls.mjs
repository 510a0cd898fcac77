// Every call against a real gateway: node calls.mjs URL. Ends with 0 if all is as it should be.
import assert from "node:assert/strict";
import { ApiError, Client } from "../../dist/index.js";

const [url] = process.argv.slice(2);
const password = "correct horse battery";

/** What the call was refused with. */
async function refused(promise) {
  const error = await promise.then(() => assert.fail("it was not refused"), (reason) => reason);
  assert.ok(error instanceof ApiError, error);
  assert.ok(error.requestId && error.detail && error.type.startsWith("urn:freshet:problem:"), error);
  return [error.status, error.code, error.field];
}

// People. Names that no other test has: the system is shared.
const mark = `Q${Date.now().toString(36)}`;
const anna = new Client(url);
const id = await anna.register({ firstName: `${mark}Ада`, secondName: "Лавлейс", birthdate: "1815-12-10", biography: "Notes.", city: "London", password });
assert.match(id, /^[1-9][0-9]*$/);
assert.deepEqual(await refused(anna.register({ firstName: "", secondName: "B", password })), [400, 1001, "first_name"]);
assert.deepEqual(await refused(anna.login(id, "wrong horse")), [400, 1002, "password"]);
assert.deepEqual(await refused(anna.login("999", password)), [404, 1302, "id"]);
assert.deepEqual(await refused(anna.login("no id", password)), [400, 1001, "id"]);
assert.equal(anna.session, undefined);
const session = await anna.login(id, password);
assert.ok(session.expiresAt > new Date(), "it ends in the future");

const ben = new Client(url);
const benId = await ben.register({ firstName: `${mark}Ben`, secondName: "Lee", password });
await ben.login(benId, password);
assert.deepEqual(await ben.getUser(id), { id, firstName: `${mark}Ада`, secondName: "Лавлейс", birthdate: "1815-12-10", biography: "Notes.", city: "London" });
assert.deepEqual(await ben.getUser(benId), { id: benId, firstName: `${mark}Ben`, secondName: "Lee", birthdate: "", biography: "", city: "" });
assert.deepEqual(await refused(ben.getUser("999")), [404, 1302, "id"]);
assert.deepEqual(await refused(ben.getUser("../x")), [400, 1001, "id"]);
assert.deepEqual((await ben.getUsers([benId, "999", id])).map((user) => user.id), [benId, id]);
const found = await ben.searchUsers(mark.toLowerCase(), "л");
assert.deepEqual([found.items.map((user) => user.id), found.next], [[id], undefined]);
assert.deepEqual(await refused(ben.searchUsers("", "x")), [400, 1001, "first_name"]);

// Follows.
assert.deepEqual(await refused(anna.follow(id)), [400, 1003, "user_id"]);
assert.deepEqual(await refused(anna.follow("999")), [404, 1302, "user_id"]);
await anna.follow(benId);
await anna.follow(benId);
assert.deepEqual((await anna.listFollowing(id)).items.map((user) => user.id), [benId]);
assert.deepEqual((await anna.listFollowers(benId)).items.map((user) => user.id), [id]);
const { followerCount, followingCount, celebrity, followed } = await anna.getProfile(benId);
assert.deepEqual([followerCount, followingCount, celebrity, followed], [1, 0, false, true]);
assert.equal("followed" in (await new Client(url).getProfile(benId)), false, "nobody asks");

// Posts.
const first = await ben.createPost("One", { idempotencyKey: `${mark}-1` });
assert.equal(await ben.createPost("One", { idempotencyKey: `${mark}-1` }), first);
assert.deepEqual(await refused(ben.createPost("Two", { idempotencyKey: `${mark}-1` })), [409, 1501, "Idempotency-Key"]);
assert.deepEqual(await refused(ben.createPost("")), [400, 1001, "text"]);
const more = [];
for (const text of ["Two", "Three 🌊", "Four"]) more.unshift(await ben.createPost(text));
const post = await anna.getPost(first);
assert.deepEqual([post.id, post.text, post.authorUserId, post.editedAt], [first, "One", benId, undefined]);
assert.ok(Math.abs(post.createdAt - Date.now()) < 3_600_000);
await ben.updatePost(first, "One, again");
const edited = await anna.getPost(first);
assert.ok(edited.text === "One, again" && edited.editedAt >= edited.createdAt);
assert.deepEqual(await refused(anna.updatePost(first, "Mine")), [403, 1200, "id"]);
assert.deepEqual(await refused(ben.updatePost("999", "x")), [404, 1303, "id"]);
assert.deepEqual(await refused(anna.deletePost(first)), [403, 1200, "id"]);
await ben.deletePost(first);
assert.deepEqual(await refused(ben.deletePost(first)), [404, 1303, "id"]);
assert.deepEqual(await refused(anna.getPost(first)), [404, 1303, "id"]);

// Pages: whole, and by cursors.
async function pages(read) {
  const items = [];
  let cursor;
  do {
    const page = await read({ limit: 2, ...(cursor && { cursor }) });
    assert.ok(page.items.length <= 2);
    items.push(...page.items.map((one) => one.id));
    cursor = page.next;
  } while (cursor);
  return items;
}
assert.deepEqual((await anna.getFeed({ limit: 100 })).items.map((one) => one.id), more);
assert.deepEqual((await anna.getFeed({ offset: 1, limit: 1 })).items.map((one) => one.text), ["Three 🌊"]);
assert.deepEqual(await pages((page) => anna.getFeed(page)), more);
assert.deepEqual(await pages((page) => anna.listPosts(benId, page)), more);
assert.deepEqual(await refused(anna.getFeed({ cursor: "damaged" })), [400, 1001, "cursor"]);
await anna.unfollow(benId);
await anna.unfollow(benId);
assert.deepEqual((await anna.getFeed()).items, []);

// Sessions.
const old = new Client(url, { token: ben.session.token });
const renewed = await ben.refresh();
assert.notEqual(renewed.token, old.session.token);
assert.equal(renewed, ben.session);
assert.ok((await ben.makeTicket()).ticket.length > 20);
await ben.logout();
assert.deepEqual(await refused(ben.createPost("Who?")), [401, 1100, undefined]);
assert.ok(await old.createPost("The older token is good until its end"));
await assert.rejects(anna.getUser(id, { signal: AbortSignal.abort() }), { name: "AbortError" });
assert.deepEqual(await refused(old.deleteAccount("wrong horse")), [400, 1002, "password"]);
await old.deleteAccount(password);
assert.deepEqual(await refused(anna.getUser(benId)), [404, 1302, "id"]);
const named = await anna.getUser("999", { requestId: "named-by-me" }).catch((error) => error);
assert.equal(named.requestId, "named-by-me");
