"""WebSocket clients of the enveloped protocol that do what docs/protocol.md tells clients to do: they keep the newest cursor
and the posts by id, connect again with the cursor, to whichever gateway, and break off without a word at random moments."""

import asyncio
import json
import random
import time

import websockets

from client import Client, NoAnswer, walk_feed
from history import Walk

PAUSE = 0.3  # s; between connections, at most
LIFE = 2.0  # s; of a connection that is broken off, on average
READ_EVERY = 0.5  # s; of the newest page, by the user of a listener


class Session:
    """One connection: what came, as (time, envelope)."""

    def __init__(self, port, cursor, snapshot):
        self.port, self.cursor, self.snapshot = port, cursor, snapshot
        self.opened = time.monotonic()
        self.envelopes = []
        self.code = None  # of its end


class Shown:
    """What a client shows: posts by id, and from which id on nothing may be missing."""

    def __init__(self):
        self.posts = {}  # id: (author, text)
        self.since = float("inf")
        self.filling = False


class Listener:
    def __init__(self, user, token, ports, history, seed):
        self.user, self.token, self.ports, self.history = user, token, ports, history
        self.random = random.Random(f"{seed}:listener:{user}")
        self.sessions = []
        self.problems = []
        self.cursor = None
        self.shown = Shown()
        self.stopping = self.settled = False
        self.client = Client(user, token)
        self.socket = None

    @property
    def whole(self):
        """Connected, and past any snapshot."""
        last = self.sessions[-1] if self.sessions else None
        return last is not None and last.code is None and bool(last.envelopes) and not self.shown.filling

    # ---- its life ----

    async def run(self):
        reading = asyncio.ensure_future(self.read())
        try:
            while not self.stopping:
                await self.connect()
                await asyncio.sleep(PAUSE * self.random.random())
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            self.client.close()

    async def connect(self):
        port, snapshot = self.random.choice(self.ports), self.random.choice((5, 20, 100))
        if self.random.random() < 0.1:
            self.cursor = None
        query = f"snapshot={snapshot}" + (f"&cursor={self.cursor}" if self.cursor else "")
        session = Session(port, self.cursor, snapshot)
        try:
            self.socket = await websockets.connect(
                f"ws://127.0.0.1:{port}/post/feed/posted?{query}", subprotocols=["freshet.v1.json"],
                extra_headers={"Authorization": f"Bearer {self.token}"}, ping_interval=None, max_queue=None,
                open_timeout=15, close_timeout=1, compression=None)
        except (OSError, EOFError, asyncio.TimeoutError, websockets.WebSocketException) as error:
            status = getattr(error, "status_code", None)
            if status is not None and status != 503:
                self.problem(f"the upgrade was answered {status}")
            return
        self.sessions.append(session)
        breaking = asyncio.ensure_future(self.break_off())
        try:
            async for text in self.socket:
                self.take(session, json.loads(text))
        except websockets.ConnectionClosed:
            pass
        finally:
            session.code = self.socket.close_code or 1006
            breaking.cancel()
            await asyncio.gather(breaking, return_exceptions=True)

    async def break_off(self):
        """Some connections last until something else ends them."""
        if self.random.random() < 0.3:
            return
        await asyncio.sleep(self.random.expovariate(1 / LIFE))
        if not self.settled:
            self.socket.transport.abort()

    async def read(self):
        """The newest page, again and again, as somebody does who is there: gateways keep it ready."""
        turn = self.random.randrange(len(self.ports))
        while True:
            await asyncio.sleep(self.random.random() * 2 * READ_EVERY)
            turn += self.random.random() < 0.3
            try:
                walk = Walk(self.user, *await walk_feed(self.client, self.ports[turn % len(self.ports)], 20, 1))
            except NoAnswer:
                continue
            walk.whole = walk.whole and len(walk.items) < 20
            self.history.walks.append(walk)

    def settle(self):
        """From now on it stays."""
        self.settled = True

    def stop(self):
        self.stopping = True
        if self.socket is not None:
            self.socket.transport.abort()

    # ---- what it is told ----

    def problem(self, what):
        self.problems.append(f"listener {self.user}: {what}")

    def take(self, session, envelope):
        now, kind, shown = time.monotonic(), envelope["type"], self.shown
        self.judge_sequence(session, envelope)
        session.envelopes.append((now, envelope))
        if kind == "reset":
            self.shown = shown = Shown()
            shown.filling = True
            self.cursor = None  # what was shown by it is gone
        elif kind in ("post", "edit"):
            shown.posts[int(envelope["id"])] = int(envelope["author_user_id"]), envelope["text"]
        elif kind == "delete":
            shown.posts.pop(int(envelope["id"]), None)
        elif kind == "snapshot_end":
            shown.filling = False
            shown.since = min(shown.posts, default=0) if len(shown.posts) >= session.snapshot else 0
        self.cursor = envelope.get("cursor", self.cursor)

    def judge_sequence(self, session, envelope):
        """What may come after what."""
        kind, before = envelope["type"], [one["type"] for _, one in session.envelopes[-1:]]
        if not before:
            if kind != "ready" or envelope["user_id"] != str(self.user):
                self.problem(f"began with {envelope}")
            elif envelope["resumed"] and session.cursor is None:
                self.problem("resumed without a cursor")
            return
        first = session.envelopes[0][1]
        if len(session.envelopes) == 1 and not first.get("resumed") and kind not in ("reset", "bye"):
            self.problem(f"not resumed, and no reset but {envelope}")
        snapshot = bool(envelope.get("snapshot"))
        if kind in ("post", "edit", "delete") and snapshot != self.shown.filling:
            self.problem(f"{'in' if self.shown.filling else 'outside'} a snapshot: {envelope}")
        if kind in ("edit", "delete", "snapshot_end") or (kind == "post" and not snapshot):
            if "cursor" not in envelope:
                self.problem(f"no cursor: {envelope}")
        if kind == "ready":
            self.problem("ready came twice")
