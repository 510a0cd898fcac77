"""WebSocket clients for tests that are not asynchronous themselves: one thread runs all connections of the test run."""

import asyncio
import json
import threading
import time
import urllib.parse

import websockets

from .waiting import PATIENCE


class Refused(Exception):
    """The server answered the upgrade with another status than 101."""

    def __init__(self, status, headers, body=b""):
        super().__init__(f"upgrade refused with {status}")
        self.status, self.headers, self.body = status, headers, body


class _Loop:
    """The event loop of all clients, in a thread that is made when it is first needed."""

    def __init__(self):
        self.lock = threading.Lock()
        self.loop = None

    def run(self, coroutine, timeout=PATIENCE):
        with self.lock:
            if self.loop is None:
                self.loop = asyncio.new_event_loop()
                threading.Thread(target=self.loop.run_forever, name="sockets", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)


_loop = _Loop()


class LiveClient:
    """An open WebSocket. Every frame is kept, with the time of its arrival, until the test asks."""

    def __init__(self, port, token=None, path="/post/feed/posted", query=None, headers=None, subprotocols=None,
                 origin=None, in_query=True):
        """`token` goes into ?token=, or into an Authorization header if not `in_query`. Raises Refused."""
        query, sent = dict(query or {}), dict(headers or {})
        if token is not None and in_query:
            query["token"] = token
        elif token is not None:
            sent["Authorization"] = f"Bearer {token}"
        self.url = f"ws://127.0.0.1:{port}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        self.changed = threading.Condition()
        self.received = []  # (monotonic time, text or bytes)
        self.closed = False
        self.socket = _loop.run(self._open(sent, subprotocols, origin))
        self.reader = asyncio.run_coroutine_threadsafe(self._read(), _loop.loop)

    async def _open(self, headers, subprotocols, origin):
        try:
            return await websockets.connect(self.url, extra_headers=headers, subprotocols=subprotocols, origin=origin,
                                            ping_interval=None, max_queue=None, max_size=1 << 20, open_timeout=PATIENCE,
                                            compression=None)
        except websockets.InvalidStatusCode as error:
            raise Refused(error.status_code, error.headers) from None

    async def _read(self):
        try:
            async for frame in self.socket:
                with self.changed:
                    self.received.append((time.monotonic(), frame))
                    self.changed.notify_all()
        except websockets.ConnectionClosed:
            pass
        finally:
            with self.changed:
                self.closed = True
                self.changed.notify_all()

    @property
    def frames(self):
        """The payloads so far, in order."""
        with self.changed:
            return [frame for _, frame in self.received]

    @property
    def messages(self):
        """The same, decoded from JSON."""
        return [json.loads(frame) for frame in self.frames]

    def wait_for(self, predicate, timeout=PATIENCE):
        """Until predicate(list of decoded messages) is true; returns what it returned. Fails at once when the
        connection is closed before."""
        end = time.monotonic() + timeout
        while True:
            with self.changed:
                seen, closed = len(self.received), self.closed
            result = predicate(self.messages)
            if result:
                return result
            if closed:
                raise AssertionError(f"closed with {self.close_code} {self.close_reason!r} after {self.messages}")
            with self.changed:
                if not self.changed.wait_for(lambda: len(self.received) > seen or self.closed, end - time.monotonic()):
                    raise AssertionError(f"not within {timeout} s; got {self.messages}")

    def wait_for_post(self, post_id, timeout=PATIENCE):
        """The message of that post."""
        return self.wait_for(lambda all_: next((one for one in all_ if one.get("postId") == post_id), None), timeout)

    def wait_for_count(self, count, timeout=PATIENCE):
        """The messages, once there are `count` or more."""
        return self.wait_for(lambda all_: len(all_) >= count and all_, timeout)

    def wait_closed(self, timeout=PATIENCE):
        """The close code."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.closed, timeout), f"still open after {timeout} s"
        return self.close_code

    @property
    def close_code(self):
        return self.socket.close_code

    @property
    def close_reason(self):
        return self.socket.close_reason

    def send(self, data):
        _loop.run(self.socket.send(data))

    def ping(self):
        """A ping, and its pong."""
        async def both():
            await (await self.socket.ping())

        _loop.run(both())

    def close(self, code=1000):
        _loop.run(self.socket.close(code))

    def drop(self):
        """Breaks the connection without a close frame, as a lost network does."""
        async def abort():
            self.socket.transport.abort()

        _loop.run(abort())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
