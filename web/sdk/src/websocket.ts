// The live feed as a WebSocket with the subprotocol freshet.v1.protobuf: one envelope in each binary frame.
import { create, toBinary } from "@bufbuild/protobuf";
import type { Clock } from "./clock.js";
import { ConnectionError } from "./errors.js";
import { type Link, type LinkEnd, type LinkReceiver, receive } from "./link.js";
import { ClientMessageSchema } from "./messages.js";
import type { WebSocketConstructor } from "./types.js";

const SUBPROTOCOL = "freshet.v1.protobuf";
const OPEN = 1;
/** Pings are not shown to pages. But a young cursor comes at least every third of the resume window: every 100 s, if that is 5 minutes. */
const SILENCE_MS = 150_000;

export interface WebSocketOptions {
  WebSocket: WebSocketConstructor;
  /** With a ticket in it; http: or https:. */
  url: URL;
  timeoutMs: number;
  clock: Clock;
  signal: AbortSignal;
}

/** Resolves when the flow has started. A refusal can't be told from a lost network: browsers don't say. */
export function openWebSocket({ WebSocket, url, timeoutMs, clock, signal }: WebSocketOptions, receiver: LinkReceiver): Promise<Link> {
  const address = new URL(url);
  address.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(address.href, SUBPROTOCOL);
  socket.binaryType = "arraybuffer";

  return new Promise((resolve, reject) => {
    let open = false;
    let end: (how: LinkEnd) => void = () => {};
    const ended = new Promise<LinkEnd>((resolveEnd) => {
      end = (how) => {
        cancel();
        signal.removeEventListener("abort", abort);
        socket.onopen = socket.onmessage = socket.onerror = socket.onclose = null;
        if (how.code === undefined) socket.close();
        resolveEnd(how);
        if (!open) reject(how.error ?? new ConnectionError(`the WebSocket was closed with ${how.code}`));
      };
    });
    const fail = (what: string) => end({ error: new ConnectionError(what) });
    const abort = () => end({ error: signal.reason as Error });
    const cancel = clock.after(timeoutMs, () => fail(`no WebSocket within ${timeoutMs / 1000} s`));
    signal.addEventListener("abort", abort);

    socket.onopen = () => {
      if (socket.protocol !== SUBPROTOCOL) return fail(`the server does not speak ${SUBPROTOCOL}`);
      open = true;
      cancel();
      resolve({
        silenceMs: SILENCE_MS,
        ended,
        close: () => end({}),
        extend(token) {
          if (socket.readyState !== OPEN) return false;
          socket.send(toBinary(ClientMessageSchema, create(ClientMessageSchema, { authToken: token })));
          return true;
        },
      });
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      try {
        if (!(data instanceof ArrayBuffer)) throw new ConnectionError("a frame of text, where there are none");
        receive(receiver, new Uint8Array(data));
      } catch (error) {
        end({ error: error as Error });
      }
    };
    socket.onclose = ({ code }: { code: number }) => end({ code });
    socket.onerror = () => fail("the WebSocket failed"); // no more is told, and not everywhere a close follows
  });
}
