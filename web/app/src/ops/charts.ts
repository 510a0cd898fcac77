/** What the page shows: one table. A line is a number that is taken from the answers of the last minute. */
import type { Unit } from "./format.js";
import { type Scrape, type Where, increase, level, quantile, rate } from "./scrape.js";

export interface LineSpec {
  readonly label: string;
  readonly of: (recent: readonly Scrape[]) => number | null;
}

export interface ChartSpec {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  readonly unit: Unit;
  /** Decades are as far apart as each other. */
  readonly logarithmic?: boolean;
  readonly lines: readonly LineSpec[];
}

const gauge = (label: string, name: string, where?: Where): LineSpec => ({ label, of: (recent) => level(recent, name, where) });
const perSecond = (label: string, name: string, where?: Where): LineSpec => ({ label, of: (recent) => rate(recent, name, where) });
const perMinute = (label: string, name: string, where?: Where): LineSpec => ({ label, of: (recent) => increase(recent, name, where) });
const delay = (label: string, q: number): LineSpec => ({
  label,
  of: (recent) => quantile(recent, "freshet_accepted_to_delivered_seconds", q),
});
/** A gauge that is not always told: nothing is known without it. */
const told = (label: string, name: string): LineSpec => ({ label, of: (recent) => recent.at(-1)?.value(name) ?? null });

const SUBSCRIBERS = "freshet_live_subscribers";
const REQUESTS = "freshet_http_requests_total";
const SLOW = "freshet_live_slow_closed_total";

export const CHARTS: readonly ChartSpec[] = [
  {
    id: "connections",
    title: "Connections",
    note: "Open ones: all that clients have, and the live ones by what carries them.",
    unit: "count",
    lines: [
      gauge("all", "freshet_connections"),
      gauge("WebSocket", SUBSCRIBERS, { carrier: "websocket" }),
      gauge("event stream", SUBSCRIBERS, { carrier: "sse" }),
      gauge("protobuf", SUBSCRIBERS, { carrier: "protobuf" }),
    ],
  },
  {
    id: "deliveries",
    title: "Deliveries",
    note: "Live frames handed to connections, each second.",
    unit: "per second",
    lines: [perSecond("frames", "freshet_live_frames_total")],
  },
  {
    id: "latency",
    title: "Accepted → delivered",
    note: "How long half, and 99 %, of the posts took at most from acceptance to the first live connection here. Only while posts come.",
    unit: "seconds",
    logarithmic: true,
    lines: [delay("half within (p50)", 0.5), delay("99 % within (p99)", 0.99)],
  },
  {
    id: "requests",
    title: "Requests",
    note: "HTTP answers, each second.",
    unit: "per second",
    lines: [
      perSecond("all", REQUESTS),
      perSecond("refused (4xx)", REQUESTS, { status: "4xx" }),
      perSecond("failed (5xx)", REQUESTS, { status: "5xx" }),
    ],
  },
  {
    id: "backlog",
    title: "Backlog",
    note: "Events of all partitions, as the database has them: to be brought into feeds, and in feeds with live messages not all out.",
    unit: "count",
    lines: [told("to feeds", "freshet_partition_pending"), told("to connections", "freshet_partition_committed")],
  },
  {
    id: "slow",
    title: "Slow clients cut",
    note: "In the last minute: too much waited for them (hard), or much for too long (soft).",
    unit: "count",
    lines: [perMinute("hard", SLOW, { bound: "hard" }), perMinute("soft", SLOW, { bound: "soft" })],
  },
  {
    id: "memory",
    title: "Memory",
    note: "Of the gateway's process; in it the bodies of posts that are kept, and what waits for live clients.",
    unit: "bytes",
    lines: [
      told("process", "freshet_memory_bytes"),
      gauge("bodies", "freshet_body_bytes"),
      gauge("waiting", "freshet_live_queue_bytes"),
    ],
  },
];

/** Why live connections were closed, and how often in the last minute. */
export const CLOSES: readonly LineSpec[] = [
  perMinute("too slow", SLOW),
  perMinute("silent for 60 s", "freshet_live_silent_closed_total"),
  perMinute("token expired", "freshet_live_expired_total"),
  perMinute("token revoked", "freshet_live_revoked_total"),
  perMinute("too many of one user", "freshet_live_too_many_total"),
  perMinute("may have missed something", "freshet_live_gaps_total"),
  perMinute("gateway stops", "freshet_live_drained_total"),
];

export interface Partition {
  readonly number: number;
  /** Events that are not through yet, and the age of the oldest in seconds; null: not known. */
  readonly waiting: number | null;
  readonly oldest: number | null;
}

export const PARTITIONS = 16;

export function partitionsOf(scrape: Scrape | undefined): readonly Partition[] {
  return Array.from({ length: PARTITIONS }, (_, number) => {
    const where = { partition: String(number) };
    const pending = scrape?.value("freshet_partition_pending", where);
    const committed = scrape?.value("freshet_partition_committed", where);
    return {
      number,
      waiting: pending === undefined || committed === undefined ? null : pending + committed,
      oldest: scrape?.value("freshet_partition_oldest_seconds", where) ?? null,
    };
  });
}
