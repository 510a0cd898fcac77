"""HTTP/2 by hand, for clients that no library would be: every frame is what the test says (RFC 9113, RFC 7541)."""

import collections
import json
import socket
import ssl
import struct

from .waiting import PATIENCE

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
INITIAL_WINDOW_SIZE = 0x4
NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 0, 1, 7, 8, 11

_STATUS_BY_INDEX = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}


class Frame(collections.namedtuple("Frame", "kind flags stream payload")):
    def __repr__(self):
        return f"Frame({self.kind} flags={self.flags:#x} stream={self.stream} {self.payload[:40]!r}…{len(self.payload)})"

    @property
    def error(self):
        """Of RST_STREAM and GOAWAY."""
        return struct.unpack(">I", self.payload[:4] if self.kind == RST_STREAM else self.payload[4:8])[0]


class Answer:
    def __init__(self, status):
        self.status, self.data, self.ended, self.reset = status, b"", False, None

    @property
    def json(self):
        return json.loads(self.data)

    def __repr__(self):
        return f"Answer({self.status}, ended={self.ended}, reset={self.reset}, {self.data[:200]!r})"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _number(value, bits):
    """An integer with a prefix of so many bits (RFC 7541 section 5.1), the bits before it zero."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    out, value = bytearray([most]), value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out) + bytes([value])


def literal(name, value):
    """A header field in full, not indexed, without Huffman codes."""
    name, value = name.encode(), value.encode()
    return b"\0" + _number(len(name), 7) + name + _number(len(value), 7) + value


def request_block(method, path, headers=(), authority="test"):
    fields = [(":method", method), (":scheme", "http"), (":path", path), (":authority", authority), *headers]
    return b"".join(literal(name, value) for name, value in fields)


def settings(*pairs):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *pair) for pair in pairs))


def rst_stream(stream, error=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", error))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


class Http2Client:
    """A connection on which both sides sent their preface. `answers`: by stream, as far as they were read; `goaway`: the frame."""

    def __init__(self, port, tls=False, settings_pairs=(), timeout=PATIENCE, receive_buffer=None):
        self.socket = socket.socket()
        self.socket.settimeout(timeout)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
            self.socket = context.wrap_socket(self.socket)
        self.buffer, self.answers = b"", {}
        self.goaway, self.closed = None, False
        self.next_stream = 1
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings(*settings_pairs))
        # From here on the server can say farewell in HTTP/2.
        first = self.read()
        assert first is not None and first.kind == SETTINGS, first

    def send(self, data):
        """False when the server is gone."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def request(self, method="GET", path="/post/get/1", headers=(), end_stream=True):
        """Opens a stream; its number."""
        stream, data = self.request_frames(method, path, headers, end_stream)
        self.send(data)
        return stream

    def request_frames(self, method="GET", path="/post/get/1", headers=(), end_stream=True):
        stream = self.next_stream
        self.next_stream += 2
        flags = END_HEADERS | (END_STREAM if end_stream else 0)
        return stream, frame(HEADERS, flags, stream, request_block(method, path, headers))

    def data(self, stream, payload, end_stream=False):
        return self.send(frame(DATA, END_STREAM if end_stream else 0, stream, payload))

    # ---- what comes ----

    def read(self):
        """The next frame, or None at the end."""
        while True:
            if len(self.buffer) >= 9:
                length = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) >= 9 + length:
                    got = Frame(self.buffer[3], self.buffer[4], int.from_bytes(self.buffer[5:9], "big"),
                                self.buffer[9:9 + length])
                    self.buffer = self.buffer[9 + length:]
                    self._take(got)
                    return got
            try:
                piece = self.socket.recv(65536)
            except ConnectionError:
                piece = b""
            if not piece:
                self.closed = True
                return None
            self.buffer += piece

    def _take(self, got):
        if got.kind == HEADERS and got.stream not in self.answers:
            self.answers[got.stream] = Answer(_status_of(got.payload))
        answer = self.answers.get(got.stream)
        if got.kind == DATA:
            if answer is not None:
                answer.data += got.payload
            if got.payload:
                self.send(window_update(0, len(got.payload)))
                if not got.flags & END_STREAM:
                    self.send(window_update(got.stream, len(got.payload)))
        if got.kind in (DATA, HEADERS) and got.flags & END_STREAM and answer is not None:
            answer.ended = True
        if got.kind == RST_STREAM:
            self.answers.setdefault(got.stream, Answer(None)).reset = got.error
        if got.kind == GOAWAY:
            self.goaway = got

    def until(self, condition, what="what was waited for"):
        """Reads until the condition, a function without arguments, is true."""
        while not condition():
            assert self.read() is not None, f"closed before {what}; goaway {self.goaway}, answers {self.answers}"

    def answer(self, stream):
        """The whole answer of a stream, or its reset."""
        def there():
            answer = self.answers.get(stream)
            return answer is not None and (answer.ended or answer.reset is not None)

        self.until(there, f"the answer of stream {stream}")
        return self.answers[stream]

    def get(self, path, headers=()):
        return self.answer(self.request("GET", path, headers))

    def drain(self):
        """Reads to the end."""
        while self.read() is not None:
            pass
        return self

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _status_of(block):
    """The first field of an answer is :status."""
    at = 0
    while block[at] & 0xe0 == 0x20:  # the table's size changes
        at += 1
    if block[at] & 0x80:
        return _STATUS_BY_INDEX[block[at] & 0x7f]
    assert block[at] & 0x0f == 8 and block[at + 1] == 3, block[:16]
    return int(block[at + 2:at + 5])
