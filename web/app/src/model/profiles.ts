/** Profiles as the reader sees them: whom they follow, who is a celebrity. Follow buttons all over the page share one of these. */
import type { Client, Profile } from "@freshet/client";
import { BoundedMap } from "./bounded.js";
import { Emitter, Signal } from "./signal.js";
import { isUnknown } from "./words.js";

/** undefined: not read yet. null: nobody has this id. */
export type ProfileSignal = Signal<Profile | null | undefined>;

/** A list of people asks for all of their profiles; the server answers other calls between them. */
const AT_ONCE = 4;
const REMEMBERED = 2_000;

export class Profiles {
  /** The reader follows somebody from now on, or no longer. */
  readonly followed = new Emitter<{ readonly id: string; readonly follows: boolean }>();

  readonly #client: Client;
  readonly #known = new BoundedMap<ProfileSignal>(REMEMBERED);
  readonly #reading = new Map<string, Promise<void>>();
  /** Readings that wait for their turn. */
  readonly #queue: (() => void)[] = [];
  #running = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  /** The profile as it was read last; it is read now if it never was. */
  get(id: string): ProfileSignal {
    const profile = this.#signal(id);
    // A button that is missing is no reason to bother anybody; the profile's own page says what is wrong.
    if (profile.value === undefined) void this.refresh(id).catch(() => undefined);
    return profile;
  }

  /** Reads it again. */
  refresh(id: string): Promise<void> {
    const under = this.#reading.get(id);
    if (under !== undefined) return under;
    const reading = this.#read(id).finally(() => this.#reading.delete(id));
    this.#reading.set(id, reading);
    return reading;
  }

  async follow(id: string, follows: boolean): Promise<void> {
    await (follows ? this.#client.follow(id) : this.#client.unfollow(id));
    const known = this.#signal(id);
    const profile = known.value;
    if (profile && profile.followed !== follows) {
      known.set({ ...profile, followed: follows, followerCount: profile.followerCount + (follows ? 1 : -1) });
    }
    this.followed.emit({ id, follows });
  }

  #signal(id: string): ProfileSignal {
    let signal = this.#known.get(id);
    if (signal === undefined) {
      signal = new Signal<Profile | null | undefined>(undefined);
      this.#known.set(id, signal);
    }
    return signal;
  }

  async #read(id: string): Promise<void> {
    while (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#running++;
    try {
      this.#signal(id).set(await this.#client.getProfile(id));
    } catch (error) {
      if (!isUnknown(error)) throw error;
      this.#signal(id).set(null);
    } finally {
      this.#running--;
      this.#queue.shift()?.();
    }
  }
}
