#!/usr/bin/python3
"""./dev bench gateway: what the gateway does in a second and how soon, each figure beside a baseline of the same run."""

import argparse
import http.client
import os
import signal
import sys
import time

from lab import ROOT, Lab, eventually
from measuring import Report, Samples, first_line, machine
from programs import BareServer, Consumers, Failed, Wsbench, flood, http_load, pgbench, say, statement_with, wsbench

SQL = ROOT / "pkg" / "store" / "sql"
CLIENTS = 64  # of posts and pages, as DESIGN's budgets say
TEXT = 120    # bytes of a post
NEWEST = (1 << 63) - 1


class Size:
    """How much of everything. The smoke run shows that it works; its figures mean nothing."""

    def __init__(self, smoke):
        self.smoke = smoke
        self.repeats = 1 if smoke else 3
        self.users = 300 if smoke else 10000
        self.follows = (5, 15) if smoke else (20, 60)
        self.posts = (3, 5) if smoke else (20, 30)
        self.celebrities = 2 if smoke else 20
        self.readers = 100 if smoke else 2000  # whose feeds are filled and whose pages are read
        self.seconds = 1 if smoke else 6
        self.live_sockets = 100 if smoke else 5000
        self.sockets = 200 if smoke else 10000
        self.deliveries_rate = 100 if smoke else 1000
        self.audience = 10  # of each author in the paced row
        self.authors = 5 if smoke else 500
        self.live_s = 1 if smoke else 15
        self.flood_rounds = 3 if smoke else 30
        self.celebrity_posts = 3 if smoke else 30
        self.slow_sockets = 100 if smoke else 2000
        self.slow_percent = 5
        self.slow_text = 4096 if smoke else 2000
        self.slow_rate, self.slow_s = (60, 4) if smoke else (10, 15)
        self.idle_s = 1 if smoke else 5
        self.missed = 10 if smoke else 200
        # Idle connections of PostgreSQL tell what they counted within ten seconds.
        self.statistics_s = 0 if smoke else 11


def rotate(things, by):
    """Another one first each time, so that none has the better place."""
    by %= len(things)
    return things[by:] + things[:by]


def settle(lab):
    """The same beginning for each measurement."""
    lab.run("TRUNCATE outbox")
    lab.postgres.do("psql", "-qc", "CHECKPOINT")


# ---- post create ----

def post_create(lab, size, report):
    """The gateway alone: nobody works the outbox off."""
    each = size.users // CLIENTS  # pgbench: authors of a client, so that ids of an author only rise
    if each < 1:
        raise RuntimeError("there are fewer users than clients")
    create = f"\\set n :n + 1\n\\set author :client_id * {each} + random(1, {each})\n\\set id :base + :n * {CLIENTS} + :client_id\n" + \
        statement_with(SQL / "post_create.sql", {
            "author_id": ":author", "post_id": ":id", "body": ":text", "partition": ":author % 16", "request_id": ":request",
            "traceparent": "NULL"})
    measured, baseline, latency = Samples(), Samples(), Samples()
    tokens = lab.tokens(1, size.users)
    for repeat in range(size.repeats):
        for which in rotate(["gateway", "pgbench"], repeat):
            settle(lab)
            if which == "pgbench":
                base = lab.snowflake()
                baseline.add(pgbench(lab, create, CLIENTS, size.seconds, n=0, base=base, text="x" * TEXT, request="r" * 36))
                # Ids that the gateway makes from now on must be greater.
                eventually(lambda: lab.snowflake() > lab.one("SELECT max(last_post_id) FROM users"), 60)
                say(f"pgbench: {baseline.values[-1]:.0f} posts/s")
            else:
                gateway = lab.gateway()
                result = wsbench(lab, "http", url=gateway.url, tokens=tokens, create=True, connections=CLIENTS,
                                 seconds=size.seconds, text_size=TEXT, pid=gateway.pid)
                lab.stop_gateways()
                measured.add(result["answers_per_s"])
                latency.add(result["answered_ms"]["p99"])
                say(f"gateway: {measured.values[-1]:.0f} posts/s, p99 {latency.values[-1]:.1f} ms")
    report.row(f"post create, {CLIENTS} clients, synchronous commit", measured, "/s", baseline, "pgbench, the same statement and clients",
               ("at least 0.8", lambda r: r >= 0.8))
    report.row("  p99 of the answer", latency, "ms")
    report.bar("post create", measured, "/s")
    report.bar("  pgbench", baseline, "/s")


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


