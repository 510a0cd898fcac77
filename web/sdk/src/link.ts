// One live connection, whatever carries it: envelopes come until it ends. websocket.ts and stream.ts open them.
import { decode } from "./convert.js";
import { type Envelope, EnvelopeSchema } from "./messages.js";

export interface Link {
  /** So long without a sign, and it is taken for dead. */
  readonly silenceMs: number;
  /** Resolves, never rejects. Nothing comes after it. */
  readonly ended: Promise<LinkEnd>;
  /** Goes on with a newer token of the same user; false: only a new connection can. */
  extend(token: string): boolean;
  /** Ends it. May be called at any time, and again. */
  close(): void;
}

export interface LinkEnd {
  /** The close code of a WebSocket. */
  code?: number;
  error?: Error;
}

export interface LinkReceiver {
  onEnvelope(envelope: Envelope): void;
  /** Something came, if only a sign of life. */
  onSign(): void;
}

/** What both carriers do with a message. An empty one says that the server is alive. */
export function receive(receiver: LinkReceiver, message: Uint8Array): void {
  receiver.onSign();
  if (message.length > 0) receiver.onEnvelope(decode(EnvelopeSchema, message));
}
