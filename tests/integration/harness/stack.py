"""A whole Freshet: private PostgreSQL and nats-server, migrated, with gateways and materializers of a build."""

import atexit
import os
import pathlib
import secrets
import shutil
import subprocess

from .live import LiveClient
from .ports import free_port
from .process import Process
from .servers import Nats, Postgres, passable_folder
from .waiting import PATIENCE, eventually

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("FRESHET_TEST_BIN") or ROOT / "build" / "dev" / "bin")


class Stack:
    """Settings are the table of pkg/config/settings.def, by member name or flag: Stack(celebrity_threshold=3).
    `gateway_settings` and `materializer_settings` are for those processes alone.

    gateways, materializers: lists of Process; each gateway has `port` (HTTP), `tls_port` and `admin_port`."""

    def __init__(self, gateways=1, materializers=1, gateway_settings=None, materializer_settings=None, start=True,
                 **settings):
        self.folder = passable_folder()
        self.postgres = self.nats = None
        self.gateways, self.materializers, self.clients = [], [], []
        self.keys_file = os.path.join(self.folder, "token-keys")
        atexit.register(self.discard)
        try:
            with open(self.keys_file, "w", encoding="ascii", opener=_private) as keys:
                keys.write(f"test {secrets.token_hex(32)}\n")
            self.postgres = Postgres(os.path.join(self.folder, "postgres")).start()
            self.nats = Nats(os.path.join(self.folder, "nats")).start()
            self.environment = _environment({"database_url": self.postgres.url, "nats_url": self.nats.url,
                                             "token_keys_file": self.keys_file, **settings})
            self.ctl("migrate")
            for _ in range(materializers):
                self.add_materializer(**(materializer_settings or {}))
            for _ in range(gateways):
                self.add_gateway(**(gateway_settings or {}))
            if start:
                for process in self.processes:
                    process.start(wait=False)
                for process in self.processes:
                    process.wait_ready()
        except BaseException:
            self.discard()
            raise

    # ---- processes ----

    @property
    def processes(self):
        return self.materializers + self.gateways

    @property
    def gateway(self):
        return self.gateways[0]

    @property
    def materializer(self):
        return self.materializers[0]

    def add_gateway(self, **settings):
        """Declares one more; start it."""
        name = f"gateway-{len(self.gateways)}"
        port, tls_port, admin_port = free_port(), free_port(), free_port()
        environment = {**self.environment, **_settings({
            "listen": f"127.0.0.1:{port}", "tls_listen": f"127.0.0.1:{tls_port}",
            "admin_listen": f"127.0.0.1:{admin_port}", "tls_certificate": os.path.join(self.folder, f"{name}.crt"),
            "tls_key": os.path.join(self.folder, f"{name}.key"), "rate_limits": "off", "threads": 2,
            "drain_wait": "0s", "drain_time": "2s", **settings})}
        process = Process(name, [BIN / "freshet-gateway"], environment, self._log(name), admin_port)
        process.port, process.tls_port = port, tls_port
        self.gateways.append(process)
        return process

    def add_materializer(self, **settings):
        """Declares one more; start it."""
        name = f"materializer-{len(self.materializers)}"
        admin_port = free_port()
        environment = {**self.environment, **_settings({"admin_listen": f"127.0.0.1:{admin_port}", **settings})}
        process = Process(name, [BIN / "freshet-materializer"], environment, self._log(name), admin_port)
        self.materializers.append(process)
        return process

    def path(self, name):
        """Of a file in the folder of this system."""
        return os.path.join(self.folder, name)

    def _log(self, name):
        return self.path(f"{name}.log")

    def ctl(self, *arguments, check=True, input=None, timeout=2 * PATIENCE):
        """freshetctl; its CompletedProcess (text)."""
        done = subprocess.run([BIN / "freshetctl", *map(str, arguments)], env=self.environment, capture_output=True,
                              text=True, timeout=timeout, check=False, input=input, cwd=self.folder)
        if check and done.returncode != 0:
            raise RuntimeError(f"freshetctl {arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def mint(self, user_id):
        """A token for that user."""
        return self.ctl("token", "mint", user_id).stdout.strip()

    # ---- servers ----

    def lose_nats_store(self):
        """The server is killed, everything that JetStream had is gone, an empty server comes back."""
        self.nats.kill()
        self.nats.wipe()
        self.nats.start()

    # ---- data ----

    def sql(self, statement, *parameters):
        return self.postgres.query(statement, *parameters)

    def make_users(self, count, first=None):
        """Users without a password, quickly; their ids. mint() gives their tokens."""
        if first is None:
            first = self.sql("SELECT coalesce(max(id), 0) + 1 FROM users WHERE id < 1000000000")[0][0]
        self.sql("INSERT INTO users (id, first_name, second_name) SELECT id, 'User', id::text "
                 "FROM generate_series(%s, %s) AS id", first, first + count - 1)
        return list(range(first, first + count))

    def make_follows(self, pairs):
        """(follower, followed) without events: for followers who are there before the first post."""
        pairs = list(pairs)
        followers, followed = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        self.sql("WITH edge AS (SELECT DISTINCT * FROM unnest(%s::bigint[], %s::bigint[]) AS edge (a, b)), "
                 "one AS (INSERT INTO followees (follower_id, followed_id) SELECT a, b FROM edge ON CONFLICT DO NOTHING), "
                 "two AS (INSERT INTO followers (followed_id, follower_id) SELECT b, a FROM edge ON CONFLICT DO NOTHING) "
                 "UPDATE users SET follower_count = follower_count + counted.n "
                 "FROM (SELECT b, count(*) AS n FROM edge GROUP BY b) AS counted WHERE id = counted.b",
                 followers, followed)

    def make_celebrities(self, authors):
        """As if they had crossed the threshold long ago."""
        self.sql("UPDATE users SET is_celebrity = true WHERE id = ANY (%s)", authors)
        self.sql("INSERT INTO celebrities (id) SELECT unnest(%s::bigint[])", authors)

    def drop_follow(self, follower, followed):
        """Without an event."""
        self.sql("DELETE FROM followees WHERE follower_id = %s AND followed_id = %s", follower, followed)
        self.sql("DELETE FROM followers WHERE follower_id = %s AND followed_id = %s", follower, followed)

    def settled(self, timeout=PATIENCE):
        """Waits until every event is worked off: feed items written, live messages acked."""
        def idle():
            left = self.sql("SELECT author_id, event_id, kind, state, tries, reason FROM outbox LIMIT 5")
            assert not left, f"left in the outbox: {left}"
            return True

        eventually(idle, timeout)

    # ---- live ----

    def connect(self, token, gateway=None, **options):
        """An open socket, closed with the stack at the latest (see LiveClient)."""
        client = LiveClient((gateway or self.gateway).port, token, **options)
        self.clients.append(client)
        return client

    def live(self, user_id, **options):
        """A socket of that user."""
        return self.connect(self.mint(user_id), **options)

    def close_clients(self):
        while self.clients:
            client = self.clients.pop()
            if not client.closed:
                client.drop()

    # ---- the end ----

    def close(self):
        """Stops everything as an operator would; fails if a process does not end well."""
        problems = []
        self.close_clients()
        for process in reversed(self.processes):
            try:
                process.stop()
            except AssertionError as problem:
                problems.append(str(problem))
        self.discard()
        assert not problems, "\n".join(problems)

    def discard(self):
        """Takes everything away, whatever state it is in."""
        atexit.unregister(self.discard)
        for process in self.processes:
            if process.alive:
                process.kill()
        for server in (self.nats, self.postgres):
            if server is not None and os.path.isdir(server.folder):
                server.stop()
        if os.environ.get("FRESHET_KEEP"):
            print(f"kept {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def tails(self):
        """The ends of all logs, for the report of a failed test."""
        texts = [process.tail() for process in self.processes]
        texts += [server.tail(10) for server in (self.postgres, self.nats) if server is not None]
        return "\n".join(texts)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        else:
            self.discard()


def _private(path, flags):
    return os.open(path, flags, 0o600)


def _settings(settings):
    return {"FRESHET_" + name.upper().replace("-", "_"): str(value) for name, value in settings.items()}


def _environment(settings):
    """The caller's environment without its settings of Freshet: a test must not depend on them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FRESHET_", "PG"))}
    return {**kept, **_settings(settings)}
