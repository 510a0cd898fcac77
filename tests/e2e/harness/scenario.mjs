// scenario("what is so", async ({ … }) => …): one test, with people and windows of its own on the system and the browser that all
// share. run(), at the end of run.mjs, starts those, runs all scenarios, and takes them away.

import { mkdir, writeFile } from "node:fs/promises";
import test from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { launch } from "./browser.mjs";
import { Guards } from "./guards.mjs";
import { Person } from "./people.mjs";
import { System } from "./system.mjs";
import { Window } from "./window.mjs";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const LONGEST = 120_000; // ms for one scenario, after which it has failed
const LANES = 2; // so many scenarios at once: most of their time they wait
const STARTING = 300_000; // for the servers and the browser together, on a machine that has much else to do

/** Where screenshots and reports of failures go. */
export const OUTPUT = process.env.FRESHET_E2E_OUTPUT ?? `${ROOT}build/e2e`;

const filter = (process.env.FRESHET_E2E_FILTER ?? "").toLowerCase();
const scenarios = [];

async function start() {
  const system = await System.start();
  try {
    return { system, browser: await launch() };
  } catch (error) {
    await system.close();
    throw error;
  }
}

/** What a scenario has in hands. */
class Stage {
  guards = [];
  contexts = [];
  windows = [];

  constructor({ system, browser }) {
    this.system = system;
    this.browser = browser;
    // Written down for scenarios that take their arguments apart.
    this.person = (firstName, more) => Person.make(system, firstName, more);
    this.context = (options) => this.#context(options);
    this.window = (options) => this.#window(options);
    this.atHome = (person, options) => this.#atHome(person, options);
  }

  /** Like a browser profile of its own: contexts share neither storage nor cache. `gateway`: whose page is looked at. */
  async #context({ gateway = this.system.gateway, ...options } = {}) {
    const context = await this.browser.newContext({
      baseURL: gateway.url,
      viewport: { width: 1280, height: 800 },
      locale: "en-GB",
      timezoneId: "UTC",
      reducedMotion: "reduce",
      ...options,
    });
    this.contexts.push(context);
    this.guards.push(new Guards(context, [new URL(gateway.url).host]));
    return context;
  }

  /** A window without anybody signed in, showing `at` (null: nothing yet); `context`: a second window of a person. */
  async #window({ at = "/", context, ...options } = {}) {
    const page = await (context ?? (await this.#context(options))).newPage();
    const window = new Window(page);
    this.windows.push(window);
    await window.prepare();
    if (at !== null) await window.open(at);
    return window;
  }

  /** A window of a person who signed in some time ago, and sees the live home feed. */
  async #atHome(person, { gateway = this.system.gateway, ...options } = {}) {
    const storageState = { cookies: [], origins: [{ origin: gateway.url, localStorage: Window.session(person) }] };
    const window = await this.#window({ gateway, storageState, ...options });
    await window.draftField().waitFor();
    await window.isLive();
    return window;
  }

  /** What no scenario may have done, by the way. */
  check() {
    const violations = this.guards.flatMap((guards) => guards.violations);
    if (violations.length > 0) throw new Error(`the page did what no page may:\n  ${violations.join("\n  ")}`);
  }

  async report(title) {
    const folder = `${OUTPUT}/failures/${title.replace(/[^\w]+/g, "-").slice(0, 80)}`;
    await mkdir(folder, { recursive: true });
    const lines = [];
    for (const [number, { page }] of this.windows.entries()) {
      if (page.isClosed()) continue;
      await page.screenshot({ path: `${folder}/window-${number}.png`, timeout: 5000 }).catch(() => {});
      const html = await page.content().catch((error) => String(error));
      await writeFile(`${folder}/window-${number}.html`, html);
    }
    for (const guards of this.guards) lines.push(...guards.violations);
    await writeFile(`${folder}/logs.txt`, `${lines.join("\n")}\n${await this.system.logs()}\n`);
    return folder;
  }

  async close() {
    await Promise.all(this.contexts.map((context) => context.close()));
  }
}

/** Not left to node:test, which would not let us report how the windows look then. */
async function inTime(running) {
  const over = new AbortController();
  const late = pause(LONGEST, null, { signal: over.signal }).then(() => {
    throw new Error(`not through within ${LONGEST / 1000} s`);
  });
  late.catch(() => {}); // it is in time
  try {
    await Promise.race([running, late]);
  } finally {
    over.abort();
  }
}

/** `body` gets { system, browser, person, context, window, atHome, guards, stage }. */
export function scenario(title, body) {
  if (title.toLowerCase().includes(filter)) scenarios.push({ title, body });
}

/** Of the scenarios that the filter lets through. */
export const titles = () => scenarios.map(({ title }) => title);

async function play({ title, body }, shared) {
  const stage = new Stage(shared);
  try {
    await inTime(body({ ...stage, stage }));
    stage.check();
  } catch (error) {
    const folder = await stage.report(title).catch((trouble) => `(no report: ${trouble.message})`);
    error.message += `\n  windows and logs: ${folder}\n  alone: FRESHET_E2E_FILTER='${title.replaceAll("'", "'\\''")}' node tests/e2e/run.mjs`;
    throw error;
  } finally {
    await stage.close();
  }
}

export function run() {
  if (scenarios.length === 0) return;
  let shared = null;
  test("PostgreSQL, NATS, a materializer, a gateway and chromium start", { timeout: STARTING }, async () => {
    shared = await start();
  });
  test("the page", { concurrency: LANES }, (t) => {
    if (shared === null) throw new Error("there is nothing to look at");
    return Promise.all(scenarios.map((one) => t.test(one.title, () => play(one, shared))));
  });
  test("browser, gateways and materializer end in order", async () => {
    if (shared === null) return;
    await shared.browser.close();
    await shared.system.close();
  });
}