def page_warm(lab, size, report):
    page, constant = Samples(), Samples()
    gateway = lab.gateway()
    token = token_of(lab, 1)
    length = page_bytes(gateway, token)
    what = f"page of 20 with bodies, warm ({length} bytes)"
    for repeat in range(size.repeats):
        for mode, samples in rotate([("page", page), ("constant", constant)], repeat):
            samples.add(http_load(gateway.url, token, mode, size.seconds, CLIENTS, length if mode == "constant" else None))
            say(f"{mode}: {samples.values[-1]:.0f}/s")
    hits, misses = (gateway.metrics().get(f"freshet_page_{name}_total", 0) for name in ("hits", "misses"))
    lab.stop_gateways()
    if hits == 0:
        report.absent(what, f"no page was answered from memory; {page.text('/s')} from PostgreSQL")
        return
    say(f"{100 * hits / (hits + misses):.1f} % of the pages were answered from memory")
    report.row(what, page, "/s", constant, "a constant body of that size",
               ("at least 0.5", lambda r: r >= 0.5))
    report.bar("page, warm", page, "/s")
    report.bar("  constant body", constant, "/s")


def page_cold(lab, size, report):
    script = f"\\set user random(1, {size.readers})\n" + statement_with(SQL / "page_home.sql", {
        "user_id": ":user", "before_id": ":newest", "skip": ":skip", "how_many": ":most"})
    measured, baseline = Samples(), Samples()
    gateway = lab.gateway(hot_pages=0, body_cache=0)
    tokens = lab.tokens(1, size.readers)
    for repeat in range(size.repeats):
        for which in rotate(["gateway", "pgbench"], repeat):
            if which == "pgbench":
                # As many connections as the gateway has: more of them only get in each other's way.
                baseline.add(pgbench(lab, script, 4 * os.cpu_count(), size.seconds, newest=NEWEST, skip=0, most=20))
            else:
                measured.add(wsbench(lab, "http", url=gateway.url, tokens=tokens, connections=CLIENTS,
                                     seconds=size.seconds)["answers_per_s"])
            say(f"{which}: {(baseline if which == 'pgbench' else measured).values[-1]:.0f} pages/s")
    lab.stop_gateways()
    report.row("page of 20, cold: nothing kept by the gateway", measured, "/s", baseline, "pgbench, the same statement",
               ("at least 0.8", lambda r: r >= 0.8))
    report.bar("page, cold", measured, "/s")
    report.bar("  pgbench", baseline, "/s")


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


def accepted_to_frame(lab, size, report):
    first, last, follows = small_authors(lab, size)
    readers, authors = lab.tokens(1, size.live_sockets), lab.tokens(first, last)
    points = ("p50", "p90", "p99", "p99.9", "max")
    frames, echoes = {point: Samples() for point in points}, {point: Samples() for point in points}
    delivered = Samples()
    for repeat in range(size.repeats):
        for which in rotate(["gateway", "echo"], repeat):
            if which == "echo":
                with BareServer() as server:
                    result = wsbench(lab, "echo", url=server.url, path="/", sockets=size.live_sockets, rate=size.deliveries_rate,
                                     seconds=size.live_s, text_size=TEXT)
                samples, times = echoes, result["echo_ms"]
            else:
                settle(lab)
                lab.empty_streams()
                lab.materializer(poll_interval="1s")  # nudged by the gateway, as in service
                gateway = lab.gateway()
                result = wsbench(lab, "live", url=gateway.url, tokens=readers, authors=authors, follows=follows,
                                 sockets=size.live_sockets, rate=size.deliveries_rate // size.audience, seconds=size.live_s,
                                 text_size=TEXT, pid=gateway.pid)
                lab.stop_gateways()
                lab.stop_materializers()
                samples, times = frames, result["accepted_to_frame_ms"]
                delivered.add(result["deliveries_per_s"])
            for point in points:
                samples[point].add(times[point])
            say(f"{which}: p50 {times['p50']:.2f}, p99 {times['p99']:.2f}, max {times['max']:.2f} ms")
    budgets = {"p50": ("at most 5 ms", lambda _: frames["p50"].median <= 5), "p99": ("at most 50 ms", lambda _: frames["p99"].median <= 50)}
    for point in points:
        report.row(f"accepted to frame, {size.live_sockets:,} sockets, {point}", frames[point], "ms", echoes[point],
                   "a bare echo over as many sockets", budgets.get(point))
    report.row("  deliveries", delivered, "/s")
    report.bar("accepted to frame, p50", frames["p50"], "ms")
    report.bar("accepted to frame, p99", frames["p99"], "ms")


