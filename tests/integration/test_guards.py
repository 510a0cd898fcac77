"""Hostile and broken clients: each attack fails, and others on the same gateway are served meanwhile."""

import contextlib
import http.client
import json
import re
import socket
import ssl
import subprocess
import threading

import pytest

from harness import BIN, Http2Client, RawWebSocket, Stack, eventually
from harness import http2
from harness.http2 import frame, rst_stream, settings, window_update
from harness.waiting import PATIENCE

REQUEST_TIMEOUT, IDLE_TIMEOUT = 1.5, 3.0  # s, of the gateway `quick`


class Guarded:
    """Gateways of one system: `plain` as operators run it but for rate limits, `quick` with short times, `numb` with few
    connections, `strict` with low rates and `door` with few wrong passwords, both behind a trusted proxy on 127.0.0.1."""

    def __init__(self):
        self.stack = Stack(gateways=0, start=False)
        self.plain = self.stack.add_gateway(threads=1)
        self.quick = self.stack.add_gateway(threads=1, request_timeout=f"{int(REQUEST_TIMEOUT * 1000)}ms",
                                            idle_timeout=f"{int(IDLE_TIMEOUT * 1000)}ms")
        self.strict = self.stack.add_gateway(
            threads=2, rate_limits="on", rate_user=1, rate_user_burst=5, rate_address=50, rate_address_burst=200,
            trusted_proxies="127.0.0.1")
        self.door = self.stack.add_gateway(
            threads=2, rate_limits="on", login_failures=3, login_failures_address=12, login_window="1h",
            trusted_proxies="127.0.0.1", request_timeout="10m")
        self.numb = self.stack.add_gateway(threads=1, connections_max=30, connections_per_address=10)
        for process in self.stack.processes:
            process.start(wait=False)
        for process in self.stack.processes:
            process.wait_ready()
        self.user, = self.stack.make_users(1)


@pytest.fixture(scope="module")
def guarded():
    made = Guarded()
    yield made
    made.stack.close()


