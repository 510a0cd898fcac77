"""What the gateway does as a server: protocols, the WebSocket protocol, the admin listener, overload, start and stop."""

import base64
import concurrent.futures
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import threading

import pytest

from harness import Refused, eventually
from harness.waiting import PATIENCE

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


def curl(*arguments):
    """curl's answer: HTTP version, status, body."""
    done = subprocess.run(["curl", "-sS", "-o", "-", "-w", "\n%{http_version} %{http_code}", "--max-time", "30", *arguments],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    body, last = done.stdout.rsplit("\n", 1)
    version, status = last.split()
    return version, int(status), body


# ---- protocols ----

@pytest.mark.parametrize("comment, scheme, arguments, version", [
    ("HTTP/1.1", "http", ["--http1.1"], "1.1"),
    ("h2c by prior knowledge", "http", ["--http2-prior-knowledge"], "2"),
    ("h2c by upgrade", "http", ["--http2"], "2"),
    ("TLS, http/1.1 chosen by ALPN", "https", ["-k", "--http1.1"], "1.1"),
    ("TLS, h2 chosen by ALPN", "https", ["-k", "--http2"], "2"),
])
def test_speaks(stack, comment, scheme, arguments, version):
    port = stack.gateway.tls_port if scheme == "https" else stack.gateway.port
    assert curl(*arguments, f"{scheme}://127.0.0.1:{port}/post/get/1")[:2] == (version, 404), comment


def test_many_calls_share_one_h2_connection(stack):
    user, = stack.make_users(1)
    urls = [f"https://127.0.0.1:{stack.gateway.tls_port}/user/get/{user}"] * 50
    done = subprocess.run(["curl", "-sSk", "--http2", "-Z", "-w", "%{http_code} %{num_connects}\n",
                           *(word for url in urls for word in ("-o", "/dev/null", url))],
                          capture_output=True, text=True, timeout=60, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [status for status, _ in lines] == ["200"] * 50
    assert sum(int(connects) for _, connects in lines) < 50, "calls are multiplexed"


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2-prior-knowledge"])
def test_body_past_the_limit_is_413(stack, tmp_path, protocol):
    user, = stack.make_users(1)
    body = tmp_path / "body"
    body.write_text(json.dumps({"text": "x" * 70000}))
    version, status, text = curl(protocol, f"http://127.0.0.1:{stack.gateway.port}/post/create",
                                 "-H", f"Authorization: Bearer {stack.mint(user)}", "-H", "Expect:",
                                 "-H", "Content-Type: application/json", "--data-binary", f"@{body}")
    assert status == 413 and json.loads(text)["status"] == 413


# ---- the admin listener ----

def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def test_admin_listener(stack):
    for process in (stack.gateway, stack.materializer):
        assert get(process.admin_port, "/healthz")[0] == 200
        assert get(process.admin_port, "/readyz")[0] == 200
        status, text, headers = get(process.admin_port, "/metrics")
        assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert text.endswith("\n") and "# HELP freshet_" in text
        assert get(process.admin_port, "/elsewhere")[0] == 404
    assert get(stack.gateway.port, "/metrics")[0] == 404, "clients do not see it"


def test_readiness_names_what_is_missing(own_stack):
    stack = own_stack()
    for server, name in ((stack.nats, "nats"), (stack.postgres, "postgresql")):
        server.stop()
        eventually(lambda: stack.gateway.readiness()[0] == 503)
        assert name in stack.gateway.readiness()[1]
        assert get(stack.gateway.admin_port, "/healthz")[0] == 200, "restarting the gateway would not help"
        server.start()
        stack.gateway.wait_ready()


# ---- overload ----

def test_login_storm_does_not_stop_the_feed(own_stack):
    stack = own_stack(gateway_settings={"password_workers": 1, "password_queue": 4})
    port = stack.gateway.port

    def call(method, path, body=None, token=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    form = {"first_name": "Ann", "second_name": "Lee", "password": "correct horse"}
    user = json.loads(call("POST", "/user/register", form)[1])["user_id"]
    login = {"id": user, "password": form["password"]}
    token = json.loads(call("POST", "/login", login)[1])["token"]
    storm_over = threading.Event()
    feeds = []

    def read_feeds():
        while not storm_over.is_set():
            feeds.append(call("GET", "/post/feed", token=token)[0])

    reader = threading.Thread(target=read_feeds)
    reader.start()
    with concurrent.futures.ThreadPoolExecutor(32) as crowd:
        answers = list(crowd.map(lambda _: call("POST", "/login", login), range(96)))
    storm_over.set()
    reader.join()
    assert {status for status, _, _ in answers} == {200, 503}, "a few get in, the rest are told to come back"
    assert all(int(headers["Retry-After"]) >= 1 for status, _, headers in answers if status == 503)
    assert set(feeds) == {200} and len(feeds) > 20
    assert stack.gateway.metrics()["freshet_password_refused_total"] == sum(status == 503 for status, _, _ in answers)


# ---- WebSocket: the handshake ----

def handshake(port, token=None, **changes):
    """A socket and the head of the answer to an upgrade request; a header changed to None is left out."""
    headers = {"Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
               "Authorization": f"Bearer {token}" if token else None}
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    opened = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    opened.sendall(("GET /post/feed/posted HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode())
    head = b""
    while b"\r\n\r\n" not in head:
        piece = opened.recv(4096)
        assert piece, head
        head += piece
    return opened, head.partition(b"\r\n\r\n")[0].decode().lower()


@pytest.mark.parametrize("comment, status, changes", [
    ("no token", 401, {"Authorization": None}),
    ("not asked to upgrade", 426, {"Upgrade": None, "Connection": None}),
    ("another version of the protocol", 426, {"Sec_WebSocket_Version": "12"}),
    ("no key", 400, {"Sec_WebSocket_Key": None}),
    ("a key of 15 bytes", 400, {"Sec_WebSocket_Key": base64.b64encode(b"x" * 15).decode()}),
    ("another site's page", 403, {"Origin": "http://evil.example"}),
])
def test_refused_before_the_upgrade(stack, comment, status, changes):
    user, = stack.make_users(1)
    opened, head = handshake(stack.gateway.port, stack.mint(user), **changes)
    opened.close()
    assert head.startswith(f"http/1.1 {status} "), comment
    if status == 426:
        assert "sec-websocket-version: 13" in head
    if status == 401:
        assert "www-authenticate: bearer" in head


def test_own_page_is_let_in(stack):
    user, = stack.make_users(1)
    opened, head = handshake(stack.gateway.port, stack.mint(user), Origin=f"http://127.0.0.1:{stack.gateway.port}")
    opened.close()
    assert head.startswith("http/1.1 101 ")


# ---- WebSocket: frames (RFC 6455) ----

def frame(opcode, payload=b"", masked=True, first=0x80):
    assert len(payload) < 126
    mask = os.urandom(4)
    if not masked:
        return bytes([first | opcode, len(payload)]) + payload
    return bytes([first | opcode, 0x80 | len(payload)]) + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(payload))


def read_exactly(opened, count):
    data = b""
    while len(data) < count:
        piece = opened.recv(count - len(data))
        assert piece, "closed in the middle of a frame"
        data += piece
    return data


def read_frame(opened):
    first, length = read_exactly(opened, 2)
    assert length < 126, "control frames are short, and never masked by a server"
    return first & 0x0f, read_exactly(opened, length)


@pytest.mark.parametrize("comment, sent, code", [
    ("a frame that is not masked", frame(PING, b"x", masked=False), 1002),
    ("a reserved bit", frame(PING, first=0xc0), 1002),
    ("an unknown opcode", frame(0x3), 1002),
    ("a ping in pieces", frame(PING, first=0x00), 1002),
    ("a continuation of nothing", frame(0x0), 1002),
    ("a ping longer than 125 bytes", bytes([0x89, 0xfe, 0, 126]) + bytes(4) + bytes(126), 1002),
    ("a length in more bytes than it needs", bytes([0x89, 0xfe, 0, 5]) + bytes(4) + bytes(5), 1002),
    ("a close code that may not be sent", frame(CLOSE, struct.pack(">H", 1005)), 1002),
    ("half a close code", frame(CLOSE, b"\x03"), 1002),
    ("a close reason that is no UTF-8", frame(CLOSE, struct.pack(">H", 1000) + b"\xff"), 1007),
    ("text that is no UTF-8", frame(TEXT, b"\xff"), 1007),
    ("a message: this feed takes none", frame(TEXT, b"hello"), 1008),
    ("a proper close is answered in kind", frame(CLOSE, struct.pack(">H", 1000) + b"bye"), 1000),
], ids=lambda value: value if isinstance(value, str) else "-")
def test_closes_with(stack, comment, sent, code):
    user, = stack.make_users(1)
    opened, head = handshake(stack.gateway.port, stack.mint(user))
    assert head.startswith("http/1.1 101 ")
    opened.sendall(sent)
    opcode, payload = read_frame(opened)
    assert (opcode, struct.unpack(">H", payload[:2])[0]) == (CLOSE, code), comment
    if code != 1000:
        opened.sendall(frame(CLOSE, payload[:2]))
    assert opened.recv(1) == b"", "the server ends the connection"
    opened.close()


def test_pings_are_answered(stack):
    user, = stack.make_users(1)
    opened, _ = handshake(stack.gateway.port, stack.mint(user))
    sent = frame(PING, b"first") + frame(PONG, b"unasked") + frame(PING, b"second")
    for at in range(len(sent)):
        opened.sendall(sent[at:at + 1])
    assert [read_frame(opened), read_frame(opened)] == [(PONG, b"first"), (PONG, b"second")]
    opened.close()


def test_token_that_expires_closes_the_socket(own_stack):
    stack = own_stack(token_ttl="2s")
    user, = stack.make_users(1)
    client = stack.live(user)
    eventually(lambda: client.closed)
    assert client.close_code == 4001


# ---- start and stop ----

def test_stop_tells_open_sockets(own_stack):
    stack = own_stack()
    clients = [stack.live(user) for user in stack.make_users(20)]
    stack.gateway.signal(signal.SIGTERM)
    eventually(lambda: all(client.closed for client in clients))
    assert {client.close_code for client in clients} == {1001}
    assert stack.gateway.child.wait(PATIENCE) == 0


def test_refuses_what_is_wrong_at_the_start(own_stack, tmp_path):
    stack = own_stack(gateways=0, materializers=0)
    weak = tmp_path / "weak-keys"
    weak.write_text("k1 too-short-secret\n")
    weak.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        rows = [
            ("a secret that is too short", {"token_keys_file": weak}, ["32 bytes"]),
            ("no secret at all", {"token_keys_file": ""}, ["token-keys"]),
            ("a port that is taken", {"listen": f"127.0.0.1:{port}"}, ["--listen", str(port)]),
            ("a number that is none", {"threads": "many"}, ["FRESHET_THREADS"]),
        ]
        for comment, settings, words in rows:
            gateway = stack.add_gateway(**settings).start(wait=False)
            assert gateway.child.wait(PATIENCE) not in (0, None), comment
            assert all(word in gateway.logs() for word in words), f"{comment}: {gateway.logs()}"
            assert "too-short-secret" not in gateway.logs()
            stack.gateways.remove(gateway)


@pytest.mark.parametrize("change, word", [
    ("INSERT INTO schema_migrations SELECT max(version) + 1, 'from_the_future' FROM schema_migrations",
     "newer"),
    ("DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)", "older"),
])
def test_refuses_another_schema(own_stack, change, word):
    stack = own_stack(gateways=0, materializers=0)
    stack.sql(change)
    gateway = stack.add_gateway().start(wait=False)
    assert gateway.child.wait(PATIENCE) == 1
    assert word in gateway.logs(), gateway.logs()
    stack.gateways.remove(gateway)


def test_tokens_never_reach_the_log(own_stack):
    stack = own_stack(log_level="debug")
    user, = stack.make_users(1)
    token = stack.mint(user)
    client = stack.connect(token)  # in ?token=
    with pytest.raises(Refused):
        stack.connect(token + "x")
    get(stack.gateway.port, f"/post/get/1?token={token}")
    client.drop()
    eventually(lambda: "/post/get/1" in stack.gateway.logs())
    assert token not in stack.gateway.logs() and token.split(".")[2] not in stack.gateway.logs()
