"""Private servers, by way of tools/private-postgres and tools/private-nats."""

import atexit
import functools
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import psycopg2
import psycopg2.extensions

from .ports import free_port
from .waiting import PATIENCE, eventually

TOOLS = pathlib.Path(__file__).resolve().parents[3] / "tools"


class _Server:
    tool = None

    def __init__(self, folder):
        self.folder = str(folder)

    def do(self, verb, *arguments):
        done = subprocess.run([TOOLS / self.tool, verb, self.folder, *arguments], capture_output=True, text=True,
                              timeout=2 * PATIENCE, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{self.tool} {verb}: {done.stderr.strip()}\n{self.tail()}")
        return done.stdout.strip()

    def start(self):
        self.do("start")
        return self

    def stop(self):
        self.do("stop")

    def pid(self):
        raise NotImplementedError

    def kill(self):
        """SIGKILL of the server, and its end."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: _is_gone(pid), what=f"end of process {pid}")

    def restart(self):
        self.stop()
        self.start()

    @property
    def url(self):
        return self.do("url")

    @property
    def log(self):
        return os.path.join(self.folder, "server.log")

    def tail(self, lines=30):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as text:
                return f"--- {self.log} ---\n" + "".join(text.readlines()[-lines:])
        except OSError:
            return ""


def _is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def passable_folder():
    """A temporary folder into which the account postgres can walk, when we are root."""
    folder = tempfile.mkdtemp(prefix="freshet-test.")
    if os.geteuid() == 0:
        if any(not parent.stat().st_mode & 0o001 for parent in pathlib.Path(folder).parents):
            os.rmdir(folder)
            folder = tempfile.mkdtemp(prefix="freshet-test.", dir="/tmp")
        os.chmod(folder, 0o711)
    return folder


class Postgres(_Server):
    tool = "private-postgres"

    def __init__(self, folder):
        super().__init__(folder)
        subprocess.run(["cp", "-a", self._new_cluster(), self.folder], check=True)

    @classmethod
    @functools.lru_cache(maxsize=1)
    def _new_cluster(cls):
        """One that was never started, made once in this process: a copy of it takes a fifth of the time."""
        parent = passable_folder()
        atexit.register(shutil.rmtree, parent, ignore_errors=True)
        made = _Server(os.path.join(parent, "postgres"))
        made.tool = cls.tool
        made.do("init", "--no-fsync")
        return made.folder

    def pid(self):
        with open(os.path.join(self.folder, "data", "postmaster.pid"), encoding="ascii") as lines:
            return int(lines.readline())

    def stop_immediately(self):
        """As pg_ctl stop -m immediate: no session is ended in order, the next start recovers from the log."""
        pid = self.pid()
        os.kill(pid, signal.SIGQUIT)
        eventually(lambda: _is_gone(pid), what=f"end of process {pid}")

    @property
    def socket(self):
        """The path of its Unix socket."""
        return os.path.join(psycopg2.extensions.parse_dsn(self.url)["host"], ".s.PGSQL.5432")

    def query(self, sql, *parameters):
        """Runs the statement in a transaction and a connection of its own; rows as tuples, or None if it gives none."""
        connection = psycopg2.connect(self.url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters or None)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def connect(self):
        """A connection that the caller closes."""
        return psycopg2.connect(self.url)


class Nats(_Server):
    tool = "private-nats"

    def __init__(self, folder):
        super().__init__(folder)
        self.port = free_port()
        self.do("init", str(self.port))

    def pid(self):
        with open(os.path.join(self.folder, "nats.pid"), encoding="ascii") as text:
            return int(text.read())

    def wipe(self):
        """Throws JetStream's whole store away. The server must be down."""
        self.do("wipe")
