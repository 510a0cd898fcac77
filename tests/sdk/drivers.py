"""The SDKs, each behind a small program that does what it is told by lines of JSON (README.md describes them)."""

import collections
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from harness.waiting import PATIENCE

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(os.environ.get("FRESHET_TEST_BIN") or HERE.parents[1] / "build" / "dev" / "bin")

Kind = collections.namedtuple("Kind", "name command")
Kind.__str__ = lambda kind: kind.name


def _kinds():
    """What can be driven here: node takes WebSockets only if it has them."""
    kinds = [Kind("c", [BIN / "sdk-driver"]), Kind("c-callback", [BIN / "sdk-driver", "--callback"])]
    node = shutil.which("node") or "node"
    kinds.append(Kind("node", [node, HERE / "driver.mjs", "--transport=stream"]))
    for flag in [], ["--experimental-websocket"]:
        probe = [node, *flag, "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"]
        if shutil.which("node") and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            kinds.append(Kind("node-websocket", [node, "--no-warnings", *flag, HERE / "driver.mjs",
                                                 "--transport=websocket"]))
            break
    return kinds


KINDS = _kinds()


class Failed(Exception):
    """What the SDK said instead of an answer. kind: problem (the server said no), unauthenticated (it does not know who asks),
    network (there was no answer, or nothing that is one), argument (the SDK said no), cancelled."""

    def __init__(self, error):
        super().__init__(json.dumps(error, ensure_ascii=False))
        self.kind = error["kind"]
        self.status, self.code = error.get("status"), error.get("code")
        self.field, self.detail = error.get("field"), error.get("detail")
        self.request_id = error.get("request_id")


