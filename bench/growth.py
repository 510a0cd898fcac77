#!/usr/bin/python3
"""./dev bench growth: how cost grows with followers, with users in the database, with connections and with celebrities followed: each
as a curve, with the exponent of the power law through it (0: the cost stays the same; 1: it grows as the x does)."""

import argparse
import os
import sys
import time

from data import TooLittleRoom, add_follows, loaded_lab, new_users, read_tokens, tokens_of_some, write_tokens
from lab import ROOT
from measuring import number
from meter import WHO, Fit, Meter, line_through, processor
from programs import Wsbench, say, wsbench
from rows import catch_signals, surroundings
from sheet import Curve, Sheet

CLIENTS = 64
TEXT = 120


class Size:
    def __init__(self, options):
        smoke, quick = options.smoke, options.quick
        self.repeats = 1 if smoke else 2 if quick else 3
        # fan-out
        self.followers = (2, 5, 20) if smoke else (10, 20, 50, 100, 200, 500)
        self.fanout_users = 400 if smoke else 10000
        self.fanout_authors = 5 if smoke else 50
        self.fanout_posts = 40 if smoke else 500 if quick else 2000
        self.online_percent = 20
        # users in the database
        self.users = (100, 400) if smoke else (10000, 30000, 100000) if quick else (10000, 100000, 1000000)
        self.follows, self.posts = (5, 15), (3, 3)
        self.sample = 50 if smoke else 20000  # of the users, who post and read
        self.again = 10 if smoke else 50  # who look at their page again and again
        self.requests = 100 if smoke else 4000 if quick else 10000
        # connections
        self.connections = (20, 80) if smoke else (100, 300, 1000, 3000) if quick else (100, 300, 1000, 3000, 10000, 15000)
        self.connection_authors = 10 if smoke else 100
        self.audience = 10
        self.live_posts = 10 if smoke else 100  # per second
        self.celebrity_burst = 3 if smoke else 30
        self.live_s = 1 if smoke else 5 if quick else 15
        # celebrities followed
        self.celebrities = (0, 1, 20) if smoke else (0, 1, 2, 5, 10, 20, 50, 100, 200)
        self.group = 10 if smoke else 500
        self.celebrity_posts = 5 if smoke else 25


class Growth:
    """One part: its curves over one x, each with its exponent."""

    def __init__(self, part, x_name):
        self.part, self.x_name, self.curves = part, x_name, {}

    def add(self, name, unit, x, y):
        self.curves.setdefault(name, Curve(name, unit)).add(x, y)

    def add_spent(self, what, x, spent, operations):
        """Processor time of an operation, of all and of each process, in microseconds."""
        self.add(f"{what}: processor", "us", x, processor(spent) * 1e6 / operations)
        for who in WHO:
            self.add(f"{what}: {who}", "us", x, spent[who] * 1e6 / operations)

    def medians(self, name):
        return self.curves[name].medians if name in self.curves else []

    def tell(self, sheet):
        curves = [curve for curve in self.curves.values() if any(y > 0 for _, y in curve.medians)]  # not those who had no part in it
        xs = sorted({x for curve in curves for x in curve.points})
        table = sheet.sheet(f"{self.part}: over {self.x_name}", "what", "unit", *(f"{x:,}" for x in xs), "exponent")
        found = []
        for curve in curves:
            try:
                fit = Fit(curve.medians)
            except ValueError:
                fit = None  # below the clock's tick, or one point
            table.row(curve.name, curve.unit, *(number(curve.points[x].median) if x in curve.points else "-" for x in xs), fit.text() if fit else "-")
            found.append({"name": curve.name, "unit": curve.unit, "points": {str(x): samples.values for x, samples in curve.points.items()},
                          "exponent": fit and {"value": fit.exponent, "error": fit.error, "from": fit.low, "to": fit.high}})
        sheet.more.setdefault("growth", {})[self.part] = {"over": self.x_name, "curves": found}
        for name, unit in (("processor", "us"), ("elapsed", "us"), ("memory", "bytes")):
            shown = [curve for curve in curves if curve.unit == unit and (unit != "us" or name in curve.name)]
            if shown:
                sheet.curves(f"{self.part}-{name}", f"{self.part}: {name} over {self.x_name}", self.x_name, shown)


