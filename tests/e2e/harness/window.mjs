// One window of the page, and what somebody does and sees in it. How things are found is written here and nowhere else: by role and
// name, as a screen reader would, and by a few attributes that are there for this.

import assert from "node:assert/strict";

import { readBye } from "./envelope.mjs";
import { eventually } from "./waiting.mjs";

const FIELDS = {
  id: "Your id",
  password: "Password",
  firstName: "First name",
  secondName: "Last name",
  searchFirst: "First name begins with",
  searchLast: "Last name begins with",
};
const LINKS = { home: "Home", people: "People", me: "You", settings: "Settings" };
const STATE = "[data-testid=connection]";
const FEED = "[role=feed]";
const POST = `${FEED} article[data-post-id]`; // what one has just written stands above the feed, as an article, too
const TEXT = ".post-text";
const AUTHOR = ".post-author";

export class Window {
  /** Every WebSocket of this page in order: { opened, byeAt, bye }, times in ms. */
  sockets = [];
  #loads = 0;
  #renewals = 0;
  #token = null;

  constructor(page) {
    this.page = page;
    page.setDefaultTimeout(15_000);
    page.on("load", () => this.#loads++);
    page.on("request", (request) => {
      const bearer = request.headers().authorization;
      if (bearer?.startsWith("Bearer ")) this.#token = bearer.slice("Bearer ".length);
    });
    page.on("response", (response) => {
      if (new URL(response.url()).pathname === "/token/refresh" && response.ok()) this.#renewals++;
    });
    page.on("websocket", (socket) => this.#watchSocket(socket));
  }

  #watchSocket(socket) {
    const seen = { opened: performance.now(), byeAt: null, bye: null };
    this.sockets.push(seen);
    socket.on("framereceived", ({ payload }) => {
      const bye = typeof payload === "string" ? null : readBye(payload);
      if (bye !== null) Object.assign(seen, { bye, byeAt: performance.now() });
    });
  }

  /** Before anything is shown: from now on every state of the connection that the page tells is written down. */
  async prepare() {
    await this.page.addInitScript((selector) => {
      window.e2eStates = [];
      const look = () => {
        const state = document.querySelector(selector)?.dataset.state;
        if (state !== undefined && state !== window.e2eStates.at(-1)) window.e2eStates.push(state);
      };
      new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-state"] });
    }, STATE);
  }

  // ---- where one is ----

  async open(path) {
    await this.page.goto(path);
  }

  /** How often a document was loaded. */
  loads() {
    return this.#loads;
  }

  link(which) {
    return this.page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: LINKS[which], exact: true });
  }

  field(which) {
    return this.page.getByLabel(FIELDS[which], { exact: true });
  }

  async home() {
    await this.link("home").click();
    await this.draftField().waitFor();
  }

  async settings() {
    await this.link("settings").click();
    await this.signOutButton().waitFor();
  }

  mainText() {
    return this.page.getByRole("main").innerText();
  }

  /** Nothing is being loaded any more. */
  async isSettled() {
    const loading = this.page.locator("[aria-busy=true], [data-testid=loading]:visible, .waiting-name");
    await eventually(async () => (await loading.count()) === 0, "nothing is being loaded");
  }

  // ---- coming and going ----

  /** What the page keeps of somebody who signed in. */
  static session({ id, token }) {
    return [{ name: "freshet.session", value: JSON.stringify({ userId: id, token }) }];
  }

  async toSignUp() {
    await this.page.getByRole("link", { name: "Create an account" }).click();
    await this.field("firstName").waitFor();
  }

  async tryToSignUp({ firstName, secondName, password }) {
    await this.toSignUp();
    await this.field("firstName").fill(firstName);
    await this.field("secondName").fill(secondName);
    await this.field("password").fill(password);
    await this.page.getByRole("button", { name: "Create account" }).click();
  }

  /** The new account's id, as the page tells it. */
  async signUp(account) {
    await this.tryToSignUp(account);
    const id = await this.page.getByRole("textbox", { name: "Your id" }).and(this.page.locator("[readonly]")).inputValue();
    await this.page.getByRole("link", { name: "Go to your feed" }).click();
    return id;
  }

  async tryToSignIn({ id, password }) {
    await this.field("id").fill(id);
    await this.field("password").fill(password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
  }

  async signIn(person) {
    await this.tryToSignIn(person);
    await this.draftField().waitFor();
  }

  /** For good; the page asks twice. */
  async deleteAccount(password) {
    await this.settings();
    await this.page.getByLabel("Your password, once more").fill(password);
    await this.page.getByRole("button", { name: "Delete account" }).click();
    await this.page.getByRole("alertdialog").getByRole("button", { name: "Delete account" }).click();
    await this.isSignedOut();
  }

  signOutButton() {
    return this.page.getByRole("button", { name: "Sign out" });
  }

  async signOut() {
    await this.settings();
    await this.signOutButton().click();
    await this.isSignedOut();
  }

  isSignedOut() {
    return this.#isInState("signed-out");
  }

  /** The token that the page used last. */
  async token() {
    return this.#token;
  }

  /** The page has renewed its session so many times. */
  renewals(count) {
    return eventually(() => this.#renewals >= count, () => `${count} renewals, not ${this.#renewals}`);
  }

  // ---- what went wrong ----

  async complaints() {
    const texts = await this.page.getByRole("alert").allInnerTexts();
    return texts.map((text) => text.trim()).filter((text) => text !== "");
  }

  /** What an alert says, once one says anything. */
  complaint() {
    return eventually(async () => (await this.complaints())[0], "an alert");
  }

  /** What the note at the bottom says, once it does. */
  note() {
    return eventually(() => this.page.getByTestId("notes").innerText(), "a note");
  }

  /** The names of the fields that are marked as wrong. */
  invalidFields() {
    return this.page.locator("[aria-invalid=true]").evaluateAll((all) => all.map((one) => one.name));
  }

  // ---- the connection ----

  /** What the page says of its connection, in order, without repeats. */
  states() {
    return this.page.evaluate(() => window.e2eStates);
  }

  forgetStates() {
    return this.page.evaluate(() => (window.e2eStates = []));
  }

  async #isInState(...wanted) {
    const now = () => this.page.locator(STATE).first().getAttribute("data-state");
    await eventually(async () => wanted.includes(await now()), async () => `${wanted.join(" or ")}, the page says ${await now()}`);
  }

  isLive() {
    return this.#isInState("live");
  }

  isOffline() {
    return this.#isInState("offline");
  }

  /** Not connected, and trying to be. */
  isResuming() {
    return this.#isInState("resuming", "offline");
  }

  /** Over another socket than the first so many. */
  async isLiveOver(sockets) {
    await eventually(() => this.sockets.length > sockets, "another socket");
    await this.isLive();
  }

  async network({ latency, bytesPerSecond }) {
    const session = await this.page.context().newCDPSession(this.page);
    await session.send("Network.enable");
    await session.send("Network.emulateNetworkConditions", {
      offline: false,
      latency,
      downloadThroughput: bytesPerSecond,
      uploadThroughput: bytesPerSecond,
    });
  }

  // ---- posts ----

  post(text) {
    return this.page.locator(POST).filter({ has: this.page.locator(TEXT).getByText(text, { exact: true }) });
  }

  /** [{ id, text }] as they stand in the page. */
  posts() {
    return this.page.locator(POST).evaluateAll(
      (all, selector) => all.map((one) => ({ id: one.dataset.postId, text: one.querySelector(selector)?.textContent ?? null })),
      TEXT,
    );
  }

  async texts() {
    return (await this.posts()).map((post) => post.text);
  }

  async ids() {
    return (await this.posts()).map((post) => post.id);
  }

  shows(text) {
    return eventually(async () => (await this.texts()).includes(text), async () => `"${text}" in ${JSON.stringify((await this.texts()).slice(0, 10))}`);
  }

  /** These and no others, in this order. */
  showsExactly(texts) {
    return eventually(async () => (await this.texts()).join("\n") === texts.join("\n"), async () => `${JSON.stringify(texts)}, not ${JSON.stringify(await this.texts())}`);
  }

  showsNot(text) {
    return eventually(async () => !(await this.texts()).includes(text), `the end of "${text}"`);
  }

  authorOf(text) {
    return eventually(() => this.post(text).locator(AUTHOR).innerText(), `the author of "${text}"`);
  }

  async openAuthorOf(id) {
    await this.page.locator(`${FEED} article[data-post-id="${id}"] ${AUTHOR}`).click();
  }

  async isMarkedEdited(text) {
    return /edited/i.test(await this.post(text).innerText());
  }

  // ---- writing ----

  draftField() {
    return this.page.getByRole("textbox", { name: "Write a post" });
  }

  postButton() {
    return this.page.getByRole("button", { name: "Post", exact: true });
  }

  draft(text) {
    return this.draftField().fill(text);
  }

  draftText() {
    return this.draftField().inputValue();
  }

  send() {
    return this.postButton().click();
  }

  async write(text) {
    await this.draft(text);
    await this.send();
    await eventually(async () => (await this.draftText()) === "", "the draft is sent");
  }

  /** Neither by the button nor by the key, and the page says why. */
  async cannotSend() {
    await this.draftField().press("Control+Enter");
    if (await this.postButton().isEnabled()) await this.send();
    assert.notEqual(await this.draftText(), "");
    assert.match(await this.complaint(), /too long/i);
  }

  buttonOf(text, which) {
    return this.post(text).getByRole("button", { name: which });
  }

  async startEditing(text) {
    await this.buttonOf(text, "Edit").click();
    await this.editField().waitFor();
  }

  editField() {
    return this.page.getByRole("textbox", { name: "Edit your post" });
  }

  async edit(text, other) {
    await this.startEditing(text);
    await this.editField().fill(other);
    await this.page.getByRole("button", { name: "Save" }).click();
    await this.shows(other);
  }

  confirmButton() {
    return this.page.getByRole("alertdialog").getByRole("button", { name: "Delete" });
  }

  async startRemoving(text) {
    await this.buttonOf(text, "Delete").click();
  }

  async remove(text) {
    await this.startRemoving(text);
    await this.confirmButton().click();
    await this.showsNot(text);
  }

  cancel() {
    return this.page.getByRole("button", { name: "Cancel" }).click();
  }

  // ---- reading ----

  /** Down by so many pixels, as a wheel does it. */
  async scrollBy(pixels) {
    const { width, height } = this.page.viewportSize();
    await this.page.mouse.move(width / 2, height / 2);
    const from = await this.page.evaluate(() => window.scrollY);
    await this.page.mouse.wheel(0, pixels);
    await eventually(() => this.page.evaluate((y) => window.scrollY !== y, from), "the page scrolls");
    // The wheel's scrolling is smooth: it has come to rest when two frames in a row are alike.
    await this.page.evaluate(async () => {
      const frame = () => new Promise((resolve) => requestAnimationFrame(() => resolve(window.scrollY)));
      for (let last = -1, now = await frame(); now !== last; last = now, now = await frame());
    });
  }

  /** What one reads: the first post that is wholly in view, and how far it is from the top; null if there is none. */
  place() {
    return this.page.evaluate((selector) => {
      const first = [...document.querySelectorAll(selector)].find((one) => {
        const { top, bottom } = one.getBoundingClientRect();
        return top >= 80 && bottom <= innerHeight;
      });
      return first === undefined ? null : { id: first.dataset.postId, top: Math.round(first.getBoundingClientRect().top) };
    }, POST);
  }

  async hasNotMovedFrom(place) {
    const now = await this.place();
    assert.equal(now?.id, place.id, "another post is where this one was read");
    assert.ok(Math.abs(now.top - place.top) <= 1, `moved by ${now.top - place.top} pixels`);
  }

  isInView(text) {
    return this.post(text).evaluate((element) => {
      const { top, bottom } = element.getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    });
  }

  newPostsButton() {
    return this.page.getByTestId("fresh");
  }

  /** The page says so many new posts wait above; 0: it says nothing. */
  counts(number) {
    const says = async () => {
      const button = this.newPostsButton();
      return (await button.isVisible()) ? Number.parseInt(await button.innerText(), 10) : 0;
    };
    return eventually(async () => (await says()) === number, async () => `${number} new posts, the page says ${await says()}`);
  }

  /** Goes up to the new posts, if the page says that there are any. */
  async look() {
    if (await this.newPostsButton().isVisible()) await this.newPostsButton().click();
    else await this.page.evaluate(() => window.scrollTo(0, 0));
  }

  /** Down until the page says that there is no more; `meanwhile` is called before each step. */
  async scrollToEnd(meanwhile = () => {}) {
    await eventually(async () => {
      await meanwhile();
      await this.page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
      return this.page.getByTestId("end").isVisible();
    }, "the end of the feed");
  }

  // ---- people ----

  async toPeople() {
    await this.link("people").click();
    await this.field("searchFirst").waitFor();
  }

  async search(first, last) {
    await this.toPeople();
    await this.field("searchFirst").fill(first);
    await this.field("searchLast").fill(last);
    await this.page.getByRole("button", { name: "Search" }).click();
    await eventually(async () => (await this.page.title()).includes(`${first} ${last}`), "another search");
    await this.isSettled();
  }

  /** The names that a search has found. */
  found() {
    return this.page.getByRole("list", { name: "People found" }).getByRole("link").allInnerTexts();
  }

  /** Searches for that person and goes to the profile. */
  async find(person) {
    await this.search(person.firstName, person.secondName);
    await this.page.getByRole("link", { name: person.name, exact: true }).click();
    await this.isProfileOf(person);
  }

  openProfile(id) {
    return this.open(`/#/user/${id}`);
  }

  async profile(person) {
    await this.openProfile(person.id);
    await this.isProfileOf(person);
  }

  isProfileOf(person) {
    return this.page.getByRole("heading", { level: 1, name: person.name, exact: true }).waitFor();
  }

  async isMarkedCelebrity() {
    return (await this.page.locator("header.profile").getByText("Celebrity", { exact: true }).count()) > 0;
  }

  followButton() {
    return this.page.getByRole("main").getByRole("button", { name: /^(Follow|Unfollow) / });
  }

  async tryToFollow() {
    await this.followButton().click();
  }

  async follow(person) {
    await this.isProfileOf(person);
    await this.tryToFollow();
    await this.isFollowing();
  }

  isFollowing() {
    return this.page.getByRole("button", { name: /^Unfollow / }).waitFor();
  }

  async unfollow(person) {
    await this.isProfileOf(person);
    await this.page.getByRole("button", { name: /^Unfollow / }).click();
    await this.page.getByRole("button", { name: /^Follow / }).waitFor();
  }

  // ---- keys, voice and eye ----

  /** Presses Tab until that has the focus. */
  async tabTo(locator) {
    await locator.first().waitFor();
    for (let presses = 0; presses < 200; presses++) {
      if (await locator.evaluateAll((all) => all.includes(document.activeElement))) return;
      await this.page.keyboard.press("Tab");
    }
    assert.fail(`200 times Tab do not lead to ${locator}`);
  }

  /** Not on nothing, where a screen reader would begin anew. */
  focusIsSomewhere() {
    return eventually(
      () => this.page.evaluate(() => document.activeElement !== null && document.activeElement !== document.body),
      "the focus is on something",
    );
  }

  /** From now on what live regions say is written down. */
  async listenToAnnouncements() {
    await this.page.evaluate(() => {
      window.e2eSaid = [];
      new MutationObserver((changes) => {
        for (const { target } of changes) {
          const element = target instanceof Element ? target : target.parentElement;
          const region = element?.closest("[aria-live]:not([aria-live=off]), [role=status], [role=alert], [role=log]");
          if (region) window.e2eSaid.push(region.textContent.trim());
        }
      }).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
  }

  announced() {
    return this.page.evaluate(() => window.e2eSaid.join(" | "));
  }

  fitsInWidth() {
    return this.page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);
  }

  /** What makes the page wider than the window. */
  sticksOut() {
    return this.page.evaluate(() =>
      [...document.querySelectorAll("body *")]
        .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
        .map((one) => `<${one.localName} class="${one.className}">`)
        .slice(0, 5)
        .join(" "),
    );
  }

  /** What goes over the wire while `action` happens and until the network is quiet: { bytes, parts: [{ url, encoding, bytes }] }. */
  async weigh(action) {
    const session = await this.page.context().newCDPSession(this.page);
    const parts = new Map();
    session.on("Network.requestWillBeSent", ({ requestId, request }) => parts.set(requestId, { url: request.url, encoding: null, bytes: 0 }));
    session.on("Network.responseReceived", ({ requestId, response }) => {
      const name = Object.keys(response.headers).find((one) => one.toLowerCase() === "content-encoding");
      if (parts.has(requestId)) parts.get(requestId).encoding = response.headers[name] ?? null;
    });
    session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
      if (parts.has(requestId)) parts.get(requestId).bytes = encodedDataLength;
    });
    await session.send("Network.enable");
    await action();
    await this.page.waitForLoadState("networkidle");
    await session.detach();
    const all = [...parts.values()];
    return { bytes: all.reduce((sum, part) => sum + part.bytes, 0), parts: all };
  }

  // ---- operations ----

  async opsSignIn(token) {
    await this.page.getByLabel("Admin token").fill(token);
    await this.page.getByRole("button", { name: "Sign in" }).click();
  }

  chart(name) {
    return this.page.locator(`figure[data-chart="${name}"]`);
  }

  /** How many points a chart has drawn. */
  async points(name) {
    return Number((await this.chart(name).getAttribute("data-points")) ?? 0);
  }

  /** What a chart says of one of its lines, by its whole name or a part of it: how much it is now. */
  chartNow(name, line) {
    const row = this.chart(name).locator("table.legend tbody tr").filter({ has: this.page.getByRole("rowheader", { name: line, exact: true }) });
    return row.getByRole("cell").first().innerText();
  }

  async opsState(wanted) {
    await this.page.locator(`[data-part=state][data-state="${wanted}"]`).waitFor();
  }
}
