// Everything that one can ask of a gateway, as one user.
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { systemClock } from "./clock.js";
import { decode, idToWire, pageOf, postOf, profileOf, userOf } from "./convert.js";
import { ApiError } from "./errors.js";
import { Feed, type FeedHost } from "./feed.js";
import { Http, type HttpAnswer, type HttpRequest } from "./http.js";
import {
  DeleteAccountRequestSchema, LoginRequestSchema, PostCreateRequestSchema, PostIdSchema, PostListSchema, PostSchema, PostUpdateRequestSchema,
  ProfileSchema, RegisterRequestSchema, RegisterResponseSchema, TicketSchema, TokenSchema, UserListSchema, UserSchema,
} from "./messages.js";
import { type Source, Tokens } from "./tokens.js";
import type {
  CallOptions, ClientOptions, FeedOptions, FeedPageOptions, Page, PageOptions, Post, PostOptions, Profile, Registration, Session, Ticket, User,
  WebSocketConstructor,
} from "./types.js";

const TIMEOUT_MS = 30_000;
const RETRIES = 3;

/**
 * A client of one gateway address, as one user or as nobody. Calls reject with ApiError if the gateway refuses, with ConnectionError if
 * there was no answer, with the signal's reason if they were aborted. What may be repeated without harm is, a few times.
 */
export class Client {
  private readonly http: Http;
  private readonly tokens: Tokens;
  private readonly host: FeedHost;

  /** `baseUrl`: such as "https://feed.example"; in a browser also "/", the page's own origin. */
  constructor(baseUrl: string | URL, options: ClientOptions = {}) {
    if (options.token !== undefined && options.credentials) throw new TypeError("either token or credentials");
    const base = new URL(baseUrl, globalThis.location?.href);
    if (!base.pathname.endsWith("/")) base.pathname += "/";
    const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    const clock = systemClock;
    this.http = new Http({ base, fetch: options.fetch ?? globalThis.fetch, timeoutMs, retries: options.retries ?? RETRIES }, clock);
    const { source, session } = sourceOf(options);
    this.tokens = new Tokens(source, session, {
      login: ({ id, password }) => this.sendLogin(id, password),
      refresh: (token) => this.sendRefresh(token),
    }, clock, options.onSession);
    this.host = {
      http: this.http,
      tokens: this.tokens,
      clock,
      timeoutMs,
      WebSocket: options.WebSocket === null ? undefined : (options.WebSocket ?? (globalThis.WebSocket as WebSocketConstructor | undefined)),
      withToken: (run, signal) => this.withToken(run, signal),
    };
  }

  // ---- sessions ----

  /** Who is signed in now; undefined: nobody, or not yet. */
  get session(): Session | undefined {
    return this.tokens.session;
  }

  /** Signs in; from now on the client is that user. */
  async login(id: string, password: string, options: CallOptions = {}): Promise<Session> {
    const session = await this.sendLogin(id, password, options);
    this.tokens.replaceBy(session);
    return session;
  }

  /** Makes the token good for nothing, everywhere within a second, and forgets it; that also if the gateway can't be reached. */
  async logout(options: CallOptions = {}): Promise<void> {
    const token = this.tokens.session?.token;
    this.tokens.replaceBy(undefined);
    if (token === undefined) return;
    try {
      await this.http.call(request("POST", "/logout", options), token, options.signal);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error; // it is good for nothing already
    }
  }

  /** A new session of the same user at once; the client renews its own in time, unasked. */
  async refresh({ signal }: CallOptions = {}): Promise<Session> {
    return this.tokens.refresh(signal);
  }

  /** Stands for the token in a URL: once, within a minute. Feeds get their own. */
  async makeTicket(options: CallOptions = {}): Promise<Ticket> {
    const { ticket, expiresAtMs } = await this.get(TicketSchema, request("POST", "/token/ticket", options), options);
    return { ticket, expiresAt: new Date(Number(expiresAtMs)) };
  }

  // ---- people ----