def unit_cost(sheet, name, value, unit, source):
    """For docs/scale.md: what one of something costs, and from which row it comes."""
    sheet.more.setdefault("units", {})[name] = {"value": value, "unit": unit, "from": source}


def warm_up(lab, gateway, tokens):
    """PostgreSQL plans the first executions of a statement on each connection one by one, which costs much more than they do."""
    wsbench(lab, "http", url=gateway.url, tokens=tokens, connections=CLIENTS, posts=400)


# ---- fan-out ----

def fanout(size, sheet):
    growth = Growth("fan-out", "followers of the author")
    with loaded_lab(size.fanout_users, (5, 5), (0, 0), 0, 7) as (lab, _):
        authors = {}
        for followers in size.followers:
            authors[followers] = new_users(lab, size.fanout_authors, followers)
            add_follows(lab, [(reader, author) for author in authors[followers]
                              for reader in lab.random.sample(range(1, size.fanout_users + 1), followers)])
        lab.set_online(size.online_percent)
        lab.run("VACUUM ANALYZE users, followers, followees")
        for _ in range(size.repeats):
            for followers, members in authors.items():
                lab.write_posts([members[place % len(members)] for place in range(size.fanout_posts)])
                lab.empty_feeds()
                lab.empty_streams()
                process = lab.materializer()
                told = process.metrics().get("freshet_post_messages_total", 0)
                meter = Meter(lab)
                lab.tell()
                lab.wait_told()
                spent = meter.spent()
                messages = process.metrics().get("freshet_post_messages_total", 0) - told
                lab.stop_materializers()
                rows = lab.one("SELECT count(*) FROM feed_items")
                if rows != followers * size.fanout_posts:
                    raise RuntimeError(f"{rows} feed items of {size.fanout_posts} posts to {followers} followers each")
                growth.add_spent("post", followers, spent, size.fanout_posts)
                growth.add("row: processor", "us", followers, processor(spent) * 1e6 / rows)
                growth.add("post: elapsed", "us", followers, spent["elapsed"] * 1e6 / size.fanout_posts)
                growth.add("row: elapsed", "us", followers, spent["elapsed"] * 1e6 / rows)
                growth.add("post: write-ahead log", "bytes of log", followers, spent["wal"] / size.fanout_posts)
                growth.add("post: messages", "messages", followers, messages / size.fanout_posts)
                say(f"{followers} followers: {processor(spent) * 1e6 / rows:.1f} us a row, {processor(spent) * 1e6 / size.fanout_posts:.0f} us a post")
    growth.tell(sheet)
    # A straight line: what a post costs by itself, and what each row adds, with the messages for those online.
    for who in ("materializer", "PostgreSQL", "NATS"):
        per_post, per_row = line_through(growth.medians(f"post: {who}"))
        unit_cost(sheet, f"fan-out of a post, {who}", max(0.0, per_post), "us", f"fan-out, `post: {who}`, the line's value at 0 followers")
        unit_cost(sheet, f"feed row, {who}", max(0.0, per_row), "us", f"fan-out, `post: {who}`, the line's slope ({size.online_percent} % online)")
    per_post, per_row = line_through(growth.medians("post: write-ahead log"))
    unit_cost(sheet, "fan-out of a post, log", max(0.0, per_post), "bytes", "fan-out, `post: write-ahead log`, the line's value at 0 followers")
    unit_cost(sheet, "feed row, log", max(0.0, per_row), "bytes", "fan-out, `post: write-ahead log`, the line's slope")


# ---- users in the database ----

def bytes_each(lab, table):
    """Of a row, with its indexes; all partitions of a partitioned table."""
    parts = lab.one("SELECT coalesce(sum(pg_total_relation_size(relid)), 0) FROM pg_partition_tree(%s)", table)
    rows = lab.one(f"SELECT count(*) FROM {table}")
    return float(parts or lab.one("SELECT pg_total_relation_size(%s)", table)) / max(1, rows)


