// A reporter for node --test-reporter: the JUnit file that `./dev test` counts. (Node has one of its own from version 20 on.)

const escaped = (text) =>
  text.replace(/[&<>"]/g, (sign) => `&#${sign.codePointAt(0)};`).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "?");

function testcase(data, outcome) {
  const seconds = ((data.details?.duration_ms ?? 0) / 1000).toFixed(3);
  return `<testcase classname="e2e" name="${escaped(data.name)}" time="${seconds}">${outcome}</testcase>\n`;
}

/** What has tests in it is told after them, and is no more than they are. */
export default async function* junit(events) {
  let nesting = 0;
  yield '<?xml version="1.0" encoding="utf-8"?>\n<testsuite name="e2e">\n';
  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    const isSum = data.nesting < nesting || data.details?.type === "suite";
    ({ nesting } = data);
    // What was filtered out is not part of this run.
    if (isSum || data.skip === "test name does not match pattern") continue;
    if (type === "test:pass") yield testcase(data, data.skip !== undefined ? "<skipped/>" : "");
    else yield testcase(data, `<failure>${escaped(String(data.details.error?.cause ?? data.details.error))}</failure>`);
  }
  yield "</testsuite>\n";
}
