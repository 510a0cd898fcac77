// What the page may not do, how heavy it is, and that those who watch it would see.

import assert from "node:assert/strict";

import { scenario } from "./harness/scenario.mjs";
import { eventually } from "./harness/waiting.mjs";

scenario("every page and asset comes with a policy that lets nothing foreign and nothing inline in", async ({ system }) => {
  const { url } = system.gateway;
  for (const path of ["/", "/ops"]) {
    const answer = await fetch(url + path);
    assert.equal(answer.status, 200, path);
    const policy = new Map(
      answer.headers.get("content-security-policy").split(";").map((part) => {
        const [name, ...sources] = part.trim().split(/\s+/);
        return [name, sources];
      }),
    );
    for (const [name, sources] of policy) {
      assert.ok(!sources.some((source) => /unsafe-|^\*$|^https?:$|^data:$/.test(source) && !(name === "img-src" && source === "data:")), `${path}: ${name} ${sources}`);
    }
    assert.ok(policy.has("default-src") && policy.has("base-uri") && policy.has("form-action") && policy.has("frame-ancestors"), path);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    const html = await answer.text();
    for (const [script] of html.matchAll(/<script\b[^>]*>/g)) assert.match(script, /\ssrc="\/assets\/[^"]+-[0-9A-Za-z]{8,}\.js"/, `${path}: ${script}`);
    assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|javascript:/i, path);
    for (const [, asset] of html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
      const got = await fetch(url + asset);
      assert.equal(got.status, 200, asset);
      assert.match(got.headers.get("cache-control"), /immutable/, asset);
    }
  }
});

scenario("the whole page weighs less than 60 KB on the wire, and a second visit next to nothing", async ({ window }) => {
  const page = await window({ at: null });
  const first = await page.weigh(() => page.open("/"));
  assert.ok(first.bytes > 1000 && first.bytes < 60_000, `${first.bytes} bytes: ${JSON.stringify(first.parts)}`);
  for (const { url, encoding, bytes } of first.parts) {
    if (/\.(js|css|svg)$|\/$/.test(new URL(url).pathname) && bytes > 1500) assert.equal(encoding, "gzip", url);
  }
  const second = await page.weigh(() => page.page.reload());
  assert.ok(second.bytes < 3000, `${second.bytes} bytes: ${JSON.stringify(second.parts)}`);
});

scenario("no token is in any address, sockets included, nor in what the page shows", async ({ person, atHome, guards }) => {
  const [ann, bob] = [await person("Ann"), await person("Bob")];
  const page = await atHome(ann);
  await page.find(bob);
  await page.follow(bob);
  await page.home();
  await bob.posts("hello");
  await page.shows("hello");
  const token = await page.token();
  assert.match(token, /^eyJ/, "there is one to look for");
  const urls = guards.flatMap((one) => one.urls);
  assert.ok(urls.some((url) => url.startsWith("ws")), "sockets are among them");
  for (const url of urls) {
    for (const secret of [token, ann.password]) assert.ok(!decodeURIComponent(url).includes(secret), url);
  }
  assert.ok(!(await page.page.content()).includes(token));
  assert.deepEqual(await page.page.context().cookies(), [], "no cookies");
});

scenario("those who watch would see: an inline script, an inline style, a foreign host, a token in an address, an exception", async ({ window, guards }) => {
  const page = await window();
  await page.page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "document.title = 'ran'";
    document.body.append(script);
    const styled = document.createElement("div");
    styled.innerHTML = '<p style="color: red">red</p>';
    document.body.append(styled);
    fetch("http://192.0.2.1/").catch(() => {});
    fetch("/post/feed?token=abc").catch(() => {});
    setTimeout(() => {
      throw new Error("planted");
    });
  });
  const [{ violations }] = guards;
  const seen = (kind, what) => eventually(() => violations.some((one) => one.startsWith(kind) && what.test(one)), () => `${kind} ${what} in ${violations.join("; ")}`);
  await seen("policy", /script/i);
  await seen("policy", /style/i);
  await seen("policy", /192\.0\.2\.1/);
  await seen("secret in an address", /token=abc/);
  await seen("uncaught", /planted/);
  assert.notEqual(await page.page.title(), "ran");
  await page.page.evaluate(() => location.assign("http://192.0.2.1/")).catch(() => {});
  await seen("foreign host", /192\.0\.2\.1/);
  violations.length = 0; // they were wanted
});

scenario("nobody frames the page", async ({ window, system, guards }) => {
  const page = await window({ at: null });
  await page.page.setContent(`<iframe src="${system.gateway.url}/"></iframe>`);
  const [, frame] = page.page.frames();
  await eventually(() => frame.url().startsWith("chrome-error:"), () => `a frame that shows nothing, not ${frame.url()}`);
  for (const one of guards) one.violations.length = 0; // the refusal is what was wanted
});
