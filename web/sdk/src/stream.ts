// GET /post/feed/stream: length-delimited envelopes as an answer that does not end.
import { DelimitedReader } from "./delimited.js";
import { ConnectionError } from "./errors.js";
import { checkIsOurs, type Http } from "./http.js";
import { type Link, type LinkEnd, type LinkReceiver, receive } from "./link.js";

/** The server gives a sign every 15 s. */
const SILENCE_MS = 45_000;

export interface StreamOptions {
  token: string | undefined;
  cursor: string | undefined;
  snapshot: number | undefined;
  signal: AbortSignal;
}

/** Resolves when the flow has started. */
export async function openStream(http: Http, { token, cursor, snapshot, signal }: StreamOptions, receiver: LinkReceiver): Promise<Link> {
  const request = { method: "GET", path: "/post/feed/stream", query: { cursor, snapshot }, repeatable: true } as const;
  const reader = await http.send(request, token, signal, (response) => {
    checkIsOurs(response);
    if (!response.body) throw new ConnectionError("an answer without a body");
    return response.body.getReader();
  });
  let closed = false;
  const close = () => {
    closed = true;
    reader.cancel().catch(() => {}); // broken already
  };
  const read = async (): Promise<LinkEnd> => {
    const messages = new DelimitedReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || closed) return {};
        for (const message of messages.push(value)) {
          if (!closed) receive(receiver, message);
        }
      }
    } catch (error) {
      close();
      return { error: error instanceof ConnectionError ? error : new ConnectionError("the connection was lost", { cause: error }) };
    }
  };
  return { silenceMs: SILENCE_MS, ended: read(), extend: () => false, close };
}