def call(port, method="GET", path="/user/get/1", body=None, headers=None, source=None):
    """Status, headers, body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE,
                                            source_address=(source, 0) if source else None)
    try:
        sent = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class Bystander:
    """Asks for the same thing on and on, on one connection of each protocol, and must always get it."""

    def __init__(self, gateway, path):
        self.gateway, self.path = gateway, path
        self.served, self.problems, self.over = 0, [], threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            h2 = Http2Client(self.gateway.port)
            h1 = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=PATIENCE)
            while not self.over.is_set():
                h1.request("GET", self.path)
                answer = h1.getresponse()
                answer.read()
                other = h2.get(self.path)
                if answer.status != 200 or other.status != 200:
                    self.problems.append((answer.status, other))
                self.served += 1
            h1.close()
            h2.close()
        except Exception as problem:  # pylint: disable=broad-except
            self.problems.append(problem)

    def more(self, count=5):
        """Waits until it was served so many times more."""
        before = self.served
        eventually(lambda: self.served >= before + count or self.problems, what="others are served")
        assert not self.problems


@contextlib.contextmanager
def others_served(gateway, user):
    bystander = Bystander(gateway, f"/user/get/{user}")
    bystander.thread.start()
    try:
        bystander.more()
        yield bystander
        bystander.more()
    finally:
        bystander.over.set()
        bystander.thread.join()
    assert not bystander.problems, bystander.problems


def counted(gateway, name, reason=None):
    return gateway.metrics().get(name if reason is None else f'{name}{{reason="{reason}"}}', 0)


@contextlib.contextmanager
def counts(gateway, name, reason, at_least=1):
    before = counted(gateway, name, reason)
    yield
    eventually(lambda: counted(gateway, name, reason) >= before + at_least, what=f"{name} {reason} is counted")


CUTS = ("resets", "control_frames", "headers", "backlog", "slow_request", "slow_reader", "idle")


@contextlib.contextmanager
def cut(gateway, reason):
    """For this reason, and for no other but that connections of tests before may be idle by now."""
    name = "freshet_connections_cut_total"
    others = [other for other in CUTS if other not in (reason, "idle")]
    before = [counted(gateway, name, other) for other in others]
    with counts(gateway, name, reason):
        yield
    assert [counted(gateway, name, other) for other in others] == before, f"not {reason} alone: {others}"


@contextlib.contextmanager
def limited(gateway, reason):
    """So that the reason, or None, is counted for a request, and no other is."""
    name = 'freshet_requests_limited_total{reason="'
    before = {key: value for key, value in gateway.metrics().items() if key.startswith(name)}
    yield

    def news():
        after = {key: value for key, value in gateway.metrics().items() if key.startswith(name)}
        return {key.removeprefix(name).removesuffix('"}') for key in after if after[key] > before.get(key, 0)}

    eventually(lambda: news() == ({reason} if reason else set()), what=f"limited {reason} alone is counted: {news()}")


def resident_kb(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


@contextlib.contextmanager
def memory_bounded(process, kilobytes):
    """The process does not grow by more; loosely, because what was used once is kept for later."""
    before = resident_kb(process)
    yield
    # AddressSanitizer keeps 256 MB of what was freed.
    bound = kilobytes * 2 + 300000 if "san" in str(BIN) else kilobytes
    grown = resident_kb(process) - before
    assert grown < bound, f"{process.name} grew by {grown} kB"


def assert_calm_down(client):
    """The connection was ended by the server, for this reason."""
    client.drain()
    assert client.goaway is not None and client.goaway.error == http2.ENHANCE_YOUR_CALM, client.goaway


# ---- HTTP/2: resets ----

@pytest.mark.parametrize("tls", [False, True], ids=["h2c", "tls"])
def test_rapid_reset(guarded, tls):
    gateway = guarded.plain
    statements = counted(gateway, "freshet_store_statements_total")
    with others_served(gateway, guarded.user) as bystander:
        before = bystander.served
        with cut(gateway, "resets"), memory_bounded(gateway, 20000):
            client = Http2Client(gateway.tls_port if tls else gateway.port, tls=tls)
            for _ in range(20):
                flood = b""
                for _ in range(500):
                    stream, request = client.request_frames("GET", f"/user/get/{guarded.user}")
                    flood += request + rst_stream(stream)
                if not client.send(flood):
                    break
            assert_calm_down(client)
        bystander.more()
        others = 2 * (bystander.served - before) + 20
    asked = counted(gateway, "freshet_store_statements_total") - statements
    assert asked < others + 300, f"{asked} statements, of which some {others} for others: 10,000 requests were cancelled"


def test_request_cancelled_in_the_same_read_costs_no_statement(guarded):
    gateway = guarded.plain
    with Http2Client(gateway.port) as client:
        assert client.get(f"/user/get/{guarded.user}").status == 200
        before = counted(gateway, "freshet_store_statements_total")
        reset_before = counted(gateway, "freshet_requests_reset_total")
        flood = b""
        for _ in range(100):
            stream, request = client.request_frames("GET", f"/user/get/{guarded.user}")
            flood += request + rst_stream(stream)
        client.send(flood)
        eventually(lambda: counted(gateway, "freshet_requests_reset_total") == reset_before + 100)
        assert client.get(f"/user/get/{guarded.user}").status == 200
        assert counted(gateway, "freshet_store_statements_total") - before <= 10, "the last one's, and those of the clock"


def test_cancelling_now_and_then_is_fine(guarded):
    with Http2Client(guarded.plain.port) as client:
        for _ in range(150):
            stream, request = client.request_frames("GET", f"/user/get/{guarded.user}")
            client.send(request + rst_stream(stream))
            assert client.get(f"/user/get/{guarded.user}").status == 200
        assert client.goaway is None


def test_reset_by_window_updates_of_nothing(guarded):
    """The client makes the server reset its own streams, over and over."""
    gateway = guarded.plain
    with others_served(gateway, guarded.user), cut(gateway, "resets"):
        client = Http2Client(gateway.port)
        for _ in range(20):
            flood = b""
            for _ in range(50):
                stream, request = client.request_frames("GET", f"/user/get/{guarded.user}")
                flood += request + window_update(stream, 0)
            if not client.send(flood):
                break
        assert_calm_down(client)


def test_reset_by_window_overflow(guarded):
    """The same by another mistake, which only h2o notices."""
    gateway = guarded.plain
    with others_served(gateway, guarded.user), cut(gateway, "resets"):
        client = Http2Client(gateway.port)
        for _ in range(40):
            flood = b""
            for _ in range(50):
                stream, request = client.request_frames("GET", f"/user/get/{guarded.user}")
                flood += request + window_update(stream, 0x7fffffff)
            if not client.send(flood):
                break
        assert_calm_down(client)


def test_streams_that_are_refused_unread(guarded):
    """Requests without a path never reach a handler; each is answered by a reset."""
    gateway = guarded.plain
    with others_served(gateway, guarded.user), cut(gateway, "resets"):
        client = Http2Client(gateway.port)
        block = http2.literal(":method", "GET")
        for number in range(100):
            flood = b"".join(frame(http2.HEADERS, http2.END_HEADERS | http2.END_STREAM, 2 * stream + 1, block)
                             for stream in range(number * 50, number * 50 + 50))
            if not client.send(flood):
                break
        assert_calm_down(client)


# ---- HTTP/2: frames that are no requests ----

@pytest.mark.parametrize("comment, piece", [
    ("pings", frame(http2.PING, payload=b"8 bytes!")),
    ("settings", settings((http2.INITIAL_WINDOW_SIZE, 65535))),
    ("settings that change all windows", settings((http2.INITIAL_WINDOW_SIZE, 1)) + settings((http2.INITIAL_WINDOW_SIZE, 2))),
    ("priorities of one stream", frame(http2.PRIORITY, stream=101, payload=b"\0\0\0\0\x10")),
    ("window updates", window_update(0, 1)),
    ("an unknown type", frame(0x77, payload=b"rubbish")),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "")
def test_control_flood(guarded, comment, piece):
    gateway = guarded.plain
    lines = len(gateway.logs())
    with others_served(gateway, guarded.user), cut(gateway, "control_frames"), memory_bounded(gateway, 20000):
        client = Http2Client(gateway.port)
        for _ in range(3000):
            if not client.send(piece * 100):
                break
        client.drain()
        assert client.closed, comment
    assert len(gateway.logs()) - lines < 5000, "the log does not grow with the flood"


def test_pings_whose_answers_are_not_read(guarded):
    """What the server has to say in return is not kept without end."""
    gateway = guarded.plain
    with others_served(gateway, guarded.user), memory_bounded(gateway, 20000):
        with cut(gateway, "control_frames"):
            client = Http2Client(gateway.port)
            flood = frame(http2.PING, payload=b"8 bytes!") * 900
            while client.send(flood):
                pass
            client.close()


def test_answers_that_a_proxy_does_not_read(guarded):
    """A trusted one may send as many pings and cancel as much as it likes, being many clients; but what is kept for it is
    bounded all the same."""
    gateway = guarded.door
    with others_served(gateway, guarded.user), memory_bounded(gateway, 20000), cut(gateway, "backlog"):
        client = Http2Client(gateway.port, receive_buffer=4096)
        flood = frame(http2.PING, payload=b"8 bytes!") * 1000
        while client.send(flood):
            pass
        client.close()


def test_many_streams_for_priorities_only(guarded):
    """h2o bounds these itself: it takes 16."""
    with others_served(guarded.plain, guarded.user):
        client = Http2Client(guarded.plain.port)
        client.send(b"".join(frame(http2.PRIORITY, stream=2 * n + 1, payload=b"\0\0\0\0\x10") for n in range(50)))
        assert_calm_down(client)


def test_unknown_frames_are_ignored(guarded):
    """RFC 9113 section 4.1; and h2o's own line about each is not written."""
    with Http2Client(guarded.plain.port) as client:
        client.send(frame(0x10, payload=b"u=1") + frame(0x77, payload=b"x" * 500)[:100])
        client.send(frame(0x77, payload=b"x" * 500)[100:])
        assert client.get(f"/user/get/{guarded.user}").status == 200
    assert "skipping frame" not in guarded.plain.logs()


