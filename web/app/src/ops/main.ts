/** The operations page: signs in with the admin token, asks for the gateway's figures, draws them. */
import { h, setAttribute, setText } from "../dom/h.js";
import { applyTheme, loadTheme } from "../dom/theme.js";
import { CHARTS } from "./charts.js";
import { Figure } from "./figure.js";
import { ClosesPanel, PartitionPanel } from "./panels.js";
import { Recorder } from "./record.js";
import { type Outcome, Poller } from "./source.js";

const EVERY_MS = 2_000;
const PATIENCE_MS = 8_000;
const TOKEN = "freshet.ops.token";

/** signed-out: no token, or none that is accepted. signing-in: a token of which nothing is known yet. live: the last answer is
 * there. away: the last one is not. hidden: nobody looks, so nobody asks. */
type State = "signed-out" | "signing-in" | "live" | "away" | "hidden";

const SAID: Record<State, string> = { "signed-out": "", "signing-in": "Connecting", live: "Live", away: "Away", hidden: "Paused" };

/** For this tab, until it is closed; if storage is forbidden, until it is reloaded. */
const kept = {
  read(): string | null {
    try {
      return sessionStorage.getItem(TOKEN);
    } catch {
      return null;
    }
  },
  write(token: string | null): void {
    try {
      if (token === null) sessionStorage.removeItem(TOKEN);
      else sessionStorage.setItem(TOKEN, token);
    } catch {
      // The page goes on with what it has in memory.
    }
  },
};

class SignIn {
  readonly #error = h("p", { class: "wrong", id: "token-wrong", role: "alert" });
  /** Without a name: were scripts broken, the browser would not put the token into the URL. */
  readonly #field = h("input", { id: "token", type: "password", autocomplete: "off", "aria-describedby": "token-hint token-wrong" });
  readonly #button = h("button", { type: "submit", class: "button button-main" }, "Sign in");
  readonly element = h(
    "form",
    { class: "panel sign-in", novalidate: true },
    h(
      "div",
      { class: "field" },
      h("label", { for: "token" }, "Admin token"),
      this.#field,
      h("p", { class: "hint", id: "token-hint" }, "What FRESHET_ADMIN_TOKEN is at the gateway. It is kept in this tab alone and sent in no URL."),
      this.#error,
    ),
    this.#button,
  );

