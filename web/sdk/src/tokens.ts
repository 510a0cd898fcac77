// Who is signed in: gives a token whenever one is needed, and sees to it that it does not expire in use. One renewal at a time,
// however many ask.
import { type Clock, withSignal } from "./clock.js";
import { isFinal } from "./errors.js";
import type { Credentials, Session, TokenSource } from "./types.js";

/** Where sessions come from. Without both: only those that are set, and their refreshment. */
export interface Source {
  credentials?: Credentials;
  callback?: TokenSource;
}

/** The calls that this stands on. */
export interface SessionCalls {
  login(credentials: Credentials): Promise<Session>;
  refresh(token: string | undefined): Promise<Session>;
}

/** A session is renewed when so much of its time is left, or a fifth, if that is less. */
const RENEW_BEFORE_MS = 5 * 60_000;
/** How long after a renewal that failed. */
const RENEW_AGAIN_MS = 5_000;

export class Tokens {
  private current: Session | undefined;
  /** When the session is to be renewed. */
  private dueAt = Infinity;
  private renewing: Promise<void> | undefined;
  private readonly keepers = new Set<() => void>();
  private cancelTimer = () => {};

  /** `session`: one that was there before. */
  constructor(
    private source: Source,
    session: Session | undefined,
    private readonly calls: SessionCalls,
    private readonly clock: Clock,
    private readonly onSession: (session: Session | undefined) => void = () => {},
  ) {
    this.current = session;
    if (session?.expiresAt) this.dueAt = this.dueOf(session.expiresAt) ?? clock.now();
  }

  get session(): Session | undefined {
    return this.current;
  }

  /** Somebody signed in or out: from now on nothing else brings sessions. */
  replaceBy(session: Session | undefined): void {
    this.source = {};
    this.set(session);
  }

  /** The token to use now; undefined if nobody is signed in. Rejects if there is none because it can't be had. */
  async get(signal?: AbortSignal): Promise<string | undefined> {
    if (this.current ? this.clock.now() >= this.dueAt : this.hasSource) {
      try {
        await withSignal(this.renew(), signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!this.current) throw error; // else it is good for a while, or the server will refuse it
      }
    }
    return this.current?.token;
  }

  /** The server refused this one. Another, if there is or can be had; else the session is over, and undefined. */
  async replace(refused: string, signal?: AbortSignal): Promise<string | undefined> {
    if (this.current?.token === refused) {
      if (this.hasSource) {
        await withSignal(this.renew(refused), signal);
      } else {
        this.set(undefined);
      }
    }
    return this.current?.token;
  }

  /** A new session, though this one may be good for long. */
  async refresh(signal?: AbortSignal): Promise<Session> {
    await withSignal(this.renew(), signal);
    return this.current ?? this.refresh(signal); // somebody signed out meanwhile: the gateway says what that means
  }

  /** Has the session renewed ahead, and `keeper` called for each new one, until what it returns is called. */
  keep(keeper: () => void): () => void {
    this.keepers.add(keeper);
    this.schedule();
    return () => {
      this.keepers.delete(keeper);
      this.schedule();
    };
  }

  private get hasSource(): boolean {
    return this.source.credentials !== undefined || this.source.callback !== undefined;
  }

  private renew(refused?: string): Promise<void> {
    this.renewing ??= this.renewOnce(refused).finally(() => {
      this.renewing = undefined;
      this.schedule();
    });
    return this.renewing;
  }

  private async renewOnce(refused: string | undefined): Promise<void> {
    const source = this.source;
    try {
      const session = await this.fetchSession(source, refused);
      if (source === this.source) this.set(session);
    } catch (error) {
      if (source !== this.source) return; // somebody signed in or out meanwhile
      this.dueAt = this.clock.now() + RENEW_AGAIN_MS;
      if (isFinal(error)) this.set(undefined);
      throw error;
    }
  }

  private async fetchSession({ credentials, callback }: Source, refused: string | undefined): Promise<Session> {
    if (callback) {
      const given = await callback(refused);
      return typeof given === "string" ? { token: given } : given;
    }
    const token = this.current?.token;
    if (!credentials) return this.calls.refresh(token);
    if (token !== undefined && token !== refused) {
      try {
        return await this.calls.refresh(token);
      } catch (error) {
        if (!isFinal(error)) throw error;
      }
    }
    return this.calls.login(credentials);
  }

  private set(session: Session | undefined): void {
    if (!session && !this.current) return;
    this.current = session;
    // An end that is past already was told by another clock than ours: then we only learn of it when the token is refused.
    this.dueAt = (session?.expiresAt && this.dueOf(session.expiresAt)) ?? Infinity;
    this.schedule();
    this.onSession(session);
    for (const keeper of this.keepers) keeper();
  }

  private dueOf(expiresAt: Date): number | undefined {
    const left = expiresAt.getTime() - this.clock.now();
    return left > 0 ? expiresAt.getTime() - Math.min(RENEW_BEFORE_MS, left / 5) : undefined;
  }

  private schedule(): void {
    this.cancelTimer();
    this.cancelTimer = () => {};
    if (this.keepers.size === 0 || this.renewing || !this.current || this.dueAt === Infinity) return;
    this.cancelTimer = this.clock.after(Math.max(0, this.dueAt - this.clock.now()), () => {
      this.get().catch(() => {}); // tried again, and whoever uses the token learns of it
      this.schedule();
    });
  }
}
