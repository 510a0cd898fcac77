#!/usr/bin/python3
"""./dev bench evolution: what each step on the way to a materialised feed buys. The same people, posts and load, five times: pages
pulled together when they are read; fan-out within the request; a queue and workers; celebrities left out of the fan-out; and
Freshet's own statements with its materializer, which does all that in batches. All in SQL, without gateways, so that the steps differ
in nothing else."""

import argparse
import os
import re
import subprocess
import sys
import threading
import time

from data import loaded_lab
from lab import ROOT
from measuring import Samples, number
from meter import Meter, processor
from programs import PGBENCH, outcome, say, statement_with
from rows import catch_signals, surroundings
from sheet import Sheet, carry_out

FOLDER = ROOT / "bench" / "evolution"
SQL = ROOT / "pkg" / "store" / "sql"
NEWEST = (1 << 63) - 1
CLIENTS = 8   # of each, readers and writers
WORKERS = 2   # of the queue, as many as the materializer has
TEXT = 120
# As a connection is that has made each statement some times: before, PostgreSQL plans anew for each call.
SESSION = "-c jit=off -c plan_cache_mode=force_generic_plan"


class Size:
    def __init__(self, options):
        small = options.smoke
        self.remark = " (smoke run: the figures mean nothing)" if small else ""
        self.users = 400 if small else 8000 if options.quick else 20000
        self.follows = (5, 15) if small else (20, 100)
        self.posts = (3, 5) if small else (20, 30)
        self.celebrities = 3 if small else 10
        self.readers = 100 if small else 2000
        self.more = ["--celebrity-threshold=20"] if small else []
        self.repeats = 1 if small or options.quick else 3
        self.seconds = 1 if small else 4 if options.quick else 10  # of each load
        self.writes = 80 if small else 800 if options.quick else 2000  # to measure what one costs
        self.posts_rate = 20 if small else 50
        self.reads_rate = 10 * self.posts_rate
        self.celebrity_percent = 2  # of posts
        self.drain_s = 60 if small else 600


def statement(name):
    return (FOLDER / f"{name}.sql").read_text(encoding="ascii")


def bare(name):
    """One statement for PREPARE: without comments and parameters of psycopg2's."""
    return "\n".join(line for line in statement(name).splitlines() if not line.startswith("--")).replace("%", "%%")


class Queue:
    """Workers that take one post after the other, as a context; `stale`: seconds from each INSERT to the commit of its rows."""

    def __init__(self, lab, fan_out):
        self.lab, self.fan_out, self.stale = lab, fan_out, []
        self.ending = threading.Event()
        self.problem = None
        self.connections = [lab.connect() for _ in range(WORKERS)]
        self.threads = [threading.Thread(target=self.work, args=(connection,), daemon=True) for connection in self.connections]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def work(self, connection):
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("PREPARE take AS " + bare("take"))
                cursor.execute("PREPARE fan_out (bigint, bigint) AS " + bare(self.fan_out))
                while not self.ending.is_set():
                    if not self.take_one(cursor):
                        self.ending.wait(0.005)
        except Exception as problem:  # told by whoever waits
            self.problem = problem

    def take_one(self, cursor):
        cursor.execute("BEGIN")
        cursor.execute("EXECUTE take")
        found = cursor.fetchone()
        if found is not None:
            cursor.execute("EXECUTE fan_out (%s, %s)", found[:2])
        cursor.execute("COMMIT")
        if found is not None:
            self.stale.append(time.time() - float(found[2]))
        return found is not None

    def wait_empty(self, timeout):
        end = time.monotonic() + timeout
        while self.lab.one("SELECT EXISTS (SELECT FROM evolution.queue)"):
            if self.problem is not None or time.monotonic() > end:
                raise RuntimeError(f"the queue is not worked off; {self.problem}")
            time.sleep(0.01)

    def begin(self):
        self.stale.clear()

    def times(self):
        return quantiles(self.stale)

    def __exit__(self, *_):
        self.ending.set()
        for thread, connection in zip(self.threads, self.connections):
            thread.join()
            connection.close()


