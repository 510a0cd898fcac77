#!/usr/bin/python3
"""./dev bench materialise: how fast posts come into feeds and are told, each figure beside a baseline of the same run."""

import json
import pathlib
import re
import sys
import threading
import time

from lab import PARTITIONS, ROOT, Lab, eventually, partition_of
from rows import Absent, Line, Row, each_to, part_main, ratio_from, ratio_to, ratio_within

SQL = ROOT / "pkg" / "store" / "sql"
GRACE_MS = 30000
BATCH = 500


class Size:
    """How much of everything. The smoke run shows that it works; its figures mean nothing."""
    repeats = 3
    users = 60000
    follows = (50, 150)
    posts = 4000
    told_posts = 2000
    celebrity_followers = (500, 5000, 50000)
    celebrity_posts = 400
    wave_authors = 200
    waves = 20
    load_s = 3
    batches, curve_posts = (10, 25, 50, 100, 250, 500), 2000


class QuickSize(Size):
    repeats = 1
    load_s = 2


class SmokeSize(Size):
    repeats = 1
    users = 400
    follows = (5, 15)
    posts = 60
    told_posts = 40
    celebrity_followers = (50, 100, 200)
    celebrity_posts = 20
    wave_authors = 20
    waves = 3
    load_s = 0.5
    batches, curve_posts = (10, 50), 60


SIZES = {"full": Size, "table": Size, "quick": QuickSize, "smoke": SmokeSize}


def statement(path):
    """The SQL of a file without its comments."""
    return "\n".join(line for line in path.read_text(encoding="ascii").splitlines() if not line.startswith("--"))


# ---- 1 and 3: rows a second ----

def burnt(before, after):
    return {who: after[who] - before[who] for who in after}


def plain_inserts(lab, rows, batch):
    """One client, `batch` posts a transaction, sorted: how long for all."""
    lab.run("PREPARE fanout (bigint[], bigint[]) AS " + statement(SQL / "fanout_posts.sql").replace("%", "%%"))
    started = time.monotonic()
    for first in range(0, len(rows), batch):
        part = rows[first:first + batch]
        lab.run("EXECUTE fanout (%s, %s)", [author for _, author in part], [number for number, _ in part])
    seconds = time.monotonic() - started
    lab.run("DEALLOCATE fanout")
    return seconds


class Materialise(Row):
    """The pipeline with two workers beside one client's plain INSERT."""
    name, title = "materialise", "feed items from the commit of their events to the last message"
    WORKERS = (2,)
    PLAIN = "one client's plain INSERT"
    lines = (Line("whole pipeline, 2 workers, 20 % online", "told 2", "rows/s", "plain", PLAIN, ratio_from(0.7)),
             Line("  until the last commit", "committed 2", "rows/s", "plain", PLAIN),
             *(Line(f"  processor time a million rows, {who}", who, "s", "plain processor", "PostgreSQL in the plain INSERT")
               for who in ("materializer", "PostgreSQL", "NATS")))

    @classmethod
    def seconds(cls, size):
        return (1 + len(cls.WORKERS)) * (1.5 + size.posts / 3500)

    def begin(self):
        self.lab.set_online(20)
        self.rows = self.lab.write_posts([self.lab.random.randint(1, self.size.users) for _ in range(self.size.posts)])
        self.items = None

    def sides(self):
        return {"plain INSERT": self.plain, **{f"{workers} workers": lambda workers=workers: self.pipeline(workers) for workers in self.WORKERS}}

    def count(self):
        """The feed items of this round, which are as many in each."""
        found = self.lab.one("SELECT count(*) FROM feed_items")
        if self.items not in (None, found):
            raise RuntimeError(f"{found} feed items, and {self.items} the time before")
        self.items = found
        return found

    def plain(self, batch=BATCH):
        self.lab.empty_feeds()
        before = self.lab.processor_seconds(ours=True)
        seconds = plain_inserts(self.lab, self.rows, batch)
        spent = burnt(before, self.lab.processor_seconds(ours=True))
        items = self.count()
        return {"plain": items / seconds, "plain processor": spent["PostgreSQL"] * 1e6 / items}

    def pipeline(self, workers, batch=BATCH):
        lab = self.lab
        lab.empty_feeds()
        lab.empty_streams()
        lab.materializer(workers=workers, batch_events=batch)
        before = lab.processor_seconds()
        started = lab.tell()
        when_committed, when_told = lab.wait_told()
        spent = burnt(before, lab.processor_seconds())
        lab.stop_materializers()
        items = self.count()
        return {f"told {workers}": items / (when_told - started), f"committed {workers}": items / (when_committed - started),
                **({who: seconds * 1e6 / items for who, seconds in spent.items()} if workers == 2 else {})}


