"""Clients that come and go at any moment: afterwards nothing of them is left, in no gauge and no list.

FRESHET_CHURN_SECONDS makes it longer: for a minute against a build with sanitizers, and to watch memory."""

import asyncio
import json
import os
import random
import signal
import socket
import ssl
import struct
import urllib.request

import pytest

from harness import eventually
from harness.http2 import END_HEADERS, END_STREAM, HEADERS, frame as h2_frame, request_block, rst_stream, settings
from harness.raw_websocket import PING, TEXT, close, frame

SECONDS = float(os.environ.get("FRESHET_CHURN_SECONDS") or 4)
SIDE_BY_SIDE = 60
USERS = 8
STREAM, SOCKET = "/post/feed/stream", "/post/feed/posted"

# What must be zero when nobody is connected.
GAUGES = ("freshet_connections", "freshet_live_subscribers", "freshet_live_queue_bytes", "freshet_live_attaching")


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return answer.read().decode()


def gauges(gateway):
    """The sum of each over its labels."""
    sums = {}
    for line in get(gateway.admin_port, "/metrics").splitlines():
        name, _, value = line.rpartition(" ")
        name = name.partition("{")[0]
        if name in GAUGES:
            sums[name] = sums.get(name, 0) + float(value)
    return sums


def post(port, path, token, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method="POST",
                                     data=None if body is None else json.dumps(body).encode(),
                                     headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"null")


class Crowd:
    def __init__(self, gateway, tokens, seed):
        self.gateway, self.tokens, self.random = gateway, tokens, random.Random(seed)
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
        self.h2_tls = ssl.create_default_context()
        self.h2_tls.check_hostname, self.h2_tls.verify_mode = False, ssl.CERT_NONE
        self.h2_tls.set_alpn_protocols(["h2"])
        self.done = {}
        self.opened = []  # transports, to the end

    def token(self):
        return self.random.choice(self.tokens)

    async def moment(self):
        """Of any length, often none."""
        await asyncio.sleep(self.random.choice((0, 0, 0.001, 0.01, 0.05, 0.3)) * self.random.random())

    async def open(self, h2=False):
        tls = self.random.random() < 0.15
        context = (self.h2_tls if h2 else self.tls) if tls else None
        port = self.gateway.tls_port if tls else self.gateway.port
        opened = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        self.opened.append(opened[1].transport)
        return opened

    async def leave(self, reader, writer):
        """In one of the ways in which clients do."""
        how = self.random.choice(("reset", "close", "half", "read"))
        if how == "reset":
            opened = writer.get_extra_info("socket")
            if opened is not None:  # else the server was quicker
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return
        if how == "half" and writer.can_write_eof():
            writer.write_eof()
            await self.moment()
        elif how == "read":
            try:
                await asyncio.wait_for(reader.read(65536), 0.2)
            except asyncio.TimeoutError:
                pass
        writer.close()

    def request(self, method, path, *more, token=True, body=b""):
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *more]
        if token:
            lines.append(f"Authorization: Bearer {self.token()}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    # ---- what they do ----

    async def socket_client(self, query="", token=True):
        reader, writer = await self.open()
        protocol = self.random.choice(([], ["Sec-WebSocket-Protocol: freshet.v1.json"],
                                       ["Sec-WebSocket-Protocol: freshet.v1.protobuf"]))
        sent = self.request("GET", SOCKET + query, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", *protocol, token=token)
        cut = self.random.randrange(1, len(sent)) if self.random.random() < 0.1 else len(sent)
        writer.write(sent[:cut])
        await self.moment()
        for _ in range(self.random.randrange(3)):
            auth = json.dumps({"type": "auth", "token": self.token()}).encode()
            writer.write(self.random.choice((frame(PING, b"x"), close(1000), frame(TEXT, auth), frame(TEXT, auth[:9], fin=False),
                                             b"\xff\xff\xff", frame(3))))
            await self.moment()
        await self.leave(reader, writer)

    async def ticket_client(self):
        reader, writer = await self.open()
        writer.write(self.request("POST", "/token/ticket", "Content-Length: 0"))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(length)
        writer.close()
        if head.startswith(b"HTTP/1.1 200 "):
            await self.socket_client("?ticket=" + json.loads(body)["ticket"], token=False)

    async def stream_client(self):
        reader, writer = await self.open()
        accept = self.random.choice(("text/event-stream", "application/x-protobuf"))
        writer.write(self.request("GET", STREAM, f"Accept: {accept}"))
        await self.moment()
        await self.leave(reader, writer)

    async def h2_client(self):
        reader, writer = await self.open(h2=True)
        window = self.random.choice((65535, 65535, 100, 0))
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings((4, window)))
        opened = []
        for _ in range(self.random.randrange(1, 20)):
            number = 2 * len(opened) + 1
            opened.append(number)
            path = self.random.choice((STREAM, STREAM, "/post/feed", "/post/get/1"))
            headers = [("authorization", f"Bearer {self.token()}"), ("accept", "text/event-stream, */*;q=0.1")]
            writer.write(h2_frame(HEADERS, END_HEADERS | END_STREAM, number, request_block("GET", path, headers)))
            if self.random.random() < 0.5:
                await self.moment()
            if self.random.random() < 0.5:
                writer.write(rst_stream(self.random.choice(opened)))
        await self.moment()
        await self.leave(reader, writer)

    async def call_client(self):
        reader, writer = await self.open()
        for _ in range(self.random.randrange(1, 4)):
            login = json.dumps({"id": "1", "password": "x" * 9}).encode()
            text = json.dumps({"text": "x" * self.random.randrange(1, 2000)}).encode()
            writer.write(self.random.choice((
                self.request("GET", "/post/feed"), self.request("GET", "/user/search?first_name=U&last_name=1"),
                self.request("POST", "/login", token=False, body=login), self.request("POST", "/post/create", body=text),
                self.request("HEAD", STREAM), self.request("GET", "/nowhere"), self.request("POST", "/post/create", body=b"{"),
                self.request("GET", "/" + "x" * 9000))))
            await self.moment()
        await self.leave(reader, writer)

    async def logout_client(self):
        """A token of its own dies under its connections."""
        token = await asyncio.to_thread(lambda: post(self.gateway.port, "/token/refresh", self.token())["token"])
        one = await self.open()
        one[1].write(f"GET {STREAM}?token={token} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await self.moment()
        await asyncio.to_thread(post, self.gateway.port, "/logout", token)
        await self.leave(*one)

    async def operator(self):
        await asyncio.to_thread(get, self.gateway.admin_port, "/debug/connections")

    # ---- all of them ----

    async def one_after_the_other(self, until):
        kinds = ((self.socket_client, 8), (self.ticket_client, 2), (self.stream_client, 4), (self.h2_client, 4),
                 (self.call_client, 4), (self.logout_client, 0.5), (self.operator, 0.2))
        while asyncio.get_running_loop().time() < until:
            kind, = self.random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])
            try:
                await kind()
            except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
                pass  # cut by the server, which may do so
            self.done[kind.__name__] = self.done.get(kind.__name__, 0) + 1

    def churn(self, seconds):
        async def run():
            until = asyncio.get_running_loop().time() + seconds
            await asyncio.gather(*(self.one_after_the_other(until) for _ in range(SIDE_BY_SIDE)))
            await self.abandon()

        asyncio.run(run())

    async def abandon(self):
        """What was closed here and has not been written yet goes too."""
        while self.opened:
            transport = self.opened.pop()
            try:
                transport.abort()
            except AttributeError:
                pass  # one of TLS that has ended (python 3.11)
        await asyncio.sleep(0.1)  # a loop closes sockets in its next round


