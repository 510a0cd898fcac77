// The browser tests, all of them in one process: they share a system and a browser.
//
//   node tests/e2e/run.mjs           every scenario
//   node tests/e2e/run.mjs --list    their titles
//
// FRESHET_E2E_FILTER: only those whose title contains it. See README.md beside this file.

import { run, titles } from "./harness/scenario.mjs";

import "./account.spec.mjs";
import "./live.spec.mjs";
import "./scrolling.spec.mjs";
import "./reset.spec.mjs";
import "./people.spec.mjs";
import "./faults.spec.mjs";
import "./keyboard.spec.mjs";
import "./accessibility.spec.mjs";
import "./security.spec.mjs";
import "./ops.spec.mjs";
import "./looks.spec.mjs";

if (process.argv.includes("--list")) console.log(titles().join("\n"));
else run();
