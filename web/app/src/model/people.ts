/** Who is behind an id. Names are asked for in batches: a page of posts costs one call, however many wrote them. */
import { BoundedMap } from "./bounded.js";
import { Emitter } from "./signal.js";

/** `null`: nobody has this id any more. */
export type Known<U> = U | null;

export interface PeopleOptions<U> {
  readonly read: (ids: readonly string[]) => Promise<readonly U[]>;
  readonly later?: (run: () => void, ms: number) => void;
}

const BATCH_MAX = 100;
const REMEMBERED = 5_000;
/** Posts that arrive together are drawn together; their authors are asked for together. */
const GATHER_MS = 10;
const RETRY_MS = { first: 1_000, last: 30_000 };

export class People<U extends { readonly id: string }> {
  /** These ids are known now, or known to be nobody's. */
  readonly learned = new Emitter<ReadonlySet<string>>();

  readonly #known = new BoundedMap<Known<U>>(REMEMBERED);
  readonly #wanted = new Set<string>();
  readonly #options: PeopleOptions<U>;
  readonly #later: (run: () => void, ms: number) => void;
  #busy = false;
  #failures = 0;

  constructor(options: PeopleOptions<U>) {
    this.#options = options;
    this.#later = options.later ?? ((run, ms) => void setTimeout(run, ms));
  }

  /** The user; null if there is none; undefined if that is not known yet: `learned` will tell. */
  get(id: string): Known<U> | undefined {
    const user = this.#known.get(id);
    if (user === undefined) this.#want(id);
    return user;
  }

  /** What another call said about users. */
  learn(users: readonly U[]): void {
    for (const user of users) this.#known.set(user.id, user);
    this.learned.emit(new Set(users.map((user) => user.id)));
  }

  /** The account ended. */
  forget(id: string): void {
    this.#known.set(id, null);
    this.learned.emit(new Set([id]));
  }

  #want(id: string): void {
    this.#wanted.add(id);
    if (this.#busy) return;
    this.#busy = true;
    this.#later(() => void this.#ask(), GATHER_MS);
  }

  async #ask(): Promise<void> {
    const ids = [...this.#wanted].slice(0, BATCH_MAX);
    let wait = GATHER_MS;
    try {
      const users = await this.#options.read(ids);
      for (const id of ids) {
        this.#known.set(id, null);
        this.#wanted.delete(id);
      }
      for (const user of users) this.#known.set(user.id, user);
      this.#failures = 0;
      this.learned.emit(new Set(ids));
    } catch {
      // Posts can be read without names; they come when the server does.
      wait = Math.min(RETRY_MS.first * 2 ** this.#failures++, RETRY_MS.last);
    }
    if (this.#wanted.size > 0) this.#later(() => void this.#ask(), wait);
    else this.#busy = false;
  }
}
