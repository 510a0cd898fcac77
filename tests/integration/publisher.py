"""Plays the materializer towards the gateways: events, encoded as in proto/freshet/v1/event.proto, on their subjects."""

import json
import socket
import time
import urllib.parse

POST, EDIT, DELETE, FOLLOW, UNFOLLOW, CELEBRITY, ORDINARY, ACCOUNT = range(1, 9)
STREAMS = 64
EPOCH_MS = 1735689600000


def feed_partition(user):
    value = 2166136261
    for byte in str(user).encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value % STREAMS


def _varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(kind, author, post=0, text="", follower=0):
    data = b"\x08" + _varint(kind)
    if post:
        data += b"\x10" + _varint(post)
    data += b"\x18" + _varint(author)
    if text:
        data += b"\x22" + _varint(len(text.encode())) + text.encode()
    if post:
        data += b"\x28" + _varint(1) + b"\x30" + _varint(int(time.time() * 1000))
    if follower:
        data += b"\x50" + _varint(follower)
    return data


class Publisher:
    """A connection of its own, in the protocol's plain text. Each publish waits for the stream's ack."""

    def __init__(self, url):
        self.url = url
        self.socket = self.input = None
        self.serial = int(time.time() * 1000 - EPOCH_MS) << 22
        self.open()

    def open(self):
        parts = urllib.parse.urlsplit(self.url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=20)
        self.input = self.socket.makefile("rb")
        self.input.readline()  # INFO
        user, password = urllib.parse.unquote(parts.username or ""), urllib.parse.unquote(parts.password or "")
        self.socket.sendall(b'CONNECT {"verbose":false,"pedantic":false,"user":"%s","pass":"%s","headers":true,'
                            b'"no_responders":true}\r\nSUB test.inbox 1\r\nPING\r\n'
                            % (user.encode(), password.encode()))
        assert self.line() == b"PONG"

    def close(self):
        self.socket.close()

    def line(self):
        while True:
            line = self.input.readline().strip()
            if line != b"PING":
                return line
            self.socket.sendall(b"PONG\r\n")

    def request(self, subject, data=b""):
        """The answer, decoded from JSON; None when nobody answers to the subject."""
        self.socket.sendall(b"PUB %s test.inbox %d\r\n%s\r\n" % (subject.encode(), len(data), data))
        words = self.line().split()
        if words[0] == b"HMSG":
            self.input.read(int(words[-1]) + 2)
            return None
        assert words[0] == b"MSG", words
        return json.loads(self.input.read(int(words[-1]) + 2)[:-2])

    def publish(self, subject, data):
        answer = self.request(subject, data)
        assert answer and "error" not in answer, f"{subject}: {answer}"

    # ---- events ----

    def new_post(self):
        """An id, above all those before."""
        self.serial += 1
        return self.serial

    def celeb(self, author, kind, **fields):
        self.publish(f"celeb.{author}", encode(kind, author, **fields))

    def celeb_post(self, author, text="text", post=None):
        """A new post; its id as clients see it."""
        post = post or self.new_post()
        self.celeb(author, POST, post=post, text=text)
        return str(post)

    def feed(self, user, author, kind, **fields):
        self.publish(f"feed.{feed_partition(user)}.{user}", encode(kind, author, **fields))

    def feed_post(self, user, author, text="text", post=None):
        post = post or self.new_post()
        self.feed(user, author, POST, post=post, text=text)
        return str(post)

    # ---- the streams ----

    def consumers(self, user):
        """How many the user's stream has."""
        return self.request(f"$JS.API.STREAM.INFO.FEED_{feed_partition(user):02d}")["state"]["consumer_count"]

    def delete_stream(self, name):
        assert self.request(f"$JS.API.STREAM.DELETE.{name}")["success"]

    def purge_stream(self, name):
        assert self.request(f"$JS.API.STREAM.PURGE.{name}")["success"]
