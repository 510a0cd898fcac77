#!/usr/bin/python3
"""./dev bench gateway: what the gateway does in a second and how soon, each figure beside a baseline of the same run."""

import http.client
import math
import os
import sys
import time

from lab import ROOT, Lab, eventually
from programs import BareServer, Consumers, Failed, Wsbench, flood, http_load, pgbench, statement_with, wsbench
from rows import Absent, Line, Row, each_to, median_to, part_main, ratio_from

SQL = ROOT / "pkg" / "store" / "sql"
CLIENTS = 64  # of posts and pages, as DESIGN's budgets say
TEXT = 120    # bytes of a post
NEWEST = (1 << 63) - 1


class Size:
    """How much of everything. The smoke run shows that it works; its figures mean nothing."""
    repeats = resume_repeats = 3
    users = 10000
    follows, posts = (20, 60), (20, 30)
    celebrities, threshold = 20, None
    readers = 2000  # whose feeds are filled and whose pages are read
    seconds = 6
    live_sockets, live_s = 5000, 15
    sockets = 10000
    deliveries_rate = 1000
    authors, audience = 500, 10  # in the paced row, and how many follow each
    flood_rounds = 30
    celebrity_posts = 30
    idle_s = 5
    carriers = ("plain", "json")  # of idle sockets
    missed = 200
    # Idle connections of PostgreSQL tell what they counted after ten seconds.
    statistics_s = 11
    # Of the curves: connections, and messages to all of them together.
    curve_sockets, curve_messages = (100, 1000, 3000, 10000), 100000


class TableSize(Size):
    """For ./dev bench without a name: as much of everything, for a shorter time."""
    resume_repeats = 2
    seconds = 4
    live_s = 8
    flood_rounds = celebrity_posts = 20
    idle_s = 2
    carriers = ("plain",)


class QuickSize(TableSize):
    repeats = resume_repeats = 1
    seconds = 3
    live_s = 4
    flood_rounds = celebrity_posts = 10


class SmokeSize(Size):
    repeats = resume_repeats = 1
    users = 300
    follows, posts = (5, 15), (3, 5)
    celebrities, threshold = 2, 20
    readers = 100
    seconds = 1
    live_sockets, live_s = 100, 1
    sockets = 200
    deliveries_rate = 100
    authors = 5
    flood_rounds = 3
    celebrity_posts = 3
    idle_s = 1
    missed = 10
    statistics_s = 0
    curve_sockets, curve_messages = (20, 200), 400


SIZES = {"full": Size, "table": TableSize, "quick": QuickSize, "smoke": SmokeSize}


def settle(lab):
    """The same beginning for each measurement."""
    lab.run("TRUNCATE outbox")
    lab.postgres.do("psql", "-qc", "CHECKPOINT")


# ---- post create ----

class PostCreate(Row):
    """The gateway alone: nobody works the outbox off."""
    name, title = "create", "posts accepted"
    lines = (Line(f"post create, {CLIENTS} clients, synchronous commit", "gateway", "/s", "pgbench", "pgbench, the same statement and clients",
                  ratio_from(0.8)),
             Line("  p99 of the answer", "p99", "ms"))

    @classmethod
    def seconds(cls, size):
        return 2 * size.seconds + 5

    def begin(self):
        each = self.size.users // CLIENTS  # pgbench: authors of a client, so that ids of an author only rise
        if each < 1:
            raise RuntimeError("there are fewer users than clients")
        self.script = f"\\set n :n + 1\n\\set author :client_id * {each} + random(1, {each})\n\\set id :base + :n * {CLIENTS} + :client_id\n" + \
            statement_with(SQL / "post_create.sql", {
                "author_id": ":author", "post_id": ":id", "body": ":text", "partition": ":author % 16", "request_id": ":request",
                "traceparent": "NULL"})
        self.tokens = self.lab.tokens(1, self.size.users)

    def sides(self):
        return {"gateway": self.gateway, "pgbench": self.pgbench}

    def gateway(self):
        settle(self.lab)
        gateway = self.lab.gateway()
        result = wsbench(self.lab, "http", url=gateway.url, tokens=self.tokens, create=True, connections=CLIENTS, seconds=self.size.seconds,
                         text_size=TEXT, pid=gateway.pid)
        self.lab.stop_gateways()
        return {"gateway": result["answers_per_s"], "p99": result["answered_ms"]["p99"]}

    def pgbench(self):
        settle(self.lab)
        base = self.lab.snowflake()
        rate = pgbench(self.lab, self.script, CLIENTS, self.size.seconds, n=0, base=base, text="x" * TEXT, request="r" * 36)
        # Ids that the gateway makes from now on must be greater.
        eventually(lambda: self.lab.snowflake() > self.lab.one("SELECT max(last_post_id) FROM users"), 60)
        return {"pgbench": rate}