class Materializer:
    """Freshet's own, with the same verbs."""

    def __init__(self, lab):
        self.lab = lab

    def __enter__(self):
        self.lab.empty_streams()
        self.process = self.lab.materializer()
        return self

    def wait_empty(self, timeout):
        self.lab.wait_told(timeout)

    def begin(self):
        self.before = self.buckets()

    def buckets(self):
        found = {}
        for name, value in self.process.metrics().items():
            bound = re.fullmatch(r'freshet_accepted_to_committed_seconds_bucket\{le="([^"]+)"\}', name)
            if bound:
                found[float(bound[1])] = value
        return found

    def times(self):
        """To the upper end of its bucket."""
        counts = {bound: count - self.before.get(bound, 0) for bound, count in self.buckets().items()}
        total = max(counts.values(), default=0)
        return tuple(min((bound for bound, count in counts.items() if total and count >= share * total), default=0) for share in (0.5, 0.99))

    def __exit__(self, *_):
        self.lab.stop_materializers()


class Nobody:
    """Nothing is left to do after the answer."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def wait_empty(self, timeout):
        pass

    def begin(self):
        pass

    def times(self):
        return None


STEPS = (
    ("pull at read", "write_pull", "read_pull", lambda lab: Nobody()),
    ("fan-out in the request", "write_fan_out", "read_feed", lambda lab: Nobody()),
    ("queue and workers", "write_queue", "read_feed", lambda lab: Queue(lab, "fan_out")),
    ("celebrities left out", "write_queue", "read_merge", lambda lab: Queue(lab, "fan_out_or_list")),
    ("Freshet", None, None, Materializer),
)


def quantiles(values):
    if not values:
        return None
    values = sorted(values)
    return tuple(values[min(len(values) - 1, int(share * len(values)))] for share in (0.5, 0.99))


# ---- pgbench ----

class Load:
    """A pgbench in the background: for `seconds`, or `count` transactions; `rate` of them a second, or as many as it can."""

    def __init__(self, lab, name, script, seconds=None, count=None, rate=None, **variables):
        self.folder = lab.path(f"pgbench-{name}")
        os.makedirs(self.folder, exist_ok=True)
        for left in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, left))
        with open(os.path.join(self.folder, "script.sql"), "w", encoding="ascii") as out:
            out.write(script)
        command = [PGBENCH, "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "1", "-l", "--log-prefix=log", "-f", "script.sql",
                   f"-T{seconds}" if seconds else f"-t{count // CLIENTS}", *([f"-R{rate}"] if rate else []),
                   *(f"-D{variable}={value}" for variable, value in variables.items()), lab.postgres.url]
        self.child = subprocess.Popen(command, cwd=self.folder, env={**lab.environment, "PGOPTIONS": SESSION}, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def result(self):
        """(transactions, seconds of each)"""
        out, said = outcome(self.child)
        if self.child.returncode != 0 or not re.search(r"number of failed transactions: 0 ", out):
            raise RuntimeError(f"pgbench ended with {self.child.returncode}: {out}{said}")
        times = []
        for name in os.listdir(self.folder):
            if name.startswith("log"):
                with open(os.path.join(self.folder, name), encoding="ascii") as lines:
                    times += [int(line.split()[2]) / 1e6 for line in lines]
        if not times:
            raise RuntimeError("pgbench has made no transaction")
        return len(times), times


def write_script(step, lab, size, celebrities):
    """Authors: so many of a hundred are celebrities, the others anybody. Ids rise, over all clients together too."""
    chosen = " ".join(f"WHEN :star = {place} THEN {number}" for place, number in enumerate(celebrities))
    script = (f"\\set n :n + 1\n\\set star random(0, {len(celebrities)} - 1)\n\\set dice random(1, 100)\n"
              f"\\set author CASE WHEN :dice > {size.celebrity_percent} THEN random(1, {size.users}) {chosen} ELSE 1 END\n"
              f"\\set id :base + :n * {CLIENTS} + :client_id\n")
    if step is not None:
        return script + statement(step)
    return script + statement_with(SQL / "post_create.sql", {
        "author_id": ":author", "post_id": ":id", "body": ":text", "partition": ":author % 16", "request_id": "NULL", "traceparent": "NULL"})


def read_script(step, size):
    script = f"\\set reader random(1, {size.readers})\n"
    return script + (statement(step) if step is not None else statement_with(SQL / "page_home.sql", {
        "user_id": ":reader", "before_id": ":newest", "skip": ":skip", "how_many": ":most"}))


# ---- a step ----

class Figures:
    NAMES = ("write us", "rows a post", "WAL bytes a post", "read us", "write p50", "write p99", "read p50", "read p99", "stale p50", "stale p99")

    def __init__(self):
        self.samples = {name: Samples() for name in self.NAMES}

    def add(self, **values):
        for name, value in values.items():
            self.samples[name.replace("_", " ")].add(value)

    def text(self, name, digits=None):
        median = self.samples[name].median
        return f"{median:.{digits}f}" if digits is not None else number(median)


def feed_rows(lab):
    """Written so far into the feeds of either kind, and into the list of celebrities' posts."""
    return lab.one("SELECT (SELECT count(*) FROM evolution.feed) + (SELECT count(*) FROM feed_items) + (SELECT count(*) FROM celebrity_posts)")


