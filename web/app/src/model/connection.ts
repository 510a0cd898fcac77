/** The live connection in words. It says what is so: live is only what is live, and whoever waits sees for how long. */
import type { FeedState } from "@freshet/client";

export type ConnectionKind = FeedState | "signed-out";

export interface Connection {
  readonly kind: ConnectionKind;
  /** When the next attempt begins, if one is waited for. */
  readonly retryAt?: Date | undefined;
  /** Why it ended for good. */
  readonly reason?: string | undefined;
}

export interface ConnectionWords {
  readonly text: string;
  /** Changes each second, so it is shown and not announced. */
  readonly countdown: string;
  /** The whole sentence. */
  readonly sentence: string;
}

export function sayConnection(connection: Connection, now: number): ConnectionWords {
  const countdown = sayCountdown(connection, now);
  switch (connection.kind) {
    case "connecting":
      return { text: "Connecting", countdown, sentence: "Connecting to the live feed." };
    case "live":
      return { text: "Live", countdown: "", sentence: "New posts, edits and deletes arrive as they happen." };
    case "resuming":
      return { text: "Resuming", countdown, sentence: "The connection was lost. It goes on where it stopped; nothing is missed." };
    case "offline":
      return { text: "Offline", countdown, sentence: "The server can’t be reached. What you see may be out of date." };
    case "closed":
      return { text: "Not live", countdown: "", sentence: connection.reason ?? "Live posts have stopped. Reload the page." };
    case "signed-out":
      return { text: "Signed out", countdown: "", sentence: "Sign in to see your feed." };
  }
}

function sayCountdown(connection: Connection, now: number): string {
  if (connection.retryAt === undefined) return "";
  const seconds = Math.ceil((connection.retryAt.getTime() - now) / 1000);
  return seconds > 0 ? `retry in ${seconds} s` : "trying";
}