# ---- deliveries ----

def per_user_deliveries(lab, size, report):
    tokens, run, rounds = lab.tokens(1, size.sockets), 0xF100D, size.flood_rounds
    measured, baseline, microseconds = Samples(), Samples(), Samples()
    for repeat in range(size.repeats):
        for which in rotate(["gateway", "consumers"], repeat):
            lab.empty_streams()
            lab.ctl("migrate")
            run += 1
            if which == "consumers":
                with Consumers(lab, size.sockets, rounds) as consumers:
                    flood(lab, size.sockets, rounds, run, TEXT)
                    baseline.add(consumers.result()["messages_per_s"])
                say(f"consumers alone: {baseline.values[-1]:.0f}/s")
                continue
            gateway = lab.gateway()
            client = Wsbench(lab, "live", url=gateway.url, tokens=tokens, sockets=size.sockets, expect=rounds, run=f"{run:x}",
                             pid=gateway.pid)
            client.wait_ready()
            published = flood(lab, size.sockets, rounds, run, TEXT)
            result = client.result()
            lab.stop_gateways()
            measured.add(result["deliveries_per_s"])
            microseconds.add(result["server_us_per_frame"])
            say(f"gateway: {measured.values[-1]:.0f}/s, published {published['published'] / published['seconds']:.0f}/s")
    report.row(f"per-user deliveries, {size.sockets:,} sockets", measured, "/s", baseline, "raw consumers without the gateway",
               ("at least 0.6", lambda r: r >= 0.6))
    report.row("  processor time of the gateway for a frame", microseconds, "us")
    report.bar("per-user deliveries", measured, "/s")
    report.bar("  consumers alone", baseline, "/s")


def celebrity(lab, size, report):
    """Two forms: each post when the one before has come to everybody, and all at once."""
    author = lab.add_author(size.sockets, celebrity=True)
    tokens, authors = lab.tokens(1, size.sockets), lab.tokens(author, author)
    rates = {"gateway": Samples(), "bare": Samples()}
    bursts = {"gateway": Samples(), "bare": Samples()}
    microseconds = {"gateway": Samples(), "bare": Samples()}
    first = Samples()
    settle(lab)
    for repeat in range(size.repeats):
        for which in rotate(["gateway", "bare"], repeat):
            def both(url, pid, which=which):
                common = {"url": url, "tokens": tokens, "authors": authors, "sockets": size.sockets, "text_size": TEXT, "pid": pid}
                one = wsbench(lab, "live", posts=size.celebrity_posts, one_by_one=True, **common)
                rates[which].add(size.sockets * 1000 / one["first_to_last_ms"]["p50"])
                microseconds[which].add(one["server_us_per_frame"])
                if which == "gateway":
                    first.add(one["accepted_to_first_ms"]["p50"])
                many = wsbench(lab, "live", posts=size.celebrity_posts, connections=1, **common)
                bursts[which].add(many["deliveries_per_s"])
                say(f"{which}: {rates[which].values[-1]:.0f} frames/s of a post, {microseconds[which].values[-1]:.1f} us each; "
                    f"{bursts[which].values[-1]:.0f}/s in a burst")

            if which == "bare":
                with BareServer() as server:
                    both(server.url, server.pid)
            else:
                lab.empty_streams()
                lab.materializer(poll_interval="1s")
                gateway = lab.gateway()
                both(gateway.url, gateway.pid)
                lab.stop_gateways()
                lab.stop_materializers()
    name = "a bare loop of write()"
    report.row(f"a celebrity's post to {size.sockets:,} sockets", rates["gateway"], "frames/s", rates["bare"], name,
               ("at least 0.7", lambda r: r >= 0.7))
    report.row("  processor time for a frame", microseconds["gateway"], "us", microseconds["bare"], name,
               ("at most 9 us", lambda _: microseconds["gateway"].median <= 9))
    report.row("  posts one behind the other", bursts["gateway"], "frames/s", bursts["bare"], name)
    report.row("  from the answer to the first frame", first, "ms")
    report.bar("a celebrity's post", rates["gateway"], "frames/s")
    report.bar("  bare loop of write()", rates["bare"], "frames/s")


