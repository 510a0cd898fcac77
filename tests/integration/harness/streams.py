"""Clients of GET /post/feed/stream: over HTTP/1.1 by hand, over HTTP/2 with python3-h2. One thread for each connection."""

import json
import socket
import ssl
import threading
import time
import urllib.parse

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from .waiting import PATIENCE

ENVELOPE_TYPES = {1: "ready", 2: "post", 3: "edit", 4: "delete", 5: "reset", 6: "snapshot_end", 7: "bye"}
ENVELOPE_FIELDS = {2: "cursor", 3: "id", 4: "text", 5: "author_user_id", 6: "created_at_ms", 7: "edited_at_ms",
                   8: "snapshot", 9: "resumed", 10: "user_id", 11: "code", 12: "reason", 13: "reconnect_after_ms"}


class SseParser:
    """Section 9.2.6 of the HTML standard, to the letter. Events are dicts: event, id (the last one seen), data."""

    def __init__(self):
        self.rest = b""
        self.data, self.type, self.last_id = [], "", ""
        self.retry, self.comments, self.events = None, 0, []

    def feed(self, data):
        self.rest += data
        *lines, self.rest = self.rest.split(b"\n")
        for line in lines:
            assert not line.endswith(b"\r")
            self._line(line.decode("utf-8"))

    def _line(self, line):
        if line == "":
            if self.data:
                self.events.append({"event": self.type or "message", "id": self.last_id,
                                    "data": json.loads("\n".join(self.data))})
            self.data, self.type = [], ""
        elif line.startswith(":"):
            self.comments += 1
        else:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                self.type = value
            elif name == "data":
                self.data.append(value)
            elif name == "id":
                self.last_id = value
            elif name == "retry":
                self.retry = int(value)
            else:
                raise AssertionError(f"an unknown field: {line!r}")


class DelimitedParser:
    """Envelopes, each behind its length as a varint. Events look like the other parser's."""

    def __init__(self):
        self.rest = b""
        self.comments, self.events, self.last_id = 0, [], ""

    def feed(self, data):
        self.rest += data
        while True:
            found = _varint(self.rest, 0)
            if found is None or len(self.rest) < found[1] + found[0]:
                return
            length, start = found
            message, self.rest = self.rest[start:start + length], self.rest[start + length:]
            if length == 0:
                self.comments += 1
                continue
            envelope = decode_envelope(message)
            self.last_id = envelope.get("cursor", self.last_id)
            self.events.append({"event": envelope["type"], "id": self.last_id, "data": envelope})


