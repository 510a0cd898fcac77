"""WebSocket clients of the plain protocol that behave as its clients do: when the socket ends, for whatever reason,
they connect again, and after each connecting they read their pages to fill up."""

import asyncio
import json
import random
import time

import websockets

from client import Client, NoAnswer, walk_feed
from history import Walk

RECONNECT_PAUSE = 0.2  # s


class Connection:
    def __init__(self, port):
        self.port = port
        self.opened = time.monotonic()
        self.code = None  # of its end
        self.frames = []  # (time, post id, author, text)
        self.filled = None  # the Walk that was read when it was open


class Watcher:
    def __init__(self, user, token, ports, history, seed):
        self.user, self.token, self.ports, self.history = user, token, ports, history
        self.random = random.Random(f"{seed}:watcher:{user}")
        self.connections = []
        self.problems = []
        self.stopping = False
        self.client = Client(user, token)
        self.socket = None

    @property
    def joined(self):
        """The present connection, if it is open and filled."""
        last = self.connections[-1] if self.connections else None
        return last if last is not None and last.code is None and last.filled is not None else None

    async def run(self):
        turn = self.user
        while not self.stopping:
            port = self.ports[turn % len(self.ports)]
            try:
                self.socket = await websockets.connect(
                    f"ws://127.0.0.1:{port}/post/feed/posted", extra_headers={"Authorization": f"Bearer {self.token}"},
                    ping_interval=None, max_queue=None, open_timeout=15, close_timeout=1, compression=None)
            except (OSError, EOFError, asyncio.TimeoutError, websockets.WebSocketException) as error:
                self.judge_refusal(error)
                turn += 1  # the other gateway may do better
                await asyncio.sleep(RECONNECT_PAUSE)
                continue
            connection = Connection(port)
            self.connections.append(connection)
            filling = asyncio.ensure_future(self.fill(connection))
            try:
                async for text in self.socket:
                    self.take(connection, text)
            except websockets.ConnectionClosed:
                pass
            finally:
                connection.code = self.socket.close_code or 1006
                filling.cancel()
                await asyncio.gather(filling, return_exceptions=True)
            if not self.stopping:
                await asyncio.sleep(RECONNECT_PAUSE * self.random.random())
        self.client.close()

    def judge_refusal(self, error):
        status = getattr(error, "status_code", None)
        if status is not None and status != 503:
            self.problems.append(f"watcher {self.user}: the upgrade was answered {status}")

    def take(self, connection, text):
        try:
            message = json.loads(text)
            assert set(message) == {"postId", "postText", "author_user_id"}
            connection.frames.append((time.monotonic(), int(message["postId"]), int(message["author_user_id"]),
                                      message["postText"]))
        except (ValueError, TypeError, AssertionError):
            self.problems.append(f"watcher {self.user}: not a message of the plain protocol: {text!r}")

    async def fill(self, connection):
        turn = self.ports.index(connection.port)
        while True:
            try:
                started, ended, items, whole = await walk_feed(self.client, self.ports[turn % len(self.ports)],
                                                               self.random.choice((9, 20, 100)))
            except NoAnswer:
                turn += 1
                await asyncio.sleep(RECONNECT_PAUSE)
                continue
            connection.filled = Walk(self.user, started, ended, items, whole)
            self.history.walks.append(connection.filled)
            return

    def stop(self):
        self.stopping = True
        if self.socket is not None:
            self.socket.transport.abort()
