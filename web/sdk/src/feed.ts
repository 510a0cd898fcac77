// The live feed: one connection after another, so that what the caller gets has no gap and no repetition.
//
// Each attempt ends in one Ending, and `run` decides by it what comes next. A feed resumes behind the last envelope that it took
// (`takenCursor`); `cursor` is behind the last one that the caller got, which matters when a reader is slow.
import { type Backoff, backoffMs } from "./backoff.js";
import type { Clock } from "./clock.js";
import { decode, eventOf } from "./convert.js";
import { ApiError, ConnectionError, isFinal } from "./errors.js";
import { watchWindow } from "./hints.js";
import type { Http } from "./http.js";
import { Inbox } from "./inbox.js";
import type { Link, LinkReceiver } from "./link.js";
import { type Envelope, EnvelopeType, TicketSchema } from "./messages.js";
import { Seen } from "./seen.js";
import { openStream } from "./stream.js";
import type { Tokens } from "./tokens.js";
import type { FeedEvent, FeedOptions, FeedState, FeedStateDetail, WebSocketConstructor } from "./types.js";
import { openWebSocket } from "./websocket.js";

/** What a feed needs of its client. */
export interface FeedHost {
  http: Http;
  tokens: Tokens;
  clock: Clock;
  timeoutMs: number;
  WebSocket: WebSocketConstructor | undefined;
  /** Runs it with a token; with another one, once more, if it rejects with 401. */
  withToken<T>(run: (token: string | undefined) => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** How an attempt ended. */
type Ending =
  /** It failed, or the connection did, or the server closed it. */
  | { kind: "lost"; error?: Error; code?: number }
  /** The server said when to come again. */
  | { kind: "bye"; code: number; waitMs: number }
  /** A new connection is wanted at once. */
  | { kind: "again" }
  /** The reader is slow: a new connection is wanted when it has read what waits. */
  | { kind: "full" }
  | { kind: "closed" };

/** What waits for the reader: an event, or only a newer cursor. */
interface Taken {
  event: FeedEvent | undefined;
  cursor: string | undefined;
}

const MOVES: Record<FeedState, readonly FeedState[]> = {
  connecting: ["live", "offline", "closed"],
  live: ["resuming", "closed"],
  resuming: ["live", "offline", "closed"],
  offline: ["live", "offline", "closed"],
  closed: [],
};

const BACKOFF: Backoff = { baseMs: 500, maxMs: 60_000 };
/** A connection that lived so long was a good one: the next wait is a short one again. */
const STEADY_MS = 10_000;
/** How many events are remembered to find repetitions. */
const REMEMBERED = 1_024;
const BUFFER_DEFAULT = 1_024;
/** A whole snapshot fits, or a slow reader would never get through one. */
const BUFFER_LEAST = 128;
/** After a shorter silence a window that comes back does not doubt its connection. */
const DOUBT_AFTER_MS = 30_000;

export class Feed implements AsyncIterable<FeedEvent> {
  private readonly host: FeedHost;
  private readonly options: FeedOptions;
  private readonly backoff: Backoff;
  private readonly inbox: Inbox<Taken>;
  private readonly seen = new Seen(REMEMBERED);
  private readonly receiver: LinkReceiver;
  private readonly endings: (() => void)[] = [];

  private stateNow: FeedState = "connecting";
  private failure: Error | undefined;
  private takenCursor: string | undefined;
  private givenCursor: string | undefined;

  // Of the attempt that is under way.
  private stopper = new AbortController();
  private ending: Ending | undefined;
  private link: Link | undefined;
  private token: string | undefined;
  private lastSign = 0;
  private liveSince: number | undefined;
  private wake = () => {};

  /** Made by Client.openFeed(). */
  constructor(host: FeedHost, options: FeedOptions) {
    this.host = host;
    this.options = options;
    if (options.transport === "websocket" && !host.WebSocket) throw new TypeError("there are no WebSockets here");
    this.backoff = { baseMs: options.backoff?.baseMs ?? BACKOFF.baseMs, maxMs: options.backoff?.maxMs ?? BACKOFF.maxMs };
    this.inbox = new Inbox(Math.max(BUFFER_LEAST, options.bufferSize ?? BUFFER_DEFAULT));
    this.takenCursor = this.givenCursor = options.cursor;
    this.receiver = {
      onEnvelope: (envelope) => this.onEnvelope(envelope),
      onSign: () => { this.lastSign = host.clock.now(); },
    };
    const { signal } = options;
    if (signal) {
      const abort = () => this.finish(signal.reason as Error);
      signal.addEventListener("abort", abort);
      this.endings.push(() => signal.removeEventListener("abort", abort));
    }
    this.endings.push(
      host.tokens.keep(() => this.onNewToken()),
      watchWindow({
        onOnline: () => this.retryNow(),
        onOffline: () => this.doubt(0),
        onVisible: () => {
          this.retryNow();
          this.doubt(DOUBT_AFTER_MS);
        },
      }),
    );
    this.run().catch((error: Error) => this.finish(error));
  }

  get state(): FeedState {
    return this.stateNow;
  }

  /** Behind the last event that the caller got: where another feed of the same user would go on. */
  get cursor(): string | undefined {
    return this.givenCursor;
  }

  /** Ends it for good. What was not read by then is dropped. */
  close(): void {
    this.finish(undefined);
  }

  /** While it waits: tries now. */
  retryNow(): void {
    this.wake();
  }

  /** Forgets its place and begins anew, with a `reset` and the newest page. */
  dropCursor(): void {
    if (this.isClosed) return;
    this.takenCursor = undefined;
    this.stop({ kind: "again" });
    this.wake();
  }

  /** The events, until the feed is closed (by leaving the loop, too) or fails for good; then it throws. For one reader. */
  [Symbol.asyncIterator](): AsyncIterator<FeedEvent, undefined> {
    if (this.options.onEvent) throw new TypeError("the events of this feed go to onEvent");
    return {
      next: async () => {
        for (;;) {
          const taken = await this.inbox.take();
          if (!taken) {
            if (this.failure) throw this.failure;
            return { done: true, value: undefined };
          }
          this.givenCursor = taken.cursor;
          if (taken.event) return { done: false, value: taken.event };
        }
      },
      return: () => {
        this.close();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  // ---- one connection after another ----

  private async run(): Promise<void> {
    await null; // whoever opened it has it before it is told anything
    if (this.options.signal?.aborted) return this.finish(this.options.signal.reason as Error);
    this.tell(this.options.onState, "connecting", {});
    let failures = 0;
    while (!this.isClosed) {
      const ending = await this.attempt();
      if (this.isClosed) return;
      const now = this.host.clock.now();
      if (this.liveSince !== undefined && now - this.liveSince >= STEADY_MS) failures = 0;

      if (this.takenCursor !== undefined && refusesCursor(ending)) {
        this.takenCursor = undefined;
        this.lose({});
      } else if (ending.kind === "again") {
        this.lose({});
      } else if (ending.kind === "full") {
        this.lose({});
        await this.inbox.emptied();
      } else {
        const error = ending.kind === "lost" ? ending.error : undefined;
        if (isFinal(error)) return this.finish(error);
        const waitMs = this.waitMsAfter(ending, failures++);
        this.lose({ ...(error && { error }), retryAt: new Date(now + waitMs) });
        await this.pause(waitMs);
      }
    }
  }

  /** One connection, from before its beginning to its end. */
  private async attempt(): Promise<Ending> {
    const { signal } = (this.stopper = new AbortController());
    this.ending = this.liveSince = undefined;
    let cancelWatch = () => {};
    const watch = (silenceMs: number) => {
      const left = this.lastSign + silenceMs - this.host.clock.now();
      if (left > 0) cancelWatch = this.host.clock.after(left, () => watch(silenceMs));
      else this.stop({ kind: "lost", error: new ConnectionError(`nothing came for ${silenceMs / 1000} s`) });
    };
    try {
      const link = await this.host.withToken((token) => this.open(token, signal), signal);
      signal.addEventListener("abort", () => link.close());
      if (signal.aborted) link.close();
      this.link = link;
      this.lastSign = this.host.clock.now();
      watch(link.silenceMs);
      this.onNewToken();
      const end = await link.ended;
      return this.ending ?? { kind: "lost", ...end };
    } catch (error) {
      return this.ending ?? { kind: "lost", error: error as Error };
    } finally {
      cancelWatch();
      this.link = undefined;
    }
  }

  private async open(token: string | undefined, signal: AbortSignal): Promise<Link> {
    const { http, WebSocket, timeoutMs, clock } = this.host;
    const { transport = "auto", snapshot } = this.options;
    const cursor = this.takenCursor;
    this.token = token;
    if (!WebSocket || transport === "stream") return openStream(http, { token, cursor, snapshot, signal }, this.receiver);

    const answer = await http.call({ method: "POST", path: "/token/ticket", repeatable: true }, token, signal, 0);
    const { ticket } = decode(TicketSchema, answer.body);
    try {
      const url = http.url("/post/feed/posted", { ticket, cursor, snapshot });
      return await openWebSocket({ WebSocket, url, timeoutMs, clock, signal }, this.receiver);
    } catch (error) {
      signal.throwIfAborted();
      // Why is not told of a WebSocket. The stream says it, under the same rules; or it opens, where something between suffers no WebSockets.
      if (transport === "auto") return openStream(http, { token, cursor, snapshot, signal }, this.receiver);
      const probe = await openStream(http, { token, cursor, snapshot: 0, signal }, { onEnvelope: () => {}, onSign: () => {} });
      probe.close();
      throw error;
    }
  }

  /** Ends the attempt that is under way, if one is. The first word counts. */
  private stop(ending: Ending): void {
    if (this.ending) return;
    this.ending = ending;
    this.stopper.abort();
  }

  /** As the server says, and at random where it says nothing, or has said it to no avail. */
  private waitMsAfter(ending: Ending, failures: number): number {
    const random = backoffMs(this.backoff, failures, this.host.clock);
    if (ending.kind === "bye") return failures === 0 ? ending.waitMs : Math.max(ending.waitMs, random);
    const { error } = ending as { error?: Error };
    return error instanceof ApiError ? (error.retryAfter ?? 0) * 1000 + random : random;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.host.clock.after(ms, resolve);
      this.wake = () => {
        cancel();
        resolve();
      };
    });
  }

  // ---- what comes ----

  private onEnvelope(envelope: Envelope): void {
    if (this.ending) return;
    if (envelope.type === EnvelopeType.BYE) {
      return this.stop({ kind: "bye", code: envelope.code, waitMs: Number(envelope.reconnectAfterMs) });
    }
    if (this.inbox.isFull) return this.stop({ kind: "full" });
    if (envelope.type === EnvelopeType.RESET) this.seen.clear();
    if (envelope.type === EnvelopeType.READY && this.liveSince === undefined) {
      this.liveSince = this.host.clock.now();
      this.move("live", {});
    }

    this.takenCursor = envelope.type === EnvelopeType.RESET ? undefined : envelope.cursor || this.takenCursor;
    this.give({ event: this.isRepeated(envelope) ? undefined : eventOf(envelope), cursor: this.takenCursor });
  }

  private isRepeated({ type, id, editedAtMs }: Envelope): boolean {
    switch (type) {
      case EnvelopeType.POST:
      case EnvelopeType.EDIT:
      case EnvelopeType.DELETE:
        return !this.seen.add(`${type} ${id} ${editedAtMs}`);
      default:
        return false;
    }
  }

  private give(taken: Taken): void {
    if (!this.options.onEvent) return this.inbox.push(taken);
    this.givenCursor = taken.cursor;
    if (taken.event) this.tell(this.options.onEvent, taken.event);
  }

  private onNewToken(): void {
    const token = this.host.tokens.session?.token;
    if (!this.link || token === undefined || token === this.token) return;
    if (this.link.extend(token)) this.token = token;
    else this.stop({ kind: "again" });
  }

  /** A connection that has been silent so long may be dead: a new one costs little and tells the truth. */
  private doubt(silentMs: number): void {
    if (this.link && this.host.clock.now() - this.lastSign >= silentMs) this.stop({ kind: "again" });
  }

  // ---- states ----

  private get isClosed(): boolean {
    return this.stateNow === "closed";
  }

  /** There is no connection: resuming if there was one, else offline. */
  private lose(detail: FeedStateDetail): void {
    if (this.stateNow === "live") this.move("resuming", detail);
    else if (detail.retryAt) this.move("offline", detail);
  }

  private finish(error: Error | undefined): void {
    if (this.isClosed) return;
    this.failure = error;
    this.stop({ kind: "closed" });
    for (const end of this.endings) end();
    this.inbox.end(error === undefined);
    this.wake();
    this.move("closed", error ? { error } : {});
  }

  private move(to: FeedState, detail: FeedStateDetail): void {
    if (!MOVES[this.stateNow].includes(to)) throw new Error(`a feed that is ${this.stateNow} can't become ${to}`);
    this.stateNow = to;
    this.tell(this.options.onState, to, detail);
  }

  /** What a callback throws is nobody's here: it becomes an uncaught error, as in any event handler. */
  private tell<A extends unknown[]>(callback: ((...args: A) => void) | undefined, ...args: A): void {
    try {
      callback?.(...args);
    } catch (error) {
      queueMicrotask(() => { throw error; });
    }
  }
}

/** The cursor was damaged or another user's, or (4004) can't be gone on from. */
function refusesCursor(ending: Ending): boolean {
  if (ending.kind === "bye") return ending.code === 4004;
  if (ending.kind !== "lost") return false;
  return ending.code === 4004 || (ending.error instanceof ApiError && ending.error.status === 400 && ending.error.field === "cursor");
}