def run_step(lab, size, step, figures, celebrities, base):
    """`base`: a snowflake above all ids so far. Costs are measured one by one, then how long each takes while both go on."""
    name, write, read, workers = step
    write, read = write_script(write, lab, size, celebrities), read_script(read, size)
    reading = {"newest": NEWEST, "skip": 0, "most": 20}
    writing = {"n": 0, "text": "x" * TEXT}
    meter = Meter(lab)
    count, _ = Load(lab, "read", read, size.seconds, **reading).result()
    figures.add(read_us=processor(meter.spent()) * 1e6 / count)
    with workers(lab) as rest:
        rows = feed_rows(lab)
        meter.begin()
        count, _ = Load(lab, "write", write, count=size.writes, base=base, **writing).result()
        rest.wait_empty(size.drain_s)
        spent = meter.spent()
        figures.add(write_us=processor(spent) * 1e6 / count, WAL_bytes_a_post=spent["wal"] / count, rows_a_post=1 + (feed_rows(lab) - rows) / count)
        rest.begin()
        writer = Load(lab, "write", write, size.seconds, rate=size.posts_rate, base=base + (1 << 26), **writing)
        try:
            _, reads = Load(lab, "read", read, size.seconds, rate=size.reads_rate, **reading).result()
        finally:
            _, writes = writer.result()
        rest.wait_empty(size.drain_s)
        (write_p50, write_p99), (read_p50, read_p99) = quantiles(writes), quantiles(reads)
        stale_p50, stale_p99 = rest.times() or (write_p50, write_p99)
    figures.add(write_p50=write_p50 * 1e3, write_p99=write_p99 * 1e3, read_p50=read_p50 * 1e3, read_p99=read_p99 * 1e3, stale_p50=stale_p50 * 1e3,
                stale_p99=stale_p99 * 1e3)
    say(f"{name}: write {figures.samples['write us'].values[-1]:.0f} us, read {figures.samples['read us'].values[-1]:.0f} us, "
        f"{figures.samples['rows a post'].values[-1]:.1f} rows a post, on pages after {stale_p50 * 1e3:.1f} ms")


def put_back(lab, last_post):
    """The posts of a step go: the next one finds what it found."""
    lab.run("TRUNCATE outbox, feed_grown, evolution.queue")
    for table, column in (("evolution.feed", "post_id"), ("feed_items", "post_id"), ("celebrity_posts", "id"), ("posts", "id")):
        lab.run(f"DELETE FROM {table} WHERE {column} > %s", last_post)
    lab.run("UPDATE users SET last_post_id = %s WHERE last_post_id > %s", last_post, last_post)
    lab.run("VACUUM (ANALYZE) posts, feed_items, evolution.feed, celebrity_posts, users, outbox, evolution.queue")
    lab.postgres.do("psql", "-qc", "CHECKPOINT")