  /** Makes a new user, and gives their id; sign in with it. */
  async register(registration: Registration, options: CallOptions = {}): Promise<string> {
    const { birthdate = "", biography = "", city = "", ...names } = registration;
    const body = bodyOf(RegisterRequestSchema, { ...names, birthdate, biography, city });
    // Not repeated when it is not known whether it took effect: that would make two users.
    const sent = { ...request("POST", "/user/register", options, body), repeatable: false };
    const answer = await this.http.call(sent, undefined, options.signal);
    return String(decode(RegisterResponseSchema, answer.body).userId);
  }

  /** Deletes the account of the user who is signed in. It can't be undone. */
  async deleteAccount(password: string, options: CallOptions = {}): Promise<void> {
    const sent = { ...request("DELETE", "/user/me", options, bodyOf(DeleteAccountRequestSchema, { password })), repeatable: false };
    await this.call(sent, options);
    this.tokens.replaceBy(undefined);
  }

  async getUser(id: string, options: CallOptions = {}): Promise<User> {
    return userOf(await this.get(UserSchema, request("GET", `/user/get/${encodeURIComponent(id)}`, options), options));
  }

  /** The user with what a page about them shows. */
  async getProfile(id: string, options: CallOptions = {}): Promise<Profile> {
    return profileOf(await this.get(ProfileSchema, request("GET", `/user/${encodeURIComponent(id)}/profile`, options), options));
  }

  /** Several at once, at most 100, in the order asked for; unknown ones are left out. */
  async getUsers(ids: readonly string[], options: CallOptions = {}): Promise<User[]> {
    if (ids.length === 0) return [];
    const { users } = await this.get(UserListSchema, { ...request("GET", "/users", options), query: { ids: ids.join(",") } }, options);
    return users.map(userOf);
  }

  /** Whose names begin so, in any case. Both are needed. */
  async searchUsers(firstName: string, lastName: string, options: PageOptions = {}): Promise<Page<User>> {
    return this.userPage("/user/search", options, { first_name: firstName, last_name: lastName });
  }

  async listFollowers(userId: string, options: PageOptions = {}): Promise<Page<User>> {
    return this.userPage(`/user/${encodeURIComponent(userId)}/followers`, options);
  }

  async listFollowing(userId: string, options: PageOptions = {}): Promise<Page<User>> {
    return this.userPage(`/user/${encodeURIComponent(userId)}/following`, options);
  }

  /** Following again changes nothing. */
  async follow(userId: string, options: CallOptions = {}): Promise<void> {
    await this.call(request("PUT", `/friend/set/${encodeURIComponent(userId)}`, options), options);
  }

  /** Doing it again changes nothing. */
  async unfollow(userId: string, options: CallOptions = {}): Promise<void> {
    await this.call(request("PUT", `/friend/delete/${encodeURIComponent(userId)}`, options), options);
  }

  // ---- posts ----

  /** Stores a post of 1 to 4,096 bytes and gives its id. Stored once, however often it had to be sent. */
  async createPost(text: string, options: PostOptions = {}): Promise<string> {
    const sent = request("POST", "/post/create", options, bodyOf(PostCreateRequestSchema, { text }));
    const headers = { ...sent.headers, "Idempotency-Key": options.idempotencyKey ?? newKey() };
    return String((await this.get(PostIdSchema, { ...sent, headers }, options)).id);
  }

  /** Gives one's post another text. */
  async updatePost(id: string, text: string, options: CallOptions = {}): Promise<void> {
    await this.call(request("PUT", "/post/update", options, bodyOf(PostUpdateRequestSchema, { id: idToWire(id), text })), options);
  }

  /** Takes one's post back. */
  async deletePost(id: string, options: CallOptions = {}): Promise<void> {
    // A second one would be told that there is no such post: not repeated when it is not known whether it took effect.
    await this.call({ ...request("PUT", `/post/delete/${encodeURIComponent(id)}`, options), repeatable: false }, options);
  }