# ---- pages ----

def token_of(lab, user):
    return lab.ctl("token", "mint", str(user)).strip()


def page_bytes(gateway, token):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    try:
        connection.request("GET", "/post/feed?limit=20", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or body.count(b'"author_user_id"') != 20:
            raise RuntimeError(f"a page of 20 was wanted: {answer.status} {body[:200]!r}")
        return len(body)
    finally:
        connection.close()


class PageWarm(Row):
    name, title = "page-warm", "pages from memory"
    lines = (Line("page of 20 with bodies, warm ({row.length} bytes)", "page", "/s", "constant", "a constant body of that size", ratio_from(0.5)),
             Line("  answered from memory", "kept", "%"))

    @classmethod
    def seconds(cls, size):
        return 2 * (size.seconds + 1)

    def begin(self):
        self.process = self.lab.gateway()
        self.token = token_of(self.lab, 1)
        self.length = page_bytes(self.process, self.token)

    def sides(self):
        return {"page": self.page, "constant": self.constant}

    def counts(self):
        """Pages so far that were in memory, and that were not."""
        metrics = self.process.metrics()
        return [metrics.get(f"freshet_page_{name}_total", 0) for name in ("hits", "misses")]

    def page(self):
        before = self.counts()
        rate = http_load(self.process.url, self.token, "page", self.size.seconds, CLIENTS)
        hits, misses = (after - was for after, was in zip(self.counts(), before))
        if hits == 0:
            raise Absent(f"no page was answered from memory; {rate:.0f}/s from PostgreSQL")
        return {"page": rate, "kept": 100 * hits / (hits + misses)}

    def constant(self):
        return {"constant": http_load(self.process.url, self.token, "constant", self.size.seconds, CLIENTS, self.length)}


class PageCold(Row):
    name, title = "page-cold", "pages from PostgreSQL"
    lines = (Line("page of 20, cold: nothing kept by the gateway", "gateway", "/s", "pgbench", "pgbench, the same statement", ratio_from(0.8)),)

    @classmethod
    def seconds(cls, size):
        return 2 * size.seconds + 4

    def begin(self):
        self.script = f"\\set user random(1, {self.size.readers})\n" + statement_with(SQL / "page_home.sql", {
            "user_id": ":user", "before_id": ":newest", "skip": ":skip", "how_many": ":most"})
        self.process = self.lab.gateway(hot_pages=0, body_cache=0)
        self.tokens = self.lab.tokens(1, self.size.readers)

    def sides(self):
        return {"gateway": self.gateway, "pgbench": self.pgbench}

    def gateway(self):
        return {"gateway": wsbench(self.lab, "http", url=self.process.url, tokens=self.tokens, connections=CLIENTS,
                                   seconds=self.size.seconds)["answers_per_s"]}

    def pgbench(self):
        # As many connections as the gateway has: more of them only get in each other's way.
        return {"pgbench": pgbench(self.lab, self.script, 4 * os.cpu_count(), self.size.seconds, newest=NEWEST, skip=0, most=20)}


# ---- from the answer to the frame ----

def small_authors(lab, size):
    """New authors, each followed by a few of those who are connected: (first id, last id, file of follows)."""
    first = lab.one("SELECT max(id) + 1 FROM users")
    last = first + size.authors - 1
    pairs = [(reader + 1, first + place) for place in range(size.authors)
             for reader in lab.random.sample(range(size.live_sockets), size.audience)]
    lab.run("INSERT INTO users (id, first_name, second_name, follower_count) SELECT id, 'A', 'B', %s FROM generate_series(%s, %s) AS id",
            size.audience, first, last)
    lab.copy("followers (follower_id, followed_id)", (f"{a}\t{b}\n" for a, b in pairs))
    lab.copy("followees (follower_id, followed_id)", (f"{a}\t{b}\n" for a, b in pairs))
    path = lab.path("follows-of-small-authors")
    with open(path, "w", encoding="ascii") as out:
        out.writelines(f"{a}\t{b}\n" for a, b in pairs)
    return first, last, path


def point_line(point, budget=None):
    return Line(f"accepted to frame, {{size.live_sockets:,}} sockets, {point}", point, "ms", f"echo {point}", "a bare echo over as many sockets",
                budget)


class AcceptedToFrame(Row):
    name, title = "frame", "from a post's answer to its frames"
    POINTS = ("p50", "p90", "p99", "p99.9", "max")
    lines = (point_line("p50", median_to(5, "ms")), point_line("p90"), point_line("p99", median_to(50, "ms")), point_line("p99.9"),
             point_line("max"), Line("  deliveries", "deliveries", "/s"))

    @classmethod
    def seconds(cls, size):
        return 2 * size.live_s + 4 + size.live_sockets / 1000

    def begin(self):
        first, last, self.follows = small_authors(self.lab, self.size)
        self.readers, self.authors = self.lab.tokens(1, self.size.live_sockets), self.lab.tokens(first, last)

        self.buckets = {"accepted to frame": [], "bare echo": []}

    def sides(self):
        return {"gateway": self.gateway, "echo": self.echo}

    def gateway(self):
        lab, size = self.lab, self.size
        settle(lab)
        lab.empty_streams()
        lab.materializer(poll_interval="1s")  # nudged by the gateway, as in service
        gateway = lab.gateway()
        result = wsbench(lab, "live", url=gateway.url, tokens=self.readers, authors=self.authors, follows=self.follows,
                         sockets=size.live_sockets, rate=size.deliveries_rate // size.audience, seconds=size.live_s, text_size=TEXT,
                         pid=gateway.pid)
        lab.stop_gateways()
        lab.stop_materializers()
        self.buckets["accepted to frame"] += result["accepted_to_frame_ms"]["buckets"]
        return {**{point: result["accepted_to_frame_ms"][point] for point in self.POINTS}, "deliveries": result["deliveries_per_s"]}

    def echo(self):
        with BareServer() as server:
            result = wsbench(self.lab, "echo", url=server.url, path="/", sockets=self.size.live_sockets, rate=self.size.deliveries_rate,
                             seconds=self.size.live_s, text_size=TEXT)
        self.buckets["bare echo"] += result["echo_ms"]["buckets"]
        return {f"echo {point}": result["echo_ms"][point] for point in self.POINTS}

    def plots(self, figures):
        known = {label: sorted(buckets) for label, buckets in self.buckets.items() if buckets}
        if not known:
            return []
        # So that each tenfold on the axis is one more nine.
        last = max(sum(count for _, count in buckets) for buckets in known.values())
        x = [10 ** (place / 20) for place in range(int(20 * math.log10(last)) + 1)]
        return [{"name": "latency", "title": f"From a post's answer to its frames, {self.size.live_sockets:,} sockets", "x": x,
                 "y_series": {label: [time_within(buckets, 1 - 1 / at) for at in x] for label, buckets in known.items()},
                 "x_label": "share of the frames that came within", "y_label": "ms", "log_x": True, "log_y": True,
                 "limits": [(5, "budget of p50: 5 ms"), (50, "budget of p99: 50 ms")],
                 "x_ticks": [(at, label) for at, label in NINES if at <= x[-1]]}]


NINES = ((1, "0"), (2, "50 %"), (10, "90 %"), (100, "99 %"), (1000, "99.9 %"), (10000, "99.99 %"), (100000, "99.999 %"))


def time_within(buckets, share):
    """The least time within which that share of all lies, by [(end of a bucket in ms, how many)] in order."""
    wanted, seen = share * sum(count for _, count in buckets), 0
    for end, count in buckets:
        seen += count
        if seen >= wanted and seen > 0:
            return end
    return buckets[-1][0]


# ---- deliveries ----

def flood_seconds(sockets, rounds):
    """About how long it takes to open so many connections and to flood them, and to do it without the gateway."""
    return 4 + sockets / 1500 + sockets * rounds / 25000


class Deliveries(Row):
    name, title = "deliveries", "deliveries to users of their own"
    lines = (Line("per-user deliveries, {size.sockets:,} sockets", "gateway", "/s", "consumers", "raw consumers without the gateway",
                  ratio_from(0.6)),
             Line("  processor time of the gateway for a frame", "us", "us"))

    @classmethod
    def seconds(cls, size):
        return flood_seconds(size.sockets, size.flood_rounds)

    def begin(self):
        self.run = 0xF100D

    def sides(self):
        return {"gateway": self.gateway, "consumers": self.consumers}

    def prepare(self):
        """Streams that are empty, and a mark of this repetition's messages."""
        self.lab.empty_streams()
        self.lab.ctl("migrate")
        self.run += 1

    def gateway(self):
        result = self.flood_gateway(self.size.sockets, self.size.flood_rounds)
        return {"gateway": result["deliveries_per_s"], "us": result["server_us_per_frame"]}

    def consumers(self):
        result = self.flood_consumers(self.size.sockets, self.size.flood_rounds)
        return {"consumers": result["messages_per_s"], "consumer us": result["processor_us_per_message"]}

    def flood(self, sockets, rounds):
        """A message that is sent again says that nats-server stood still for seconds: the rates of that run are of no use."""
        again = flood(self.lab, sockets, rounds, self.run, TEXT)["repeated"]
        if again > 0:
            self.say(f"{again} messages were not acked in time, and sent again")

    def flood_gateway(self, sockets, rounds):
        self.prepare()
        lab = self.lab
        gateway = lab.gateway()
        client = Wsbench(lab, "live", url=gateway.url, tokens=lab.tokens(1, sockets), sockets=sockets, expect=rounds, run=f"{self.run:x}",
                         pid=gateway.pid)
        client.wait_ready()
        self.flood(sockets, rounds)
        result = client.result()
        lab.stop_gateways()
        return result

    def flood_consumers(self, sockets, rounds):
        self.prepare()
        with Consumers(self.lab, sockets, rounds, self.run) as consumers:
            self.flood(sockets, rounds)
            return consumers.result()


class Connections(Deliveries):
    """The same for other numbers of connections."""
    name, title = "connections", "deliveries to users of their own, by connections"
    lines = ()

    @classmethod
    def rounds(cls, size, sockets):
        return max(1, size.curve_messages // sockets)

    @classmethod
    def seconds(cls, size):
        return sum(flood_seconds(sockets, cls.rounds(size, sockets)) for sockets in size.curve_sockets)

    def repeats(self):
        return 1

    def sides(self):
        return {f"{sockets} connections": lambda sockets=sockets: self.both(sockets) for sockets in self.size.curve_sockets}

    def both(self, sockets):
        rounds = self.rounds(self.size, sockets)
        return {f"gateway {sockets}": self.flood_gateway(sockets, rounds)["deliveries_per_s"],
                f"consumers {sockets}": self.flood_consumers(sockets, rounds)["messages_per_s"]}

    def plots(self, figures):
        x = [sockets for sockets in self.size.curve_sockets if f"gateway {sockets}" in figures]
        series = {label: [figures[f"{name} {sockets}"] for sockets in x]
                  for name, label in (("gateway", "to sockets, through the gateway"), ("consumers", "raw consumers without the gateway"))}
        least = [0.6 * samples.median for samples in series["raw consumers without the gateway"]]
        return [{"name": "connections", "title": "Deliveries to users of their own", "x": x, "y_series": series,
                 "limits": [(least, "budget: 0.6 of the consumers")], "x_label": "connections", "y_label": "deliveries/s", "log_x": True}] if x else []


class Celebrity(Row):
    """Two forms: each post when the one before has come to everybody, and all at once."""
    name, title = "celebrity", "a celebrity's posts to everybody"
    BARE = "a bare loop of write()"
    lines = (Line("a celebrity's post to {size.sockets:,} sockets", "gateway", "frames/s", "bare", BARE, ratio_from(0.7)),
             Line("  processor time for a frame", "gateway us", "us", "bare us", BARE, median_to(9, "us")),
             Line("  posts one behind the other", "gateway burst", "frames/s", "bare burst", BARE),
             Line("  from the answer to the first frame", "first", "ms"))

    @classmethod
    def seconds(cls, size):
        return 3 + size.sockets / 800 + size.sockets * size.celebrity_posts / 25000

    def begin(self):
        author = self.lab.add_author(self.size.sockets, celebrity=True)
        self.tokens, self.authors = self.lab.tokens(1, self.size.sockets), self.lab.tokens(author, author)
        settle(self.lab)

    def sides(self):
        return {"gateway": self.gateway, "bare": self.bare}

    def both(self, which, server):
        size = self.size
        common = {"url": server.url, "tokens": self.tokens, "authors": self.authors, "sockets": size.sockets, "text_size": TEXT,
                  "pid": server.pid}
        one = wsbench(self.lab, "live", posts=size.celebrity_posts, one_by_one=True, **common)
        many = wsbench(self.lab, "live", posts=size.celebrity_posts, connections=1, **common)
        figures = {which: size.sockets * 1000 / one["first_to_last_ms"]["p50"], f"{which} us": one["server_us_per_frame"],
                   f"{which} burst": many["deliveries_per_s"]}
        return {**figures, "first": one["accepted_to_first_ms"]["p50"]} if which == "gateway" else figures

    def gateway(self):
        self.lab.empty_streams()
        self.lab.materializer(poll_interval="1s")
        figures = self.both("gateway", self.lab.gateway())
        self.lab.stop_gateways()
        self.lab.stop_materializers()
        return figures

    def bare(self):
        with BareServer() as server:
            return self.both("bare", server)


# ---- idle ----

class Idle(Row):
    """A fresh gateway each time: what it has given back once may be used again."""
    name, title = "idle", "memory of idle sockets"
    lines = tuple(line for carrier in ("plain", "json") for line in (
        Line(f"memory of an idle socket, {carrier}, {{size.sockets:,}} of them", f"{carrier} own", "bytes",
             budget=median_to(2048, "") if carrier == "plain" else None),
        Line("  resident", f"{carrier} resident", "bytes"),
        Line("  opened", f"{carrier} opened", "/s")))

    @classmethod
    def seconds(cls, size):
        return len(size.carriers) * (size.sockets / 1500 + size.idle_s + 3)

    def begin(self):
        self.tokens = self.lab.tokens(1, self.size.sockets)

    def sides(self):
        return {carrier: lambda carrier=carrier: self.open(carrier) for carrier in self.size.carriers}

    def open(self, carrier):
        result = self.idle(carrier, self.size.sockets)
        return {f"{carrier} own": result["own_bytes_per_socket"], f"{carrier} resident": result["rss_bytes_per_socket"],
                f"{carrier} opened": result["opened_per_s"]}

    def idle(self, carrier, sockets):
        lab = self.lab
        lab.empty_streams()
        lab.ctl("migrate")
        gateway = lab.gateway()
        result = wsbench(lab, "idle", url=gateway.url, tokens=self.tokens, sockets=sockets, carrier=carrier, snapshot=0,
                         seconds=self.size.idle_s, pid=gateway.pid)
        lab.stop_gateways()
        return result


class Memory(Idle):
    """The same for other numbers of sockets: what a gateway has for all of them together."""
    name, title = "memory", "memory of idle sockets, by their number"
    lines = ()

    @classmethod
    def seconds(cls, size):
        return sum(sockets / 1500 + size.idle_s + 3 for sockets in size.curve_sockets)

    def repeats(self):
        return 1

    def sides(self):
        return {f"{sockets} sockets": lambda sockets=sockets: {str(sockets): self.megabytes(sockets)} for sockets in self.size.curve_sockets}

    def megabytes(self, sockets):
        return self.idle("plain", sockets)["own_bytes_per_socket"] * sockets / 1e6

    def plots(self, figures):
        x = [sockets for sockets in self.size.curve_sockets if str(sockets) in figures]
        return [{"name": "memory", "title": "Memory of a gateway for idle plaintext sockets", "x": x,
                 "y_series": {"user space": [figures[str(sockets)] for sockets in x]},
                 "limits": [([sockets * 2048 / 1e6 for sockets in x], "budget: 2 KB each")],
                 "x_label": "connections", "y_label": "MB"}] if x else []


# ---- resuming ----

def feed_reads(lab):
    """Scans of the feeds' tables so far, of which PostgreSQL has been told."""
    return lab.one("SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::bigint FROM pg_stat_user_tables "
                   "WHERE relname LIKE 'feed\\_items%%'")


def settled_feed_reads(lab, statistics_s):
    """The scans when all that went before has been told: on a busy machine some are told late."""
    time.sleep(statistics_s)
    reads, last = feed_reads(lab), None
    end = time.monotonic() + 5 * statistics_s
    while reads != last and time.monotonic() < end:
        time.sleep(2)
        reads, last = feed_reads(lab), reads
    return reads


class Resume(Row):
    name, title = "resume", "everybody comes back with a cursor"
    lines = (Line("{size.sockets:,} clients come back with cursors", "seconds", "s", budget=each_to(5, "done in 5 s")),
             Line("  resumed without a reset", "resumed", "%"),
             Line("  refused with 503, and tried again", "again", ""),
             Line("  reads of feeds in PostgreSQL", "reads", "", budget=each_to(0, "none")))

    @classmethod
    def seconds(cls, size):
        return size.statistics_s + size.sockets / 600 + 3

    def repeats(self):
        return self.size.resume_repeats

    def begin(self):
        lab, size = self.lab, self.size
        self.tokens = lab.tokens(1, size.sockets)
        star = lab.add_author(size.sockets, celebrity=True)
        first, last, self.follows = small_authors(lab, size)
        with open(self.follows, "a", encoding="ascii") as out:
            out.writelines(f"{reader}\t{star}\n" for reader in range(1, size.sockets + 1))
        self.authors = lab.tokens(min(star, first), last)
        settle(lab)

    def sides(self):
        return {"gateway": self.gateway}

    def gateway(self):
        lab, size = self.lab, self.size
        lab.empty_streams()
        lab.materializer(poll_interval="1s", sweep_interval="1h")  # sweeping reads feeds too
        gateway = lab.gateway()
        client = Wsbench(lab, "resume", url=gateway.url, tokens=self.tokens, authors=self.authors, follows=self.follows, sockets=size.sockets,
                         carrier="json", snapshot=20, posts=size.missed, text_size=TEXT, retries=10, step=True)
        client.wait_ready()
        before = settled_feed_reads(lab, size.statistics_s)
        client.go_on()
        try:
            result = client.result()
        except Failed as failed:  # a build without resume: nobody is resumed, and what was missed is in no snapshot of 20
            result = failed.result
            if result is None or result["resumed"] > 0:
                raise
        lab.stop_gateways()
        lab.stop_materializers()
        lab.wait_alone()
        if result["resumed"] == 0:
            raise Absent("every client got a reset")
        return {"seconds": result["all_back_ms"]["max"] / 1000, "resumed": 100 * result["resumed"] / size.sockets,
                "again": result["refused_and_tried_again"], "reads": feed_reads(lab) - before}


ROWS = (PostCreate, PageWarm, PageCold, AcceptedToFrame, Deliveries, Celebrity, Idle, Resume)


def make_lab(size):
    threshold = [] if size.threshold is None else [f"--celebrity-threshold={size.threshold}"]
    return Lab(size.users, size.follows, seed=7, posts=size.posts, more=(f"--feeds={size.readers}", f"--celebrities={size.celebrities}", *threshold))


def facts_of(lab, size):
    smoke = " (smoke run: the figures mean nothing)" if size is SmokeSize else ""
    return {"postgresql": lab.one("SHOW server_version"),
            "data": f"{size.users} users, {size.follows[0]}..{size.follows[1]} follows and {size.posts[0]}..{size.posts[1]} posts each{smoke}",
            "clients": "on the same processors as the servers: what they take is missing there, in the baselines too"}


if __name__ == "__main__":
    sys.exit(part_main("gateway", __doc__, ROOT, ROWS, SIZES.get, make_lab, facts_of))
