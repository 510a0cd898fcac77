export { Client } from "./client.js";
export { ApiError, ConnectionError, type ProblemDetails } from "./errors.js";
export type { Feed } from "./feed.js";
export type {
  BackoffOptions, CallOptions, ClientOptions, Credentials, FeedEvent, FeedOptions, FeedPageOptions, FeedState, FeedStateDetail, Page, PageOptions,
  Post, PostOptions, Profile, Registration, Session, Ticket, TokenSource, User, WebSocketConstructor, WebSocketLike,
} from "./types.js";
