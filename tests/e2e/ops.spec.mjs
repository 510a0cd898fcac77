// The operations page.

import assert from "node:assert/strict";

import { scenario } from "./harness/scenario.mjs";
import { eventually } from "./harness/waiting.mjs";

const CHARTS = ["connections", "deliveries", "latency", "lag", "slow"];

scenario("operations: a wrong token is refused with a word, the right one shows charts that move", async ({ system, person, atHome, window }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  await ann.follows(bob);
  const page = await atHome(ann);
  const ops = await window({ at: "/ops" });
  await ops.opsSignIn("not-the-admin-token");
  assert.match(await ops.complaint(), /token/i);
  assert.equal(await ops.chart("connections").count(), 0);

  await ops.opsSignIn(system.adminToken);
  for (const name of CHARTS) await ops.chart(name).waitFor();
  const points = (name) => ops.chart(name).getAttribute("data-points").then(Number);
  await eventually(async () => (await points("connections")) >= 1, "a first point");
  const before = await points("connections");
  await eventually(async () => (await points("connections")) > before, "another point");

  // What is drawn is what happens: one live connection, and deliveries once Bob posts.
  await eventually(async () => /\b1\b/.test(await ops.chartSummary("connections")), async () => `one connection: ${await ops.chartSummary("connections")}`);
  const idle = await ops.chartSummary("deliveries");
  for (let number = 0; number < 50; number++) await bob.posts(`number ${number}`);
  await page.shows("number 49");
  await eventually(async () => (await ops.chartSummary("deliveries")) !== idle, async () => `deliveries move: ${idle}`);
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
  await ops.page.getByRole("button", { name: "Show tables" }).click();
  await ops.page.getByRole("table").first().waitFor();
  assert.ok((await ops.page.getByRole("table").count()) >= CHARTS.length);
  await ops.page.getByRole("button", { name: "Show charts" }).click();
  await ops.chart("connections").waitFor();
});
