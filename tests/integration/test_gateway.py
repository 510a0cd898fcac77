"""What the gateway does as a server: protocols, the admin listener, overload, start. WebSockets are in
test_websocket.py, the end in test_drain.py."""

import concurrent.futures
import http.client
import json
import socket
import subprocess
import threading

import pytest

from harness import Refused, eventually
from harness.waiting import PATIENCE


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


# ---- live connections ----

def test_token_that_expires_closes_the_socket(own_stack):
    stack = own_stack(token_ttl="2s")
    user, = stack.make_users(1)
    client = stack.live(user)
    eventually(lambda: client.closed)
    assert client.close_code == 4001


# ---- start ----

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
