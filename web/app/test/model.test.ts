// The small ones: drafts, routes, words.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ApiError, ConnectionError } from "@freshet/client";
import { sayConnection } from "../src/model/connection.js";
import { byteLength, Draft } from "../src/model/draft.js";
import { compareIds, isId } from "../src/model/ids.js";
import { findLinks } from "../src/model/links.js";
import { hrefOf, parseRoute, type Route } from "../src/model/routes.js";
import { BrowserStore, type Store } from "../src/model/store.js";
import { initials, sayCount, sayError } from "../src/model/words.js";

class MemoryStore implements Store {
  readonly map = new Map<string, string>();
  get = (name: string): string | null => this.map.get(name) ?? null;
  set = (name: string, value: string | null): void => void (value === null ? this.map.delete(name) : this.map.set(name, value));
}

describe("a draft", () => {
  it("survives a reload with its key", () => {
    const store = new MemoryStore();
    const before = new Draft(store, "7");
    before.write("hello");
    const after = new Draft(store, "7");
    assert.equal(after.text, "hello");
    assert.equal(after.key, before.key);
  });

  it("has another key when it has another text: another text is another post", () => {
    const draft = new Draft(new MemoryStore(), "7");
    const keys = ["a", "ab", "a", ""].map((text) => (draft.write(text), draft.key));
    assert.equal(new Set(keys).size, 4);
    draft.write("");
    assert.equal(draft.key, keys[3], "the same text keeps it");
  });

  it("leaves nothing behind when it is empty", () => {
    const store = new MemoryStore();
    const draft = new Draft(store, "7");
    draft.write("hello");
    draft.write("");
    assert.equal(store.map.size, 0);
  });

  it("is each user's own", () => {
    const store = new MemoryStore();
    new Draft(store, "7").write("hello");
    assert.equal(new Draft(store, "8").text, "");
  });

  for (const [saved, why] of [["{", "no JSON"], ["null", "nothing"], ['{"text":1}', "not a draft"]] as const) {
    it(`begins empty if what is stored is ${why}`, () => {
      const store = new MemoryStore();
      store.set("freshet.draft.7", saved);
      assert.equal(new Draft(store, "7").text, "");
    });
  }

});

it("where a browser keeps nothing, what is stored lives as long as the page", () => {
  const store = new BrowserStore(); // node has no localStorage
  assert.equal(store.get("a"), null);
  store.set("a", "1");
  assert.equal(store.get("a"), "1");
  store.set("a", null);
  assert.equal(store.get("a"), null);
});

it("the length of a text is counted in bytes of UTF-8, as the server does", () => {
  for (const [text, bytes] of [["", 0], ["abc", 3], ["é", 2], ["Ж", 2], ["水", 3], ["💧", 4]] as const) assert.equal(byteLength(text), bytes, text);
});

describe("ids", () => {
  for (const [text, good] of [["1", true], ["178412309504000001", true], ["9999999999999999999", true], ["", false], ["0", false], ["01", false], ["-1", false], ["1e3", false], ["12345678901234567890", false]] as const) {
    it(`${JSON.stringify(text)} is ${good ? "one" : "none"}`, () => assert.equal(isId(text), good));
  }
  it("are in order of their numbers", () => {
    assert.deepEqual(["100", "9", "10"].sort(compareIds), ["9", "10", "100"]);
  });
});

describe("routes", () => {
  const routes: readonly (readonly [string, Route])[] = [
    ["#/", { view: "home" }],
    ["#/people", { view: "people", first: "", last: "" }],
    ["#/people?first=%D0%9A%D0%BE&last=a%26b", { view: "people", first: "Ко", last: "a&b" }],
    ["#/user/42", { view: "profile", id: "42", tab: "posts" }],
    ["#/user/42/followers", { view: "profile", id: "42", tab: "followers" }],
    ["#/user/42/following", { view: "profile", id: "42", tab: "following" }],
    ["#/settings", { view: "settings" }],
    ["#/signin", { view: "signin" }],
  ];
  for (const [hash, route] of routes) {
    it(`${hash} leads there and back`, () => {
      assert.deepEqual(parseRoute(hash), route);
      assert.deepEqual(parseRoute(hrefOf(route)), route);
    });
  }
  for (const hash of ["", "#"]) it(`${JSON.stringify(hash)} is home`, () => assert.deepEqual(parseRoute(hash), { view: "home" }));
  for (const hash of ["#/user/", "#/user/0", "#/user/x", "#/user/42/posts/1", "#/user/42/friends", "#/nowhere", "#/settings/1"]) {
    it(`${hash} leads nowhere`, () => assert.deepEqual(parseRoute(hash), { view: "lost" }));
  }
});

describe("addresses in a text", () => {
  const cases: readonly (readonly [string, readonly string[], string])[] = [
    ["no address", [], "none"],
    ["see https://a.example/b?c=d#e now", ["https://a.example/b?c=d#e"], "one"],
    ["http://a.example, and (https://b.example).", ["http://a.example", "https://b.example"], "without what ends the sentence"],
    ["https://w.example/Water_(river)", ["https://w.example/Water_(river)"], "with a bracket of its own"],
    ["javascript:alert(1) data:text/html,x ftp://a.example", [], "of the web alone"],
    ["xhttps://a.example", [], "that begin where a word does"],
    ["https:// and http://[", [], "that are none"],
    ['https://a.example/"><script>', ["https://a.example/"], "end at what can't be in them"],
  ];
  for (const [text, links, why] of cases) {
    it(`are found: ${why}`, () => {
      const parts = findLinks(text);
      assert.deepEqual(parts.filter(({ href }) => href !== undefined).map((part) => part.text), links);
      assert.equal(parts.map((part) => part.text).join(""), text);
      for (const { href } of parts) assert.match(href ?? "https:", /^https?:/);
    });
  }
});

describe("words", () => {
  it("count", () => {
    assert.equal(sayCount(1, "new post", "new posts"), "1 new post");
    assert.equal(sayCount(3, "new post", "new posts"), "3 new posts");
    assert.equal(sayCount(999, "new post", "new posts", 998), "998+ new posts");
  });

  it("take the first letters of both names, whatever a letter is", () => {
    assert.equal(initials({ firstName: "ada", secondName: "Lovelace" }), "AL");
    assert.equal(initials({ firstName: "👩‍🚀 x", secondName: " é" }), "👩‍🚀É");
    assert.equal(initials({ firstName: "", secondName: "" }), "");
  });

  it("say what the server said, and when to come again", () => {
    const error = new ApiError({ status: 429, detail: "too many requests", retryAfter: 5 });
    assert.equal(sayError(error).text, "Too many requests. Try again in 5 seconds.");
    assert.equal(sayError(new ApiError({ status: 400, detail: "text must not be empty", field: "text" })).field, "text");
    assert.match(sayError(new ConnectionError("x")).text, /can’t be reached/);
    assert.match(sayError(new TypeError("x")).text, /on this page/);
  });

  it("say for how long one waits for the connection", () => {
    const retryAt = new Date(10_000);
    assert.equal(sayConnection({ kind: "offline", retryAt }, 6_500).countdown, "retry in 4 s");
    assert.equal(sayConnection({ kind: "resuming", retryAt }, 10_000).countdown, "trying");
    assert.equal(sayConnection({ kind: "live", retryAt }, 0).countdown, "");
  });
});