@pytest.fixture(scope="module")
def churned():
    from harness import Stack

    # Streams of HTTP/1 notice by their heartbeats that nobody reads them.
    stack = Stack(gateway_settings={"fault": "short-stream-times"}, connections_per_user=12, connection_queue=65536,
                  connection_queue_soft=16384, slow_client_time="1s", password_workers=1, password_queue=8)
    users = stack.make_users(USERS)
    stack.make_follows((follower, followed) for follower in users for followed in users if follower != followed)
    crowd = Crowd(stack.gateway, [stack.mint(user) for user in users], seed=4)
    yield stack, crowd
    stack.discard()


def test_nothing_is_left_of_whoever_came_and_went(churned):
    stack, crowd = churned
    crowd.churn(SECONDS)
    assert set(crowd.done) >= {"socket_client", "stream_client", "h2_client", "call_client"}, crowd.done

    def nothing_left():
        left = {name: value for name, value in gauges(stack.gateway).items() if value != 0}
        assert not left, (left, crowd.done)
        return True

    eventually(nothing_left)
    seen = json.loads(get(stack.gateway.admin_port, "/debug/connections"))
    assert (seen["connections"], seen["live"], seen["live_connections"]) == (0, 0, []), seen
    # The user's limit knows that they are gone.
    sockets = [stack.connect(crowd.tokens[0], subprotocols=["freshet.v1.json"]) for _ in range(12)]
    for opened in sockets:
        opened.wait_for(lambda all_: [one for one in all_ if one["type"] == "snapshot_end"])
    stack.close_clients()


def test_a_stop_in_the_middle_of_it(churned):
    """The last of this file: the gateway is gone afterwards."""
    stack, crowd = churned

    async def run():
        until = asyncio.get_running_loop().time() + 2
        clients = [asyncio.create_task(crowd.one_after_the_other(until)) for _ in range(SIDE_BY_SIDE)]
        await asyncio.sleep(1)
        stack.gateway.signal(signal.SIGTERM)
        await asyncio.gather(*clients, return_exceptions=True)
        await crowd.abandon()

    asyncio.run(run())
    assert stack.gateway.child.wait(60) == 0, stack.gateway.tail()
    stack.close()
