// What the unit tests put in the place of time, the gateway and WebSockets.
import { create, toBinary } from "@bufbuild/protobuf";
import { Http } from "../dist/http.js";
import { EnvelopeSchema, EnvelopeType, ProblemSchema, TicketSchema } from "../dist/messages.js";

/** Lets everything happen that waits for nothing but its turn. */
export async function settle() {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Time that stands still until a test moves it; chance that says what it is told. */
export class FakeClock {
  time = 1_700_000_000_000;
  chance = 0.5;
  timers = new Set();

  now() {
    return this.time;
  }

  random() {
    return this.chance;
  }

  after(ms, callback) {
    const timer = { at: this.time + ms, callback };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** How long until the next timer; undefined without one. */
  get next() {
    const times = [...this.timers].map((timer) => timer.at - this.time);
    return times.length ? Math.min(...times) : undefined;
  }

  async advance(ms) {
    const end = this.time + ms;
    for (;;) {
      await settle();
      const due = [...this.timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.time = Math.max(this.time, due.at);
      this.timers.delete(due);
      due.callback();
    }
    this.time = end;
    await settle();
  }
}

export const answerOf = (schema, message, { status = 200, headers = {} } = {}) =>
  new Response(toBinary(schema, create(schema, message)), { status, headers: { "Content-Type": "application/x-protobuf", ...headers } });

export const problem = (status, members = {}, headers = {}) => answerOf(ProblemSchema, { status, ...members }, { status, headers });

export const emptyAnswer = () => new Response(null, { status: 200 });

/** A stream of envelopes that a test writes. */
export class FakeStream {
  constructor(request) {
    this.request = request;
    this.cancelled = false;
    this.body = new ReadableStream({
      start: (controller) => { this.controller = controller; },
      cancel: () => { this.cancelled = true; },
    });
  }

  get response() {
    return new Response(this.body, { headers: { "Content-Type": "application/x-protobuf" } });
  }

  /** Each behind its length, which is a varint; `null` is the sign of life. */
  send(...envelopes) {
    for (const envelope of envelopes) {
      const bytes = envelope ? toBinary(EnvelopeSchema, create(EnvelopeSchema, envelope)) : new Uint8Array(0);
      const head = [];
      for (let left = bytes.length; ; left >>= 7) {
        head.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
        if (left <= 0x7f) break;
      }
      this.controller.enqueue(Uint8Array.from([...head, ...bytes]));
    }
    return settle();
  }

  end() {
    this.controller.close();
    return settle();
  }

  fail() {
    this.controller.error(new TypeError("terminated"));
    return settle();
  }
}

/** A gateway as far as `fetch` sees it. `on[path]` answers with a Response, throws, or returns undefined for the default. */
export class FakeGateway {
  constructor() {
    this.requests = [];
    this.streams = [];
    this.on = {};
    this.fetch = async (url, init) => {
      const request = {
        method: init.method, path: url.pathname, query: Object.fromEntries(url.searchParams), body: init.body, signal: init.signal,
        headers: Object.fromEntries(init.headers), token: init.headers.get("Authorization")?.replace("Bearer ", ""),
      };
      this.requests.push(request);
      const answer = await this.on[request.path]?.(request);
      if (init.signal.aborted) throw init.signal.reason;
      if (answer) return answer;
      if (request.path === "/token/ticket") return answerOf(TicketSchema, { ticket: `ticket-of-${request.token}`, expiresAtMs: 1n });
      if (request.path !== "/post/feed/stream") return emptyAnswer();
      this.streams.push(new FakeStream(request));
      return this.streams.at(-1).response;
    };
  }

  get paths() {
    return this.requests.map((request) => request.path);
  }

  get stream() {
    return this.streams.at(-1);
  }

  http(clock, settings = {}) {
    return new Http({ base: new URL("http://gateway.test/"), fetch: this.fetch, timeoutMs: 30_000, retries: 3, ...settings }, clock);
  }
}

/** The class that a feed gets; its sockets are in `made`, in the order in which they were opened. */
export function fakeWebSockets({ opens = true } = {}) {
  return class FakeWebSocket {
    static made = [];
    static opens = opens;
    readyState = 0;
    protocol = "";
    sent = [];
    closed = false;

    constructor(url, protocol) {
      this.url = new URL(url);
      this.asked = protocol;
      FakeWebSocket.made.push(this);
      setImmediate(() => (FakeWebSocket.opens ? this.open() : this.onerror?.({})));
    }

    get query() {
      return Object.fromEntries(this.url.searchParams);
    }

    open() {
      this.readyState = 1;
      this.protocol = this.asked;
      this.onopen?.({});
    }

    tell(...envelopes) {
      for (const envelope of envelopes) {
        this.onmessage?.({ data: toBinary(EnvelopeSchema, create(EnvelopeSchema, envelope)).slice().buffer });
      }
      return settle();
    }

    send(bytes) {
      this.sent.push(bytes);
    }

    close() {
      this.closed = true;
      this.readyState = 3;
    }

    end(code) {
      this.readyState = 3;
      this.onclose?.({ code });
      return settle();
    }
  };
}

// ---- envelopes ----

const at = (id) => 1_700_000_000_000n + BigInt(id);

export const ready = (more = {}) => ({ type: EnvelopeType.READY, userId: 7n, ...more });
export const post = (id, more = {}) => ({ type: EnvelopeType.POST, id: BigInt(id), text: `post ${id}`, authorUserId: 9n, createdAtMs: at(id), cursor: `c${id}`, ...more });
export const edit = (id, n, more = {}) => ({ ...post(id), type: EnvelopeType.EDIT, text: `edit ${n}`, editedAtMs: at(id) + BigInt(n), cursor: `c${id}e${n}`, ...more });
export const deletion = (id) => ({ type: EnvelopeType.DELETE, id: BigInt(id), authorUserId: 9n, cursor: `c${id}d` });
export const reset = () => ({ type: EnvelopeType.RESET });
export const snapshotEnd = (cursor) => ({ type: EnvelopeType.SNAPSHOT_END, cursor });
export const cursorOnly = (cursor) => ({ type: EnvelopeType.CURSOR, cursor });
export const bye = (code, reconnectAfterMs) => ({ type: EnvelopeType.BYE, code, reason: "because", reconnectAfterMs: BigInt(reconnectAfterMs) });