def users(size, sheet):
    growth = Growth("users", "users in the database")
    for count in size.users:
        say(f"{count:,} users")
        with loaded_lab(count, size.follows, size.posts, count, 7) as (lab, seconds):
            growth.add("loading: elapsed a user", "us", count, seconds * 1e6 / count)
            measure_users(lab, size, sheet, growth, count)
    growth.tell(sheet)


def measure_users(lab, size, sheet, growth, count):
    tokens = tokens_of_some(lab, min(count, size.sample))
    few = lab.tokens(1, size.again)
    tables = {"user": ("users",), "follow, both ways": ("followers", "followees"), "post": ("posts",), "feed row": ("feed_items",)}
    for what, names in tables.items():
        growth.add(f"size of a {what}", "bytes", count, sum(bytes_each(lab, name) for name in names))
    lab.run("VACUUM ANALYZE")
    for _ in range(size.repeats):
        gateway = lab.gateway(hot_pages=0, body_cache=0)
        common = {"tokens": tokens, "connections": CLIENTS, "posts": size.requests}
        warm_up(lab, gateway, tokens)
        meter = Meter(lab)
        wsbench(lab, "http", url=gateway.url, **common)
        spent = meter.spent()
        growth.add_spent("page, cold", count, spent, size.requests)
        meter.begin()
        wsbench(lab, "http", url=gateway.url, create=True, text_size=TEXT, **common)
        spent = meter.spent()
        growth.add_spent("post", count, spent, size.requests)
        growth.add("post: write-ahead log", "bytes of log", count, spent["wal"] / size.requests)
        lab.stop_gateways()
        lab.empty_streams()
        rows = lab.one("SELECT count(*) FROM feed_items")
        meter = Meter(lab)
        lab.materializer()
        lab.wait_told()
        spent = meter.spent()
        lab.stop_materializers()
        rows = lab.one("SELECT count(*) FROM feed_items") - rows
        growth.add_spent("materialised row", count, spent, rows)
        gateway = lab.gateway()
        again = {**common, "tokens": few, "url": gateway.url}
        wsbench(lab, "http", **again)  # the looks that make them kept pages
        meter.begin()
        wsbench(lab, "http", **again)
        growth.add_spent("page, asked for again", count, meter.spent(), size.requests)
        lab.stop_gateways()
    say("page %.0f us, post %.0f us, materialised row %.1f us of processor" % tuple(
        growth.curves[f"{what}: processor"].points[count].median for what in ("page, cold", "post", "materialised row")))
    at = f"users, at {count:,}"
    for what, name in (("page", "page, cold"), ("page asked for again", "page, asked for again"), ("post", "post")):
        for who in ("gateway", "PostgreSQL"):
            points = dict(growth.medians(f"{name}: {who}"))
            unit_cost(sheet, f"{what}, {who}", points.get(count, 0.0), "us", f"{at}, `{name}: {who}`")
    unit_cost(sheet, "post, log", dict(growth.medians("post: write-ahead log"))[count], "bytes", f"{at}, `post: write-ahead log`")
    for what in tables:
        unit_cost(sheet, f"size of a {what}", dict(growth.medians(f"size of a {what}"))[count], "bytes", f"{at}, `size of a {what}`")


# ---- connections ----

