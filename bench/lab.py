"""A Freshet for measuring: private servers that sync to disk as those of an operator do, people and follows by
`freshetctl generate`, posts written as the gateway writes them, and gateways and materializers of the build."""

import atexit
import io
import os
import pathlib
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from harness import BIN, Nats, Postgres, Process, eventually, free_port  # noqa: E402
from measuring import children_of, processor_seconds  # noqa: E402

EPOCH_MS = 1735689600000
LOCK_CLASS = 0x46454544  # of the partitions' advisory locks: pkg/timeline/owner.c
PARTITIONS = 16
EVER = "interval '1 day'"


def partition_of(number):
    value = 2166136261
    for byte in str(number).encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value % PARTITIONS


class SyncingPostgres(Postgres):
    def __init__(self, folder):  # pylint: disable=super-init-not-called
        self.folder = str(folder)
        self.do("init")


class Lab:
    def __init__(self, users=0, follows=(0, 0), seed=1, posts=(0, 0), more=()):
        """`users` of freshetctl generate, with `more` of its options; 0: an empty database."""
        self.random = random.Random(seed)
        self.users = users
        self.posts = 0
        self.materializers, self.gateways = [], []
        self.children = []  # programs that load them
        self.folder = tempfile.mkdtemp(prefix="freshet-bench.", dir="/tmp")
        os.chmod(self.folder, 0o711)  # the account postgres walks through
        self.postgres = self.nats = self.db = None
        atexit.register(self.close)
        # Known before they are started: whatever breaks that off, close() ends them.
        self.postgres = SyncingPostgres(os.path.join(self.folder, "postgres"))
        self.postgres.start()
        self.nats = Nats(os.path.join(self.folder, "nats"))
        self.nats.start()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FRESHET_", "PG"))}
        keys = self.path("token-keys")
        with open(keys, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write(f"bench {secrets.token_hex(32)}\n")
        self.environment = {**kept, "FRESHET_DATABASE_URL": self.postgres.url, "FRESHET_NATS_URL": self.nats.url,
                            "FRESHET_TOKEN_KEYS_FILE": keys}
        self.ctl("migrate")
        if users:
            self.ctl("generate", f"--users={users}", f"--follows={follows[0]}..{follows[1]}",
                     f"--posts={posts[0]}..{posts[1]}", f"--seed={seed}", *more)
        self.db = self.connect()
        self.run("CREATE TABLE bench_posts (id bigint PRIMARY KEY, author_id bigint NOT NULL, partition smallint NOT NULL)")

    def connect(self):
        connection = self.postgres.connect()
        connection.autocommit = True
        return connection

    def path(self, name):
        return os.path.join(self.folder, name)

    def ctl(self, *arguments):
        """What freshetctl prints."""
        done = subprocess.run([BIN / "freshetctl", *arguments], env=self.environment, capture_output=True, text=True,
                              check=False, cwd=self.folder)
        if done.returncode != 0:
            raise RuntimeError(f"freshetctl {arguments[0]}: {done.stderr}")
        return done.stdout

    def tokens(self, first, last):
        """A file with tokens of these users, for wsbench."""
        path = self.path(f"tokens-{first}-{last}")
        if not os.path.exists(path):
            with open(path, "w", encoding="ascii") as out:
                out.write(self.ctl("token", "mint", f"{first}..{last}"))
        return path

    def run(self, sql, *parameters):
        with self.db.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description else None

    def one(self, sql, *parameters):
        return self.run(sql, *parameters)[0][0]

    # ---- processes ----

    def materializer(self, **settings):
        """One more, in possession of its partitions."""
        port = free_port()
        environment = {**self.environment, "FRESHET_ADMIN_LISTEN": f"127.0.0.1:{port}",
                       # Looks often instead of being nudged: what is measured begins within 10 ms of the commit.
                       "FRESHET_POLL_INTERVAL": "10ms",
                       **{"FRESHET_" + name.upper(): str(value) for name, value in settings.items()}}
        name = f"materializer-{len(self.materializers)}"
        process = Process(name, [BIN / "freshet-materializer"], environment, os.path.join(self.folder, f"{name}.log"), port)
        self.materializers.append(process)
        process.start()
        eventually(lambda: sum(self.owners().values()) == PARTITIONS, what="an owner for each partition")
        return process

    def stop_materializers(self):
        while self.materializers:
            self.materializers.pop().stop()

    def gateway(self, **settings):
        """One more, ready. Its listener is `url`."""
        port, admin_port = free_port(), free_port()
        settings = {"listen": f"127.0.0.1:{port}", "tls_listen": "off", "admin_listen": f"127.0.0.1:{admin_port}",
                    "rate_limits": "off", "debug_echo": "on", "drain_wait": "0s", "drain_time": "1s", **settings}
        environment = {**self.environment, **{"FRESHET_" + name.upper(): str(value) for name, value in settings.items()}}
        name = f"gateway-{len(self.gateways)}"
        process = Process(name, [BIN / "freshet-gateway"], environment, self.path(f"{name}.log"), admin_port)
        process.url = f"http://127.0.0.1:{port}"
        process.port = port
        self.gateways.append(process)
        return process.start()

    def stop_gateways(self):
        while self.gateways:
            self.gateways.pop().stop()

    def kill_services(self):
        """After a failure: whatever state they are in, and what loads them."""
        for process in self.materializers + self.gateways:
            if process.alive:
                process.kill()
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()
        self.materializers, self.gateways, self.children = [], [], []

    def wait_alone(self):
        """Until PostgreSQL has no other client: the backends of those that were have told what they counted."""
        eventually(lambda: self.one("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
                                    "AND pid <> pg_backend_pid()") == 0, what="the end of the other clients' backends")

    def owners(self):
        """{pid of the server's backend: partitions whose locks it holds}"""
        return dict(self.run("SELECT pid, count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
                             "AND classid = %s AND objsubid = 2 AND objid < %s GROUP BY pid", LOCK_CLASS, PARTITIONS))

    def partitions_of(self, backends):
        return [row[0] for row in self.run(
            "SELECT objid::integer FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = %s "
            "AND objsubid = 2 AND objid < %s AND pid = ANY (%s)", LOCK_CLASS, PARTITIONS, list(backends))]

    def processor_seconds(self, ours=False):
        """{who: seconds so far}. `ours`: with the backend of our own connection, which else is left out."""
        postmaster = self.postgres.pid()
        backends = [pid for pid in children_of(postmaster) if ours or pid != self.db.info.backend_pid]
        return {"materializer": processor_seconds([process.pid for process in self.materializers]),
                "PostgreSQL": processor_seconds([postmaster] + backends), "NATS": processor_seconds([self.nats.pid()])}

    # ---- data ----

    def snowflake(self):
        """An id of this moment; rises, also within a millisecond."""
        self.posts += 1
        return (int(time.time() * 1000) - EPOCH_MS << 22) + self.posts % (1 << 22)

    def write_posts(self, authors):
        """Posts of these authors, in this order, into `posts` and the list from which tell() makes events."""
        base = self.snowflake() >> 22 << 22
        if self.one("SELECT count(*) FROM posts WHERE id >= %s", base):
            base += 1 << 22
        rows = [(base + place, author) for place, author in enumerate(authors)]
        self.run("TRUNCATE bench_posts")
        self.copy("posts (author_id, id, body)", (f"{author}\t{number}\ta post of some forty letters, no. {number}\n"
                                                  for number, author in rows))
        self.copy("bench_posts (id, author_id, partition)", (f"{number}\t{author}\t{partition_of(author)}\n"
                                                             for number, author in rows))
        self.run("ANALYZE bench_posts, posts")
        return rows

    def copy(self, table, lines):
        with self.db.cursor() as cursor:
            cursor.copy_expert(f"COPY {table} FROM STDIN", io.StringIO("".join(lines)))

    def tell(self):
        """Events of all bench_posts, in one transaction; when it was committed."""
        self.run("INSERT INTO outbox (author_id, partition, kind, subject_id) "
                 "SELECT author_id, partition, 1, id FROM bench_posts ORDER BY id")
        return time.monotonic()

    def empty_feeds(self):
        """The same beginning for each measurement."""
        self.run("TRUNCATE feed_items, outbox, feed_grown, celebrity_posts")
        self.postgres.do("psql", "-qc", "CHECKPOINT")

    def empty_streams(self):
        """Before a materializer is started. Memory streams are gone with their server; left to fill from round to round
        they would make each round slower than the one before."""
        self.nats.restart()

    def wait_told(self, timeout=600):
        """When the last event was committed, and when the last was gone."""
        committed = None
        end = time.monotonic() + timeout
        while True:
            pending, left = self.run("SELECT EXISTS (SELECT FROM outbox WHERE state = 0), EXISTS (SELECT FROM outbox)")[0]
            now = time.monotonic()
            if committed is None and not pending:
                committed = now
            if not left:
                return committed, now
            if now > end:
                raise RuntimeError(f"events are left: {self.run('SELECT * FROM outbox LIMIT 3')}")
            time.sleep(0.01)

    def set_online(self, percent):
        """Every hundredth user times `percent`: spread evenly over all feeds."""
        self.run("TRUNCATE online")
        self.run(f"INSERT INTO online SELECT id, now(), now() + {EVER} FROM users WHERE id %% 100 < %s", percent)
        self.run("VACUUM ANALYZE online")

    def add_author(self, followers, celebrity=False, partition=None):
        """A new user whom the first `followers` users follow."""
        number = self.one("SELECT max(id) + 1 FROM users")
        while partition is not None and partition_of(number) != partition:
            number += 1
        self.run("INSERT INTO users (id, first_name, second_name, follower_count, is_celebrity) VALUES (%s, 'A', 'B', %s, %s)",
                 number, followers, celebrity)
        self.run("INSERT INTO followers (followed_id, follower_id) SELECT %s, generate_series(1, %s)", number, followers)
        self.run("INSERT INTO followees (follower_id, followed_id) SELECT generate_series(1, %s), %s", followers, number)
        if celebrity:
            self.run("INSERT INTO celebrities (id) VALUES (%s)", number)
        return number

    def close(self):
        atexit.unregister(self.close)
        if self.db is not None:
            self.db.close()
        self.kill_services()
        for server in (self.nats, self.postgres):
            if server is not None:
                server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
