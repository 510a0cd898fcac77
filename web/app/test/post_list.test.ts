// What a reader may rely on: order, no doubles, no holes, a place that stays.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PostList, WAITING_MAX } from "../src/model/post_list.js";

interface P {
  id: string;
  authorUserId: string;
  editedAt?: Date;
  text?: string;
}

const post = (id: number, more: Partial<P> = {}): P => ({ id: String(id), authorUserId: "7", ...more });
const page = (ids: number[], next?: string) => ({ items: ids.map((id) => post(id)), ...(next !== undefined && { next }) });
const ids = (posts: readonly P[]): number[] => posts.map((it) => Number(it.id));
const HOLD = true;
const AT_TOP = false;

/** A list that shows these, newest first, with more below. */
function listOf(...shown: number[]): PostList<P> {
  const list = new PostList<P>();
  list.renew(page(shown, "below"), AT_TOP);
  return list;
}

describe("posts that arrive", () => {
  it("come to the top of a reader who is there", () => {
    const list = listOf(20, 10);
    list.put(post(30), AT_TOP);
    assert.deepEqual(ids(list.shown), [30, 20, 10]);
    assert.deepEqual(ids(list.waiting), []);
  });

  it("wait for a reader who is further down, in order, and come when they are asked for", () => {
    const list = listOf(20, 10);
    for (const id of [30, 50, 40]) list.put(post(id), HOLD);
    assert.deepEqual(ids(list.shown), [20, 10]);
    assert.deepEqual(ids(list.waiting), [50, 40, 30]);
    list.reveal();
    assert.deepEqual(ids(list.shown), [50, 40, 30, 20, 10]);
    assert.deepEqual(ids(list.waiting), []);
  });

  it("go on waiting behind others, so that none overtakes", () => {
    const list = listOf(10);
    list.put(post(20), HOLD);
    list.put(post(30), AT_TOP);
    assert.deepEqual(ids(list.shown), [10]);
    assert.deepEqual(ids(list.waiting), [30, 20]);
  });

  it("take their place by id: two authors' posts come nearly in order", () => {
    const list = listOf(30, 10);
    list.put(post(20), HOLD);
    assert.deepEqual(ids(list.shown), [30, 20, 10]);
  });

  it("compare ids as numbers, however long", () => {
    const list = new PostList<P>();
    list.renew({ items: [post(9)] }, AT_TOP);
    list.put({ id: "10", authorUserId: "7" }, AT_TOP);
    list.put({ id: "999999999999999999", authorUserId: "7" }, AT_TOP);
    list.put({ id: "1000000000000000000", authorUserId: "7" }, AT_TOP);
    assert.deepEqual(list.shown.map((it) => it.id), ["1000000000000000000", "999999999999999999", "10", "9"]);
  });

  it("are shown once, if told twice", () => {
    const list = listOf(10);
    list.put(post(20), AT_TOP);
    list.put(post(20), AT_TOP);
    list.put(post(10), HOLD);
    assert.deepEqual(ids(list.shown), [20, 10]);
    assert.deepEqual(ids(list.waiting), []);
  });

  it("are left to the page that they belong to, below what is shown", () => {
    const list = listOf(30, 20);
    list.put(post(5), AT_TOP);
    assert.deepEqual(ids(list.shown), [30, 20]);
    list.append(page([10]));
    assert.deepEqual(ids(list.shown), [30, 20, 10, 5]);
  });

  it("end the list, where nothing else is below", () => {
    const list = new PostList<P>();
    list.renew(page([30, 20]), AT_TOP);
    list.put(post(5), AT_TOP);
    assert.deepEqual(ids(list.shown), [30, 20, 5]);
  });

  it("wait up to a bound; then the list knows that it has a hole", () => {
    const list = listOf(1);
    for (let id = 2; id < WAITING_MAX + 10; id++) list.put(post(id), HOLD);
    assert.equal(list.waiting.length, WAITING_MAX);
    assert.equal(list.stale, false);
    list.reveal();
    assert.equal(list.stale, true);
  });
});

describe("edits", () => {
  const edited = (id: number, at: number, text: string) => post(id, { editedAt: new Date(at), text });

  it("apply in place, to what is shown and to what waits", () => {
    const list = listOf(20, 10);
    list.put(post(30), HOLD);
    list.put(edited(10, 1, "new"), HOLD);
    list.put(edited(30, 1, "newer"), HOLD);
    assert.equal(list.find("10")?.text, "new");
    assert.equal(list.find("30")?.text, "newer");
    assert.deepEqual(ids(list.shown), [20, 10]);
    assert.deepEqual(ids(list.waiting), [30]);
  });

  it("are not undone by an earlier revision", () => {
    const list = listOf(10);
    list.put(edited(10, 2, "second"), AT_TOP);
    list.put(edited(10, 1, "first"), AT_TOP);
    assert.equal(list.find("10")?.text, "second");
  });

  it("are not undone by a page that was on its way", () => {
    const list = listOf(20);
    list.put(edited(10, 5, "new"), AT_TOP);
    list.append({ items: [post(10, { text: "old" })] });
    assert.equal(list.find("10")?.text, "new");
  });

  it("are overtaken by a page that knows more", () => {
    const list = listOf(20);
    list.put(edited(10, 5, "new"), AT_TOP);
    list.append({ items: [edited(10, 6, "newest")] });
    assert.equal(list.find("10")?.text, "newest");
  });
});

