"""The programs that load a system from outside: wsbench, feedflood, pgbench, h2load."""

import json
import os
import re
import signal
import subprocess
import sys

from lab import BIN, ROOT

PGBENCH = next((path for path in ("/usr/lib/postgresql/15/bin/pgbench", "/usr/bin/pgbench") if os.path.exists(path)), "pgbench")


class Failed(RuntimeError):
    """A program ended with another code than 0; `result` is what it measured all the same, or None."""

    def __init__(self, text, code, result=None):
        super().__init__(text)
        self.code, self.result = code, result


def _flags(options):
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            yield flag
        elif value is not None and value is not False:
            yield f"{flag}={value}"


def _finish(command, environment=None):
    """Runs a program to its end. Broken off, nothing of it stays, nor of what it has started."""
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          start_new_session=True) as child:
        try:
            out, said = child.communicate()
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        return subprocess.CompletedProcess(command, child.returncode, out, said)


def outcome(child):
    """What a child said, out and error, at its end. Broken off, it goes."""
    try:
        return child.communicate()
    except BaseException:
        child.kill()
        child.wait()
        raise


class Wsbench:
    """One run of wsbench in the background; it ends with the lab at the latest."""

    def __init__(self, lab, mode, progress=False, step=False, **options):
        self.json = lab.path(f"wsbench-{mode}.json")
        if os.path.exists(self.json):
            os.unlink(self.json)
        self.what = f"wsbench {mode}"
        quiet = ([] if progress else ["--quiet"]) + (["--step"] if step else [])
        self.child = subprocess.Popen([BIN / "wsbench", mode, f"--json={self.json}", *quiet, *_flags(options)],
                                      stdin=subprocess.PIPE if step else subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=None if progress else subprocess.PIPE, text=True)
        lab.children.append(self.child)

    def wait_ready(self):
        """Until all connections are there (--expect, --step)."""
        line = self.child.stdout.readline()
        if line != "ready\n":
            self.result()
            raise RuntimeError(f"{self.what}: {line!r} instead of ready")

    def go_on(self):
        """After wait_ready() of --step."""
        self.child.stdin.write("go on\n")
        self.child.stdin.flush()

    def result(self):
        """What it measured. Raises Failed."""
        out, said = outcome(self.child)
        result = None
        if os.path.exists(self.json):
            with open(self.json, encoding="utf-8") as text:
                result = json.load(text)
        if self.child.returncode != 0:
            why = " ".join(f"{name} {result[name]}" for name in ("first_failure", "first_end") if name in result) if result else ""
            why = why or (said or "").partition("\n")[0]
            raise Failed(f"{self.what} ended with {self.child.returncode}: {why}\n{out}{said or ''}", self.child.returncode, result)
        return result


def wsbench(lab, mode, **options):
    return Wsbench(lab, mode, **options).result()


class BareServer:
    """wsbench serve, as a context: `url` and `pid`."""

    def __enter__(self):
        self.child = subprocess.Popen([BIN / "wsbench", "serve"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.child.stdout.readline())}"
        self.pid = self.child.pid
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait()
        self.child.stdout.close()


class Consumers:
    """feedflood consume, as a context: consumers without a gateway."""

    def __init__(self, lab, users, rounds, run):
        self.command = [BIN / "feedflood", "consume", "1", str(users), str(rounds), f"{run:x}"]
        self.environment = lab.environment

    def __enter__(self):
        self.child = subprocess.Popen(self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if self.child.stdout.readline() != "ready\n":
            raise RuntimeError("feedflood consume did not become ready")
        return self

    def result(self):
        out, _ = self.child.communicate()
        if self.child.returncode != 0:
            raise RuntimeError(f"feedflood consume ended with {self.child.returncode}: {out}")
        return json.loads(out)

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


def flood(lab, users, rounds, run, size):
    """feedflood publish."""
    done = _finish([BIN / "feedflood", "publish", "1", str(users), str(rounds), f"{run:x}", str(size)], lab.environment)
    if done.returncode != 0:
        raise RuntimeError(f"feedflood publish ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


# ---- pgbench ----

def statement_with(path, values):
    """The statement of a file of pkg/store/sql with each parameter replaced by what `values` has for its name, cast to the
    declared type. What is a :variable stays a parameter: plans for known values would be others."""
    text = path.read_text(encoding="ascii")
    declared = []
    for line in re.search(r"^-- params: (.*(?:,\n-- .*)*)", text, re.M)[1].replace("\n--", "").split(","):
        kind, name = line.rsplit(None, 1)
        declared.append((kind.strip(), name.strip()))
    sql = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    sql = re.sub(r"^\s*--.*\n", "", sql, flags=re.M)

    def value(match):
        kind, name = declared[int(match[1]) - 1]
        if name not in values:
            raise KeyError(f"{path.name} has a parameter {name} that the bench knows nothing of")
        return f"({values[name]})::{kind}"

    return re.sub(r"\$(\d+)", value, sql).strip() + ";\n"


PLANNING_S = 2  # until each connection has its plans


def pgbench(lab, script, clients, seconds, **variables):
    """Transactions per second, after the first seconds."""
    path = lab.path("pgbench.sql")
    with open(path, "w", encoding="ascii") as out:
        out.write(script)
    environment = {**lab.environment, "PGOPTIONS": "-c jit=off"}
    done = _finish([PGBENCH, "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, os.cpu_count())),
                    "-T", str(seconds + PLANNING_S), "-P", "1", "-f", path,
                    *(f"-D{name}={value}" for name, value in variables.items()), lab.postgres.url], environment)
    rates = [float(rate) for rate in re.findall(r"^progress: [0-9.]+ s, ([0-9.]+) tps", done.stderr, re.M)]
    rates = rates[PLANNING_S:] or rates[-1:]  # on a busy machine the last second may have no line of its own
    if done.returncode != 0 or not rates or not re.search(r"number of failed transactions: 0 ", done.stdout):
        raise RuntimeError(f"pgbench ended with {done.returncode}: {done.stdout}{done.stderr}")
    return sum(rates) / len(rates)


# ---- h2load ----

def http_load(url, token, mode, seconds, clients, size=None):
    """bench/http.sh once: requests per second."""
    size = [f"--bytes={size}"] if size else []
    done = _finish([ROOT / "bench" / "http.sh", f"--url={url}", f"--seconds={seconds}", f"--clients={clients}", "--repeat=1", *size, mode, token])
    if done.returncode != 0:
        raise RuntimeError(f"http.sh ended with {done.returncode}: {done.stdout}{done.stderr}")
    return float(re.search(r"^\w+ 1: ([0-9.]+) requests/s", done.stdout, re.M)[1])


def say(line):
    """How far it is."""
    print("  - " + line, file=sys.stderr, flush=True)