class Throughput(Materialise):
    """With other numbers of workers beside it."""
    name, title = "throughput", "feed items from the commit of their events to the last message, by workers"
    WORKERS = (1, 2, 4)
    lines = Materialise.lines + tuple(line for workers, word in ((1, "1 worker"), (4, "4 workers")) for line in (
        Line(f"whole pipeline, {word}", f"told {workers}", "rows/s", "plain", Materialise.PLAIN),
        Line("  until the last commit", f"committed {workers}", "rows/s", "plain", Materialise.PLAIN)))


class BatchSize(Materialise):
    """The same for other sizes of a transaction."""
    name, title = "batch-size", "feed items, by posts a transaction"
    lines = ()

    @classmethod
    def seconds(cls, size):
        return len(size.batches) * (3 + size.curve_posts / 1000)

    def repeats(self):
        return 1

    def begin(self):
        self.lab.set_online(20)
        self.rows = self.lab.write_posts([self.lab.random.randint(1, self.size.users) for _ in range(self.size.curve_posts)])
        self.items = None

    def sides(self):
        return {f"{batch} posts a transaction": lambda batch=batch: self.both(batch) for batch in self.size.batches}

    def both(self, batch):
        return {f"plain {batch}": self.plain(batch)["plain"], f"told {batch}": self.pipeline(2, batch)["told 2"]}

    def plots(self, figures):
        x = [batch for batch in self.size.batches if f"told {batch}" in figures]
        series = {label: [figures[f"{name} {batch}"] for batch in x] for name, label in (("told", "whole pipeline, 2 workers"), ("plain", self.PLAIN))}
        least = [0.7 * samples.median for samples in series[self.PLAIN]]
        return [{"name": "batch-size", "title": "Feed items a second, until everything is told", "x": x,
                 "y_series": series, "limits": [(least, "budget: 0.7 of the plain INSERT")], "x_label": "posts a transaction", "y_label": "rows/s",
                 "log_x": True}] if x else []


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


class TakeOver(Row):
    name, title = "take-over", "one of two materializers is killed under load"
    lines = (Line("dead time after SIGKILL, the last partition", "dead", "s", "quiet", "without a kill", each_to(5, "at most 5 s")),)

    @classmethod
    def seconds(cls, size):
        return size.load_s + 6

    def begin(self):
        self.lab.empty_feeds()
        self.lab.set_online(20)
        self.authors = [self.lab.add_author(1, partition=partition) for partition in range(PARTITIONS)]

    def sides(self):
        return {"kill": self.kill}

    def kill(self):
        lab = self.lab
        first = lab.materializer()
        before = set(lab.owners())
        second = lab.materializer()
        try:
            eventually(lambda: sum(lab.owners().values()) == PARTITIONS and set(lab.owners()) - before, timeout=20)
        except AssertionError:
            pass  # a build in which a new process gets nothing while the old one has all
        load = Load(lab, self.authors)
        load.start()
        try:
            figures = self.kill_under_load(load, first, second, before)
        finally:
            load.end()
        lab.wait_told()
        lab.stop_materializers()
        return figures

    def kill_under_load(self, load, first, second, before):
        lab, reader = self.lab, 1
        time.sleep(self.size.load_s)  # part of the measurement: a load that goes on
        # How long it takes when nobody dies, from a moment just as arbitrary.
        asked = time.monotonic()
        quiet = max(first_commits(lab, load, asked, range(PARTITIONS), reader).values()) - asked
        mine = [pid for pid in lab.owners() if pid in before]
        others = [pid for pid in lab.owners() if pid not in before]
        held = lab.owners()
        victim, backends = (first, mine) if sum(held[pid] for pid in mine) >= sum(held[pid] for pid in others) \
            else (second, others)
        partitions = lab.partitions_of(backends)
        killed = time.monotonic()
        victim.kill()
        dead = max(first_commits(lab, load, killed, partitions, reader).values()) - killed
        lab.materializers.remove(victim)
        return {"dead": dead, "quiet": quiet}


# ---- 4: celebrities ----

class Celebrities(Row):
    name, title = "celebrities", "a celebrity's post until it is told, by followers"

    def __init__(self, lab, size):
        super().__init__(lab, size)
        least = size.celebrity_followers[0]
        self.lines = tuple(line for count in size.celebrity_followers for line in (
            Line(f"a celebrity's post until told, {count:,} followers", f"ms {count}", "ms", f"ms {least}", f"{least:,} followers",
                 ratio_to(1.5, "flat: at most") if count > least else None),
            Line("  processor time", f"processor {count}", "ms", f"processor {least}", f"{least:,} followers")))

    @classmethod
    def seconds(cls, size):
        return len(size.celebrity_followers) * (1 + size.celebrity_posts / 300)

    def begin(self):
        counts = self.size.celebrity_followers
        self.authors = {count: self.lab.add_author(count, celebrity=True) for count in counts}
        self.lab.set_online(20)
        self.lab.run("ANALYZE users, followers, followees, celebrities")
        self.lab.materializer(celebrity_threshold=counts[0] - 1)

    def sides(self):
        return {f"{count} followers": lambda count=count: self.post(count) for count in self.size.celebrity_followers}

    def post(self, count):
        lab, posts = self.lab, self.size.celebrity_posts
        lab.write_posts([self.authors[count]] * posts)
        lab.empty_feeds()
        before = lab.processor_seconds()
        started = lab.tell()
        _, told = lab.wait_told()
        spent = sum(burnt(before, lab.processor_seconds()).values())
        return {f"ms {count}": (told - started) * 1000 / posts, f"processor {count}": spent * 1000 / posts}


    def plots(self, figures):
        x = [count for count in self.size.celebrity_followers if f"ms {count}" in figures]
        return [{"name": "followers", "title": "A celebrity's post, by followers", "x": x,
                 "y_series": {"until it is told": [figures[f"ms {count}"] for count in x],
                              "processor time of all servers": [figures[f"processor {count}"] for count in x]},
                 "limits": [(1.5 * figures[f"ms {x[0]}"].median, f"budget: 1.5 of {x[0]:,} followers")],
                 "x_label": "followers", "y_label": "ms a post", "log_x": True}] if x else []


