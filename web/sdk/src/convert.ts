// Messages of the wire to what callers see, and back.
import { ConnectionError } from "./errors.js";
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { type Envelope, EnvelopeType, type Post as PostMessage, type Profile as ProfileMessage, type User as UserMessage } from "./messages.js";
import type { FeedEvent, Page, Post, Profile, User } from "./types.js";

const ID = /^[1-9][0-9]{0,18}$/;
const LARGEST_ID = 2n ** 63n - 1n;

/** An id for a message. What is none becomes 0, which the gateway refuses as it does every malformed id: one way to fail, not two. */
export function idToWire(id: string): bigint {
  if (!ID.test(id)) return 0n;
  const value = BigInt(id);
  return value <= LARGEST_ID ? value : 0n;
}

/** A message of an answer. One that can't be read is the connection's fault. */
export function decode<S extends DescMessage>(schema: S, bytes: Uint8Array): MessageShape<S> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw new ConnectionError(`a damaged ${schema.typeName}`, { cause: error });
  }
}

export function userOf(message: UserMessage | ProfileMessage): User {
  const { firstName, secondName, birthdate, biography, city } = message;
  return { id: String(message.id), firstName, secondName, birthdate, biography, city };
}

export function profileOf(message: ProfileMessage): Profile {
  return {
    ...userOf(message),
    followerCount: Number(message.followerCount),
    followingCount: Number(message.followingCount),
    celebrity: message.celebrity,
    ...(message.viewer.case === "followed" && { followed: message.viewer.value }),
  };
}

/** An envelope has the members of a post. */
export function postOf(message: PostMessage | Envelope): Post {
  return {
    id: String(message.id),
    text: message.text,
    authorUserId: String(message.authorUserId),
    createdAt: new Date(Number(message.createdAtMs)),
    ...(message.editedAtMs > 0n && { editedAt: new Date(Number(message.editedAtMs)) }),
  };
}

/** What the envelope says to the caller; nothing if it is of a kind that says nothing, or of one that this version does not know. */
export function eventOf(envelope: Envelope): FeedEvent | undefined {
  const cursor = envelope.cursor ? { cursor: envelope.cursor } : {};
  switch (envelope.type) {
    case EnvelopeType.READY:
      return { type: "ready", resumed: envelope.resumed, userId: String(envelope.userId), ...cursor };
    case EnvelopeType.POST:
      return { type: "post", post: postOf(envelope), snapshot: envelope.snapshot, ...cursor };
    case EnvelopeType.EDIT:
      return { type: "edit", post: postOf(envelope), ...cursor };
    case EnvelopeType.DELETE:
      return { type: "delete", id: String(envelope.id), authorUserId: String(envelope.authorUserId), ...cursor };
    case EnvelopeType.RESET:
      return { type: "reset" };
    case EnvelopeType.SNAPSHOT_END:
      return { type: "snapshot_end", ...cursor };
    default:
      return undefined;
  }
}

/** The cursor in `Link: </post/feed?cursor=…&limit=10>; rel="next"`. */
export function nextCursorOf(headers: Headers): string | undefined {
  const path = /<([^>]*)>\s*;\s*rel="?next"?/.exec(headers.get("Link") ?? "")?.[1];
  return path === undefined ? undefined : (new URL(path, "http://any").searchParams.get("cursor") ?? undefined);
}

export function pageOf<T>(items: T[], headers: Headers): Page<T> {
  const next = nextCursorOf(headers);
  return { items, ...(next !== undefined && { next }) };
}
