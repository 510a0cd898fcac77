"""A gateway that is none: it answers what a test tells it to, over HTTP/1.1, HTTP/2 without TLS, and WebSockets. For what the
real one says only in years to come (types and fields that nobody knows yet), or too seldom."""

import asyncio
import base64
import collections
import contextlib
import hashlib
import json
import struct
import threading
import urllib.parse

import h2.config
import h2.connection
import h2.events
import h2.exceptions

import messages
from harness.live import _loop
from harness.ports import free_port
from harness.waiting import PATIENCE

Request = collections.namedtuple("Request", "method path query headers body")
FEEDS = ("/post/feed/stream", "/post/feed/posted")
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TYPES = {"ready": 1, "post": 2, "edit": 3, "delete": 4, "reset": 5, "snapshot_end": 6, "bye": 7, "cursor": 8}
# member: (number, is text)
MEMBERS = {"type": (1, False), "cursor": (2, True), "id": (3, False), "text": (4, True), "author_user_id": (5, False),
           "created_at_ms": (6, False), "edited_at_ms": (7, False), "snapshot": (8, False), "resumed": (9, False),
           "user_id": (10, False), "code": (11, False), "reason": (12, True), "reconnect_after_ms": (13, False)}


def envelope(type, unknown=b"", **members):
    """The bytes of an Envelope. `type`: a name or a number; `unknown`: fields that follow, as bytes."""
    out = messages.number_field(1, TYPES.get(type, type))
    for name, value in members.items():
        number, is_text = MEMBERS[name]
        out += messages.bytes_field(number, value) if is_text else messages.number_field(number, int(value))
    return out + unknown


# Of each wire type one, with numbers that nobody has given away yet.
UNKNOWN = (messages.number_field(1000, 7) + messages.bytes_field(1001, "from the future") +
           messages.varint(1002 << 3 | 1) + b"12345678" + messages.varint(1003 << 3 | 5) + b"1234")


def answer(message, status=200, **headers):
    """An answer in protobuf. `headers` with _ for -."""
    return status, {"content-type": messages.TYPE, **{name.replace("_", "-"): str(value) for name, value in
                                                      headers.items()}}, message.SerializeToString()


def problem(status, code, detail="so it is", **headers):
    body = messages.api().Problem(type="urn:freshet:problem:test", title="A test", status=status, detail=detail,
                                  message=detail, request_id="of-the-test", code=code)
    return answer(body, status, **headers)


class FakeFeed:
    """One live connection that a client opened."""

    def __init__(self, request, send, end, drop):
        self.request, self._send, self._end, self._drop = request, send, end, drop
        self.heard = []  # what the client said on it, as bytes (WebSocket)

    @property
    def cursor(self):
        return self.request.query.get("cursor")

    def send(self, type, **members):
        self.send_bytes(envelope(type, **members))

    def send_bytes(self, message):
        _loop.run(self._send(message))

    def end(self, code=1001):
        """In good form, unless the client was faster: it may have gone after what it was told before."""
        with contextlib.suppress(ConnectionError):
            _loop.run(self._end(code))

    def drop(self):
        """Without a word."""
        _loop.run(self._drop())

    def begin(self, resumed=False, cursor=None):
        """What stands at the beginning of a connection."""
        self.send("ready", user_id=7, resumed=resumed, **({"cursor": cursor} if cursor else {}))
        if not resumed:
            self.send("reset")
            self.send("snapshot_end", cursor=cursor or "c0")
        return self