# ---- 5: messages ----

class Messages(Row):
    name, title = "messages", "messages a post"
    lines = (Line("messages a post, 20 % online", "20", "", "100", "100 % online", ratio_within(0.15, 0.25, "a fifth")),)

    @classmethod
    def seconds(cls, size):
        return 6 + size.told_posts / 200

    def begin(self):
        self.rows = self.lab.write_posts([self.lab.random.randint(1, self.size.users) for _ in range(self.size.told_posts)])

    def sides(self):
        return {f"{percent} % online": lambda percent=percent: self.publish(percent) for percent in (20, 100)}

    def publish(self, percent):
        lab = self.lab
        lab.empty_feeds()
        lab.set_online(percent)
        lab.empty_streams()
        process = lab.materializer(firehose="off")
        before = process.metrics().get("freshet_bus_published_total", 0)
        lab.tell()
        lab.wait_told()
        published = process.metrics()["freshet_bus_published_total"] - before
        lab.stop_materializers()
        return {str(percent): published / len(self.rows)}


# ---- 6: the look-up ----

class LookUp(Row):
    """Waves of posts, each explained with both statements."""
    name, title = "look-up", "who is told of a wave of posts"
    lines = tuple(Line(f"recipients of {{size.wave_authors}} posts, {percent} % online", f"joined {percent}", "ms", f"plain {percent}",
                       "without presence") for percent in (20, 100))
    TYPES = "bigint[], bigint[], integer"

    @classmethod
    def seconds(cls, size):
        return size.waves / 2

    def repeats(self):
        return 1

    def begin(self):
        lab = self.lab
        text = (SQL / "fanout_recipients.sql").read_text(encoding="ascii")
        count = len(re.search(r"-- params: (.*)", text)[1].split(","))
        if re.search(r"\bonline\b", statement(SQL / "fanout_recipients.sql")) is None or count != 4:
            raise Absent("the look-up of recipients does not ask for presence")
        # As a worker's session is set up, but for its timeouts.
        lab.run(re.sub(r"\$[12]", "'0'", statement(SQL / "outbox_session.sql")))
        lab.run(f"PREPARE present ({self.TYPES}, integer) AS " + statement(SQL / "fanout_recipients.sql").replace("%", "%%"))
        lab.run(f"PREPARE everybody ({self.TYPES}) AS " + statement(pathlib.Path(__file__).parent / "recipients_without_presence.sql"))

    def sides(self):
        return {f"{percent} % online": lambda percent=percent: self.explain(percent) for percent in (20, 100)}

    def explain(self, percent):
        self.lab.set_online(percent)
        times = {f"plain {percent}": [], f"joined {percent}": []}
        for _ in range(self.size.waves):
            authors = [self.lab.random.randint(1, self.size.users) for _ in range(self.size.wave_authors)]
            nobody = [0] * len(authors)
            calls = (("EXECUTE everybody (%s, %s, 1000000)", authors, nobody), ("EXECUTE present (%s, %s, 1000000, %s)", authors, nobody, GRACE_MS))
            for name, call in zip(times, calls):
                # The server's own time: fetching the rows costs the same per row either way.
                plan = self.lab.one("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + call[0], *call[1:])
                times[name].append((json.loads(plan) if isinstance(plan, str) else plan)[0]["Execution Time"])
        return times

    def end(self):
        self.lab.run("DEALLOCATE ALL")
        self.lab.run("RESET ALL")
        super().end()


ROWS = (Throughput, TakeOver, Celebrities, Messages, LookUp)


def make_lab(size):
    return Lab(size.users, size.follows, seed=7)


def facts_of(lab, size):
    smoke = " (smoke run: the figures mean nothing)" if size is SmokeSize else ""
    return {"postgresql": lab.one("SHOW server_version"),
            "data": f"{size.users} users, {size.follows[0]}..{size.follows[1]} follows each, {size.posts} posts{smoke}"}


if __name__ == "__main__":
    sys.exit(part_main("materialise", __doc__, ROOT, ROWS, SIZES.get, make_lab, facts_of))
