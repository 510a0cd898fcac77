// What callers of the SDK see, apart from Client, Feed and the errors. Ids are decimal strings, as in the JSON API: they are
// compared, kept as keys and put into links, never counted with. Times are Dates.

/** A signed-in user's right to call, until it expires. */
export interface Session {
  token: string;
  /** Absent: not known. Then the token is used until it is refused. */
  expiresAt?: Date;
}

/** Gives a token whenever one is needed: at first, before the last one expires, and after one was refused, which it then gets. */
export type TokenSource = (refused: string | undefined) => Promise<string | Session> | string | Session;

export interface Credentials {
  id: string;
  password: string;
}

export interface User {
  id: string;
  firstName: string;
  secondName: string;
  /** YYYY-MM-DD; "" if not said. */
  birthdate: string;
  biography: string;
  city: string;
}

export interface Profile extends User {
  followerCount: number;
  followingCount: number;
  /** Has so many followers that live posts are published once for all of them. */
  celebrity: boolean;
  /** Whether the caller follows them; absent if nobody is signed in. */
  followed?: boolean;
}

export interface Registration {
  firstName: string;
  secondName: string;
  /** 8 to 128 bytes of UTF-8. */
  password: string;
  /** YYYY-MM-DD. */
  birthdate?: string | undefined;
  biography?: string | undefined;
  city?: string | undefined;
}

export interface Post {
  id: string;
  text: string;
  authorUserId: string;
  createdAt: Date;
  /** Absent: never edited. */
  editedAt?: Date;
}

/** A part of a list. `next` is the cursor of the part behind it; absent at the end. */
export interface Page<T> {
  items: T[];
  next?: string;
}

/** Which part of a list: `cursor` is the `next` of the part before; `limit` 1 to 100. */
export interface PageOptions extends CallOptions {
  cursor?: string | undefined;
  limit?: number | undefined;
}

export interface FeedPageOptions extends PageOptions {
  /** How many posts to skip, 0 to 10,000; not together with `cursor`, which new posts don't shift. */
  offset?: number | undefined;
}

export interface Ticket {
  ticket: string;
  expiresAt: Date;
}

/** What every call takes. */
export interface CallOptions {
  /** Ends the call; it then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Under which the logs of the servers have the call: 1 to 64 printable ASCII characters. Absent: the gateway makes one. */
  requestId?: string | undefined;
}

export interface PostOptions extends CallOptions {
  /**
   * Names this one post for 24 hours: a repeated call with the same key and text gives the first id, and stores nothing. One is made
   * for each call, for its own repetitions; give one to repeat a call that failed, even after a reload of the page.
   */
  idempotencyKey?: string | undefined;
}

/** What a live feed tells, in order. Events of kinds that this version does not know are left out. */
export type FeedEvent =
  /** A connection is there. `resumed`: exactly what was missed follows; else a `reset` does. */
  | { type: "ready"; resumed: boolean; userId: string; cursor?: string }
  /** A post, new or (`snapshot`) part of what follows a reset. One with an id that is shown already replaces it. */
  | { type: "post"; post: Post; snapshot: boolean; cursor?: string }
  /** A post as it reads now. */
  | { type: "edit"; post: Post; cursor?: string }
  | { type: "delete"; id: string; authorUserId: string; cursor?: string }
  /** Forget what is shown: the newest posts follow, newest last, until `snapshot_end`. */
  | { type: "reset" }
  | { type: "snapshot_end"; cursor?: string };

/**
 * connecting: the first attempt is under way. live: what happens is told at once. resuming: the connection was lost and is being made
 * anew. offline: the last attempt failed, the next one follows. closed: for good, by `close()` or by an error.
 */
export type FeedState = "connecting" | "live" | "resuming" | "offline" | "closed";

export interface FeedStateDetail {
  /** Why, if it was an error. On `closed`: absent if it was closed by the caller. */
  error?: Error;
  /** When the next attempt begins, on `offline` and `resuming`. */
  retryAt?: Date;
}

export interface FeedOptions {
  /** Where to go on: the cursor of an earlier event of the same user. A place that is too old gives a `reset`. */
  cursor?: string | undefined;
  /** How many posts a snapshot has, 0 to 100. Default: 20. */
  snapshot?: number | undefined;
  /** Is given every event, one by one; then the feed can't be iterated. What it throws is not caught. */
  onEvent?: ((event: FeedEvent) => void) | undefined;
  onState?: ((state: FeedState, detail: FeedStateDetail) => void) | undefined;
  /** Closes the feed. An iteration then ends by throwing the signal's reason. */
  signal?: AbortSignal | undefined;
  /** "auto": WebSocket where there is one, else, or if none can be opened, an HTTP stream. */
  transport?: "auto" | "websocket" | "stream" | undefined;
  /** How many events wait for a slow reader before the connection is given up, to be resumed when they are read. Default: 1024. */
  bufferSize?: number | undefined;
  backoff?: BackoffOptions | undefined;
}

/** The wait before attempt n is random, between 0 and min(maxMs, baseMs · 2ⁿ). */
export interface BackoffOptions {
  /** Default: 500. */
  baseMs?: number | undefined;
  /** Default: 60,000. */
  maxMs?: number | undefined;
}

/** The part of the browsers' class that is used. */
export type WebSocketConstructor = new (url: string, protocols: string) => WebSocketLike;

export interface WebSocketLike {
  binaryType: string;
  readonly protocol: string;
  readonly readyState: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  send(data: Uint8Array): void;
  close(code?: number, reason?: string): void;
}

export interface ClientOptions {
  /** A token, or a session with its expiry, which is refreshed in time; or a function that brings one. */
  token?: string | Session | TokenSource | undefined;
  /** Signs in when it is first needed, and again when a session can't be refreshed. Not together with `token`. */
  credentials?: Credentials | undefined;
  /** Is told each new session, so that it can be kept, and `undefined` when there is none any more. */
  onSession?: ((session: Session | undefined) => void) | undefined;
  /** For each attempt of a call, in milliseconds. Default: 30,000. */
  timeoutMs?: number | undefined;
  /** How often a call that may be repeated is repeated. Default: 3. */
  retries?: number | undefined;
  /** Instead of the global one. */
  fetch?: typeof fetch | undefined;
  /** Instead of the global one; `null`: none, live feeds come as HTTP streams. */
  WebSocket?: WebSocketConstructor | null | undefined;
}