describe("deletes", () => {
  it("take out what is shown and what waits", () => {
    const list = listOf(20, 10);
    list.put(post(30), HOLD);
    list.remove("20");
    list.remove("30");
    assert.deepEqual(ids(list.shown), [10]);
    assert.deepEqual(ids(list.waiting), []);
  });

  it("are not undone by a page that was on its way, nor by a repetition", () => {
    const list = listOf(20);
    list.remove("10");
    list.append(page([10, 5]));
    list.put(post(10), AT_TOP);
    assert.deepEqual(ids(list.shown), [20, 5]);
  });

  it("of all that is shown bring what waits", () => {
    const list = listOf(10);
    list.put(post(20), HOLD);
    list.remove("10");
    assert.deepEqual(ids(list.shown), [20]);
    assert.deepEqual(ids(list.waiting), []);
  });

  it("of an author take all of theirs, also what was told and is not shown yet", () => {
    const list = new PostList<P>();
    list.renew({ items: [post(30, { authorUserId: "8" }), post(20)], next: "below" }, AT_TOP);
    list.put(post(40), HOLD);
    list.put(post(5), HOLD);
    list.removeAuthor("7");
    list.append({ items: [post(3, { authorUserId: "8" })] });
    assert.deepEqual(ids(list.shown), [30, 3]);
    assert.deepEqual(ids(list.waiting), []);
  });
});

describe("after a reset", () => {
  it("what is shown stays until the truth is known", () => {
    const list = listOf(20, 10);
    list.reset();
    assert.equal(list.stale, true);
    list.put(post(90), AT_TOP);
    assert.deepEqual(ids(list.shown), [20, 10], "a hole may be between 90 and 20");
  });

  it("the truth replaces it: what went away goes, what was missed comes, what was told live stays", () => {
    const list = listOf(30, 20, 10);
    list.reset();
    list.put(post(60), AT_TOP); // told live; the page was read before it
    list.renew(page([50, 40, 30, 10], "below"), AT_TOP);
    assert.deepEqual(ids(list.shown), [60, 50, 40, 30, 10]);
    assert.equal(list.stale, false);
    assert.equal(list.next, "below");
  });

  it("what was missed waits if the reader is further down", () => {
    const list = listOf(30, 20, 10);
    list.reset();
    list.renew(page([50, 40, 30, 20, 10], "below"), HOLD);
    assert.deepEqual(ids(list.shown), [30, 20, 10]);
    assert.deepEqual(ids(list.waiting), [50, 40]);
  });

  it("a reader whose place is gone starts at the top", () => {
    const list = listOf(30, 20, 10);
    list.reset();
    list.renew(page([90, 80], "below"), HOLD);
    assert.deepEqual(ids(list.shown), [90, 80]);
    assert.deepEqual(ids(list.waiting), []);
  });

  it("what was told before counts no more", () => {
    const list = listOf(10);
    list.put(post(20), AT_TOP);
    list.reset();
    list.renew(page([10]), AT_TOP);
    assert.deepEqual(ids(list.shown), [10]);
  });
});

// Whatever comes in whatever order: the same posts, sorted, each once, nothing above the shown that is not waiting.
it("holds its invariants under any sequence of events", () => {
  let seed = 42;
  const random = (n: number): number => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return (seed >> 8) % n;
  };
  for (let round = 0; round < 200; round++) {
    const list = new PostList<P>();
    for (let step = 0; step < 60; step++) {
      const id = 1 + random(40);
      const hold = random(2) === 0;
      switch (random(6)) {
        case 0:
          list.remove(String(id));
          break;
        case 1:
          list.reset();
          break;
        case 2:
          list.reveal();
          break;
        case 3: {
          const all = Array.from({ length: 40 }, (_, at) => 40 - at).filter(() => random(2) === 0);
          list.renew(page(all, random(2) === 0 ? "below" : undefined), hold);
          break;
        }
        default:
          list.put(post(id), hold);
      }
      const all = [...ids(list.waiting), ...ids(list.shown)];
      assert.deepEqual(all, [...new Set(all)].sort((a, b) => b - a), `round ${round}, step ${step}`);
    }
  }
});