# ---- slow readers ----

def slow(lab, size, report):
    """The same posts to the same readers, once with some who stop reading and are cut off for it."""
    author = lab.add_author(size.slow_sockets, celebrity=True)
    tokens, authors = lab.tokens(1, size.slow_sockets), lab.tokens(author, author)
    times = {share: {point: Samples() for point in ("p50", "p99", "max")} for share in (0, size.slow_percent)}
    cut = Samples()
    settle(lab)
    for repeat in range(size.repeats):
        for share in rotate([0, size.slow_percent], repeat):
            lab.empty_streams()
            lab.materializer(poll_interval="1s")
            # A short patience: each of them is given up while the others are measured.
            gateway = lab.gateway(connection_queue="64k", connection_queue_soft="32k", slow_client_time="2s")
            result = wsbench(lab, "live", url=gateway.url, tokens=tokens, authors=authors, sockets=size.slow_sockets, deaf=share or None,
                             rate=size.slow_rate, seconds=size.slow_s, text_size=size.slow_text, connections=4)
            for point, samples in times[share].items():
                samples.add(result["accepted_to_frame_ms"][point])
            if share:
                cut.add(100 * sum(value for name, value in gateway.metrics().items()
                                  if name.startswith("freshet_live_slow_closed_total")) / result["deaf"])
            lab.stop_gateways()
            lab.stop_materializers()
            say(f"{share} % do not read: p50 {times[share]['p50'].values[-1]:.2f}, p99 {times[share]['p99'].values[-1]:.2f} ms for the others")
    for point, samples in times[size.slow_percent].items():
        report.row(f"accepted to frame beside {size.slow_percent} % of {size.slow_sockets:,} who do not read, {point}", samples, "ms",
                   times[0][point], "the same without them")
    report.row("  of these cut off meanwhile", cut, "%")


# ---- idle ----

def idle(lab, size, report):
    """A fresh gateway each time: what it has given back once may be used again."""
    tokens = lab.tokens(1, size.sockets)
    for carrier in ("plain", "json"):
        own, resident, opened = Samples(), Samples(), Samples()
        for _ in range(size.repeats):
            lab.empty_streams()
            lab.ctl("migrate")
            gateway = lab.gateway()
            result = wsbench(lab, "idle", url=gateway.url, tokens=tokens, sockets=size.sockets, carrier=carrier, snapshot=0,
                             seconds=size.idle_s, pid=gateway.pid)
            lab.stop_gateways()
            own.add(result["own_bytes_per_socket"])
            resident.add(result["rss_bytes_per_socket"])
            opened.add(result["opened_per_s"])
            say(f"{carrier}: {own.values[-1]:.0f} bytes a socket, {opened.values[-1]:.0f} opened/s")
        report.row(f"memory of an idle socket, {carrier}, {size.sockets:,} of them", own, "bytes", None, "",
                   ("at most 2048", lambda _, own=own: own.median <= 2048) if carrier == "plain" else None)
        report.row("  resident", resident, "bytes")
        report.row("  opened", opened, "/s")


# ---- resuming ----

def feed_reads(lab):
    """Scans of the feeds' tables so far, of which PostgreSQL has been told."""
    return lab.one("SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::bigint FROM pg_stat_user_tables "
                   "WHERE relname LIKE 'feed\\_items%%'")


