/** From the gateway's answers to what is drawn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CHARTS, CLOSES, partitionsOf } from "../src/ops/charts.ts";
import { format } from "../src/ops/format.ts";
import { Recorder, extent, pieces } from "../src/ops/record.ts";
import { linearScale, logarithmicScale } from "../src/ops/scale.ts";
import { Scrape, increase, level, quantile, rate } from "../src/ops/scrape.ts";
import { Poller, ask } from "../src/ops/source.ts";

const PROCESS = "freshet_started_seconds 1700000000\nfreshet_node 3\n";
const scrape = (at, text, process = PROCESS) => new Scrape(at, process + text);
const counted = (...values) => values.map((value, index) => scrape(2000 * index, `c ${value}\n`));

test("a rate is per second, between the last two answers", () => {
  assert.equal(rate(counted(5), "c"), null, "one answer tells of no time");
  assert.equal(rate(counted(5, 9), "c"), 2);
  assert.equal(rate(counted(0, 100, 100), "c"), 0);
  assert.equal(rate([scrape(0, ""), scrape(1000, "c 7\n")], "c"), 7, "what was not told before was 0");
  const labelled = [scrape(0, 'c{s="a"} 1\nc{s="b"} 10\n'), scrape(1000, 'c{s="a"} 2\nc{s="b"} 30\n')];
  assert.equal(rate(labelled, "c"), 21, "of all labels");
  assert.equal(rate(labelled, "c", { s: "b" }), 20);
});

test("nothing is told across a restart, another process or a long silence", () => {
  assert.equal(rate(counted(100, 3), "c"), null, "it began anew");
  const restarted = [scrape(0, "c 5\n"), scrape(2000, "c 900\n", "freshet_started_seconds 1700000001\nfreshet_node 3\n")];
  assert.equal(rate(restarted, "c"), null, "also if it counted past the old value since");
  const other = [scrape(0, "c 5\n"), scrape(2000, "c 900\n", "freshet_started_seconds 1700000000\nfreshet_node 4\n")];
  assert.equal(rate(other, "c"), null, "another gateway");
  assert.equal(rate([scrape(0, "c 5\n"), scrape(60_000, "c 900\n")], "c"), null, "who knows when");
});

test("an increase leaves out what is not known", () => {
  assert.equal(increase(counted(5), "c"), null);
  assert.equal(increase(counted(5, 6, 9), "c"), 4);
  assert.equal(increase(counted(5, 7, 1, 4), "c"), 5, "2 before the restart, 3 after it");
  assert.equal(increase(counted(5, 1), "c"), null);
});

test("a gauge that was not touched yet is 0, without an answer nothing is known", () => {
  assert.equal(level([scrape(0, "")], "g"), 0);
  assert.equal(level([scrape(0, "g -2\n")], "g"), -2);
  assert.equal(level([], "g"), null);
});

const histogram = (at, ...counts) =>
  scrape(at, `# TYPE h histogram\nh_bucket{le="+Inf"} ${counts[2]}\nh_bucket{le="0.1"} ${counts[0]}\nh_bucket{le="0.5"} ${counts[1]}\nh_sum 1\nh_count ${counts[2]}\n`);

test("quantiles are of what was observed between two answers", () => {
  const between = (before, now, q) => quantile([histogram(0, ...before), histogram(2000, ...now)], "h", q);
  assert.equal(between([1000, 1000, 1000], [1000, 1004, 1004], 0.5), 0.1 + 0.4 / 2, "the thousand before don't count");
  assert.equal(between([0, 0, 0], [10, 10, 10], 0.5), 0.05);
  assert.equal(between([0, 0, 0], [10, 10, 10], 1), 0.1);
  assert.equal(between([0, 0, 0], [5, 10, 10], 0.5), 0.1, "at the bound");
  assert.equal(between([0, 0, 0], [0, 0, 10], 0.99), 0.5, "above the last bound");
  assert.equal(between([5, 5, 5], [5, 5, 5], 0.5), null, "nothing was observed");
  assert.equal(between([5, 5, 5], [1, 2, 9], 0.5), null, "it began anew");
  assert.equal(quantile([histogram(0, 1, 1, 1)], "h", 0.5), null);
  assert.equal(quantile([scrape(0, ""), histogram(2000, 10, 10, 10)], "h", 0.5), 0.05, "the first ones ever");
  assert.equal(quantile([scrape(0, ""), scrape(2000, "")], "h", 0.5), null);
});

test("partitions are all there or unknown", () => {
  const told = Array.from({ length: 16 }, (_, p) =>
    `freshet_partition_pending{partition="${p}"} ${p}\nfreshet_partition_committed{partition="${p}"} 1\nfreshet_partition_oldest_seconds{partition="${p}"} 0.25\n`).join("");
  assert.deepEqual(partitionsOf(scrape(0, told))[15], { number: 15, waiting: 16, oldest: 0.25 });
  assert.equal(partitionsOf(scrape(0, told)).length, 16);
  for (const unknown of [scrape(0, "freshet_partition_lag_read 0\n"), undefined])
    assert.ok(partitionsOf(unknown).every(({ waiting, oldest }) => waiting === null && oldest === null));
});

test("every chart says something of an idle gateway's second answer, but of delays nothing", () => {
  const recorder = new Recorder();
  recorder.add(scrape(0, ""), new Date(0));
  recorder.add(scrape(2000, ""), new Date(2000));
  const last = recorder.points.at(-1);
  CHARTS.forEach(({ id, lines }, chart) => {
    const always = lines.some((_, line) => last.values[chart][line] === 0);
    assert.equal(always, !["latency", "backlog"].includes(id), id);
  });
  assert.ok(CLOSES.every(({ of }) => of(recorder.recent) === 0));
});

test("what is old is forgotten", () => {
  const recorder = new Recorder();
  for (let at = 0; at <= 3_600_000; at += 2000) recorder.add(scrape(at, "freshet_connections 1\n"), new Date(at));
  assert.equal(recorder.recent.length, 31, "a minute of answers");
  assert.equal(recorder.points.length, 151, "five minutes of points");
});

test("several gateways behind one address are noticed, a restart is none", () => {
  const [a, b] = [1, 2].map((node) => `freshet_started_seconds 1700000000\nfreshet_node ${node}\n`);
  const recorder = new Recorder();
  const seen = [a, a, b, b, a, b, b].map((process, index) => (recorder.add(scrape(2000 * index, "", process), new Date()), recorder.several));
  assert.deepEqual(seen, [false, false, false, false, true, true, true]);
});

test("gaps are gaps", () => {
  const recorder = new Recorder();
  const connections = (value) => `freshet_connections ${value}\n`;
  recorder.add(scrape(0, connections(5)), new Date());
  recorder.add(scrape(2000, connections(6)), new Date());
  recorder.miss(4000, new Date());
  recorder.add(scrape(6000, connections(7)), new Date());
  recorder.add(scrape(60_000, connections(8)), new Date()); // nobody looked meanwhile
  recorder.add(scrape(62_000, "freshet_connections NaN\n"), new Date());
  const chart = CHARTS.findIndex(({ id }) => id === "connections");
  assert.deepEqual(pieces(recorder.points, chart, 0), [[[0, 5], [2000, 6]], [[6000, 7]], [[60_000, 8]]]);
  assert.deepEqual(extent(recorder.points.slice(0, 3), chart, 0), { now: null, least: 5, most: 6 });
  assert.deepEqual(extent([], chart, 0), { now: null, least: null, most: null });
});

test("scales", () => {
  for (const [most, least, marks] of [
    [0, 2, [0, 1, 2]], [1, 2, [0, 1, 2]], [3, 2, [0, 2, 4]], [5, 2, [0, 3, 6]], [60, 2, [0, 30, 60]], [61, 2, [0, 40, 80]], [99, 2, [0, 50, 100]], [1000, 2, [0, 500, 1000]],
    [0.3, 1, [0, 0.5, 1]],
  ])
    assert.deepEqual(linearScale(most, least).marks, marks, String(most));
  assert.equal(linearScale(50, 2).place(15), 0.25);
  const decades = logarithmicScale(0.003, 0.2);
  assert.deepEqual(decades.marks.map((mark) => mark.toPrecision(2)), ["0.0010", "0.010", "0.10", "1.0"]);
  assert.ok(Math.abs(decades.place(0.01) - 1 / 3) < 1e-9);
  assert.equal(decades.place(0), 0);
  assert.equal(decades.place(100), 1);
  assert.equal(logarithmicScale(0.01, 0.01).marks.length, 3, "one value has room around it");
});

test("numbers are short", () => {
  for (const [value, unit, text] of [
    [null, "count", "–"], [NaN, "seconds", "–"], [Infinity, "seconds", "∞"], [0, "count", "0"], [0, "seconds", "0 s"], [0, "per second", "0/s"], [0, "bytes", "0 B"],
    [7, "count", "7"], [1234, "count", "1,234"], [12_345, "count", "12.3k"], [2.5e6, "count", "2.5M"], [0.5, "per second", "0.5/s"],
    [0.00042, "seconds", "420 µs"], [0.0123, "seconds", "12.3 ms"], [1.5, "seconds", "1.5 s"], [119, "seconds", "119 s"], [600, "seconds", "10 min"], [7200, "seconds", "2 h"],
    [999, "bytes", "999 B"], [52_428_800, "bytes", "52.4 MB"], [2e9, "bytes", "2 GB"],
  ])
    assert.equal(format(value, unit), text);
});

test("asking", async () => {
  const asked = [];
  const answering = (response) => ({
    fetch: async (path, options) => (asked.push([path, options]), response()),
    now: () => 77,
    signal: new AbortController().signal,
  });
  const answer = await ask("s3cret", answering(() => new Response("a 1\n")));
  assert.equal(answer.kind, "answer");
  assert.deepEqual([answer.scrape.at, answer.scrape.value("a")], [77, 1]);
  assert.equal(asked[0][0], "/ops/metrics", "no token in the URL");
  assert.equal(asked[0][1].headers.Authorization, "Bearer s3cret");
  for (const [response, kind, why, waitMs] of [
    [() => new Response("", { status: 401 }), "refused", /token/],
    [() => new Response("", { status: 404 }), "refused", /FRESHET_ADMIN_TOKEN/],
    [() => new Response("", { status: 503, headers: { "Retry-After": "3" } }), "away", /503/, 3000],
    [() => new Response("", { status: 500 }), "away", /500/, 0],
    [() => new Response("<html>"), "away", /damaged, line 1/, 0],
    [() => Promise.reject(new TypeError("fetch failed")), "away", /no answer/, 0],
  ]) {
    const outcome = await ask("x", answering(response));
    assert.equal(outcome.kind, kind);
    assert.match(outcome.why, why);
    assert.equal(outcome.waitMs, waitMs);
  }
});

test("a poller asks once at a time, goes on whatever it hears, and is silent when it was stopped", async (t) => {
  const real = globalThis.fetch;
  t.after(() => (globalThis.fetch = real));
  let asked = 0;
  let waiting = 0;
  globalThis.fetch = async () => {
    assert.equal(++waiting, 1, "two questions at once");
    await new Promise((resolve) => setTimeout(resolve, 2));
    waiting--;
    asked++;
    return asked % 2 === 0 ? new Response("", { status: 503 }) : new Response("a 1\n");
  };
  const heard = [];
  await new Promise((enough) => {
    const poller = new Poller({
      token: "x",
      everyMs: 1,
      patienceMs: 60_000,
      heard: ({ kind }) => {
        heard.push(kind);
        if (heard.length < 4) return;
        poller.stop();
        enough();
      },
    });
    poller.start();
    poller.start();
  });
  const then = asked;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(asked, then, "it was stopped");
  assert.deepEqual(heard, ["answer", "away", "answer", "away"]);
});

test("an answer that takes too long is none", async (t) => {
  const real = globalThis.fetch;
  t.after(() => (globalThis.fetch = real));
  globalThis.fetch = (_, { signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const outcome = await new Promise((resolve) => {
    const heard = (first) => (poller.stop(), resolve(first));
    const poller = new Poller({ token: "x", everyMs: 1, patienceMs: 5, heard });
    poller.start();
  });
  assert.deepEqual([outcome.kind, outcome.why], ["away", "no answer"]);
});