def _varint(data, at):
    """(value, where the next byte is), or None if it is not complete."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            return None
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise AssertionError("a varint of more than ten bytes")


def decode_envelope(message):
    """As a dict with the names of the JSON form; numbers stay numbers."""
    envelope, at = {}, 0
    while at < len(message):
        key, at = _varint(message, at)
        value, at = _varint(message, at)
        if key & 7 == 2:
            value, at = message[at:at + value].decode("utf-8"), at + value
        if key >> 3 == 1:
            envelope["type"] = ENVELOPE_TYPES[value]
        elif key >> 3 in (8, 9):
            envelope[ENVELOPE_FIELDS[key >> 3]] = bool(value)
        else:
            envelope[ENVELOPE_FIELDS[key >> 3]] = value
    return envelope


class EventStream:
    """What comes on one stream; see events, comments, ended. The carrier calls started(), feed(), finish()."""

    def __init__(self):
        self.changed = threading.Condition()
        self.status, self.headers = None, {}
        self.parser, self.body = None, b""
        self.ended = False
        self.error = None  # an HTTP/2 error code, or an exception of the socket

    # ---- the carrier's side ----

    def started(self, status, headers):
        with self.changed:
            self.status, self.headers = status, headers
            kind = headers.get("content-type", "")
            if status == 200:
                self.parser = SseParser() if kind == "text/event-stream" else DelimitedParser()
            self.changed.notify_all()

    def feed(self, data):
        with self.changed:
            self.body += data
            if self.parser is not None:
                self.parser.feed(data)
            self.changed.notify_all()

    def finish(self, error=None):
        with self.changed:
            self.ended, self.error = True, self.error or error
            self.changed.notify_all()

    # ---- the test's side ----

    @property
    def events(self):
        with self.changed:
            return list(self.parser.events)

    @property
    def posts(self):
        """Ids of new posts, without those of a snapshot."""
        return [str(one["data"]["id"]) for one in self.events if one["event"] == "post" and not one["data"].get("snapshot")]

    @property
    def cursor(self):
        """From which to resume."""
        with self.changed:
            return self.parser.last_id

    @property
    def comments(self):
        with self.changed:
            return self.parser.comments

    @property
    def problem(self):
        """What was answered instead of a stream."""
        self.wait_ended()
        return json.loads(self.body)

    def wait(self, predicate, timeout=PATIENCE, what="what was waited for"):
        """Until predicate(self) is true; returns it."""
        end = time.monotonic() + timeout
        while True:
            with self.changed:
                result = predicate(self)
                if result:
                    return result
                left = end - time.monotonic()
                if self.ended or left <= 0:
                    seen = self.parser.events if self.parser is not None else self.body
                    raise AssertionError(f"{what} did not come ({'ended' if self.ended else 'open'}, {self.error}): {seen}")
                self.changed.wait(left)

    def wait_open(self):
        self.wait(lambda _: self.status is not None, what="the head")
        assert self.status == 200, f"{self.status} {self.body}"
        return self

    def wait_event(self, name, timeout=PATIENCE):
        """The first event of that name."""
        return self.wait(lambda _: next((one for one in self.parser.events if one["event"] == name), None), timeout,
                         f"the event {name}")

    def wait_post(self, post, timeout=PATIENCE):
        return self.wait(lambda _: next((one for one in self.parser.events
                                         if one["event"] == "post" and str(one["data"]["id"]) == post), None), timeout,
                         f"the post {post}")

    def wait_ended(self, timeout=PATIENCE):
        with self.changed:
            assert self.changed.wait_for(lambda: self.ended, timeout), f"still open after {timeout} s: {self.body[-300:]}"


def _path(query, path="/post/feed/stream"):
    return path + (f"?{urllib.parse.urlencode(query)}" if query else "")


def _tls(protocol):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    return context


def _headers(token, accept, headers):
    sent = dict(headers or {})
    if token is not None:
        sent["authorization"] = f"Bearer {token}"
    if accept is not None:
        sent["accept"] = accept
    return sent


class Http1Stream(EventStream):
    """A stream with a connection of its own, in HTTP/1.1 (or what `version` says). `read`: False leaves everything
    that comes unread."""

    def __init__(self, port, token=None, accept="text/event-stream", query=None, headers=None, tls=False, read=True,
                 version="1.1", method="GET", receive_buffer=None):
        super().__init__()
        self.version, self.method = version, method
        self.chunks = 0
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        if tls:
            self.socket = _tls("http/1.1").wrap_socket(self.socket)
        lines = [f"{method} {_path(query)} HTTP/{version}", "host: here"]
        lines += [f"{name}: {value}" for name, value in _headers(token, accept, headers).items()]
        self.socket.sendall("\r\n".join(lines + ["", ""]).encode())
        if read:
            self.start()

    def start(self):
        threading.Thread(target=self._run, name="stream", daemon=True).start()

    def _run(self):
        try:
            with self.socket.makefile("rb") as file:
                self._read(file)
            self.finish()
        except (OSError, ValueError) as error:
            self.finish(error)

    def _read(self, file):
        status = int(file.readline().split()[1])
        headers = {}
        for line in iter(file.readline, b"\r\n"):
            name, value = line.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        self.started(status, headers)
        if self.method == "HEAD":
            return
        if headers.get("transfer-encoding") == "chunked":
            while True:
                length = int(file.readline(), 16)
                data = file.read(length)
                assert file.readline() == b"\r\n"
                if length == 0:
                    return
                self.chunks += 1
                self.feed(data)
        elif "content-length" in headers:
            self.feed(file.read(int(headers["content-length"])))
        else:
            for data in iter(lambda: file.read1(65536), b""):
                self.feed(data)

    def drop(self):
        """Goes away without a word."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class Http2Stream(EventStream):
    def __init__(self, connection, number, reads):
        super().__init__()
        self.connection, self.number, self.reads = connection, number, reads

    def reset(self):
        self.connection.do(lambda conn: conn.reset_stream(self.number, h2.errors.ErrorCodes.CANCEL))

    def widen(self):
        """A window that no test fills."""
        self.connection.do(lambda conn: conn.increment_flow_control_window(1 << 30, self.number))

    def open_window(self):
        """Takes what was held back, and everything from now on."""
        self.reads = True
        self.widen()


