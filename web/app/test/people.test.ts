import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { People } from "../src/model/people.js";

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("names", () => {
  let asked: string[][];
  let due: (() => void)[];
  let fails: boolean;
  let people: People<{ id: string }>;

  beforeEach(() => {
    asked = [];
    due = [];
    fails = false;
    people = new People({
      read: async (ids) => {
        asked.push([...ids]);
        if (fails) throw new Error("away");
        return ids.filter((id) => id !== "404").map((id) => ({ id }));
      },
      later: (run) => void due.push(run),
    });
  });

  const pass = async (): Promise<void> => {
    for (const run of due.splice(0)) run();
    await settle();
  };

  it("are asked for together, each once", async () => {
    for (const id of ["1", "2", "1"]) assert.equal(people.get(id), undefined);
    await pass();
    assert.deepEqual(asked, [["1", "2"]]);
    assert.deepEqual(people.get("1"), { id: "1" });
  });

  it("are told when they are there; who is nobody is null", async () => {
    const learned: string[] = [];
    people.learned.on((ids) => learned.push(...ids));
    people.get("1");
    people.get("404");
    await pass();
    assert.deepEqual(learned, ["1", "404"]);
    assert.equal(people.get("404"), null);
  });

  it("come in batches of a hundred", async () => {
    for (let id = 1; id <= 150; id++) people.get(String(id));
    await pass();
    await pass();
    assert.deepEqual(asked.map((ids) => ids.length), [100, 50]);
  });

  it("are asked for again if the server was away", async () => {
    fails = true;
    people.get("1");
    await pass();
    fails = false;
    await pass();
    assert.deepEqual(people.get("1"), { id: "1" });
  });

  it("that another call told are not asked for", async () => {
    people.learn([{ id: "1" }]);
    assert.deepEqual(people.get("1"), { id: "1" });
    await pass();
    assert.deepEqual(asked, []);
  });
});
