// When a timeline reads what, and what becomes of answers that come late or not at all.
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { Timeline } from "../src/model/timeline.js";

interface P {
  id: string;
  authorUserId: string;
}
interface Asked {
  cursor: string | undefined;
  limit: number;
  signal: AbortSignal;
  answer: (ids: number[], next?: string) => void;
  fail: (error: Error) => void;
}

const post = (id: number): P => ({ id: String(id), authorUserId: "7" });
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let asked: Asked[];
let waiting: (() => void)[];
let timeline: Timeline<P>;
let hold: boolean;

const shown = (): number[] => timeline.list.shown.map(({ id }) => Number(id));
const heldBack = (): number[] => timeline.list.waiting.map(({ id }) => Number(id));

beforeEach(() => {
  asked = [];
  waiting = [];
  hold = false;
  timeline = new Timeline<P>({
    wants: ({ authorUserId }) => authorUserId !== "1",
    read: (cursor, limit, signal) =>
      new Promise((resolve, reject) => {
        asked.push({
          cursor,
          limit,
          signal,
          answer: (ids, next) => resolve({ items: ids.map(post), ...(next !== undefined && { next }) }),
          fail: reject,
        });
      }),
    later: (run) => {
      waiting.push(run);
      return () => {
        waiting = waiting.filter((other) => other !== run);
      };
    },
  });
  timeline.hold = () => hold;
});

/** Answers the newest question. */
async function answer(ids: number[], next?: string): Promise<void> {
  asked.at(-1)?.answer(ids, next);
  await settle();
}

async function start(ids: number[], next?: string): Promise<void> {
  void timeline.renew();
  await answer(ids, next);
}

describe("pages", () => {
  it("come one below the other", async () => {
    await start([30, 20], "c1");
    void timeline.older();
    assert.equal(timeline.state.value.reading, "older");
    assert.equal(asked[1]?.cursor, "c1");
    await answer([10]);
    assert.deepEqual(shown(), [30, 20, 10]);
    assert.equal(timeline.state.value.reading, null);
  });

  it("are asked for once at a time, and not past the end", async () => {
    await start([30, 20], "c1");
    void timeline.older();
    void timeline.older();
    assert.equal(asked.length, 2);
    await answer([10]);
    void timeline.older();
    assert.equal(asked.length, 2);
  });

  it("that fail are said, and come when they are asked for again", async () => {
    await start([30], "c1");
    void timeline.older();
    asked[1]?.fail(new Error("away"));
    await settle();
    assert.match(String(timeline.state.value.error), /away/);
    void timeline.retry();
    assert.equal(asked[2]?.cursor, "c1");
    await answer([10]);
    assert.deepEqual(shown(), [30, 10]);
    assert.equal(timeline.state.value.error, null);
  });
});

describe("a reset", () => {
  it("has everything read again, down to the reader's place, before anything moves", async () => {
    await start([30, 20], "c1");
    hold = true;
    timeline.hear({ type: "reset" });
    timeline.hear({ type: "put", post: post(90) });
    timeline.hear({ type: "renewed" });
    await answer([90, 80, 70], "c2");
    assert.deepEqual(shown(), [30, 20]);
    assert.equal(asked.at(-1)?.cursor, "c2");
    await answer([60, 30, 10], "c3");
    assert.deepEqual(shown(), [30, 10]);
    assert.deepEqual(heldBack(), [90, 80, 70, 60]);
    assert.equal(timeline.list.next, "c3");
  });

  it("makes an answer that is on its way worthless", async () => {
    void timeline.renew();
    timeline.hear({ type: "reset" });
    timeline.hear({ type: "renewed" });
    assert.equal(asked[0]?.signal.aborted, true);
    asked[0]?.answer([1]);
    await answer([2]);
    assert.deepEqual(shown(), [2]);
  });

  it("that can't be followed by reading is tried again by itself", async () => {
    await start([30]);
    timeline.hear({ type: "reset" });
    timeline.hear({ type: "renewed" });
    asked.at(-1)?.fail(new Error("away"));
    await settle();
    assert.deepEqual(shown(), [30], "what was shown stays");
    assert.equal(waiting.length, 1);
    waiting[0]?.();
    await answer([40, 30]);
    assert.deepEqual(shown(), [40, 30]);
  });

  it("gives up the reader's place if it is too far down", async () => {
    await start([1]);
    hold = true;
    timeline.hear({ type: "reset" });
    timeline.hear({ type: "renewed" });
    for (let n = 0; n < 10; n++) await answer([1000 - n], `c${n}`);
    assert.equal(asked.length, 11);
    assert.equal(shown().length, 10);
    assert.deepEqual(heldBack(), []);
  });
});

describe("events", () => {
  it("of others are not heard", async () => {
    await start([30]);
    timeline.hear({ type: "put", post: { id: "40", authorUserId: "1" } });
    assert.deepEqual(shown(), [30]);
  });

  it("say that the list changed", async () => {
    await start([30]);
    let changes = 0;
    timeline.changed.on(() => changes++);
    timeline.hear({ type: "put", post: post(40) });
    timeline.hear({ type: "delete", id: "40" });
    assert.equal(changes, 2);
  });

  it("that make pages say something else have them read again", async () => {
    await start([30]);
    timeline.hear({ type: "expired" });
    await answer([40, 30]);
    assert.deepEqual(shown(), [40, 30]);
  });

  it("do nothing to a timeline that is closed", async () => {
    await start([30]);
    timeline.close();
    timeline.hear({ type: "renewed" });
    timeline.hear({ type: "delete", id: "30" });
    assert.equal(asked.length, 1);
    assert.deepEqual(shown(), [30]);
  });
});

describe("what waits", () => {
  it("comes at once if it is little", async () => {
    await start([10]);
    hold = true;
    timeline.hear({ type: "put", post: post(20) });
    await timeline.reveal();
    assert.deepEqual(shown(), [20, 10]);
    assert.equal(asked.length, 1);
  });

  it("is replaced by the newest page if it is much", async () => {
    await start([10]);
    hold = true;
    for (let id = 1000; id < 1200; id++) timeline.hear({ type: "put", post: post(id) });
    void timeline.reveal();
    await answer([1199, 1198], "c1");
    assert.deepEqual(shown(), [1199, 1198]);
    assert.deepEqual(heldBack(), []);
  });
});
