/** Who is signed in, kept over reloads.
 *
 * In localStorage rather than sessionStorage: a profile that is opened in a new tab must not ask for the password again, and who signs
 * out in one window is signed out in all of them. A script that got into the page could read either, so neither is safer there; what
 * keeps scripts out is the Content-Security-Policy. The token dies within a day, with signing out, and is never put into an address. */
import type { Session } from "@freshet/client";
import type { Store } from "./store.js";

export interface SavedSession extends Session {
  readonly userId: string;
}

const SESSION = "freshet.session";
const LAST_ID = "freshet.last-id";

export class SessionStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  load(): SavedSession | null {
    return parse(this.#store.get(SESSION));
  }

  save(userId: string, session: Session): void {
    const { token, expiresAt } = session;
    this.#store.set(SESSION, JSON.stringify({ userId, token, expiresAt }));
    this.#store.set(LAST_ID, userId);
  }

  clear(): void {
    this.#store.set(SESSION, null);
  }

  /** The id of who signed in last: it is long, so the next sign-in offers it. */
  get lastId(): string {
    return this.#store.get(LAST_ID) ?? "";
  }

  forgetLastId(): void {
    this.#store.set(LAST_ID, null);
  }

  /** Another window signed in or out. */
  onOtherWindow(listener: (session: SavedSession | null) => void): void {
    addEventListener("storage", (event) => {
      if (event.key === SESSION || event.key === null) listener(parse(event.newValue));
    });
  }
}

function parse(text: string | null): SavedSession | null {
  try {
    const saved = JSON.parse(text ?? "null") as { userId?: unknown; token?: unknown; expiresAt?: unknown } | null;
    if (typeof saved?.userId !== "string" || typeof saved.token !== "string") return null;
    const expiresAt = typeof saved.expiresAt === "string" ? { expiresAt: new Date(saved.expiresAt) } : {};
    return { userId: saved.userId, token: saved.token, ...expiresAt };
  } catch {
    return null;
  }
}