  async getPost(id: string, options: CallOptions = {}): Promise<Post> {
    return postOf(await this.get(PostSchema, request("GET", `/post/get/${encodeURIComponent(id)}`, options), options));
  }

  /** What the user wrote, newest first. */
  async listPosts(userId: string, options: PageOptions = {}): Promise<Page<Post>> {
    return this.postPage(`/user/${encodeURIComponent(userId)}/posts`, options);
  }

  /** The home feed, newest first: posts of those whom one follows now. */
  async getFeed(options: FeedPageOptions = {}): Promise<Page<Post>> {
    return this.postPage("/post/feed", options, { offset: options.offset });
  }

  /** The live feed: what happens to the home feed, as it happens. Open until it is closed. */
  openFeed(options: FeedOptions = {}): Feed {
    return new Feed(this.host, options);
  }

  // ---- how ----

  private async sendLogin(id: string, password: string, options: CallOptions = {}): Promise<Session> {
    const sent = request("POST", "/login", options, bodyOf(LoginRequestSchema, { id: idToWire(id), password }));
    return sessionOf(await this.http.call(sent, undefined, options.signal));
  }

  private async sendRefresh(token: string | undefined): Promise<Session> {
    return sessionOf(await this.http.call(request("POST", "/token/refresh", {}), token));
  }

  private async userPage(path: string, options: PageOptions, query: HttpRequest["query"] = {}): Promise<Page<User>> {
    const answer = await this.call(pageRequest(path, options, query), options);
    return pageOf(decode(UserListSchema, answer.body).users.map(userOf), answer.headers);
  }

  private async postPage(path: string, options: PageOptions, query: HttpRequest["query"] = {}): Promise<Page<Post>> {
    const answer = await this.call(pageRequest(path, options, query), options);
    return pageOf(decode(PostListSchema, answer.body).posts.map(postOf), answer.headers);
  }

  private async get<S extends DescMessage>(schema: S, sent: HttpRequest, options: CallOptions) {
    return decode(schema, (await this.call(sent, options)).body);
  }

  private call(sent: HttpRequest, { signal }: CallOptions): Promise<HttpAnswer> {
    return this.withToken((token) => this.http.call(sent, token, signal), signal);
  }

  private async withToken<T>(run: (token: string | undefined) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const token = await this.tokens.get(signal);
    try {
      return await run(token);
    } catch (error) {
      if (token === undefined || !(error instanceof ApiError) || error.status !== 401) throw error;
      const another = await this.tokens.replace(token, signal);
      if (another === undefined || another === token) throw error;
      return run(another);
    }
  }
}

function sourceOf({ token, credentials }: ClientOptions): { source: Source; session: Session | undefined } {
  if (credentials) return { source: { credentials }, session: undefined };
  if (typeof token === "function") return { source: { callback: token }, session: undefined };
  return { source: {}, session: typeof token === "string" ? { token } : token };
}

function request(method: HttpRequest["method"], path: string, { requestId }: CallOptions, body?: Uint8Array): HttpRequest {
  return { method, path, headers: { "X-Request-ID": requestId }, repeatable: true, ...(body && { body }) };
}

function pageRequest(path: string, options: PageOptions, query: HttpRequest["query"]): HttpRequest {
  return { ...request("GET", path, options), query: { ...query, limit: options.limit, cursor: options.cursor } };
}

function bodyOf<S extends DescMessage>(schema: S, message: MessageInitShape<S>): Uint8Array {
  return toBinary(schema, create(schema, message));
}

function sessionOf({ body }: HttpAnswer): Session {
  const { token, expiresAtMs } = decode(TokenSchema, body);
  return { token, expiresAt: new Date(Number(expiresAtMs)) };
}

/** Unlike every other key of this user: 128 random bits. Not a secret, so where a page has no crypto any chance will do. */
function newKey(): string {
  const bytes = new Uint8Array(16);
  if (globalThis.crypto) crypto.getRandomValues(bytes);
  else bytes.forEach((_, i) => { bytes[i] = Math.floor(Math.random() * 256); });
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