  constructor(tried: (token: string) => void) {
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#button.getAttribute("aria-disabled") === "true") return;
      const token = this.#field.value.trim();
      if (token === "") this.ask("The token is missing.");
      // What else is in a header would make the browser refuse it, with an error that says nothing.
      else if (!/^[!-~]+$/.test(token)) this.ask("A token has letters, digits and signs of ASCII only.");
      else tried(token);
    });
  }

  ask(error: string): void {
    this.busy(false);
    this.element.hidden = false;
    this.#error.textContent = error;
    setAttribute(this.#field, "aria-invalid", error === "" ? undefined : "true");
    this.#field.focus();
    this.#field.select();
  }

  busy(busy: boolean): void {
    setAttribute(this.#button, "aria-disabled", busy ? "true" : undefined);
    this.#error.textContent = "";
  }

  done(): void {
    this.busy(false);
    this.element.hidden = true;
    this.#field.value = "";
  }
}

class Page {
  readonly #figures = CHARTS.map((spec, index) => new Figure(spec, index));
  readonly #partitions = new PartitionPanel();
  readonly #closes = new ClosesPanel();
  readonly #signIn = new SignIn((token) => this.#begin(token));
  readonly #title = h("h1", { tabindex: "-1" }, "Freshet operations");
  readonly #said = h("strong", { role: "status", "data-part": "state" });
  readonly #since = h("span", { class: "since" });
  readonly #notice = h("p", { class: "notice", role: "status" });
  readonly #toggle = h("button", { type: "button", class: "button button-quiet", "aria-pressed": "false", on: { click: () => this.#showTables(!this.#asTables) } }, "Show tables");
  readonly #tools = h("div", { class: "tools" }, this.#toggle, h("button", { type: "button", class: "button button-quiet", on: { click: () => this.#end("") } }, "Sign out"));
  readonly #board = h("div", { class: "board" }, ...this.#panels());

  #state: State = "signed-out";
  #poller: Poller | null = null;
  #token = "";
  #recorder = new Recorder();
  #heardAt: number | null = null;
  #why = "";
  #asTables = false;

  constructor(root: HTMLElement) {
    root.append(
      h(
        "header",
        { class: "bar-of-page" },
        this.#title,
        h("p", { class: "state" }, this.#said, " ", this.#since),
        this.#tools,
      ),
      this.#notice,
      this.#signIn.element,
      this.#board,
    );
    document.addEventListener("visibilitychange", () => this.#look());
    setInterval(() => this.#saySince(), 1_000);
    this.#enter("signed-out");
    const token = kept.read();
    if (token === null) this.#signIn.ask("");
    else this.#begin(token);
  }

  #panels(): HTMLElement[] {
    const panels = this.#figures.map(({ element }) => element);
    // Beside the backlog, and beside the slow clients.
    panels.splice(CHARTS.findIndex(({ id }) => id === "backlog"), 0, this.#partitions.element);
    panels.splice(panels.findIndex((panel) => panel.dataset["chart"] === "slow") + 1, 0, this.#closes.element);
    return panels;
  }

  #enter(state: State): void {
    this.#state = state;
    const signedIn = state !== "signed-out" && state !== "signing-in";
    this.#tools.hidden = !signedIn;
    this.#board.hidden = !signedIn;
    this.#board.classList.toggle("stale", state === "away");
    this.#said.dataset["state"] = state;
    setText(this.#said, SAID[state]);
    this.#saySince();
  }

  #begin(token: string): void {
    this.#poller?.stop();
    this.#token = token;
    this.#recorder = new Recorder();
    this.#heardAt = null;
    this.#poller = new Poller({ token, everyMs: EVERY_MS, patienceMs: PATIENCE_MS, heard: (outcome) => this.#hear(outcome) });
    this.#signIn.busy(true);
    this.#enter("signing-in");
    this.#poller.start();
  }

  #end(why: string): void {
    this.#poller?.stop();
    this.#poller = null;
    this.#token = "";
    kept.write(null);
    setText(this.#notice, "");
    this.#enter("signed-out");
    this.#signIn.ask(why);
  }

  #hear(outcome: Outcome): void {
    switch (outcome.kind) {
      case "refused":
        this.#end(outcome.why);
        return;
      case "away":
        this.#why = outcome.why;
        this.#recorder.miss(performance.now(), new Date());
        // Of a token that was never accepted nothing is shown; it is tried on.
        if (this.#state === "signing-in") {
          this.#signIn.busy(false);
          setText(this.#notice, `The gateway can't be asked: ${outcome.why}. Trying on.`);
        } else {
          this.#enter("away");
        }
        break;
      case "answer":
        this.#recorder.add(outcome.scrape, new Date());
        if (this.#heardAt === null) {
          kept.write(this.#token);
          this.#signIn.done();
          this.#title.focus(); // the form had it
        }
        this.#heardAt = outcome.scrape.at;
        this.#enter("live");
        setText(
          this.#notice,
          this.#recorder.several ? "Several gateways answer at this address in turn. Open this page at one of them: figures of several make no line." : "",
        );
        break;
    }
    this.#draw();
    if (document.hidden) this.#look();
  }

  #look(): void {
    if (this.#poller === null || this.#state === "signing-in") return;
    if (document.hidden) {
      this.#poller.stop();
      this.#enter("hidden");
    } else {
      this.#poller.start();
    }
  }

  #draw(): void {
    const { points, recent } = this.#recorder;
    const end = points.at(-1)?.at ?? 0;
    for (const figure of this.#figures) figure.draw(points, end, this.#asTables);
    // These two are about the present.
    const present = this.#state === "live" ? recent : [];
    this.#partitions.draw(present.at(-1));
    this.#closes.draw(present);
  }

  #showTables(asTables: boolean): void {
    this.#asTables = asTables;
    this.#board.classList.toggle("as-tables", asTables);
    this.#toggle.setAttribute("aria-pressed", String(asTables));
    this.#draw();
  }

  /** Not in the live region: it would be read out each second. */
  #saySince(): void {
    const seconds = this.#heardAt === null ? 0 : Math.round((performance.now() - this.#heardAt) / 1000);
    const since = `last update ${seconds} s ago`;
    setText(this.#since, this.#heardAt === null || this.#board.hidden ? "" : this.#state === "away" ? `${since} (${this.#why})` : since);
  }
}

applyTheme(loadTheme());
const root = document.querySelector("main");
if (root !== null) new Page(root);
