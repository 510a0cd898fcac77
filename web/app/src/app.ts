/** The page without its looks: who is signed in, where they are, and how they get in and out. */
import { Client, type Registration, type Session } from "@freshet/client";
import type { Connection } from "./model/connection.js";
import { Reader } from "./model/reader.js";
import { hrefOf, isForStrangers, parseRoute, type Route } from "./model/routes.js";
import { SessionStore } from "./model/session.js";
import { Emitter, Signal } from "./model/signal.js";
import type { Store } from "./model/store.js";

/** Why somebody is asked to sign in who was signed in. */
export type Farewell = "expired" | "signed-out" | "signed-out-elsewhere" | "deleted";

export class App {
  readonly sessions: SessionStore;
  readonly client: Client;
  readonly reader = new Signal<Reader | null>(null);
  readonly connection = new Signal<Connection>({ kind: "signed-out" });
  readonly route: Signal<Route>;
  /** Something happened that is worth a word. */
  readonly said = new Emitter<{ readonly text: string; readonly link?: { readonly text: string; readonly href: string } }>();

  /** Why the sign-in is shown, and the id of somebody who has just signed up. */
  farewell: Farewell | null = null;
  newId: string | null = null;

  /** Where to go after signing in. */
  #returnTo: Route | null = null;
  /** Whose session expired: the same person finds everything as it was. */
  #asleep: Reader | null = null;
  /** Ends with the session. */
  #stay = new AbortController();
  /** The session is about to end because its owner wants it to. */
  #parting: Farewell | null = null;
  #userId = "";
  #token: string | undefined;

  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
    this.sessions = new SessionStore(store);
    const saved = this.sessions.load();
    this.#token = saved?.token;
    this.client = new Client("/", {
      ...(saved !== null && { token: saved }),
      onSession: (session) => this.#onSession(session),
    });
    this.route = new Signal(parseRoute(location.hash));
    if (saved !== null) this.#enter(saved.userId);
    this.sessions.onOtherWindow((session) => {
      const reader = this.reader.value;
      if (session?.userId === reader?.id) return;
      // Somebody came, or somebody else: nothing on this page is theirs. Who left is asked to sign in.
      if (session !== null) location.reload();
      else if (reader !== null) this.#leave("signed-out-elsewhere");
    });
    addEventListener("hashchange", () => this.#arrive());
    this.#arrive();
  }

  go(route: Route): void {
    const href = hrefOf(route);
    if (location.hash === href) this.#arrive();
    else location.hash = href;
  }

  async signIn(id: string, password: string): Promise<void> {
    this.#userId = id;
    await this.client.login(id, password);
    this.#enter(id);
    this.farewell = null;
    this.#replace(this.#returnTo ?? { view: "home" });
    this.#returnTo = null;
  }

  /** The new account's id is shown once, even if signing in fails after it. */
  async signUp(registration: Registration): Promise<void> {
    const id = await this.client.register(registration);
    this.newId = id;
    this.#returnTo = { view: "welcome" };
    try {
      await this.signIn(id, registration.password);
    } catch {
      this.#replace({ view: "welcome" });
    }
  }

  async signOut(): Promise<void> {
    try {
      await this.#part("signed-out", () => this.client.logout());
    } catch {
      // It is forgotten here in any case; elsewhere nobody has it.
      this.said.emit({ text: "You are signed out here, but the server could not be told." });
    }
  }

  async deleteAccount(password: string): Promise<void> {
    await this.#part("deleted", () => this.client.deleteAccount(password));
  }

  /** Leaves on purpose, so that nothing stays behind. */
  async #part(farewell: Farewell, leave: () => Promise<void>): Promise<void> {
    const reader = this.reader.value;
    this.#parting = farewell;
    try {
      await leave();
    } finally {
      this.#parting = null;
      // The client has no session any more, and said so.
      if (this.reader.value === null) reader?.draft.write("");
    }
  }

  #enter(id: string): void {
    this.#userId = id;
    const reader = this.#asleep?.id === id ? this.#asleep : new Reader(this.client, id, this.#store);
    this.#asleep = null;
    this.#stay = new AbortController();
    this.reader.set(reader);
    reader.wake();
    reader.connection.watch((connection) => this.connection.set(connection), this.#stay.signal);
  }

  #leave(farewell: Farewell): void {
    const reader = this.reader.value;
    if (reader === null) return;
    const comesBack = farewell === "expired";
    this.farewell = farewell;
    this.#returnTo = comesBack ? this.route.value : null;
    this.#asleep = comesBack ? reader : null;
    this.#stay.abort();
    reader.sleep();
    this.reader.set(null);
    this.connection.set({ kind: "signed-out" });
    this.sessions.clear();
    if (farewell === "deleted") this.sessions.forgetLastId();
    this.#replace({ view: "signin" });
  }

  /** The SDK has a new session, or none any more. */
  #onSession(session: Session | undefined): void {
    const last = this.#token;
    this.#token = session?.token;
    if (session !== undefined) {
      this.sessions.save(this.#userId, session);
      return;
    }
    const saved = this.sessions.load();
    if (this.#parting === null && saved?.userId === this.#userId && saved.token !== last) {
      location.reload(); // another window has signed in anew, as the same user
    } else {
      this.#leave(this.#parting ?? "expired");
    }
  }

  #arrive(): void {
    const route = parseRoute(location.hash);
    const signedIn = this.reader.value !== null;
    if (signedIn && isForStrangers(route)) {
      this.#replace({ view: "home" });
    } else if (route.view === "welcome" && this.newId === null) {
      this.#replace({ view: "home" });
    } else if (!signedIn && !isForStrangers(route) && route.view !== "welcome") {
      this.#returnTo ??= route;
      this.#replace({ view: "signin" });
    } else {
      this.route.set(route);
    }
  }

  /** Goes there without a step that Back would lead to. */
  #replace(route: Route): void {
    history.replaceState(null, "", hrefOf(route));
    this.#arrive();
  }
}
