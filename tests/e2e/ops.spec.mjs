// The operations page.

import assert from "node:assert/strict";

import { scenario } from "./harness/scenario.mjs";
import { eventually } from "./harness/waiting.mjs";

const CHARTS = ["connections", "deliveries", "latency", "lag", "slow"];

scenario("operations: a wrong token is refused with a word, the right one shows charts that move", async ({ system, person, atHome, window }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  const gateway = await system.addGateway();
  const page = await atHome(ann, { gateway });
  const ops = await window({ at: "/ops", gateway });
  await ops.opsSignIn("not-the-admin-token");
  assert.match(await ops.complaint(), /does not accept this token/i);
  for (const name of CHARTS) assert.ok(!(await ops.chart(name).isVisible()), name);

  await ops.opsSignIn(system.adminToken);
  for (const name of CHARTS) await ops.chart(name).waitFor();
  const before = await ops.points("connections");
  await eventually(async () => (await ops.points("connections")) > before, "another point");

  // What is drawn is what happens: one live connection; frames, and how long they took, once Bob posts; all partitions known.
  const now = (name, line) => ops.chartNow(name, line);
  await eventually(async () => (await now("connections", "WebSocket")) === "1", async () => `one WebSocket, not ${await now("connections", "WebSocket")}`);
  const line = ops.chart("deliveries").locator("path.line").first();
  const flat = await line.getAttribute("d");
  for (let number = 0; number < 50; number++) await bob.posts(`number ${number}`);
  await page.shows("number 49");
  await eventually(async () => !/^(0|–|0\/s)$/.test(await now("deliveries", "frames")), async () => `frames, not ${await now("deliveries", "frames")}`);
  assert.notEqual(await line.getAttribute("d"), flat);
  await eventually(async () => /\d/.test(await now("latency", /p50/)), "a latency");
  assert.equal(await ops.chart("lag").locator("li[data-level]:not([data-level=unknown])").count(), 16);
  assert.ok(!ops.page.url().includes(system.adminToken));
});

scenario("operations: a reload keeps the session, signing out ends it", async ({ system, window }) => {
  const ops = await window({ at: "/ops" });
  await ops.opsSignIn(system.adminToken);
  await ops.chart("connections").waitFor();
  await ops.page.reload();
  await ops.chart("connections").waitFor();
  await ops.page.getByRole("button", { name: "Sign out" }).click();
  await ops.page.getByLabel("Admin token").waitFor();
  await ops.page.reload();
  await ops.page.getByLabel("Admin token").waitFor();
});

scenario("operations: when the gateway is away the page says since when, keeps what it drew, and goes on afterwards", async ({ system, window }) => {
  const gateway = await system.addGateway();
  const ops = await window({ at: "/ops", gateway });
  await ops.opsSignIn(system.adminToken);
  await ops.opsState("live");
  await gateway.kill();
  await ops.opsState("away");
  assert.ok(await ops.chart("connections").isVisible());
  await gateway.start();
  await ops.opsState("live");
});

scenario("operations: the same as tables, for those who do not see charts", async ({ system, window }) => {
  const ops = await window({ at: "/ops" });
  await ops.opsSignIn(system.adminToken);
  await ops.chart("connections").waitFor();
  const tables = ops.page.getByRole("button", { name: "Show tables" });
  assert.equal(await tables.getAttribute("aria-pressed"), "false");
  await tables.click();
  const connections = ops.page.getByRole("region", { name: "Connections, as a table" });
  await connections.waitFor();
  assert.ok((await connections.getByRole("row").count()) >= 2, "the names of the lines, and a row of numbers");
  await tables.click();
  await connections.waitFor({ state: "hidden" });
});