class Http2Connection:
    """One connection with many streams."""

    def __init__(self, port, tls=False):
        self.socket = socket.create_connection(("127.0.0.1", port))
        if tls:
            self.socket = _tls("h2").wrap_socket(self.socket)
            assert self.socket.selected_alpn_protocol() == "h2"
        self.lock = threading.RLock()
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.streams, self.rest = {}, b""
        self.reading = threading.Event()  # cleared: nothing is taken from the socket
        self.reading.set()
        self.closed = threading.Event()
        self.goaway = threading.Event()
        self.do(lambda conn: (conn.initiate_connection(), conn.increment_flow_control_window(1 << 30)))
        threading.Thread(target=self._run, name="http2", daemon=True).start()

    def do(self, action):
        with self.lock:
            action(self.h2)
            self.socket.sendall(self.h2.data_to_send())

    def open(self, token=None, accept="text/event-stream", query=None, headers=None, reads=True, method="GET"):
        """`reads`: False leaves the stream's window as it is, 64 KiB, until it is full."""
        with self.lock:
            number = self.h2.get_next_available_stream_id()
            stream = self.streams[number] = Http2Stream(self, number, reads)
            sent = [(":method", method), (":path", _path(query)), (":scheme", "http"), (":authority", "here")]
            sent += list(_headers(token, accept, headers).items())
            self.do(lambda conn: conn.send_headers(number, sent, end_stream=True))
        return stream

    def _run(self):
        error = None
        try:
            while self.reading.wait() and (data := self.socket.recv(65536)):
                with self.lock:
                    for event in self.h2.receive_data(self._without_goaway(data)):
                        self._take(event)
                    self.socket.sendall(self.h2.data_to_send())
        except (OSError, ValueError) as problem:
            error = problem
        for stream in list(self.streams.values()):
            if not stream.ended:
                stream.finish(error or EOFError("the connection was closed"))
        self.closed.set()

    def _without_goaway(self, data):
        """Whole frames, but for GOAWAY: python3-h2 takes it for the end, while streams that are open go on (RFC 9113
        section 6.8)."""
        self.rest += data
        frames = b""
        while len(self.rest) >= 9 and len(self.rest) >= 9 + int.from_bytes(self.rest[:3], "big"):
            length = 9 + int.from_bytes(self.rest[:3], "big")
            if self.rest[3] == 7:
                self.goaway.set()
            else:
                frames += self.rest[:length]
            self.rest = self.rest[length:]
        return frames

    def _take(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ResponseReceived):
            headers = dict(event.headers)
            stream.started(int(headers.pop(":status")), headers)
        elif isinstance(event, h2.events.DataReceived):
            if stream.reads and event.flow_controlled_length > 0:
                try:
                    self.h2.increment_flow_control_window(event.flow_controlled_length, stream.number)
                except h2.exceptions.StreamClosedError:
                    pass  # its end came with the data
            stream.feed(event.data)
        elif isinstance(event, h2.events.StreamEnded):
            stream.finish()
        elif isinstance(event, h2.events.StreamReset):
            stream.finish(h2.errors.ErrorCodes(event.error_code))

    def drop(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
