// The small parts, each by itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { backoffMs } from "../dist/backoff.js";
import { sleep, withSignal } from "../dist/clock.js";
import { eventOf, idToWire, nextCursorOf, profileOf } from "../dist/convert.js";
import { DelimitedReader } from "../dist/delimited.js";
import { ApiError, isFinal } from "../dist/errors.js";
import { Inbox } from "../dist/inbox.js";
import { EnvelopeSchema, EnvelopeType, PostSchema, ProfileSchema } from "../dist/messages.js";
import { Seen } from "../dist/seen.js";
import { deletion, edit, FakeClock, post, ready } from "./fakes.mjs";

test("back-off: full jitter under a bound that doubles", () => {
  const clock = new FakeClock();
  for (const [n, chance, expected, comment] of [
    [0, 0, 0, "at once, with luck"],
    [0, 0.5, 500, "half of the base"],
    [1, 0.5, 1_000, "doubled"],
    [5, 0.5, 16_000, "and doubled again"],
    [6, 0.5, 30_000, "the maximum bounds it"],
    [5_000, 0.5, 30_000, "however often"],
    [6, 0.999, 59_940, "the maximum itself is never reached"],
  ]) {
    clock.chance = chance;
    assert.equal(backoffMs({ baseMs: 1_000, maxMs: 60_000 }, n, clock), expected, comment);
  }
});

test("sleep ends early, and without a trace, when it is aborted", async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const sleeping = sleep(clock, 1_000, stop.signal);
  stop.abort(new Error("enough"));
  await assert.rejects(sleeping, /enough/);
  assert.equal(clock.next, undefined, "the timer is gone");
  await assert.rejects(withSignal(new Promise(() => {}), stop.signal), /enough/, "a signal that was aborted before");
});

test("seen: remembers the newest", () => {
  const seen = new Seen(3);
  assert.deepEqual(["a", "b", "a", "c", "d", "b", "a"].map((key) => seen.add(key)), [true, true, false, true, true, false, true]);
  seen.clear();
  assert.ok(seen.add("d"));
});

test("inbox: in order, bounded, and what waits outlives an end that does not forget", async () => {
  const inbox = new Inbox(2);
  const early = inbox.take();
  inbox.push(1);
  assert.equal(await early, 1, "a reader that waits gets it");
  inbox.push(2);
  assert.equal(inbox.isFull, false);
  inbox.push(3);
  assert.equal(inbox.isFull, true);
  let emptied = false;
  inbox.emptied().then(() => { emptied = true; });
  assert.equal(await inbox.take(), 2);
  assert.equal(emptied, false);
  inbox.end(false);
  assert.equal(await inbox.take(), 3);
  assert.equal(await inbox.take(), undefined);
  assert.equal(emptied, true);
  const other = new Inbox(2);
  const waiting = other.take();
  other.end(true);
  assert.equal(await waiting, undefined, "who waits learns of the end");
});

// ---- length-delimited messages ----

const delimited = (...sizes) =>
  Uint8Array.from(sizes.flatMap((size, i) => [...(size < 128 ? [size] : [(size & 127) | 128, size >> 7]), ...new Array(size).fill(i + 1)]));

test("delimited: cut anywhere, the same messages come out", () => {
  const sizes = [3, 0, 1, 200, 0, 127, 128];
  const bytes = delimited(...sizes);
  for (let step = 1; step <= bytes.length; step++) {
    const reader = new DelimitedReader();
    const found = [];
    for (let from = 0; from < bytes.length; from += step) {
      found.push(...reader.push(bytes.subarray(from, from + step)).map((message) => message.slice()));
    }
    assert.deepEqual(found.map((message) => message.length), sizes, `in pieces of ${step}`);
    found.forEach((message, i) => assert.ok(message.every((byte) => byte === i + 1), `in pieces of ${step}: message ${i}`));
  }
});

test("delimited: what makes no sense is refused before it is gathered", () => {
  for (const [bytes, comment] of [
    [[0x81, 0x80, 0x04], "65,537 bytes"],
    [[0xff, 0xff, 0xff, 0xff, 0x0f], "4 GiB"],
    [[0x80, 0x80, 0x80, 0x80, 0x80, 0x00], "a length of six bytes"],
  ]) {
    assert.throws(() => new DelimitedReader().push(Uint8Array.from(bytes)), RangeError, comment);
    const reader = new DelimitedReader();
    assert.throws(() => bytes.forEach((byte) => reader.push(Uint8Array.of(byte))), RangeError, `${comment}, byte by byte`);
  }
  assert.deepEqual(new DelimitedReader().push(Uint8Array.of(0x80, 0x80, 0x04)), [], "65,536 bytes are waited for");
});

