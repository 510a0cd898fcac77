/** The text format 0.0.4, as Prometheus' own documentation of it has it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ExpositionError, parseExposition } from "../src/ops/exposition.ts";

const samples = (text, name) => parseExposition(text).get(name).samples;
const plain = (sample) => ({ ...sample, labels: Object.fromEntries(sample.labels) });

test("the documentation's example", () => {
  const families = parseExposition(`# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# A histogram, which has a pretty complex representation in the text format:
# HELP http_request_duration_seconds A histogram of the request duration.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320

# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.99"} 76656
rpc_duration_seconds_sum 1.7560473e+07
rpc_duration_seconds_count 2693
`);
  assert.deepEqual(
    [...families].map(([name, { type, samples }]) => [name, type, samples.length]),
    [
      ["http_requests_total", "counter", 2],
      ["msdos_file_access_time_seconds", "untyped", 1],
      ["metric_without_timestamp_and_labels", "untyped", 1],
      ["something_weird", "untyped", 1],
      ["http_request_duration_seconds", "histogram", 4],
      ["rpc_duration_seconds", "summary", 3],
    ],
  );
  assert.equal(families.get("http_requests_total").help, "The total number of HTTP requests.");
  assert.deepEqual(plain(families.get("http_requests_total").samples[0]), {
    name: "http_requests_total",
    labels: { method: "post", code: "200" },
    value: 1027,
    timestamp: 1395066363000,
  });
  assert.deepEqual(plain(families.get("msdos_file_access_time_seconds").samples[0]).labels, {
    path: "C:\\DIR\\FILE.TXT",
    error: 'Cannot find file:\n"FILE.TXT"',
  });
  assert.deepEqual(plain(families.get("something_weird").samples[0]), {
    name: "something_weird",
    labels: { problem: "division by zero" },
    value: Infinity,
    timestamp: -3982045,
  });
});

test("numbers", () => {
  for (const [text, value] of [
    ["0", 0], ["-0.5", -0.5], ["+3", 3], [".5", 0.5], ["5.", 5], ["1e3", 1000], ["1.5E-3", 0.0015],
    ["+Inf", Infinity], ["-Inf", -Infinity], ["Inf", Infinity], ["inf", Infinity], ["9223372036854775807", 2 ** 63],
  ])
    assert.equal(samples(`a ${text}`, "a")[0].value, value, text);
  for (const text of ["NaN", "nan"]) assert.ok(Number.isNaN(samples(`a ${text}`, "a")[0].value), text);
});

test("blanks are where they may be", () => {
  assert.deepEqual(plain(samples(' \ta\t{ b = "c" ,\td="e", }\t1  2 \n', "a")[0]), {
    name: "a",
    labels: { b: "c", d: "e" },
    value: 1,
    timestamp: 2,
  });
  assert.deepEqual(plain(samples('a{b="}, {"}1', "a")[0]).labels, { b: "}, {" });
  assert.equal(samples("a{} 1", "a")[0].labels.size, 0);
  assert.equal(parseExposition("\n\n  \n#\n# \n#nothing\n# TYPES a b\n").size, 0);
});

test("texts are unescaped once, each by its own rule", () => {
  assert.equal(samples('a{b="\\\\n\\n\\""} 1', "a")[0].labels.get("b"), '\\n\n"');
  assert.equal(parseExposition('# HELP a \\\\n\\n\\" "').get("a").help, '\\n\n\\" "');
  assert.equal(parseExposition("# HELP a").get("a").help, "");
  assert.equal(samples('a{b="д\u{1f600}"} 1', "a")[0].labels.get("b"), "д\u{1f600}");
});

test("only a histogram has buckets, only it and a summary a sum", () => {
  const families = parseExposition("# TYPE a counter\na_count 1\n# TYPE b summary\nb_sum 1\nb_bucket 2\n");
  assert.deepEqual([...families.keys()], ["a", "a_count", "b", "b_bucket"]);
});

test("a damaged exposition is none, and says where", () => {
  for (const [text, line, what] of [
    ["a", 1, /a value/], ["a one", 1, /no number/], ["a 0x10", 1, /no number/], ["a 1_000", 1, /no number/], ["a --1", 1, /no number/],
    ["ok 1\n1a 2", 2, /name of a metric/], ["a{b} 1", 1, /=/], ["a{b=c} 1", 1, /value of the label b/], ['a{b="c} 1', 1, /value of the label b/],
    ['a{b="c"', 1, /}/], ['a{b="c"d="e"} 1', 1, /}/], ['a{1b="c"} 1', 1, /label/], ['a{b="\\x"} 1', 1, /value of the label b/],
    ['a{b="c",b="d"} 1', 1, /twice/], ["a 1 2 3", 1, /behind/], ["a 1 soon", 1, /milliseconds/], ["a{,} 1", 1, /label/],
    ["# TYPE a meter", 1, /no type/], ["# TYPE a gauge\n# TYPE a gauge", 2, /second TYPE/], ["a 1\n# TYPE a gauge", 2, /behind its samples/],
    ["# HELP a b\n# HELP a c", 2, /second HELP/], ["# TYPE 1 gauge", 1, /name of a metric/], ["<html>", 1, /name of a metric/], ["a 1\r\n", 1, /no number/],
  ])
    assert.throws(() => parseExposition(text), (error) => error instanceof ExpositionError && error.line === line && what.test(error.message), text);
});
