// One call to the gateway: protobuf in, protobuf out, a time-out, repetitions where they do no harm.
import { fromBinary } from "@bufbuild/protobuf";
import { type Backoff, backoffMs } from "./backoff.js";
import { type Clock, sleep } from "./clock.js";
import { ApiError, ConnectionError, type ProblemDetails } from "./errors.js";
import { ProblemSchema } from "./messages.js";

export const PROTOBUF = "application/x-protobuf";

export interface HttpRequest {
  method: "GET" | "PUT" | "POST" | "DELETE";
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: Uint8Array;
  headers?: Record<string, string | undefined>;
  /** Doing it twice is as good as doing it once. It is then repeated when it is not known whether it took effect. */
  repeatable: boolean;
}

export interface HttpAnswer {
  body: Uint8Array;
  headers: Headers;
}

export interface HttpSettings {
  /** Ends with a slash. */
  base: URL;
  fetch: typeof fetch;
  timeoutMs: number;
  retries: number;
}

const BACKOFF: Backoff = { baseMs: 200, maxMs: 5_000 };
/** Who is told to wait longer is not kept waiting: the caller decides. */
const LONGEST_RETRY_AFTER_S = 10;
/** Problems before which nothing was done: rate-limited, login-limited, overloaded, passwords-busy, no-ids (docs/errors.md). */
const NOTHING_DONE = new Set([1700, 1701, 2102, 2103, 2104]);
const REPEATED_STATUSES = new Set([429, 502, 503, 504]);

export class Http {
  constructor(
    private readonly settings: HttpSettings,
    private readonly clock: Clock,
  ) {}

  url(path: string, query: HttpRequest["query"] = {}): URL {
    const url = new URL(path.replace(/^\//, ""), this.settings.base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return url;
  }

  /** The answer of 200, or what went wrong: ApiError, ConnectionError, the signal's reason. */
  async call(request: HttpRequest, token: string | undefined, signal?: AbortSignal, retries = this.settings.retries): Promise<HttpAnswer> {
    for (let n = 0; ; n++) {
      try {
        return await this.send(request, token, signal, wholeAnswer);
      } catch (error) {
        if (n >= retries || !mayRepeat(request, error)) throw error;
        const leastMs = error instanceof ApiError ? (error.retryAfter ?? 0) * 1000 : 0;
        await sleep(this.clock, leastMs + backoffMs(BACKOFF, n, this.clock), signal);
      }
    }
  }

  /** Sends the request once, and has `read` take the answer if it is good: all of it within the time-out. */
  async send<T>(request: HttpRequest, token: string | undefined, signal: AbortSignal | undefined,
    read: (response: Response) => Promise<T> | T): Promise<T> {
    signal?.throwIfAborted();
    const { fetch, timeoutMs } = this.settings;
    const stop = new AbortController();
    const abort = () => stop.abort();
    signal?.addEventListener("abort", abort);
    let late = false;
    const cancel = this.clock.after(timeoutMs, () => {
      late = true;
      stop.abort();
    });
    try {
      const response = await fetch(this.url(request.path, request.query), {
        method: request.method,
        headers: headersOf(request, token),
        body: (request.body ?? null) as BodyInit | null,
        cache: "no-store",
        credentials: "omit",
        signal: stop.signal,
      });
      if (!response.ok) throw new ApiError(await problemOf(response));
      return await read(response);
    } catch (error) {
      stop.abort(); // what was not read of the answer is not wanted
      signal?.throwIfAborted();
      if (error instanceof ApiError || error instanceof ConnectionError) throw error;
      throw new ConnectionError(late ? `no answer within ${timeoutMs / 1000} s` : "the server can't be reached", { cause: error });
    } finally {
      cancel();
      signal?.removeEventListener("abort", abort);
    }
  }
}

/** Not somebody else's 200: of a hotel's sign-in page, or of another service at that address. */
export function checkIsOurs(response: Response): void {
  const type = response.headers.get("Content-Type") ?? "nothing";
  if (!type.startsWith(PROTOBUF)) throw new ConnectionError(`the answer is no Freshet gateway's: ${type} instead of ${PROTOBUF}`);
}

async function wholeAnswer(response: Response): Promise<HttpAnswer> {
  const body = new Uint8Array(await response.arrayBuffer());
  if (body.length > 0) checkIsOurs(response);
  return { body, headers: response.headers };
}

function headersOf(request: HttpRequest, token: string | undefined): Headers {
  const headers = new Headers({ Accept: PROTOBUF });
  if (request.body) headers.set("Content-Type", PROTOBUF);
  if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (value !== undefined) headers.set(name, value);
  }
  return headers;
}

function mayRepeat(request: HttpRequest, error: unknown): boolean {
  if (error instanceof ConnectionError) return request.repeatable;
  if (!(error instanceof ApiError) || (error.retryAfter ?? 0) > LONGEST_RETRY_AFTER_S) return false;
  return NOTHING_DONE.has(error.code) || (request.repeatable && REPEATED_STATUSES.has(error.status));
}

/** What the gateway says, or a proxy before it in a language of its own. */
async function problemOf(response: Response): Promise<ProblemDetails> {
  const retryAfter = /^\d+$/.exec(response.headers.get("Retry-After") ?? "");
  const known: ProblemDetails = {
    status: response.status,
    title: response.statusText,
    requestId: response.headers.get("X-Request-ID") ?? undefined,
    retryAfter: retryAfter ? Number(retryAfter[0]) : undefined,
  };
  const type = response.headers.get("Content-Type") ?? "";
  try {
    if (!type.startsWith(PROTOBUF)) return known;
    const problem = fromBinary(ProblemSchema, new Uint8Array(await response.arrayBuffer()));
    return { ...known, ...problem, status: response.status, requestId: problem.requestId || known.requestId };
  } catch {
    return known; // the status is worth more than why the rest of it is broken
  }
}