def resident(pid):
    """Bytes of a process's own: heap and stacks."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        return int(next(line for line in lines if line.startswith("Anonymous:")).split()[1]) * 1024


def connections(size, sheet):
    growth = Growth("connections", "open sockets")
    most = max(size.connections)
    with loaded_lab(most, (2, 4), (1, 1), 0, 7) as (lab, _):
        tokens = read_tokens(lab.tokens(1, most))
        for count in size.connections:
            authors = new_users(lab, size.connection_authors, min(size.audience, count))
            follows = add_follows(lab, [(reader, author) for author in authors for reader in lab.random.sample(range(1, count + 1),
                                                                                                             min(size.audience, count))])
            files = {"tokens": write_tokens(lab.path("readers"), tokens, range(1, count + 1)), "authors": lab.tokens(authors[0], authors[-1]),
                     "follows": lab.path("follows")}
            with open(files["follows"], "w", encoding="ascii") as out:
                out.writelines(follows)
            star = lab.add_author(count, celebrity=True)
            for _ in range(size.repeats):
                measure_connections(lab, size, growth, count, files)
                measure_celebrity(lab, size, growth, count, {"tokens": files["tokens"], "authors": lab.tokens(star, star)})
    growth.tell(sheet)
    for what, name, unit in (("socket, gateway", "memory of a socket, gateway", "bytes"), ("socket, NATS", "memory of a socket, NATS", "bytes"),
                             *((f"attach, {who}", f"attach: {who}", "us") for who in ("gateway", "PostgreSQL", "NATS")),
                             *((f"delivery, {who}", f"delivery: {who}", "us") for who in ("gateway", "NATS")),
                             ("celebrity's frame, gateway", "celebrity's frame: gateway", "us")):
        points = growth.medians(name)
        unit_cost(sheet, what, points[-1][1], unit, f"connections, at {points[-1][0]:,}, `{name}`")


def measure_connections(lab, size, growth, count, files):
    lab.empty_streams()
    lab.run("TRUNCATE online")
    lab.materializer(poll_interval="1s")
    gateway = lab.gateway()
    empty = {"gateway": resident(gateway.pid), "NATS": resident(lab.nats.pid())}
    meter = Meter(lab)
    client = Wsbench(lab, "live", step=True, url=gateway.url, sockets=count, rate=size.live_posts, posts=size.live_posts * size.live_s,
                     text_size=TEXT, patience=30, retries=10, pid=gateway.pid, **files)
    client.wait_ready()
    growth.add_spent("attach", count, meter.spent(), count)
    for who, pid in (("gateway", gateway.pid), ("NATS", lab.nats.pid())):
        growth.add(f"memory of a socket, {who}", "bytes", count, max(0, resident(pid) - empty[who]) / count)
    meter.begin()
    client.go_on()
    result = client.result()
    spent = meter.spent()
    growth.add_spent("delivery", count, spent, result["deliveries"])
    growth.add("accepted to frame: elapsed, p50", "us", count, result["accepted_to_frame_ms"]["p50"] * 1e3)
    growth.add("accepted to frame: elapsed, p99", "us", count, result["accepted_to_frame_ms"]["p99"] * 1e3)
    lab.stop_gateways()
    lab.stop_materializers()
    memory = growth.curves["memory of a socket, gateway"].points[count].values[-1]
    say(f"{count:,} sockets: {memory:.0f} bytes each, {processor(spent) * 1e6 / result['deliveries']:.0f} us of processor a delivery")


def measure_celebrity(lab, size, growth, count, files):
    """Posts that come to everybody, one behind the other."""
    lab.empty_streams()
    lab.run("TRUNCATE online")
    lab.materializer(poll_interval="1s")
    gateway = lab.gateway()
    client = Wsbench(lab, "live", step=True, url=gateway.url, sockets=count, posts=size.celebrity_burst, connections=1, text_size=TEXT, patience=30,
                     retries=10, pid=gateway.pid, **files)
    client.wait_ready()
    meter = Meter(lab)
    client.go_on()
    frames = client.result()["deliveries"]
    growth.add_spent("celebrity's frame", count, meter.spent(), frames)
    lab.stop_gateways()
    lab.stop_materializers()


# ---- celebrities followed ----

def make_celebrities(lab, size):
    """Groups of readers who follow 0, 1, ... of them: {how many: ids of the group}."""
    members = new_users(lab, max(size.celebrities), 1000000)
    lab.run("UPDATE users SET is_celebrity = true WHERE id >= %s", members[0])
    lab.run("INSERT INTO celebrities (id) SELECT id FROM users WHERE id >= %s", members[0])
    low, high = lab.run("SELECT min(id), max(id) FROM posts")[0]
    posts = {lab.random.randrange(low, high): author for author in members for _ in range(size.celebrity_posts)}
    lab.copy("posts (author_id, id, body)", (f"{author}\t{number}\ta celebrity's post of about forty letters\n" for number, author in posts.items()))
    lab.copy("celebrity_posts (author_id, id)", (f"{author}\t{number}\n" for number, author in posts.items()))
    groups = {count: range(1 + place * size.group, 1 + (place + 1) * size.group) for place, count in enumerate(size.celebrities)}
    add_follows(lab, [(reader, author) for count, readers in groups.items() for reader in readers for author in members[:count]])
    lab.run("VACUUM ANALYZE")
    return groups


def celebrities(size, sheet):
    growth = Growth("celebrities", "celebrities followed")
    readers = size.group * len(size.celebrities)
    with loaded_lab(readers, (5, 15) if readers < 1000 else (20, 40), (10, 10), readers, 7) as (lab, _):
        groups = make_celebrities(lab, size)
        tokens = read_tokens(lab.tokens(1, readers))
        for _ in range(size.repeats):
            for count, members in groups.items():
                measure_celebrities(lab, size, growth, count, write_tokens(lab.path("group"), tokens, members))
    growth.tell(sheet)


def measure_celebrities(lab, size, growth, count, tokens):
    lab.empty_streams()
    lab.ctl("migrate")
    lab.run("TRUNCATE online")
    gateway = lab.gateway(hot_pages=0, body_cache=0)
    warm_up(lab, gateway, tokens)
    meter = Meter(lab)
    pages = size.group * 10
    result = wsbench(lab, "http", url=gateway.url, tokens=tokens, connections=CLIENTS, posts=pages)
    growth.add_spent("page", count, meter.spent(), pages)
    growth.add("page: elapsed, p50", "us", count, result["answered_ms"]["p50"] * 1e3)
    lab.stop_gateways()
    gateway = lab.gateway()
    warm_up(lab, gateway, tokens)
    meter.begin()
    client = Wsbench(lab, "idle", step=True, url=gateway.url, tokens=tokens, sockets=size.group, carrier="json", snapshot=20, seconds=1)
    client.wait_ready()
    growth.add_spent("attach", count, meter.spent(), size.group)
    client.go_on()
    growth.add("attach: elapsed, p50", "us", count, client.result()["opening_ms"]["p50"] * 1e3)
    lab.stop_gateways()
    points = {name: curve.points[count].values[-1] for name, curve in growth.curves.items() if count in curve.points}
    say(f"{count} celebrities: page {points['page: processor']:.0f} us, attach {points['attach: processor']:.0f} us of processor")


PARTS = {"fan-out": fanout, "users": users, "connections": connections, "celebrities": celebrities}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench growth", description=__doc__,
                                     epilog="Exit codes: 0 done; 1 a part failed; 2 wrong usage; 130 interrupted.")
    parser.add_argument("--quick", action="store_true", help="up to 100,000 users and 3,000 connections, two repetitions")
    parser.add_argument("--smoke", action="store_true", help="a run of seconds that shows that it works; its figures mean nothing")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone; may be given again")
    parser.add_argument("--out", required=True, help="folder of the result")
    options = parser.parse_args()
    catch_signals()
    size, started, failed = Size(options), time.monotonic(), []
    sheet = Sheet("growth", options.out, surroundings(ROOT))
    if options.smoke:
        sheet.facts["data"] = "smoke run: the figures mean nothing"
    sheet.more["smoke"] = options.smoke
    try:
        for name, part in PARTS.items():
            if options.only and name not in options.only:
                continue
            print(f"{name}:", file=sys.stderr, flush=True)
            try:
                part(size, sheet)
            except (AssertionError, OSError, RuntimeError, TooLittleRoom) as problem:
                # The other parts are worth their minutes all the same.
                print(f"{name}: {problem}", file=sys.stderr, flush=True)
                sheet.note(f"{name} failed: {str(problem).partition(os.linesep)[0]}")
                failed.append(name)
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    sheet.note("Medians of the repetitions. An exponent is the slope of the straight line through the logarithms, with its standard error and the "
               "x\nover which it holds; an x of 0 is left out. Processor time is of gateway, materializer, PostgreSQL and NATS together unless one is "
               "named.\nElapsed times hold for a machine that does nothing else.")
    sheet.facts["took"] = f"{time.monotonic() - started:.0f} s"
    paths = sheet.write()
    print("\n" + sheet.text() + "written: " + " ".join(paths))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
