/** Profiles as the reader sees them: whom they follow, who is a celebrity. Follow buttons all over the page share one of these. */
import type { Client, Profile } from "@freshet/client";
import { Emitter, Signal } from "./signal.js";
import { isUnknown } from "./words.js";

/** undefined: not read yet. null: nobody has this id. */
export type ProfileSignal = Signal<Profile | null | undefined>;

/** A list of people asks for all of their profiles; the server answers other calls between them. */
const AT_ONCE = 4;

export class Profiles {
  /** The reader follows somebody from now on, or no longer. */
  readonly followed = new Emitter<{ readonly id: string; readonly follows: boolean }>();

  readonly #client: Client;
  readonly #known = new Map<string, ProfileSignal>();
  readonly #queue: string[] = [];
  #running = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  /** The profile as it was read last; it is read now if it never was. */
  get(id: string): ProfileSignal {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const signal: ProfileSignal = new Signal<Profile | null | undefined>(undefined);
    this.#known.set(id, signal);
    this.#queue.push(id);
    this.#run();
    return signal;
  }

  /** Reads it again. */
  async refresh(id: string, signal?: AbortSignal): Promise<void> {
    let profile: Profile | null;
    try {
      profile = await this.#client.getProfile(id, signal === undefined ? {} : { signal });
    } catch (error) {
      if (!isUnknown(error)) throw error;
      profile = null;
    }
    const known = this.#known.get(id);
    if (known === undefined) this.#known.set(id, new Signal<Profile | null | undefined>(profile));
    else known.set(profile);
  }

  async follow(id: string, follows: boolean): Promise<void> {
    await (follows ? this.#client.follow(id) : this.#client.unfollow(id));
    const known = this.get(id);
    const profile = known.value;
    if (profile && profile.followed !== follows) {
      known.set({ ...profile, followed: follows, followerCount: profile.followerCount + (follows ? 1 : -1) });
    }
    this.followed.emit({ id, follows });
  }

  #run(): void {
    while (this.#running < AT_ONCE) {
      const id = this.#queue.shift();
      if (id === undefined) return;
      this.#running++;
      void this.refresh(id)
        // A button that is missing is no reason to bother anybody; the profile itself says what is wrong.
        .catch(() => this.#known.delete(id))
        .finally(() => {
          this.#running--;
          this.#run();
        });
    }
  }
}
