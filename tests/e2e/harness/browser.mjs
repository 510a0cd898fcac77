// Debian's chromium, headless, with a profile of its own in a temporary folder (playwright-core makes and removes it), driven over a
// pipe: it listens nowhere, and finds no host but this one.

import { createRequire } from "node:module";

export function launch() {
  // playwright-core is a tool of web/, and lies in its node_modules.
  const { chromium } = createRequire(new URL("../../../web/package.json", import.meta.url))("playwright-core");
  return chromium.launch({
    executablePath: process.env.FRESHET_TEST_CHROMIUM ?? "/usr/bin/chromium",
    chromiumSandbox: false, // it refuses to run as root with it
    args: ["--disable-gpu", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
  });
}