def test_continuations_without_end(guarded):
    gateway = guarded.plain
    for comment, piece, reason in (("empty ones", b"", "control_frames"), ("full ones", b"x" * 16000, "headers")):
        with others_served(gateway, guarded.user), memory_bounded(gateway, 20000), cut(gateway, reason):
            client = Http2Client(gateway.port)
            client.send(frame(http2.HEADERS, http2.END_STREAM, 1, http2.request_block("GET", "/post/get/1")))
            for _ in range(3000):
                if not client.send(frame(http2.CONTINUATION, 0, 1, piece)):
                    break
            client.drain()
            assert client.closed, comment


def test_empty_data_frames_without_end(guarded):
    gateway = guarded.plain
    with others_served(gateway, guarded.user), cut(gateway, "control_frames"):
        client = Http2Client(gateway.port)
        stream = client.request("POST", "/login", [("content-type", "application/json")], end_stream=False)
        while client.send(frame(http2.DATA, 0, stream) * 500):
            pass
        client.close()


# ---- answers that nobody takes ----

def make_long_answer(guarded):
    """A path that is answered with some 400 KB."""
    if not hasattr(guarded, "long_path"):
        guarded.stack.sql("INSERT INTO users (id, first_name, second_name, biography) "
                          "SELECT 900000 + n, 'Longwinded', 'Longwinded', repeat('x', 4000) FROM generate_series(1, 100) AS n")
        guarded.long_path = "/user/search?first_name=Longwinded&last_name=Longwinded"
    return guarded.long_path


def test_answers_behind_a_closed_window(guarded):
    """HTTP/2: the client lets nothing be sent, and asks on and on."""
    path = make_long_answer(guarded)
    gateway = guarded.plain
    assert len(call(gateway.port, path=path)[2]) > 400000
    with others_served(gateway, guarded.user), cut(gateway, "slow_reader"), memory_bounded(gateway, 60000):
        client = Http2Client(gateway.port, settings_pairs=[(http2.INITIAL_WINDOW_SIZE, 0)])
        for _ in range(100):
            client.request("GET", path)
        assert_calm_down(client)


def test_one_answer_behind_a_closed_window(guarded):
    path = f"/user/get/{guarded.user}"
    with others_served(guarded.quick, guarded.user), cut(guarded.quick, "slow_reader"):
        client = Http2Client(guarded.quick.port, settings_pairs=[(http2.INITIAL_WINDOW_SIZE, 0)])
        client.request("GET", path)
        assert_calm_down(client)


def test_http1_answers_that_are_not_read(guarded):
    """More of them than the kernel holds for us."""
    guarded.stack.sql("INSERT INTO users (id, first_name, second_name, biography) "
                      "SELECT 950000 + n, 'Wordy', 'Wordy', repeat('x', 4000) FROM generate_series(1, 4) AS n")
    path = "/user/search?first_name=Wordy&last_name=Wordy"
    gateway = guarded.quick
    cut_before = counted(gateway, "freshet_connections_cut_total", "slow_reader")
    with others_served(gateway, guarded.user), memory_bounded(gateway, 20000):
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", gateway.port))
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 700)
            eventually(lambda: counted(gateway, "freshet_connections_cut_total", "slow_reader") > cut_before,
                       timeout=4 * PATIENCE, what="it is cut")
            eventually(lambda: counted(gateway, "freshet_connections") == 2, what="it is closed, and others are not")


# ---- heads ----

def raw(port, data, tls=False, pieces=None):
    """What the server answers to these bytes, up to its close or a whole answer."""
    opened = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        opened = context.wrap_socket(opened)
    with opened:
        try:
            opened.sendall(data)
            for piece in pieces or ():
                opened.sendall(piece)
        except OSError:
            pass
        got = b""
        while True:
            try:
                piece = opened.recv(65536)
            except ConnectionResetError:
                break
            if not piece:
                break
            got += piece
            head, end, body = got.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            if end and length and len(body) >= int(length.group(1)):
                break
    return got


def problem_of(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    problem = json.loads(body)
    assert problem["status"] == status and b"application/problem+json" in head and b"x-request-id:" in head.lower()
    return status, problem["code"]


def head_of(headers, target="/post/get/1"):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"GET {target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("comment, headers, target, expected", [
    ("one field of 10 KB is fine", [("x-a", "x" * 10000)], "/post/get/1", (404, 1303)),
    ("17 KB in one field", [("x-a", "x" * 17000)], "/post/get/1", (431, 1606)),
    ("17 KB in many fields", [(f"x-{n}", "x" * 330) for n in range(50)], "/post/get/1", (431, 1606)),
    ("99 fields are fine", [(f"x-{n}", "x") for n in range(98)], "/post/get/1", (404, 1303)),
    ("150 fields", [(f"x-{n}", "x") for n in range(150)], "/post/get/1", (431, 1606)),
    ("400 KB", [(f"x-{n}", "x" * 4000) for n in range(95)], "/post/get/1", (431, 1606)),
    ("a target of 9 KB", [], "/post/get/1?" + "x" * 9000, (414, 1601)),
    ("a target of 300 KB", [], "/post/get/1?" + "x" * 300000, (414, 1601)),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) and " " in value else "")