class FakeGateway:
    """calls: every request that came, in order. feeds: every live connection. say(): what is answered."""

    def __init__(self):
        self.changed = threading.Condition()
        self.calls, self.feeds = [], []
        self.answers = collections.defaultdict(collections.deque)  # (method, path): answers, the last of which stays
        self.refusals = collections.deque()  # of the next live connections
        self.silent = set()  # paths that get no answer at all
        self.bad_tokens = set()  # what comes with one of them gets 401
        self.port = free_port()
        self.writers = set()
        self.server = _loop.run(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        made = messages.api()
        self.say("POST", "/token/ticket", answer(made.Ticket(ticket="t.t", expires_at_ms=2 ** 42)))

    def say(self, method, path, *answers):
        """The answers to these requests, one after another; the last one also from then on."""
        self.answers[method, path] = collections.deque(answers)

    def refuse_next(self, *answers):
        self.refusals.extend(answers)

    def called(self, method, path):
        with self.changed:
            return [one for one in self.calls if (one.method, one.path) == (method, path)]

    def wait_call(self, method, path, times=1, timeout=PATIENCE):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.called(method, path)) >= times, timeout), \
                f"{method} {path} did not come {times} times: {[one[:2] for one in self.calls]}"
        return self.called(method, path)[times - 1]

    def wait_feed(self, number=1, timeout=PATIENCE):
        """The n-th live connection."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.feeds) >= number, timeout), \
                f"there is no {number}th live connection: {[one[:2] for one in self.calls]}"
            return self.feeds[number - 1]

    def close(self):
        async def close():
            self.server.close()
            for writer in list(self.writers):
                writer.transport.abort()

        _loop.run(close())

    # ---- connections ----

    async def _serve(self, reader, writer):
        self.writers.add(writer)
        try:
            begin = await reader.readexactly(3)
            await (self._http2 if begin == b"PRI" else self._http1)(begin, reader, writer)
        except (OSError, EOFError, ValueError, h2.exceptions.ProtocolError):
            pass
        finally:
            self.writers.discard(writer)
            writer.transport.abort()

    def _note(self, method, target, headers, body):
        parts = urllib.parse.urlsplit(target)
        request = Request(method, parts.path, dict(urllib.parse.parse_qsl(parts.query)), headers, body)
        with self.changed:
            self.calls.append(request)
            self.changed.notify_all()
        return request

    def _answer(self, request):
        """(status, headers, body), or None where a live connection is to begin."""
        if request.headers.get("authorization", "").removeprefix("Bearer ") in self.bad_tokens:
            return problem(401, 1100, "the token is revoked")
        if request.path in FEEDS:
            return self.refusals.popleft() if self.refusals else None
        said = self.answers.get((request.method, request.path))
        if not said:
            return problem(404, 1301, f"the test says nothing of {request.method} {request.path}")
        return said.popleft() if len(said) > 1 else said[0]

    def _begin(self, feed):
        with self.changed:
            self.feeds.append(feed)
            self.changed.notify_all()
        return feed

    # ---- HTTP/1.1 and WebSockets ----

    async def _http1(self, begin, reader, writer):
        while True:
            head = (begin + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            begin = b""
            method, target, _ = head[0].split()
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            request = self._note(method, target, headers, body)
            if request.path in self.silent:
                await reader.read()
                return
            said = self._answer(request)
            if said is not None:
                status, sent, data = said
                lines = [f"HTTP/1.1 {status} Said"] + [f"{name}: {value}" for name, value in sent.items()]
                writer.write("\r\n".join([*lines, f"content-length: {len(data)}", "", ""]).encode() + data)
                await writer.drain()
            elif "sec-websocket-key" in headers:
                return await self._websocket(request, reader, writer)
            else:
                return await self._chunked(request, reader, writer)

    async def _chunked(self, request, reader, writer):
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {messages.TYPE}\r\ntransfer-encoding: chunked\r\n\r\n".encode())

        async def send(message):
            data = messages.varint(len(message)) + message
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            await writer.drain()

        async def end(_):
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            writer.close()

        async def drop():
            writer.transport.abort()

        self._begin(FakeFeed(request, send, end, drop))
        await reader.read()

    async def _websocket(self, request, reader, writer):
        accept = base64.b64encode(hashlib.sha1((request.headers["sec-websocket-key"] + GUID).encode()).digest()).decode()
        writer.write("\r\n".join(["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "connection: upgrade",
                                  f"sec-websocket-accept: {accept}", "sec-websocket-protocol: freshet.v1.protobuf",
                                  "", ""]).encode())

        async def frame(opcode, data):
            length = bytes([len(data)]) if len(data) < 126 else struct.pack(">BH", 126, len(data))
            writer.write(bytes([0x80 | opcode]) + length + data)
            await writer.drain()

        async def drop():
            writer.transport.abort()

        async def end(code):
            nonlocal ending
            ending = True
            await frame(8, struct.pack(">H", code))

        ending = False
        feed = self._begin(FakeFeed(request, lambda message: frame(2, message), end, drop))
        while True:
            first, second = await reader.readexactly(2)
            length = second & 0x7F
            if length == 126:
                length, = struct.unpack(">H", await reader.readexactly(2))
            mask = await reader.readexactly(4)
            data = bytes(byte ^ mask[place % 4] for place, byte in enumerate(await reader.readexactly(length)))
            if first & 0x0F == 8:
                if not ending:
                    await frame(8, data[:2])
                return
            with self.changed:
                feed.heard.append(data)
                self.changed.notify_all()

    # ---- HTTP/2 ----

    async def _http2(self, begin, reader, writer):
        conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        conn.initiate_connection()
        heads, bodies = {}, collections.defaultdict(bytes)
        data = begin
        while True:
            for event in conn.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    heads[event.stream_id] = dict(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] += event.data
                    conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    self._http2_request(conn, writer, event.stream_id, heads.pop(event.stream_id),
                                        bodies.pop(event.stream_id, b""))
            writer.write(conn.data_to_send())
            await writer.drain()
            data = await reader.read(65536)
            if not data:
                return

    def _http2_request(self, conn, writer, number, headers, body):
        request = self._note(headers.pop(":method"), headers.pop(":path"), headers, body)
        if request.path in self.silent:
            return
        said = self._answer(request)
        if said is not None:
            status, sent, data = said
            conn.send_headers(number, [(":status", str(status)), *sent.items()], end_stream=not data)
            if data:
                conn.send_data(number, data, end_stream=True)
            return
        conn.send_headers(number, [(":status", "200"), ("content-type", messages.TYPE)])

        async def flush():
            writer.write(conn.data_to_send())
            await writer.drain()

        async def send(message):
            conn.send_data(number, messages.varint(len(message)) + message)
            await flush()

        async def end(_):
            conn.end_stream(number)
            await flush()

        async def drop():
            writer.transport.abort()

        self._begin(FakeFeed(request, send, end, drop))
