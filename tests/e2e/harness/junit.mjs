// A reporter for node --test-reporter: the JUnit file that `./dev test` counts. (Node has one of its own from version 20 on.)

const escaped = (text) =>
  text.replace(/[&<>"]/g, (sign) => `&#${sign.codePointAt(0)};`).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "?");

function testcase(data, outcome) {
  const seconds = ((data.details?.duration_ms ?? 0) / 1000).toFixed(3);
  return `<testcase classname="e2e" name="${escaped(data.name)}" time="${seconds}">${outcome}</testcase>\n`;
}

export default async function* junit(events) {
  yield '<?xml version="1.0" encoding="utf-8"?>\n<testsuite name="e2e">\n';
  for await (const { type, data } of events) {
    // Groups are no tests; what was filtered out is not part of this run.
    if (data?.details?.type === "suite" || data?.skip === "test name does not match pattern") continue;
    if (type === "test:pass") yield testcase(data, data.skip !== undefined ? "<skipped/>" : "");
    else if (type === "test:fail") yield testcase(data, `<failure>${escaped(String(data.details.error?.cause ?? data.details.error))}</failure>`);
  }
  yield "</testsuite>\n";
}
