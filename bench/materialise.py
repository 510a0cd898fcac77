#!/usr/bin/python3
"""./dev bench materialise: how fast posts come into feeds and are told, each figure beside a baseline of the same run."""

import argparse
import json
import pathlib
import re
import signal
import sys
import threading
import time

from lab import PARTITIONS, ROOT, Lab, eventually, partition_of
from measuring import Report, Samples, first_line, machine

SQL = ROOT / "pkg" / "store" / "sql"
GRACE_MS = 30000
BATCH = 500


class Size:
    """How much of everything. The smoke run shows that it works; its figures mean nothing."""

    def __init__(self, smoke):
        self.repeats = 1 if smoke else 3
        self.users = 400 if smoke else 60000
        self.follows = (5, 15) if smoke else (50, 150)
        self.posts = 60 if smoke else 4000
        self.told_posts = 40 if smoke else 2000
        self.celebrity_followers = (50, 100, 200) if smoke else (500, 5000, 50000)
        self.celebrity_posts = 20 if smoke else 400
        self.wave_authors = 20 if smoke else 200
        self.waves = 3 if smoke else 20
        self.load_s = 0.5 if smoke else 3


def statement(path):
    """The SQL of a file without its comments."""
    return "\n".join(line for line in path.read_text(encoding="ascii").splitlines() if not line.startswith("--"))


def say(line):
    """How far it is."""
    print("  - " + line, flush=True)


# ---- 1 and 3: rows a second ----

def burnt(before, after):
    return {who: after[who] - before[who] for who in after}


def plain_inserts(lab, rows):
    """One client, 500 posts a transaction, sorted: how long for all."""
    lab.run("PREPARE fanout (bigint[], bigint[]) AS " + statement(SQL / "fanout_posts.sql").replace("%", "%%"))
    started = time.monotonic()
    for first in range(0, len(rows), BATCH):
        batch = rows[first:first + BATCH]
        lab.run("EXECUTE fanout (%s, %s)", [author for _, author in batch], [number for number, _ in batch])
    seconds = time.monotonic() - started
    lab.run("DEALLOCATE fanout")
    return seconds


def throughput(lab, size, report):
    baseline, committed = Samples(), {workers: Samples() for workers in (1, 2, 4)}
    told = {workers: Samples() for workers in (1, 2, 4)}
    lab.set_online(20)
    rows = lab.write_posts([lab.random.randint(1, size.users) for _ in range(size.posts)])
    processor = {who: Samples() for who in ("materializer", "PostgreSQL", "NATS")}
    processor_baseline = Samples()
    items = None
    # Another one first each time, so that none has the better place.
    for repeat in range(size.repeats):
        order = [None, 1, 2, 4]
        for workers in order[repeat:] + order[:repeat]:
            lab.empty_feeds()
            if workers is None:
                before = lab.processor_seconds(ours=True)
                seconds = plain_inserts(lab, rows)
                spent = burnt(before, lab.processor_seconds(ours=True))
            else:
                lab.empty_streams()
                lab.materializer(workers=workers)
                before = lab.processor_seconds()
                started = lab.tell()
                when_committed, when_told = lab.wait_told()
                spent = burnt(before, lab.processor_seconds())
                lab.stop_materializers()
                seconds = when_told - started
            found = lab.one("SELECT count(*) FROM feed_items")
            say(f"round {repeat + 1}, {'plain INSERT' if workers is None else f'{workers} worker(s)'}: "
                f"{found} rows in {seconds:.1f} s")
            if items is not None and items != found:
                raise RuntimeError(f"{found} feed items, and {items} the time before")
            items = found
            if workers is None:
                baseline.add(items / seconds)
                processor_baseline.add(spent["PostgreSQL"] * 1e6 / items)
            else:
                for who in processor if workers == 2 else ():
                    processor[who].add(spent[who] * 1e6 / items)
                told[workers].add(items / seconds)
                committed[workers].add(items / (when_committed - started))
    report.facts["feed items a round"] = items
    name = "one client's plain INSERT"
    report.row("whole pipeline, 2 workers, 20 % online", told[2], "rows/s", baseline, name, ("at least 0.7", lambda r: r >= 0.7))
    report.row("  until the last commit", committed[2], "rows/s", baseline, name)
    for who, samples in processor.items():
        report.row(f"  processor time a million rows, {who}", samples, "s", processor_baseline, "PostgreSQL in the plain INSERT")
    for workers in (1, 4):
        report.row(f"whole pipeline, {workers} worker{'s' if workers > 1 else ''}", told[workers], "rows/s", baseline, name)
        report.row("  until the last commit", committed[workers], "rows/s", baseline, name)
    report.bar("plain INSERT, one client", baseline, "rows/s")
    for workers in (1, 2, 4):
        report.bar(f"pipeline, {workers} worker{'s' if workers > 1 else ''}", told[workers], "rows/s")
        report.bar("  until committed", committed[workers], "rows/s")


