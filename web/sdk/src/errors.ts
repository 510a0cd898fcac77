// What calls and feeds fail with. Who is not signed in gets an ApiError of 401; an aborted call rejects with its signal's reason.

/** The members of RFC 9457, as far as they are known. */
export interface ProblemDetails {
  status: number;
  type?: string | undefined;
  title?: string | undefined;
  detail?: string | undefined;
  code?: number | undefined;
  field?: string | undefined;
  requestId?: string | undefined;
  retryAfter?: number | undefined;
}

/** The server said no. `message` is the detail, a sentence for people. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** The HTTP status. */
  readonly status: number;
  /** The kind, a number that never changes (docs/errors.md); 0 if the answer was not the gateway's own. */
  readonly code: number;
  /** The kind as `urn:freshet:problem:…`; "about:blank" if the answer was not the gateway's own. */
  readonly type: string;
  /** The kind, for people. */
  readonly title: string;
  /** This case, for people. */
  readonly detail: string;
  /** The member, parameter or header at fault, if one is. */
  readonly field: string | undefined;
  /** Under which the servers' logs have the call. */
  readonly requestId: string | undefined;
  /** Seconds after which it is worth trying again, if the server says. */
  readonly retryAfter: number | undefined;

  constructor(problem: ProblemDetails) {
    const title = problem.title || `HTTP status ${problem.status}`;
    super(problem.detail || title);
    this.status = problem.status;
    this.code = problem.code ?? 0;
    this.type = problem.type || "about:blank";
    this.title = title;
    this.detail = problem.detail || title;
    this.field = problem.field || undefined;
    this.requestId = problem.requestId || undefined;
    this.retryAfter = problem.retryAfter;
  }
}

/** No answer came, or not a whole one: the network, the server's end, a time-out. `cause` has what is known. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
  }
}

/** Asking again would give the same. What a proxy says on its own account (code 0) may pass, except that nobody is let in. */
export function isFinal(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  if (error.status === 401 || error.status === 403) return true;
  return error.code !== 0 && error.status < 500 && error.status !== 429;
}
