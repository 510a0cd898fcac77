/** What somebody is writing survives a reload, a crash, and the end of their session.
 *
 * Each draft has a key that goes with it as `Idempotency-Key`: if the answer to a post gets lost and the same text is sent
 * again, it is posted once. Another text is another post, so it gets another key. */

import type { Store } from "./store.js";

export const POST_BYTES_MAX = 4096;

export class Draft {
  readonly #store: Store;
  readonly #name: string;
  #text = "";
  #key = randomKey();

  constructor(store: Store, userId: string) {
    this.#store = store;
    this.#name = `freshet.draft.${userId}`;
    try {
      const saved = JSON.parse(store.get(this.#name) ?? "null") as { text?: unknown; key?: unknown } | null;
      if (typeof saved?.text === "string" && typeof saved.key === "string") {
        this.#text = saved.text;
        this.#key = saved.key;
      }
    } catch {
      // Somebody else's writing: an empty draft.
    }
  }

  get text(): string {
    return this.#text;
  }

  get key(): string {
    return this.#key;
  }

  write(text: string): void {
    if (text === this.#text) return;
    this.#text = text;
    this.#key = randomKey();
    this.#store.set(this.#name, text === "" ? null : JSON.stringify({ text, key: this.#key }));
  }
}

/** `crypto.randomUUID` is for secure contexts alone; a gateway in one's own network is often reached by plain http. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const encoder = new TextEncoder();

/** How long a text is to the server, which counts bytes of UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}