class Driver:
    """One process of the SDK, with any number of clients."""

    def __init__(self, kind, environment=None):
        self.kind = kind
        self.changed = threading.Condition()
        self.answers, self.feeds, self.said = {}, {}, []
        self.number = 0
        self.errors = tempfile.TemporaryFile()
        self.child = subprocess.Popen(kind.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                      env={**os.environ, **(environment or {})})
        threading.Thread(target=self._read, name="driver", daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            said, now = json.loads(line), time.monotonic()
            with self.changed:
                self.said.append(said)
                if "n" in said:
                    self.answers[said["n"]] = said
                else:
                    self.feeds[said["feed"]].take(said, now)
                self.changed.notify_all()
        with self.changed:
            self.answers = None  # there will be no more
            self.changed.notify_all()

    def wait(self, condition, timeout, what):
        """Until condition() is true; `changed` is held while it is asked."""
        with self.changed:
            found = self.changed.wait_for(lambda: self.answers is None or condition(), timeout)
            assert self.answers is not None, f"the driver ended while it should tell {what}\n{self.tail()}"
            assert found, f"not within {timeout} s: {what}\n{self.tail()}"

    def ask(self, do, timeout=PATIENCE, **more):
        """What it answers; raises Failed."""
        number = self.send(do, **more)
        self.wait(lambda: number in self.answers, timeout, f"an answer to {do} {more}")
        with self.changed:
            answer = self.answers.pop(number)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["value"]

    def send(self, do, **more):
        with self.changed:
            self.number += 1
            number = self.number
            line = json.dumps({"n": number, "do": do, **more}, ensure_ascii=False) + "\n"
            self.child.stdin.write(line.encode("utf-8"))
            self.child.stdin.flush()
        return number

    def client(self, url, **options):
        with self.changed:
            name = f"client-{self.number + 1}"
        if isinstance(url, int):
            url = f"http://127.0.0.1:{url}"
        self.ask("client", client=name, url=url, **options)
        return Client(self, name)

    def freeze(self):
        """Stops the whole process, as a lid does that is shut."""
        self.child.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.child.send_signal(signal.SIGCONT)

    def finish(self):
        """The end of its input ends it, well: no leak, no complaint of a sanitizer."""
        self.child.stdin.close()
        try:
            code = self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the driver does not end\n{self.tail()}") from None
        assert code == 0, f"the driver ended with {code}\n{self.tail()}"

    def discard(self):
        if self.child.poll() is None:
            self.child.kill()  # also while it is frozen
            self.child.wait(PATIENCE)
        self.child.stdin.close()
        self.errors.close()

    def tail(self):
        """What it said last."""
        if self.errors.closed:
            return f"--- {self.kind}, exit code {self.child.poll()}: put away ---"
        end = os.fstat(self.errors.fileno()).st_size
        complaint = os.pread(self.errors.fileno(), 8000, max(end - 8000, 0)).decode("utf-8", "replace")
        lines = [json.dumps(line, ensure_ascii=False)[:300] for line in self.said[-20:]]
        return f"--- {self.kind}, exit code {self.child.poll()} ---\n" + "\n".join([*lines, complaint])


class Client:
    def __init__(self, driver, name):
        self.driver, self.name = driver, name

    def call(self, call, timeout=PATIENCE, **given):
        return self.driver.ask("call", timeout, client=self.name, call=call, **{"with": given})

    def feed(self, **options):
        """A live feed; it connects by itself."""
        driver = self.driver
        with driver.changed:
            name = f"feed-{driver.number + 1}"
            feed = driver.feeds[name] = Feed(driver, name)
        driver.ask("feed", client=self.name, feed=name, **options)
        return feed

    def end(self):
        """Frees the client while its feeds may be open."""
        self.driver.ask("end", client=self.name)


class Feed:
    """What a feed told, in order: events (dicts with `type`), states (texts), and its end."""

    def __init__(self, driver, name):
        self.driver, self.name = driver, name
        self.events, self.states = [], []
        self.times = []  # of the events
        self.post_count = 0  # of `posts`, for who asks often
        self.ended, self.error = False, None

    def take(self, said, now):
        if "event" in said:
            event = said["event"]
            self.events.append(event)
            self.times.append(now)
            self.post_count += event["type"] == "post" and not event["snapshot"]
        elif "state" in said:
            self.states.append(said["state"])
        else:
            self.ended, self.error = True, said["closed"] and Failed(said["closed"])

    # ---- what was told ----

    def of(self, *types):
        return [event for event in self.events if event["type"] in types]

    @property
    def posts(self):
        """Ids of new posts, without those of snapshots."""
        return [event["id"] for event in self.of("post") if not event["snapshot"]]

    @property
    def snapshot(self):
        """Ids of the posts of the last snapshot."""
        begin = max((place for place, event in enumerate(self.events) if event["type"] == "reset"), default=None)
        assert begin is not None, f"no reset in {self.events}"
        return [event["id"] for event in self.events[begin:] if event["type"] == "post" and event["snapshot"]]

    @property
    def changes(self):
        """(type, id) of what happened to posts, without snapshots."""
        return [(event["type"], event["id"]) for event in self.of("post", "edit", "delete") if not event.get("snapshot")]

    @property
    def cursor(self):
        """From which another feed goes on."""
        return next(event["cursor"] for event in reversed(self.events) if event.get("cursor"))

    @property
    def shown(self):
        """{id: text}: what a program shows in the end that does as it is told."""
        posts = {}
        for event in self.events:
            if event["type"] == "reset":
                posts = {}
            elif event["type"] in ("post", "edit"):
                posts[event["id"]] = event["text"]
            elif event["type"] == "delete":
                posts.pop(event["id"], None)
        return posts

    # ---- waiting ----

    def wait(self, condition, what, timeout=PATIENCE):
        """Until condition() is true of what was told. Fails when the feed ends before."""
        self.driver.wait(lambda: condition() or self.ended, timeout, what)
        with self.driver.changed:
            assert condition(), f"the feed ended with {self.error} before {what}: {self.events[-5:]} {self.states}"
        return self

    def wait_live(self, times=1):
        """Until it is live, and past the snapshot if there is one; for the n-th time."""
        def live():
            if self.states.count("live") < times or self.states[-1] != "live" or len(self.of("ready")) < times:
                return False
            told = [event["type"] for event in self.events]
            since = told[len(told) - 1 - told[::-1].index("ready"):]
            return (self.of("ready")[-1]["resumed"] or "snapshot_end" in since) and \
                since.count("reset") <= since.count("snapshot_end")

        return self.wait(live, f"live ({times})")

    def wait_state(self, state, times=1):
        return self.wait(lambda: self.states.count(state) >= times, f"the state {state} ({times})")

    def wait_told(self, type, post=None, timeout=PATIENCE):
        """The event."""
        def find():
            return next((event for event in self.of(type) if post is None or event["id"] == post), None)

        self.wait(find, f"{type} {post or ''}", timeout)
        return find()

    def wait_ended(self, timeout=PATIENCE):
        """What it ended with: Failed, or None if it was closed."""
        self.driver.wait(lambda: self.ended, timeout, f"the end of {self.name}")
        return self.error

    # ---- what a program does ----

    def hold(self):
        """It takes no events any more, until go_on()."""
        self.driver.ask("hold", feed=self.name)

    def go_on(self):
        self.driver.ask("go_on", feed=self.name)

    def close(self):
        self.driver.ask("close", feed=self.name)
        return self.wait_ended()
