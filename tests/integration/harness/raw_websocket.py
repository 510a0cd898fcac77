"""A WebSocket client that can do wrong: bytes as the test says, frames as the server wrote them (RFC 6455)."""

import base64
import hashlib
import os
import socket
import ssl
import struct

from .waiting import PATIENCE

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN = 0x80


def header(first, length, form=None, masked=True):
    """Of a frame: `first` is the whole first byte; `form` forces a length in 0, 2 or 8 more bytes."""
    mask_bit = 0x80 if masked else 0
    if form is None:
        form = 0 if length < 126 else 2 if length < 65536 else 8
    if form == 0:
        return bytes([first, mask_bit | length])
    if form == 2:
        return bytes([first, mask_bit | 126]) + struct.pack(">H", length)
    return bytes([first, mask_bit | 127]) + struct.pack(">Q", length)


def mask(payload, key):
    if len(payload) > 4096:  # quickly
        repeated = key * (len(payload) // 4 + 1)
        return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated[:len(payload)], "big")).to_bytes(len(payload), "big")
    return bytes(byte ^ key[i & 3] for i, byte in enumerate(payload))


def frame(opcode, payload=b"", fin=True, reserved=0, form=None, key=b"\x37\xfa\x21\x3d"):
    """As a client writes it; without a key it is not masked."""
    first = (FIN if fin else 0) | reserved << 4 | opcode
    if key is None:
        return header(first, len(payload), form, masked=False) + payload
    return header(first, len(payload), form) + key + mask(payload, key)


def close(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


class RawWebSocket:
    """`path` is asked for with the headers of a proper handshake, but for `changes`: (name, value) replaces the header of
    that name, value None leaves it out; `more` are header lines behind them. `status`: of the answer."""

    def __init__(self, port, path="/post/feed/posted", token=None, changes=(), more=(), tls=False, receive_buffer=None,
                 method="GET", version="HTTP/1.1"):
        self.key = base64.b64encode(os.urandom(16)).decode()
        headers = {"Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade",
                   "Sec-WebSocket-Key": self.key, "Sec-WebSocket-Version": "13"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        headers.update(dict(changes))
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None] + list(more)
        opened = socket.socket()
        if receive_buffer is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        opened.settimeout(PATIENCE)
        opened.connect(("127.0.0.1", port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            opened = context.wrap_socket(opened)
        self.socket, self.buffer = opened, b""
        self.send((f"{method} {path} {version}\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.buffer:
            assert self._receive(), f"closed within the head: {self.buffer}"
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in rest)]

    def header(self, name):
        """Its values."""
        return [value for one, value in self.headers if one == name]

    def expected_accept(self):
        digest = hashlib.sha1((self.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        return base64.b64encode(digest).decode()

    def send(self, data, piece=None):
        """In writes of `piece` bytes, or one."""
        if piece is None:
            self.socket.sendall(data)
            return
        for at in range(0, len(data), piece):
            self.socket.sendall(data[at:at + piece])

    def _receive(self):
        try:
            data = self.socket.recv(1 << 16)
        except ssl.SSLEOFError:
            data = b""
        self.buffer += data
        return bool(data)

    def _take(self, count):
        if len(self.buffer) < count:  # many pieces are joined once
            pieces, have = [self.buffer], len(self.buffer)
            while have < count:
                try:
                    data = self.socket.recv(1 << 20)
                except ssl.SSLEOFError:
                    data = b""
                if not data:
                    raise EOFError(f"ended with {b''.join(pieces)[:200]}")
                pieces.append(data)
                have += len(data)
            self.buffer = b"".join(pieces)
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def read(self):
        """The next frame: (opcode, payload). The server's are whole, not masked, and in the shortest form."""
        first, length = self._take(2)
        assert first & FIN and not first & 0x70, f"first byte {first:#x}"
        assert not length & 0x80, "a server does not mask"
        size = length
        if length == 126:
            size = struct.unpack(">H", self._take(2))[0]
            assert size > 125, "shortest form"
        elif length == 127:
            size = struct.unpack(">Q", self._take(8))[0]
            assert size > 65535, "shortest form"
        return first & 0x0f, self._take(size)

    def read_all(self):
        """Frames up to the end of the connection."""
        frames = []
        while True:
            if not self.buffer and not self._receive():
                return frames
            frames.append(self.read())

    def read_to_close(self):
        """Frames up to the close frame."""
        frames = []
        while not frames or frames[-1][0] != CLOSE:
            frames.append(self.read())
        return frames

    def answer_close(self):
        """Sends a close frame, if the server still listens."""
        try:
            self.send(close(1000))
        except OSError:
            pass

    def end_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def drop(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()