def test_size_of_an_http1_head(guarded, tls, comment, headers, target, expected):
    reason = {414: "target", 431: "headers"}.get(expected[0])
    with others_served(guarded.plain, guarded.user), limited(guarded.plain, reason):
        port = guarded.plain.tls_port if tls else guarded.plain.port
        assert problem_of(raw(port, head_of(headers, target), tls)) == expected, comment


def test_second_request_of_a_connection_is_guarded_too(guarded):
    with socket.create_connection(("127.0.0.1", guarded.plain.port), timeout=PATIENCE) as opened:
        opened.sendall(head_of([]))
        assert b"404" in opened.recv(65536)
        opened.sendall(head_of([(f"x-{n}", "x") for n in range(150)]))
        assert opened.recv(65536).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("comment, bytes_", [
    ("no HTTP", b"\x00\x01garbage\r\n\r\n"),
    ("no version", b"GET /post/get/1\r\n\r\n"),
    ("another version", b"GET /post/get/1 HTTP/2.0\r\nHost: x\r\n\r\n"),
    ("space in the target", b"GET /post/get/ 1 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("field without a colon", b"GET /post/get/1 HTTP/1.1\r\nHost: x\r\nbad field\r\n\r\n"),
    ("control character in a field", b"GET /post/get/1 HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n"),
    ("DEL in a field", b"GET /post/get/1 HTTP/1.1\r\nHost: x\r\nIdempotency-Key: a\x7f\r\n\r\n"),
    ("wrong before it ends", b"GET /post/get/1 HTTP/1.1\r\nA: \x01"),
    ("length that is none", b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n"),
    ("coding that is none", b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "")
def test_what_is_no_request_is_told_as_a_problem(guarded, tls, comment, bytes_):
    with others_served(guarded.plain, guarded.user):
        port = guarded.plain.tls_port if tls else guarded.plain.port
        assert problem_of(raw(port, bytes_, tls)) == (400, 1000), comment


def test_empty_lines_before_a_request_are_skipped(guarded):
    assert problem_of(raw(guarded.plain.port, b"\r\n" + head_of([("Connection", "close")]), False)) == (404, 1303)


@pytest.mark.parametrize("comment, headers, expected", [
    ("one field of 10 KB is fine", [("x-a", "x" * 10000)], 404),
    ("17 KB", [("x-a", "x" * 8500), ("x-b", "x" * 8500)], 431),
    ("150 fields", [(f"x-{n}", "x") for n in range(150)], 431),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "")
def test_size_of_an_http2_head(guarded, comment, headers, expected):
    with others_served(guarded.plain, guarded.user), Http2Client(guarded.plain.port) as client, \
            limited(guarded.plain, "headers" if expected == 431 else None):
        block = http2.request_block("GET", "/post/get/1", headers)
        pieces = [block[at:at + 16000] for at in range(0, len(block), 16000)]
        data = frame(http2.HEADERS, http2.END_STREAM | (http2.END_HEADERS if len(pieces) == 1 else 0), 1, pieces[0])
        for number, piece in enumerate(pieces[1:], 2):
            data += frame(http2.CONTINUATION, http2.END_HEADERS if number == len(pieces) else 0, 1, piece)
        client.send(data)
        answer = client.answer(1)
        assert answer.status == expected, comment
        if expected == 431:
            assert answer.json["code"] == 1606


def test_target_of_an_http2_request(guarded):
    with others_served(guarded.plain, guarded.user), Http2Client(guarded.plain.port) as client:
        with limited(guarded.plain, "target"):
            answer = client.get("/post/get/1?" + "x" * 9000)
        assert (answer.status, answer.json["code"]) == (414, 1601)
        assert client.get(f"/user/get/{guarded.user}").status == 200, "the connection goes on"


def test_header_bomb(guarded):
    """RFC 7541: one long field is put into the table, and then named by one byte, again and again."""
    gateway = guarded.plain
    with others_served(gateway, guarded.user), memory_bounded(gateway, 100000):
        client = Http2Client(gateway.port, settings_pairs=[(http2.INITIAL_WINDOW_SIZE, 0)])
        entry = b"\x40" + http2._number(3, 7) + b"x-a" + http2._number(3900, 7) + b"x" * 3900
        first = http2.request_block("GET", "/post/get/1") + entry
        client.send(frame(http2.HEADERS, http2.END_HEADERS | http2.END_STREAM, 1, first))
        bomb = http2.request_block("GET", "/post/get/1") + b"\xbe" * 16000
        with cut(gateway, "headers"):
            for stream in range(3, 400, 2):
                if not client.send(frame(http2.HEADERS, http2.END_HEADERS | http2.END_STREAM, stream, bomb)):
                    break
            assert_calm_down(client)


@pytest.mark.parametrize("comment, query, status", [
    ("thousands of parameters", "&".join(f"p{n}=1" for n in range(900)) + "&first_name=A&last_name=B", 200),
    ("one name thousands of times", "&".join(["first_name"] * 700), 400),
    ("signs only", "&=" * 4000, 400),
    ("percent rubbish in a value", "first_name=%zz&last_name=%", 400),
    ("percent rubbish in names", "%%%=%&" * 1000 + "first_name=A&last_name=B", 200),
    ("no UTF-8", "first_name=%ff%fe&last_name=B", 400),
    ("a NUL", "first_name=%00&last_name=B", 400),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) and "=" not in value and "&" not in value else "")
def test_absurd_query(guarded, comment, query, status):
    with others_served(guarded.plain, guarded.user):
        assert call(guarded.plain.port, path=f"/user/search?{query}")[0] == status, comment


# ---- slow ones ----

def closes(opened):
    """Reads to the end; what came."""
    got = b""
    while True:
        try:
            piece = opened.recv(65536)
        except (ConnectionResetError, ssl.SSLError):
            return got
        if not piece:
            return got
        got += piece


@contextlib.contextmanager
def drip(opened, piece=b"x"):
    """Sends a byte now and then, until the other side ends it."""
    over = threading.Event()

    def run():
        while not over.wait(0.1):
            try:
                opened.sendall(piece)
            except OSError:
                return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


HALF_A_FRAME = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings() + frame(http2.HEADERS, 5, 1, b"x" * 1000)[:100]


@pytest.mark.parametrize("comment, sent, piece, tls", [
    ("nothing at all", b"", b"", False),
    ("nothing in place of a TLS handshake", b"", b"", None),
    ("half a TLS handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01", b"x", None),
    ("half a head", b"GET / HTTP/1.1\r\nHost: x\r\n", b"x", False),
    ("half a head over TLS", b"GET / HTTP/1.1\r\nHost: x\r\n", b"x", True),
    ("half a body", b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{", b"x", False),
    ("a chunked body without end", b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
     b"1\r\nx\r\n", False),
    ("half a preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM", b"", False),
    ("half a frame of HTTP/2", HALF_A_FRAME, b"x", False),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "")
def test_drip(guarded, comment, sent, piece, tls):
    """A byte every tenth of a second; but the whole has its time."""
    gateway = guarded.quick
    with others_served(gateway, guarded.user), cut(gateway, "slow_request"):
        opened = socket.create_connection(("127.0.0.1", gateway.port if tls is False else gateway.tls_port), timeout=PATIENCE)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            opened = context.wrap_socket(opened)
        with opened:
            opened.sendall(sent)
            if piece:
                with drip(opened, piece):
                    closes(opened)
            else:
                closes(opened)


def test_body_drip_on_http2(guarded):
    """The stream is reset; others of the connection go on."""
    gateway = guarded.quick
    with others_served(gateway, guarded.user), Http2Client(gateway.port) as client:
        with limited(gateway, "slow_body"):
            slow = client.request("POST", "/login", [("content-type", "application/json")], end_stream=False)
            with drip(client.socket, frame(http2.DATA, 0, slow, b" ")):
                client.until(lambda: slow in client.answers, "the reset of the slow stream")
            assert client.answers[slow].reset == http2.CANCEL and client.answers[slow].status is None
        assert client.get(f"/user/get/{guarded.user}").status == 200
        assert client.goaway is None


def test_half_a_header_block_on_http2(guarded):
    gateway = guarded.quick
    with others_served(gateway, guarded.user), cut(gateway, "slow_request"):
        client = Http2Client(gateway.port)
        client.send(frame(http2.HEADERS, http2.END_STREAM, 1, http2.request_block("GET", "/post/get/1")))
        assert_calm_down(client)


def test_slow_but_whole_is_served(guarded):
    with socket.create_connection(("127.0.0.1", guarded.quick.port), timeout=PATIENCE) as opened:
        for byte in head_of([]):
            opened.sendall(bytes([byte]))
        assert b" 404 " in opened.recv(65536)


def test_idle_connections_are_closed(guarded):
    gateway = guarded.quick
    with others_served(gateway, guarded.user), cut(gateway, "idle"):
        h2 = Http2Client(gateway.port)
        assert h2.get(f"/user/get/{guarded.user}").status == 200
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE) as h1:
            h1.sendall(head_of([]))
            assert closes(h1).startswith(b"HTTP/1.1 404 ")
        h2.drain()
        assert h2.goaway is not None and h2.goaway.error == http2.NO_ERROR


def test_live_connections_are_not_idle(guarded):
    """The times of HTTP are not those of sockets that are open for hours."""
    client = guarded.stack.live(guarded.user, gateway=guarded.quick)
    before = counted(guarded.quick, "freshet_connections_cut_total", "idle")
    with socket.create_connection(("127.0.0.1", guarded.quick.port), timeout=PATIENCE) as later:
        later.sendall(head_of([]))
        closes(later)
    eventually(lambda: counted(guarded.quick, "freshet_connections_cut_total", "idle") > before)
    assert not client.closed
    client.drop()


# ---- bodies ----

@pytest.mark.parametrize("size", [70000, 200000, 1000000, 20000000])
def test_http2_body_past_the_limit_is_413(guarded, size):
    """Also past what h2o takes: it would reset the stream."""
    gateway = guarded.plain
    with others_served(gateway, guarded.user), memory_bounded(gateway, 20000), Http2Client(gateway.port) as client:
        with limited(gateway, "body"):
            stream = client.request("POST", "/login", [("content-type", "application/json")], end_stream=False)
            sent = 0
            client.socket.setblocking(True)
            while sent < size and stream not in client.answers:
                client.data(stream, b"x" * 16000, end_stream=sent + 16000 >= size)
                sent += 16000
                client.socket.settimeout(0.01)
                with contextlib.suppress(TimeoutError):
                    client.read()
                client.socket.settimeout(PATIENCE)
            answer = client.answer(stream)
        assert answer.status == 413 and answer.json["code"] == 1600, answer
        assert client.get(f"/user/get/{guarded.user}").status == 200, "the connection goes on"


def test_curl_sees_413_on_http2(guarded, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"x" * 5000000)
    for protocol in ("--http2-prior-knowledge", "--http1.1"):
        done = subprocess.run(["curl", "-sS", protocol, "-o", "-", "-w", "\n%{http_code}", "-H", "Expect:",
                               "-H", "Content-Type: application/json", "--data-binary", f"@{body}",
                               f"http://127.0.0.1:{guarded.plain.port}/login"],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        text, status = done.stdout.rsplit("\n", 1)
        assert status == "413" and json.loads(text)["code"] == 1600, (protocol, done)


@pytest.mark.parametrize("comment, request_, pieces, expected", [
    ("a length past the limit", b"Content-Length: 70000\r\n\r\n", [b"x" * 70000], (413, 1600)),
    ("a length far past it", b"Content-Length: 99999999999\r\n\r\n", [b"x" * 1000], (413, 1600)),
    ("a length that is no number", b"Content-Length: 5x\r\n\r\n", [b"12345"], (400, 1000)),
    ("a negative length", b"Content-Length: -5\r\n\r\n", [b"12345"], (400, 1000)),
    ("chunks past the limit", b"Transfer-Encoding: chunked\r\n\r\n", [b"ffff\r\n" + b"x" * 65535 + b"\r\n"] * 8, (413, 1600)),
    ("a chunk of a size that is none", b"Transfer-Encoding: chunked\r\n\r\n", [b"xyz\r\n"], (400, 1000)),
    ("a large body announced", b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n", [], (413, 1600)),
    ("another expectation", b"Content-Length: 5\r\nExpect: miracles\r\n\r\n", [], (417, 1603)),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "")
def test_http1_body(guarded, comment, request_, pieces, expected):
    with others_served(guarded.plain, guarded.user), limited(guarded.plain, "body" if expected[0] == 413 else None):
        start = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        assert problem_of(raw(guarded.plain.port, start + request_, pieces=pieces)) == expected, comment


@pytest.mark.parametrize("comment, fields", [
    ("a length and chunks", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    ("two lengths", b"Content-Length: 5\r\nContent-Length: 6\r\n"),
    ("two codings", b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
    ("two hosts", b"Host: y\r\n"),
    ("a folded line", b"Content-Length: 5\r\n Transfer-Encoding: chunked\r\n"),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "-")
def test_smuggling(guarded, comment, fields):
    """What a proxy may understand in another way is refused, and nothing behind it is read; also of the second request."""
    smuggled = b"0\r\n\r\nDELETE /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    start = b"POST /login HTTP/1.1\r\nHost: x\r\nX-Request-ID: outer\r\n"
    for before in b"", b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n":
        with socket.create_connection(("127.0.0.1", guarded.plain.port), timeout=PATIENCE) as opened:
            opened.sendall(before + start + fields + b"\r\n" + smuggled)
            got = b""
            while piece := opened.recv(65536):
                got += piece
        *_, last = got.split(b"HTTP/1.1 ")
        assert last.startswith(b"400 ") and got.count(b"HTTP/1.1 ") == (2 if before else 1), (comment, got)
        assert b"connection: close" in last.lower() and b"x-request-id: outer" in last.lower(), (comment, got)


def test_continue_is_said(guarded):
    body = b'{"id":"1","password":"wrong one"}'
    with socket.create_connection(("127.0.0.1", guarded.plain.port), timeout=PATIENCE) as opened:
        opened.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
        assert opened.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        opened.sendall(body)
        assert opened.recv(65536).startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))


def test_length_that_lies_on_http2(guarded):
    with Http2Client(guarded.plain.port) as client:
        for length, body in (("5", b"123456789"), ("500", b"1234")):
            stream = client.request("POST", "/login", [("content-length", length)], end_stream=False)
            client.data(stream, body, end_stream=True)
            assert client.answer(stream).reset == http2.PROTOCOL_ERROR
        assert client.get(f"/user/get/{guarded.user}").status == 200


# ---- connections ----

def test_connections_of_one_address(guarded):
    gateway = guarded.numb
    name = "freshet_connections_refused_total"
    with others_served(gateway, guarded.user) as bystander, contextlib.ExitStack() as opened:
        with counts(gateway, name, "address", 40):
            for _ in range(48):
                opened.enter_context(socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE))
        bystander.more()
        assert call(gateway.port, path=f"/user/get/{guarded.user}", source="127.0.0.2")[0] == 200, "another address"
    # Who goes makes room.
    eventually(lambda: counted(gateway, "freshet_connections") == 0)
    assert call(gateway.port, path=f"/user/get/{guarded.user}")[0] == 200


def test_connections_of_the_process(guarded):
    gateway = guarded.numb
    eventually(lambda: counted(gateway, "freshet_connections") == 0)
    with others_served(gateway, guarded.user), contextlib.ExitStack() as opened:
        with counts(gateway, "freshet_connections_refused_total", "process", 30):
            for n in range(60):
                opened.enter_context(socket.create_connection(
                    ("127.0.0.1", gateway.port), timeout=PATIENCE, source_address=(f"127.0.1.{n % 20 + 1}", 0)))


# ---- rates ----

def limits_of(headers):
    limit = re.fullmatch(r'"(\w+)";r=(\d+);t=(\d+)', headers["RateLimit"])
    policy = re.fullmatch(r'"(\w+)";q=(\d+);w=(\d+)', headers["RateLimit-Policy"])
    assert limit.group(1) == policy.group(1)
    return limit.group(1), int(limit.group(2)), int(limit.group(3)), int(policy.group(2)), int(policy.group(3))


def test_rate_of_a_user(guarded):
    gateway = guarded.strict
    one, other = guarded.stack.make_users(2)
    bearer = {"Authorization": f"Bearer {guarded.stack.mint(one)}"}
    with limited(gateway, "user"):
        answers = [call(gateway.port, path="/post/feed", headers=bearer) for _ in range(12)]
    statuses = [status for status, _, _ in answers]
    served = statuses.count(200)
    assert statuses[:5] == [200] * 5 and 5 <= served < 12 and set(statuses) == {200, 429}
    assert limits_of(answers[0][1])[:2] == ("user", 4) and limits_of(answers[0][1])[3:] == (5, 5)
    refused = next(answer for answer in answers if answer[0] == 429)
    assert int(refused[1]["Retry-After"]) == 1 and json.loads(refused[2])["code"] == 1700
    assert limits_of(refused[1])[1:3] == (0, 1)
    # Others of the same address have buckets of their own.
    for token in (guarded.stack.mint(other), None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        assert call(gateway.port, path=f"/user/get/{other}", headers=headers)[0] == 200
    eventually(lambda: call(gateway.port, path="/post/feed", headers=bearer)[0] == 200)


def test_rate_of_an_address(guarded):
    """Whoever has no good token counts by address, also for paths that are not there."""
    gateway = guarded.strict
    with Http2Client(gateway.port) as client, limited(gateway, "address"):
        mine = [("x-forwarded-for", "203.0.113.77")]
        kinds = [("/post/get/1", mine), ("/nowhere", mine), ("/post/feed", mine + [("authorization", "Bearer rubbish")])]
        statuses = []
        while 429 not in statuses and len(statuses) < 3000:  # many at a time: faster than the bucket fills again
            streams = [client.request("GET", *kinds[n % 3]) for n in range(60)]
            statuses += [client.answer(stream).status for stream in streams]
        assert set(statuses[:180]) == {404, 401} and 429 in statuses
        neighbour = [("x-forwarded-for", "203.0.113.78")]
        assert client.get("/post/get/1", neighbour).status == 404


def test_no_limits_when_off(guarded):
    status, headers, _ = call(guarded.plain.port)
    assert status in (200, 404) and headers["RateLimit"] is None and headers["RateLimit-Policy"] is None


# ---- passwords ----

def register(guarded):
    """On the gateway without limits."""
    form = {"first_name": "Ann", "second_name": "Lee", "password": "correct horse"}
    status, _, body = call(guarded.plain.port, "POST", "/user/register", form)
    assert status == 200
    return json.loads(body)["user_id"]


def login(guarded, user, password, address):
    status, headers, body = call(guarded.door.port, "POST", "/login", {"id": user, "password": password},
                                 {"X-Forwarded-For": address})
    return status, json.loads(body).get("code"), headers


def test_guessing_at_one_account(guarded):
    user, other = register(guarded), register(guarded)
    with limited(guarded.door, "login_account"):
        assert [login(guarded, user, "wrong horse", "198.51.100.1")[:2] for _ in range(3)] == [(400, 1002)] * 3
        status, code, headers = login(guarded, user, "wrong horse", "198.51.100.1")
        assert (status, code) == (429, 1701) and 1000 < int(headers["Retry-After"]) <= 1200
        assert login(guarded, user, "correct horse", "198.51.100.1")[:2] == (429, 1701), "not even told whether it is right"
    assert login(guarded, user, "wrong horse", "198.51.100.2")[:2] == (429, 1701), "from another address neither"
    assert login(guarded, other, "correct horse", "198.51.100.1")[0] == 200, "others sign in"


def test_nobody_is_locked_out_of_where_they_signed_in_before(guarded):
    user = register(guarded)
    assert login(guarded, user, "correct horse", "198.51.100.10")[0] == 200
    for _ in range(5):
        last = login(guarded, user, "wrong horse", "198.51.100.11")
    assert last[:2] == (429, 1701)
    for _ in range(5):
        assert login(guarded, user, "correct horse", "198.51.100.10")[0] == 200
    for _ in range(4):
        last = login(guarded, user, "wrong horse", "198.51.100.10")
    assert last[:2] == (429, 1701), "but to guess is not let pass there"


def test_right_password_forgives_mistakes(guarded):
    user = register(guarded)
    for _ in range(4):
        assert login(guarded, user, "wrong horse", "198.51.100.20")[:2] == (400, 1002)
        assert login(guarded, user, "correct horse", "198.51.100.20")[0] == 200


def test_guessing_from_one_address(guarded):
    """Over many accounts, and over ids that are nobody's."""
    first, *others = guarded.stack.make_users(8)
    users = [first, *others, *range(5555550001, 5555550009)]
    with limited(guarded.door, "login_address"):
        answers = [login(guarded, str(user), "wrong horse", "198.51.100.30")[:2] for user in users]
    assert set(answers[:12]) == {(400, 1002), (404, 1302)} and set(answers[12:]) == {(429, 1701)}


def test_guesses_at_once_are_counted_before_they_are_looked_at(guarded):
    user = register(guarded)
    clients = [Http2Client(guarded.door.port) for _ in range(2)]
    body = json.dumps({"id": user, "password": "wrong horse"}).encode()
    streams = []
    for client in clients:
        for _ in range(15):
            stream, request = client.request_frames(
                "POST", "/login", [("content-type", "application/json"), ("x-forwarded-for", "198.51.100.40")], False)
            client.send(request + frame(http2.DATA, http2.END_STREAM, stream, body))
            streams.append((client, stream))
    statuses = [client.answer(stream).status for client, stream in streams]
    assert statuses.count(400) == 3 and statuses.count(429) == 27
    for client in clients:
        client.close()


def test_guessing_at_the_password_of_an_account_to_delete(guarded):
    user = register(guarded)
    bearer = {"Authorization": f"Bearer {guarded.stack.mint(user)}", "X-Forwarded-For": "198.51.100.50"}
    answers = []
    for _ in range(5):
        status, _, body = call(guarded.door.port, "DELETE", "/user/me", {"password": "wrong horse"}, bearer)
        answers.append((status, json.loads(body)["code"]))
    assert answers == [(400, 1002)] * 3 + [(429, 1701)] * 2


def test_password_is_right_after_the_window(own_stack):
    stack = own_stack(gateway_settings={"rate_limits": "on", "login_failures": 2, "login_window": "2s"})
    form = {"first_name": "Ann", "second_name": "Lee", "password": "correct horse"}
    user = json.loads(call(stack.gateway.port, "POST", "/user/register", form)[2])["user_id"]
    sign_in = {"id": user, "password": "correct horse"}
    wrong = {"id": user, "password": "wrong horse"}
    while call(stack.gateway.port, "POST", "/login", wrong)[0] != 429:
        pass
    eventually(lambda: call(stack.gateway.port, "POST", "/login", sign_in)[0] == 200)


# ---- proxies ----

@pytest.mark.parametrize("value", ["", ",", "unknown", "%n%s", "203.0.113.9:99999", "[::1", "x" * 5000, "1," * 4000, "\"203.0.113.9\"",
                                   "203.0.113.9, rubbish", "::ffff:1.2.3.4", "\x80\xff"])
def test_rubbish_in_forwarded_headers(guarded, value):
    for name in ("X-Forwarded-For", "X-Forwarded-Proto"):
        status, _, _ = call(guarded.strict.port, path=f"/user/get/{guarded.user}", headers={name: value.encode("latin-1")})
        assert status == 200


def test_forwarded_header_of_strangers_does_not_count(guarded):
    """127.0.0.2 is none of --trusted-proxies: what it says of others is not believed."""
    user = register(guarded)
    for n in range(4):
        status, _, body = call(guarded.door.port, "POST", "/login", {"id": user, "password": "wrong horse"},
                               {"X-Forwarded-For": f"198.51.100.{60 + n}"}, source="127.0.0.2")
    assert (status, json.loads(body)["code"]) == (429, 1701)
    for n in range(9):
        status, _, body = call(guarded.door.port, "POST", "/login", {"id": str(5555560000 + n), "password": "wrong horse"},
                               {"X-Forwarded-For": f"198.51.100.{70 + n}"}, source="127.0.0.2")
    status, _, body = call(guarded.door.port, "POST", "/login", {"id": "5555569999", "password": "wrong horse"},
                           {"X-Forwarded-For": "198.51.100.99"}, source="127.0.0.2")
    assert (status, json.loads(body)["code"]) == (429, 1701), "all of it was 127.0.0.2"


def allowed(port, origin, proto=(), tls=False, source=None):
    """Whether a page of that origin may read an answer, over HTTP/1.1."""
    opened = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE, source_address=(source, 0) if source else None)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        opened = context.wrap_socket(opened)
    with opened:
        lines = "".join(f"X-Forwarded-Proto: {value}\r\n" for value in proto)
        opened.sendall(f"GET /post/get/1 HTTP/1.1\r\nHost: own.example\r\nOrigin: {origin}\r\n{lines}\r\n".encode())
        return f"access-control-allow-origin: {origin}\r\n".encode() in opened.recv(65536)


@pytest.mark.parametrize("comment, proto, tls, source, http_, https", [
    ("in the clear a proxy that is not named may speak TLS", [], False, "127.0.0.2", True, True),
    ("which nobody believes", ["http"], False, "127.0.0.2", True, True),
    ("TLS ends here", [], True, "127.0.0.2", False, True),
    ("whatever a stranger says", ["http"], True, "127.0.0.2", False, True),
    ("a proxy that says nothing", [], False, None, True, True),
    ("a proxy that says rubbish", ["gopher"], False, None, True, True),
    ("a proxy that says HTTPS", ["https"], False, None, False, True),
    ("a proxy that says HTTP", ["http"], False, None, True, False),
    ("in capitals", ["HTTPS"], False, None, False, True),
    ("the nearest of several", ["http, https"], False, None, False, True),
    ("in several lines", ["https", "http"], False, None, True, False),
    ("a proxy that speaks TLS with us and not with its client", ["http"], True, None, True, False),
    ("a proxy that speaks TLS and says nothing", [], True, None, False, True),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) and " " in value else "")
def test_scheme_of_our_own_origin(guarded, comment, proto, tls, source, http_, https):
    port = guarded.door.tls_port if tls else guarded.door.port
    for origin, expected in (("http://own.example", http_), ("https://own.example", https), ("https://other.example", False)):
        assert allowed(port, origin, proto, tls, source) == expected, f"{comment}: {origin}"


@pytest.mark.parametrize("proto, origin, tls, status", [
    (None, "http", False, 101), (None, "https", False, 101), ("https", "https", False, 101), ("https", "http", False, 403),
    ("http", "https", False, 403), (None, "https", True, 101), (None, "http", True, 403),
])
def test_scheme_of_a_websocket_s_origin(guarded, proto, origin, tls, status):
    changes = {"Host": "own.example", "Origin": f"{origin}://own.example", "X-Forwarded-Proto": proto}
    port = guarded.door.tls_port if tls else guarded.door.port
    with RawWebSocket(port, token=guarded.stack.mint(guarded.user), changes=changes, tls=tls) as opened:
        assert opened.status == status


@pytest.mark.parametrize("value", ["localhost", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/8,rubbish"])
def test_networks_that_are_none_end_the_start(guarded, value):
    environment = {**guarded.plain.environment, "FRESHET_LISTEN": "127.0.0.1:0", "FRESHET_TLS_LISTEN": "off",
                   "FRESHET_ADMIN_LISTEN": "off"}
    done = subprocess.run([BIN / "freshet-gateway", f"--trusted-proxies={value}"], env=environment, capture_output=True,
                          text=True, timeout=PATIENCE, check=False)
    assert done.returncode != 0 and "--trusted-proxies" in done.stderr