def resume(lab, size, report):
    what = f"{size.sockets:,} clients come back with cursors"
    tokens = lab.tokens(1, size.sockets)
    star = lab.add_author(size.sockets, celebrity=True)
    first, last, follows = small_authors(lab, size)
    with open(follows, "a", encoding="ascii") as out:
        out.writelines(f"{reader}\t{star}\n" for reader in range(1, size.sockets + 1))
    authors = lab.tokens(min(star, first), last)
    seconds, reads, resumed, again = Samples(), Samples(), Samples(), Samples()
    settle(lab)
    for _ in range(size.repeats):
        lab.empty_streams()
        lab.materializer(poll_interval="1s", sweep_interval="1h")  # sweeping reads feeds too
        gateway = lab.gateway()
        client = Wsbench(lab, "resume", url=gateway.url, tokens=tokens, authors=authors, follows=follows, sockets=size.sockets,
                         carrier="json", snapshot=20, posts=size.missed, text_size=TEXT, retries=10, step=True)
        client.wait_ready()
        time.sleep(size.statistics_s)
        before = feed_reads(lab)
        client.go_on()
        try:
            result = client.result()
        except Failed as failed:  # a build without resume: nobody is resumed, and what was missed is in no snapshot of 20
            result = failed.result
            if result is None or result["resumed"] > 0:
                raise
        time.sleep(size.statistics_s)
        lab.stop_gateways()
        lab.stop_materializers()
        if result["resumed"] == 0:
            report.absent(what, "every client got a reset")
            return
        seconds.add(result["all_back_ms"]["max"] / 1000)
        reads.add(feed_reads(lab) - before)
        again.add(result["refused_and_tried_again"])
        resumed.add(100 * result["resumed"] / size.sockets)
        say(f"{result['resumed']} resumed, {result['reset']} got a reset, all there after {seconds.values[-1]:.2f} s, "
            f"{reads.values[-1]} feed reads")
    report.row(what, seconds, "s", None, "", ("done in 5 s", lambda _: max(seconds.values) <= 5))
    report.row("  resumed without a reset", resumed, "%")
    report.row("  refused with 503, and tried again", again, "")
    report.row("  reads of feeds in PostgreSQL", reads, "", None, "", ("none", lambda _: max(reads.values) == 0))


PARTS = {"create": post_create, "page-warm": page_warm, "page-cold": page_cold, "frame": accepted_to_frame, "deliveries": per_user_deliveries,
         "celebrity": celebrity, "slow": slow, "idle": idle, "resume": resume}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench gateway", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="seconds instead of minutes; the figures mean nothing")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone; may be given again")
    parser.add_argument("--out", required=True, help="folder of the result")
    options = parser.parse_args()
    size = Size(options.smoke)
    report = Report("gateway", options.out, judge=not options.smoke,
                    facts={**machine(ROOT), "nats-server": first_line("nats-server", "--version")})
    print(f"gateway: {size.users} users, {size.sockets} sockets, {size.repeats} repetitions", flush=True)
    # However it is ended, the servers go too.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    started, failed = time.monotonic(), []
    lab = Lab(size.users, size.follows, seed=7, posts=size.posts,
              more=(f"--feeds={size.readers}", f"--celebrities={size.celebrities}", *(["--celebrity-threshold=20"] if options.smoke else [])))
    try:
        report.facts["postgresql"] = lab.one("SHOW server_version")
        report.facts["data"] = f"{size.users} users, {size.follows[0]}..{size.follows[1]} follows and {size.posts[0]}..{size.posts[1]} posts each" + \
            (" (smoke run: the figures mean nothing)" if options.smoke else "")
        report.facts["clients"] = "on the same processors as the servers: what they take is missing there, in the baselines too"
        for name, part in PARTS.items():
            if not options.only or name in options.only:
                print(f"{name}:", flush=True)
                try:
                    part(lab, size, report)
                except (AssertionError, OSError, RuntimeError) as problem:
                    # The other parts are worth their minutes all the same.
                    print(f"{name}: {problem}", file=sys.stderr, flush=True)
                    report.absent(name, "failed: " + str(problem).partition("\n")[0][:120])
                    failed.append(name)
                    lab.kill_services()
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    finally:
        lab.close()
    report.facts["took"] = f"{time.monotonic() - started:.0f} s"
    report.facts["load at the end"] = machine(ROOT)["load at the start"]
    paths = report.write()
    print()
    print(report.text())
    print("written: " + " ".join(paths))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