# ---- 2: take-over ----

class Load(threading.Thread):
    """Posts of one author of each partition, twenty times a second, and some others; `sent`: [(time, {partition: id})]"""

    def __init__(self, lab, authors):
        super().__init__(daemon=True)
        self.lab, self.authors, self.sent = lab, authors, []
        self.db = lab.connect()
        self.ending = threading.Event()
        self.problem = None

    def run(self):
        try:
            while not self.ending.wait(0.05):
                self.write()
        except Exception as problem:  # told by whoever waits
            self.problem = problem

    def write(self):
        authors = self.authors + [self.lab.random.randint(1, self.lab.users) for _ in range(4)]
        ids = [self.lab.snowflake() for _ in authors]
        partitions = [partition_of(author) for author in authors]
        with self.db.cursor() as cursor:
            cursor.execute("WITH post AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::smallint[]) AS p (a, i, n)), "
                           "written AS (INSERT INTO posts (author_id, id, body) SELECT a, i, 'text' FROM post) "
                           "INSERT INTO outbox (author_id, partition, kind, subject_id) SELECT a, n, 1, i FROM post ORDER BY i",
                           (authors, ids, partitions))
        self.sent.append((time.monotonic(), dict(zip(range(PARTITIONS), ids))))

    def end(self):
        self.ending.set()
        self.join()
        self.db.close()
        if self.problem is not None:
            raise self.problem


def first_commits(lab, load, since, partitions, reader):
    """{partition: when an item of a post sent after `since` was seen}"""
    seen = {}
    while len(seen) < len(partitions):
        if load.problem is not None or time.monotonic() > since + 60:
            raise RuntimeError(f"no commit in {sorted(set(partitions) - set(seen))} within a minute; {load.problem}")
        sent = [ids for at, ids in list(load.sent) if at > since]
        wanted = {ids[p]: p for ids in sent for p in partitions if p not in seen}
        if wanted:
            with lab.db.cursor() as cursor:
                cursor.execute("SELECT post_id FROM feed_items WHERE user_id = %s AND post_id = ANY (%s)",
                               (reader, list(wanted)))
                now = time.monotonic()
                for row in cursor.fetchall():
                    seen.setdefault(wanted[row[0]], now)
        time.sleep(0.005)
    return seen


def take_over(lab, size, report):
    dead, quiet = Samples(), Samples()
    lab.empty_feeds()
    lab.set_online(20)
    authors = [lab.add_author(1, partition=partition) for partition in range(PARTITIONS)]
    reader = 1
    for _ in range(size.repeats):
        first = lab.materializer()
        before = set(lab.owners())
        second = lab.materializer()
        try:
            eventually(lambda: sum(lab.owners().values()) == PARTITIONS and set(lab.owners()) - before, timeout=20)
        except AssertionError:
            pass  # a build in which a new process gets nothing while the old one has all
        load = Load(lab, authors)
        load.start()
        time.sleep(size.load_s)  # part of the measurement: a load that goes on
        # How long it takes when nobody dies, from a moment just as arbitrary.
        asked = time.monotonic()
        quiet.add(max(first_commits(lab, load, asked, range(PARTITIONS), reader).values()) - asked)
        mine = [pid for pid in lab.owners() if pid in before]
        others = [pid for pid in lab.owners() if pid not in before]
        held = lab.owners()
        victim, backends = (first, mine) if sum(held[pid] for pid in mine) >= sum(held[pid] for pid in others) \
            else (second, others)
        partitions = lab.partitions_of(backends)
        killed = time.monotonic()
        victim.kill()
        dead.add(max(first_commits(lab, load, killed, partitions, reader).values()) - killed)
        say(f"{len(partitions)} partitions of the killed one commit again after {dead.values[-1]:.2f} s")
        load.end()
        lab.wait_told()
        lab.materializers.remove(victim)
        lab.stop_materializers()
    report.row("dead time after SIGKILL, the last partition", dead, "s", quiet, "without a kill",
               ("at most 5 s", lambda _: max(dead.values) <= 5))


# ---- 4: celebrities ----

def celebrity_cost(lab, size, report):
    milliseconds = {count: Samples() for count in size.celebrity_followers}
    seconds = {count: Samples() for count in size.celebrity_followers}
    authors = {count: lab.add_author(count, celebrity=True) for count in size.celebrity_followers}
    lab.set_online(20)
    lab.run("ANALYZE users, followers, followees, celebrities")
    lab.materializer(celebrity_threshold=size.celebrity_followers[0] - 1)
    for _ in range(size.repeats):
        for count, author in authors.items():
            lab.write_posts([author] * size.celebrity_posts)
            lab.empty_feeds()
            before = lab.processor_seconds()
            started = lab.tell()
            _, told = lab.wait_told()
            seconds[count].add(sum(burnt(before, lab.processor_seconds()).values()) * 1000 / size.celebrity_posts)
            milliseconds[count].add((told - started) * 1000 / size.celebrity_posts)
            say(f"{count} followers: {milliseconds[count].values[-1]:.2f} ms a post")
    lab.stop_materializers()
    least = size.celebrity_followers[0]
    for count in size.celebrity_followers:
        report.row(f"a celebrity's post until told, {count:,} followers", milliseconds[count], "ms", milliseconds[least],
                   f"{least:,} followers", ("flat: at most 1.5", lambda r: r <= 1.5) if count > least else None)
        report.row("  processor time", seconds[count], "ms", seconds[least], f"{least:,} followers")