// ---- messages and what callers see ----

test("ids: what is none goes as 0, which the gateway refuses", () => {
  for (const [text, value] of [
    ["1", 1n], ["9223372036854775807", 2n ** 63n - 1n], ["9223372036854775808", 0n], ["0", 0n], ["01", 0n], ["-1", 0n], ["1.0", 0n], ["", 0n],
    [" 1", 0n], ["1e3", 0n], ["12345678901234567890", 0n],
  ]) {
    assert.equal(idToWire(text), value, JSON.stringify(text));
  }
});

test("the cursor of the next page is read from Link", () => {
  for (const [link, cursor] of [
    ['</post/feed?cursor=AQG2m0umMPNOBuqJ&limit=10>; rel="next"', "AQG2m0umMPNOBuqJ"],
    ["<https://feed.example/post/feed?limit=10&cursor=AQ-_>; rel=next", "AQ-_"],
    ['</post/feed?limit=10>; rel="prev"', undefined],
    [undefined, undefined],
  ]) {
    assert.equal(nextCursorOf(new Headers(link ? { Link: link } : {})), cursor, link);
  }
});

test("events: every kind, and nothing of an unknown one", () => {
  const event = (members) => eventOf(create(EnvelopeSchema, members));
  assert.deepEqual(event(ready({ resumed: true, cursor: "c" })), { type: "ready", resumed: true, userId: "7", cursor: "c" });
  assert.deepEqual(event(post("9007199254740993", { createdAtMs: 5n })), {
    type: "post", snapshot: false, cursor: "c9007199254740993",
    post: { id: "9007199254740993", text: "post 9007199254740993", authorUserId: "9", createdAt: new Date(5) },
  }, "an id beyond what a number holds");
  assert.deepEqual(event(edit(1, 2, { createdAtMs: 5n, editedAtMs: 6n })), {
    type: "edit", cursor: "c1e2", post: { id: "1", text: "edit 2", authorUserId: "9", createdAt: new Date(5), editedAt: new Date(6) },
  });
  assert.deepEqual(event(deletion(3)), { type: "delete", id: "3", authorUserId: "9", cursor: "c3d" });
  assert.deepEqual(event({ type: EnvelopeType.RESET }), { type: "reset" });
  assert.deepEqual(event({ type: EnvelopeType.SNAPSHOT_END, cursor: "c" }), { type: "snapshot_end", cursor: "c" });
  assert.equal(event({ type: EnvelopeType.CURSOR, cursor: "c" }), undefined);
  assert.equal(event({ type: 4711, cursor: "c" }), undefined);
});

test("followed is absent when nobody asks, and false when it is false", () => {
  assert.equal("followed" in profileOf(create(ProfileSchema, { id: 1n })), false);
  assert.equal(profileOf(create(ProfileSchema, { id: 1n, viewer: { case: "followed", value: false } })).followed, false);
});

test("fields that this version does not know survive", () => {
  const unknown = Uint8Array.from([0xa2, 0x06, 3, 1, 2, 3]); // field 100, three bytes
  const known = toBinary(PostSchema, create(PostSchema, { id: 1n, text: "x" }));
  const message = fromBinary(PostSchema, Uint8Array.from([...unknown, ...known]));
  message.text = "y";
  const again = toBinary(PostSchema, message);
  assert.ok(Buffer.from(again).includes(Buffer.from(unknown)));
  assert.equal(fromBinary(PostSchema, again).text, "y");
});

test("final: what the gateway itself refuses, and whoever is not let in", () => {
  for (const [status, code, final] of [
    [401, 1100, true], [401, 0, true], [403, 0, true], [404, 1302, true], [400, 1001, true],
    [404, 0, false], [429, 1700, false], [503, 2100, false], [500, 2000, false], [502, 0, false],
  ]) {
    assert.equal(isFinal(new ApiError({ status, code })), final, `${status}, code ${code}`);
  }
  assert.equal(isFinal(new Error("a lost network")), false);
});