def measure(sheet, size):
    started = time.monotonic()
    print(f"evolution: loading {size.users:,} people", file=sys.stderr, flush=True)
    with loaded_lab(size.users, size.follows, size.posts, size.readers, 7, f"--celebrities={size.celebrities}", *size.more) as (lab, load_s):
        lab.run(statement("tables"))
        lab.run(statement("fill").replace("$1", "%s"), size.readers)
        last_post = lab.one("SELECT max(id) FROM posts")
        celebrities = [row[0] for row in lab.run("SELECT id FROM celebrities ORDER BY id")]
        followers = lab.one("SELECT avg(follower_count)::float FROM users WHERE is_celebrity")
        sheet.facts["postgresql"] = lab.one("SHOW server_version")
        sheet.facts["data"] = (f"{size.users} people, {size.follows[0]}..{size.follows[1]} follows and {size.posts[0]}..{size.posts[1]} posts each, "
                               f"{len(celebrities)} celebrities with {followers:,.0f} followers on the average; loaded in {load_s:.0f} s") + size.remark
        sheet.facts["load"] = (f"{size.posts_rate} posts/s, {size.celebrity_percent} % of them of celebrities, and {size.reads_rate} pages of 20 "
                               f"a second, {CLIENTS} connections each, {size.seconds} s")
        put_back(lab, last_post)
        figures = {step[0]: Figures() for step in STEPS}
        for repeat in range(size.repeats):
            place = repeat % len(STEPS)
            for step in STEPS[place:] + STEPS[:place]:  # another one first each time
                base = max(lab.snowflake(), last_post) >> 22 << 22
                run_step(lab, size, step, figures[step[0]], celebrities, base)
                put_back(lab, last_post)
    tell(sheet, figures)
    sheet.facts["took"] = f"{time.monotonic() - started:.0f} s"


def tell(sheet, figures):
    table = sheet.sheet("Each step", "step", "processor for a write, us", "for a read, us", "rows a post", "WAL bytes a post",
                        "write p50 / p99 ms", "read p50 / p99 ms", "on pages after p50 / p99 ms")
    for name, one in figures.items():
        table.row(name, one.text("write us", 0), one.text("read us", 0), one.text("rows a post", 1), one.text("WAL bytes a post", 0),
                  *(f"{one.text(what + ' p50', 2)} / {one.text(what + ' p99', 2)}" for what in ("write", "read", "stale")))
    sheet.note("Medians of the repetitions. Processor time is of PostgreSQL, the materializer and NATS, for a write with all that is done for it "
               "after the\nanswer, and without the workers' own programs; of writes alone and of reads alone, as fast as they go, with generic plans as a "
               "connection has them\nafter its first executions. The times are of both at once, at the load told above. `on pages after`: from the "
               "request, with a queue from its INSERT, to\nthe commit of the rows; Freshet's to the upper end of a bucket of its metric, and with its "
               "materializer looking every 10 ms, since pgbench does not\nnudge it. Freshet's writes also serialise their author, and keep an event until "
               "all is told; its pages leave out what was deleted, and whose author was\nunfollowed or is gone.")
    sheet.more["steps"] = {name: {what: samples.values for what, samples in one.samples.items()} for name, one in figures.items()}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench evolution", description=__doc__,
                                     epilog="Exit codes: 0 done; 1 it could not be done; 2 wrong usage; 130 interrupted.")
    parser.add_argument("--quick", action="store_true", help="8,000 people, once, shorter")
    parser.add_argument("--smoke", action="store_true", help="a run of seconds that shows that it works; its figures mean nothing")
    parser.add_argument("--out", required=True, help="folder of the result")
    options = parser.parse_args()
    catch_signals()
    sheet = Sheet("evolution", options.out, surroundings(ROOT))
    return carry_out(sheet, lambda: measure(sheet, Size(options)))


if __name__ == "__main__":
    sys.exit(main())