# ---- 5: messages ----

def messages(lab, size, report):
    published = {20: Samples(), 100: Samples()}
    rows = lab.write_posts([lab.random.randint(1, size.users) for _ in range(size.told_posts)])
    for _ in range(size.repeats):
        for percent, samples in published.items():
            lab.empty_feeds()
            lab.set_online(percent)
            lab.empty_streams()
            process = lab.materializer(firehose="off")
            before = process.metrics().get("freshet_bus_published_total", 0)
            lab.tell()
            lab.wait_told()
            samples.add((process.metrics()["freshet_bus_published_total"] - before) / len(rows))
            say(f"{percent} % online: {samples.values[-1]:.2f} messages a post")
            lab.stop_materializers()
    report.row("messages a post, 20 % online", published[20], "", published[100], "100 % online",
               ("a fifth", lambda r: 0.15 <= r <= 0.25))


# ---- 6: the look-up ----

def look_up(lab, size, report):
    text = (SQL / "fanout_recipients.sql").read_text(encoding="ascii")
    count = len(re.search(r"-- params: (.*)", text)[1].split(","))
    has_presence = re.search(r"\bonline\b", statement(SQL / "fanout_recipients.sql")) is not None
    if not has_presence or count != 4:
        print("  the look-up of recipients does not ask for presence: its price is not measured", flush=True)
        return
    # As a worker's session is set up, but for its timeouts.
    lab.run(re.sub(r"\$[12]", "'0'", statement(SQL / "outbox_session.sql")))
    types = ("bigint[], bigint[], integer, integer", "bigint[], bigint[], integer")
    lab.run(f"PREPARE present ({types[0]}) AS " + statement(SQL / "fanout_recipients.sql").replace("%", "%%"))
    lab.run(f"PREPARE everybody ({types[1]}) AS " + statement(pathlib.Path(__file__).parent / "recipients_without_presence.sql"))
    for percent in (20, 100):
        lab.set_online(percent)
        joined, plain = Samples(), Samples()
        for _ in range(size.waves):
            authors = [lab.random.randint(1, size.users) for _ in range(size.wave_authors)]
            nobody = [0] * len(authors)
            for samples, call in ((plain, ("EXECUTE everybody (%s, %s, 1000000)", authors, nobody)),
                                  (joined, ("EXECUTE present (%s, %s, 1000000, %s)", authors, nobody, GRACE_MS))):
                # The server's own time: fetching the rows costs the same per row either way.
                plan = lab.one("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + call[0], *call[1:])
                samples.add((json.loads(plan) if isinstance(plan, str) else plan)[0]["Execution Time"])
        report.row(f"recipients of {size.wave_authors} posts, {percent} % online", joined, "ms", plain, "without presence")
    lab.run("DEALLOCATE present")
    lab.run("DEALLOCATE everybody")
    lab.run("RESET ALL")


PARTS = {"throughput": throughput, "take-over": take_over, "celebrities": celebrity_cost, "messages": messages,
         "look-up": look_up}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench materialise", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="seconds instead of minutes; the figures mean nothing")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone; may be given again")
    parser.add_argument("--out", required=True, help="folder of the result")
    options = parser.parse_args()
    size = Size(options.smoke)
    report = Report("materialise", options.out, judge=not options.smoke, facts={**machine(ROOT), "nats-server": first_line("nats-server", "--version")})
    print(f"materialise: {size.users} users, {size.repeats} repetitions", flush=True)
    # However it is ended, the servers go too.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    started = time.monotonic()
    lab = Lab(size.users, size.follows, seed=7)
    try:
        report.facts["postgresql"] = lab.one("SHOW server_version")
        report.facts["data"] = f"{size.users} users, {size.follows[0]}..{size.follows[1]} follows each, {size.posts} posts" + \
            (" (smoke run: the figures mean nothing)" if options.smoke else "")
        for name, part in PARTS.items():
            if not options.only or name in options.only:
                print(f"{name}:", flush=True)
                part(lab, size, report)
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    finally:
        lab.close()
    report.facts["took"] = f"{time.monotonic() - started:.0f} s"
    paths = report.write()
    print()
    print(report.text())
    print("written: " + " ".join(paths))
    return 0


if __name__ == "__main__":
    sys.exit(main())
