"""./dev itself: what it says and how it ends, as far as that needs neither a build nor an installation. The services are
small stand-ins (FRESHET_BIN_DIR); the servers are real."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import textwrap
import urllib.request

import pytest

from harness import ROOT, eventually, free_port

SERVICE = """\
    #!/usr/bin/python3
    import http.server, os, signal, sys, threading
    name = os.path.basename(sys.argv[0])
    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            said = {"/user/register": '{"user_id": "7"}', "/login": '{"token":"T-7","expires_at":"x"}',
                    "/post/create": '"12"', "/post/feed": '[{"id":"12"}]'}.get(self.path, "")
            if self.path == "/login" and '"id"' not in body:
                self.send_response(400)
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said.encode())
        do_GET = do_POST = do_PUT = answer
        def log_message(self, *_):
            pass
    def serve(place):
        host, port = place.rsplit(":", 1)
        server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    assert not [one for one in sys.argv[1:]], "nothing belongs on a command line"
    assert os.environ["FRESHET_DATABASE_URL"] and os.environ["FRESHET_NATS_URL"]
    assert (len(os.environ.get("FRESHET_ADMIN_TOKEN", "")) >= 32) == (name == "freshet-gateway"), "the gateway alone needs it"
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    serve(os.environ["FRESHET_ADMIN_LISTEN"])
    if name == "freshet-gateway":
        serve(os.environ["FRESHET_LISTEN"])
    signal.sigwait([signal.SIGTERM])
    print(name, "ends well", flush=True)
    """
CTL = """\
    #!/bin/sh
    [ "$1" = migrate ] || exit 2
    exec psql -X -q -d "$FRESHET_DATABASE_URL" -c 'CREATE TABLE IF NOT EXISTS kept (n integer)' -c 'INSERT INTO kept VALUES (1)'
    """


def write_program(path, text):
    path.write_text(textwrap.dedent(text))
    path.chmod(0o755)


class Door:
    """./dev with a run folder, ports and stand-in services of its own."""

    def __init__(self, folder):
        self.bin, self.run_dir = folder / "bin", folder / "run"
        self.bin.mkdir()
        for name in ("freshet-gateway", "freshet-materializer"):
            write_program(self.bin / name, SERVICE)
        write_program(self.bin / "freshetctl", CTL)
        self.base = self.free_base()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")}
        self.environment |= {"FRESHET_RUN_DIR": str(self.run_dir), "FRESHET_PORT_BASE": str(self.base),
                             "FRESHET_BIN_DIR": str(self.bin), "FRESHET_NO_INSTALL": "1"}

    @staticmethod
    def free_base():
        """A base all of whose ports are free."""
        while True:
            base = free_port()
            try:
                for offset in (80, 222, 443, 1090, 1091, 1092):
                    with socket.socket() as probe:
                        probe.bind(("127.0.0.1", base + offset))
                return base
            except OSError:
                continue

    def dev(self, *arguments, timeout=120, **environment):
        return subprocess.run([ROOT / "dev", *arguments], env={**self.environment, **environment}, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False)

    def in_front(self):
        return subprocess.Popen([ROOT / "dev", "run"], env=self.environment, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def pids(self):
        """Service -> pid, of those that are remembered."""
        pids = {}
        for path in (self.run_dir / "pid").glob("*"):
            with contextlib.suppress(FileNotFoundError):  # it may have ended just now
                if text := path.read_text():
                    pids[path.name] = int(text.split()[0])
        return pids

    def log(self, name):
        return (self.run_dir / "log" / f"{name}.log").read_text()


def is_gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture
def door(tmp_path_factory):
    # Directly in a folder that the account postgres can walk into: pytest's own are closed to it.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="freshet-door.", dir="/tmp"))
    folder.chmod(0o711)
    made = Door(folder)
    try:
        yield made
    finally:
        made.dev("stop")
        shutil.rmtree(folder)


def only_line(done, code=1):
    """What it complained, which must be one line."""
    assert done.returncode == code, done
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("dev: "), done
    return lines[0]


# ---- words ----

def test_help(door):
    done = door.dev("help")
    assert done.returncode == 0 and done.stderr == ""
    for verb in ("run", "test", "build", "bench", "lint", "fmt", "stop", "reset"):
        assert re.search(rf"^  {verb}\b", done.stdout, re.M), verb
        assert door.dev(verb, "--help").stdout == door.dev("help", verb).stdout != ""
    assert door.dev("--help").stdout == door.dev().stdout == done.stdout


@pytest.mark.parametrize("arguments, words", [
    (["frobnicate"], "no verb 'frobnicate'"),
    (["help", "frobnicate"], "no verb 'frobnicate'"),
    (["bench", "frobnicate"], "no bench 'frobnicate'; there is: materialise"),
    (["fuzz", "frobnicate"], "no target 'frobnicate'"),
    (["fuzz", "frames", "soon"], "'soon' is no number of seconds"),
    (["run", "--frob"], "'--frob'"),
    (["run", "--preset"], "--preset wants a name"),
    (["run", "--preset", "fast"], "no preset 'fast'"),
    (["build", "fast"], "no preset 'fast'"),
    (["test", "--frob"], "'--frob'"),
    (["test", "--preset", "release"], "'release' has no tests"),
    (["test", "one", "two"], "one filter"),
    (["lint", "frob"], "no step 'frob'"),
    (["stop", "now"], "'now'"),
    (["reset", "now"], "'now'"),
])
def test_wrong_usage(door, arguments, words):
    assert words in only_line(door.dev(*arguments), 2)
    assert not door.run_dir.exists()


# ---- what can be wrong before anything starts ----

@pytest.mark.parametrize("offset, what", [(80, "HTTP"), (443, "HTTPS"), (1090, "gateway"), (1091, "materializer"),
                                          (222, "NATS")])
def test_busy_port(door, offset, what):
    with socket.create_server(("127.0.0.1", door.base + offset)):
        line = only_line(door.dev("run"))
    assert f"port {door.base + offset} " in line and what in line and "FRESHET_PORT_BASE=" in line
    assert not (door.run_dir / "postgres").exists()


@pytest.mark.parametrize("base", ["", "x", "80", "70000", "-8000", "8000 "])
def test_bad_port_base(door, base):
    if base == "":
        assert "FRESHET_PORT_BASE" not in door.dev("stop", FRESHET_PORT_BASE=base).stderr
    else:
        assert "FRESHET_PORT_BASE" in only_line(door.dev("run", FRESHET_PORT_BASE=base))


def test_run_dir_is_a_file(door):
    door.run_dir.write_text("mine")
    assert "is no folder" in only_line(door.dev("run"))
    assert door.run_dir.read_text() == "mine"


def test_run_dir_cannot_be_made(door):
    assert "can't make" in only_line(door.dev("run", FRESHET_RUN_DIR="/proc/nowhere"))


def test_run_dir_cannot_be_written(door):
    """A folder on which not even root may write."""
    assert re.search("can't read and write|belongs to", only_line(door.dev("run", FRESHET_RUN_DIR="/proc/self")))


def test_programs_are_missing(door):
    (door.bin / "freshetctl").unlink()
    assert "freshetctl" in only_line(door.dev("run"))


def test_reset_asks(door):
    door.run_dir.mkdir()
    assert "--yes" in only_line(door.dev("reset"))


def test_reset_leaves_what_it_did_not_make(door):
    (door.run_dir / "log").mkdir(parents=True)
    (door.run_dir / "precious").write_text("mine")
    assert door.dev("reset", "--yes").returncode == 0
    assert [path.name for path in door.run_dir.iterdir()] == ["precious"]


def test_stop_without_run(door):
    done = door.dev("stop")
    assert done.returncode == 0 and "nothing runs" in done.stdout


# ---- a run ----

def test_service_that_dies_at_its_start(door):
    write_program(door.bin / "freshet-gateway", "#!/bin/sh\necho 'gateway: error: no luck today'\nexit 3\n")
    for arguments in (["run"], ["run", "--detach"]):
        done = door.dev(*arguments)
        assert done.returncode == 1
        said = done.stdout + done.stderr
        assert re.search(r"freshet-gateway dies at its start \(exit code 3\): .*no luck today; see .*gateway\.log", said)
        assert not door.pids() or all(is_gone(pid) for pid in door.pids().values())
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", door.base + 222))


def test_migration_that_fails(door):
    write_program(door.bin / "freshetctl", "#!/bin/sh\necho 'the schema is newer than this program'\nexit 1\n")
    line = only_line(door.dev("run"))
    assert "the migration failed: the schema is newer than this program" in line
    assert not door.pids()


def test_a_whole_life(door):
    """Detached start, the printed lines, a second start refused, processes that come back, stop, the data kept, reset."""
    done = door.dev("run", "--detach", FRESHET_WEB_DIR=str(ROOT))
    assert done.returncode == 0, done
    address = f"http://127.0.0.1:{door.base + 80}"
    assert f"The page: {address}/ and, for operators, {address}/ops with the token of {door.run_dir}/secrets/admin-token" in done.stdout

    # The lines work when they are pasted.
    lines = [line for line in done.stdout.splitlines() if line.startswith(("TOKEN=", "curl "))]
    assert len(lines) == 3
    pasted = subprocess.run(["bash", "-ec", "\n".join(lines)], text=True, capture_output=True, check=True, timeout=60)
    assert pasted.stdout.split() == ['"12"', '[{"id":"12"}]']

    # Nobody else may look at what is secret, and the command lines don't tell it.
    for path in ("demo", "env", "secrets/token-keys", "secrets/admin-token", "nats/nats.conf", "nats/secret"):
        assert stat.S_IMODE((door.run_dir / path).stat().st_mode) == 0o600, path
    password = (door.run_dir / "nats" / "secret").read_text().strip()
    assert len(password) >= 32
    admin_token = (door.run_dir / "secrets" / "admin-token").read_text().strip()
    assert admin_token not in (door.run_dir / "env").read_text() + done.stdout
    for name, pid in door.pids().items():
        assert password not in pathlib.Path(f"/proc/{pid}/cmdline").read_text(), name
    assert password not in "".join(path.read_text(errors="replace") for path in (door.run_dir / "log").glob("*"))

    assert "going on already" in only_line(door.dev("run"))

    before = door.pids()
    assert set(before) == {"supervisor", "postgres", "nats", "gateway", "materializer"}
    for name, printed in (("gateway", "freshet-gateway"), ("materializer", "freshet-materializer"),
                          ("nats", "nats-server"), ("postgres", "PostgreSQL")):
        os.kill(before[name], signal.SIGKILL)
        eventually(lambda: door.pids().get(name, before[name]) != before[name], what=f"another {name}")
        assert f"{printed} ended (killed by signal 9); it is started again in a second" in door.log("dev")
    eventually(lambda: urllib.request.urlopen(f"http://127.0.0.1:{door.base + 80}/post/feed").status == 200)
    eventually(lambda: subprocess.run([ROOT / "tools/private-postgres", "status", door.run_dir / "postgres"],
                                      capture_output=True, check=False).returncode == 0)

    running = door.pids()
    assert door.dev("stop").returncode == 0
    assert all(is_gone(pid) for pid in running.values()) and not door.pids()
    assert "ends well" in door.log("gateway") and "ends well" in door.log("materializer")

    # The same data and the same demo users the second time, in front; Ctrl-C ends it.
    demo = (door.run_dir / "demo").read_text()
    front = door.in_front()
    with contextlib.ExitStack() as stack:
        stack.callback(front.kill)
        eventually((door.run_dir / "ready").exists)
        rows = subprocess.run([ROOT / "tools/private-postgres", "psql", door.run_dir / "postgres", "-Atc",
                               "SELECT count(*) FROM kept"], capture_output=True, text=True, check=True).stdout
        assert rows.strip() == "2"
        assert (door.run_dir / "demo").read_text() == demo
        running = door.pids()
        front.send_signal(signal.SIGINT)
        said, _ = front.communicate(timeout=60)
        assert front.returncode == 0 and said.endswith("dev: stopped\n"), said
        stack.pop_all()
    assert all(is_gone(pid) for pid in running.values())

    assert door.dev("reset", "--yes").returncode == 0
    assert not door.run_dir.exists()


def test_leftovers_of_a_killed_supervisor(door):
    assert door.dev("run", "--detach").returncode == 0
    left = door.pids()
    os.kill(left.pop("supervisor"), signal.SIGKILL)
    done = door.dev("run", "--detach")
    assert done.returncode == 0 and "an earlier run left behind" in done.stdout
    assert all(is_gone(pid) for pid in left.values())
    assert set(door.pids()) == {"supervisor", *left}


def test_private_servers_of_tests_go_away(tmp_path):
    """tools/with-servers passes on the exit code, and leaves nothing, also when it is ended from outside."""
    script = 'echo "$FRESHET_DATABASE_URL|$FRESHET_NATS_URL"; '
    command = [ROOT / "tools/with-servers", "--postgres", "--nats", "bash", "-c"]
    done = subprocess.run([*command, script + "exit 7"], text=True, capture_output=True, check=False, timeout=120)
    assert done.returncode == 7, done
    folder = re.match(r"host='(.*)/postgres/socket' .*\|nats://freshet:\w+@127.0.0.1:\d+$", done.stdout.strip())[1]
    assert not os.path.exists(folder)

    child = subprocess.Popen([*command, script + "exec sleep 1000"], text=True, stdout=subprocess.PIPE)
    folder = re.match(r"host='(.*)/postgres/socket'", child.stdout.readline())[1]
    assert os.path.exists(folder)
    child.terminate()
    assert child.wait(60) == 143
    child.stdout.close()
    assert not os.path.exists(folder)
