"""HTTP as a client of the public API speaks it: connections that are kept, errors that are answers too."""

import asyncio
import json
import re
import time

ANSWER_TIMEOUT = 30  # s; the gateway's own limits are shorter: it is the gateway that says no


class NoAnswer(Exception):
    """The connection broke, or nothing came in time. The request may have been carried out."""


class Answer:
    def __init__(self, status, headers, data):
        self.status, self.headers, self.data = status, headers, data

    @property
    def json(self):
        return json.loads(self.data.decode("utf-8"))

    @property
    def next(self):
        found = re.fullmatch(r'<([^>]*)>;\s*rel="next"', self.headers.get("link", ""))
        return found.group(1) if found else None


class Client:
    """One user's connections, one to each gateway. Not for two requests at a time."""

    def __init__(self, user, token):
        self.user, self.token = user, token
        self.streams = {}  # port: (reader, writer)

    async def call(self, port, method, path, body=None):
        data = b"" if body is None else json.dumps(body).encode()
        head = (f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {self.token}\r\n"
                f"Content-Length: {len(data)}\r\n" + ("Content-Type: application/json\r\n" if data else "") + "\r\n")
        try:
            return await asyncio.wait_for(self._exchange(port, head.encode() + data), ANSWER_TIMEOUT)
        except (OSError, EOFError, ValueError, asyncio.TimeoutError) as error:
            self._drop(port)
            raise NoAnswer(f"{type(error).__name__}: {error}") from None

    async def _exchange(self, port, request):
        if port in self.streams and self.streams[port][0].at_eof():
            self._drop(port)  # was idle for too long
        if port not in self.streams:
            self.streams[port] = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = self.streams[port]
        writer.write(request)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        data = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection", "").lower() == "close":
            self._drop(port)
        return Answer(status, headers, data)

    def _drop(self, port):
        _, writer = self.streams.pop(port, (None, None))
        if writer is not None:
            writer.transport.abort()

    def close(self):
        for port in list(self.streams):
            self._drop(port)


async def walk_feed(client, port, limit, pages=None):
    """The feed page by page, as the links say. Gives (started, ended, items, whole); raises NoAnswer also for an answer
    that is no page, with the status in its text."""
    started, items, path = time.monotonic(), [], f"/post/feed?limit={limit}"
    while path is not None and pages != 0:
        answer = await client.call(port, "GET", path)
        if answer.status != 200:
            raise NoAnswer(f"status {answer.status}")
        items += [(int(post["id"]), int(post["author_user_id"]), post["text"]) for post in answer.json]
        path = answer.next
        pages = None if pages is None else pages - 1
    return started, time.monotonic(), items, path is None
