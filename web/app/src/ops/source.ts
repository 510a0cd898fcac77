/** Asks the gateway for its figures. */
import { ExpositionError } from "./exposition.js";
import { Scrape } from "./scrape.js";

export type Outcome =
  | { readonly kind: "answer"; readonly scrape: Scrape }
  /** Asking again is of no use without another token, or another gateway. */
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "away"; readonly why: string; readonly waitMs: number };

export interface Asking {
  readonly fetch: typeof fetch;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

const PATH = "/ops/metrics";

function waitOf(response: Response): number {
  const seconds = Number(response.headers.get("Retry-After") ?? 0);
  return seconds > 0 ? seconds * 1000 : 0;
}

export async function ask(token: string, { fetch, now, signal }: Asking): Promise<Outcome> {
  try {
    const response = await fetch(PATH, { headers: { Authorization: `Bearer ${token}` }, cache: "no-store", credentials: "omit", signal });
    switch (response.status) {
      case 200:
        return { kind: "answer", scrape: new Scrape(now(), await response.text()) };
      case 401:
      case 403:
        return { kind: "refused", why: "The gateway does not accept this token." };
      case 404:
        return { kind: "refused", why: "This gateway shows no figures: it runs without FRESHET_ADMIN_TOKEN." };
      default:
        return { kind: "away", why: `the gateway answers ${response.status}`, waitMs: waitOf(response) };
    }
  } catch (error) {
    return { kind: "away", why: error instanceof ExpositionError ? `the answer is damaged, ${error.message}` : "no answer", waitMs: 0 };
  }
}

export interface PollerOptions {
  readonly token: string;
  readonly everyMs: number;
  /** An answer that takes longer is none. */
  readonly patienceMs: number;
  readonly heard: (outcome: Outcome) => void;
}

/** Asks again and again, once at a time. What is heard after stop() is not told. */
export class Poller {
  readonly #options: PollerOptions;
  #running: AbortController | null = null;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#running !== null) return;
    this.#running = new AbortController();
    void this.#run(this.#running.signal);
  }

  stop(): void {
    this.#running?.abort();
    this.#running = null;
  }

  async #run(stopped: AbortSignal): Promise<void> {
    const { token, everyMs, patienceMs, heard } = this.#options;
    while (!stopped.aborted) {
      const began = performance.now();
      const outcome = await askInTime(token, patienceMs, stopped);
      if (stopped.aborted) return;
      heard(outcome);
      const wait = outcome.kind === "away" ? Math.max(outcome.waitMs, everyMs) : everyMs;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, began + wait - performance.now())));
    }
  }
}

async function askInTime(token: string, patienceMs: number, stopped: AbortSignal): Promise<Outcome> {
  const given = new AbortController();
  const giveUp = (): void => given.abort();
  const timer = setTimeout(giveUp, patienceMs);
  stopped.addEventListener("abort", giveUp, { once: true });
  try {
    return await ask(token, { fetch: (...request) => fetch(...request), now: () => performance.now(), signal: given.signal });
  } finally {
    clearTimeout(timer);
    stopped.removeEventListener("abort", giveUp);
  }
}
