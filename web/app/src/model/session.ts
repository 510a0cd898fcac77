/** Who is signed in, kept over reloads.
 *
 * In localStorage rather than sessionStorage: a profile that is opened in a new tab must not ask for the password again, and who signs
 * out in one window is signed out in all of them. A script that got into the page could read either, so neither is safer there; what
 * keeps scripts out is the Content-Security-Policy. The token dies within a day, with signing out, and is never put into an address. */
import type { Session } from "@freshet/client";

export interface SavedSession extends Session {
  readonly userId: string;
}

const SESSION = "freshet.session";
const LAST_ID = "freshet.last-id";

export class SessionStore {
  readonly #store: Storage;

  constructor(store: Storage = localStorage) {
    this.#store = store;
  }

  load(): SavedSession | null {
    return parse(read(this.#store, SESSION));
  }

  save(userId: string, session: Session): void {
    const { token, expiresAt } = session;
    write(this.#store, SESSION, JSON.stringify({ userId, token, expiresAt }));
    write(this.#store, LAST_ID, userId);
  }

  clear(): void {
    write(this.#store, SESSION, null);
  }

  /** The id of who signed in last: it is long, so the next sign-in offers it. */
  get lastId(): string {
    return read(this.#store, LAST_ID) ?? "";
  }

  forgetLastId(): void {
    write(this.#store, LAST_ID, null);
  }

  /** Another window signed in or out. */
  onOtherWindow(listener: (session: SavedSession | null) => void): void {
    addEventListener("storage", (event) => {
      if (event.storageArea === this.#store && (event.key === SESSION || event.key === null)) listener(parse(event.newValue));
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

// Storage may be forbidden or full: then one is signed in as long as the page is open.

function read(store: Storage, name: string): string | null {
  try {
    return store.getItem(name);
  } catch {
    return null;
  }
}

function write(store: Storage, name: string, value: string | null): void {
  try {
    if (value === null) store.removeItem(name);
    else store.setItem(name, value);
  } catch {
    // See above.
  }
}
