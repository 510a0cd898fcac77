"""What operators see: /debug/connections, metrics, log lines, /readyz."""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest

from api import Api
from harness import Http1Stream, Http2Connection, LiveClient, eventually


def admin(process, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", process.admin_port, timeout=20)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def connections(process, query=""):
    status, body = admin(process, "/debug/connections" + query)
    assert status == 200, body
    return json.loads(body)


# ---- /debug/connections ----

def test_connections_are_listed(own_stack):
    stack = own_stack(gateway_settings={"threads": 2})
    gateway = stack.gateway
    reader, other = stack.make_users(2)
    token, others = stack.mint(reader), stack.mint(other)
    assert connections(gateway) == {"loops": 2, "silent_loops": [], "connections": 0, "live": 0, "limit": 1000,
                                    "by_carrier": {"websocket": 0, "sse": 0, "protobuf": 0}, "live_connections": []}
    http2 = Http2Connection(gateway.tls_port, tls=True)
    opened = [LiveClient(gateway.port, token), LiveClient(gateway.port, token, subprotocols=["freshet.v1.protobuf"]),
              Http1Stream(gateway.port, others), http2.open(token, accept="application/x-protobuf")]
    for stream in opened[2:]:
        stream.wait_open().wait_event("snapshot_end")
    eventually(lambda: connections(gateway)["live"] == 4)
    seen = connections(gateway)
    assert seen["connections"] == 4 and seen["by_carrier"] == {"websocket": 2, "sse": 1, "protobuf": 1}
    listed = seen["live_connections"]
    assert [(one["user_id"], one["carrier"], one["encoding"], one["protocol"], one["tls"]) for one in listed] == [
        (str(reader), "websocket", "plain", "h1", False), (str(reader), "websocket", "protobuf", "h1", False),
        (str(other), "sse", "json", "h1", False), (str(reader), "protobuf", "protobuf", "h2", True)]
    host, port = opened[2].socket.getsockname()
    assert listed[2]["address"] == f"{host}:{port}"
    assert [one["frames_sent"] for one in listed[2:]] == [3, 3]
    for one in listed:
        assert one["flow"] == "live" and one["bytes_queued"] == 0 and one["slow_for_ms"] is None
        assert one["loop"] in (0, 1) and 0 <= one["age_ms"] < 600000
    assert token not in json.dumps(seen)
    assert [one["id"] for one in connections(gateway, "?limit=2")["live_connections"]] == [one["id"] for one in listed[:2]]
    assert connections(gateway, "?limit=0")["live_connections"] == [] and connections(gateway, "?limit=0")["live"] == 4
    for bad in "-1", "10001", "x", "":
        assert admin(gateway, f"/debug/connections?limit={bad}")[0] == 400
    assert admin(gateway, "/debug/connections", "POST")[0] == 405
    status, text = admin(gateway, "/debug/")
    assert status == 200 and "/debug/connections" in text
    assert admin(gateway, "/debug/nothing")[0] == 404
    assert admin(stack.materializer, "/debug/connections")[0] == 404 and admin(stack.materializer, "/debug/")[0] == 200
    http2.drop()
    opened[2].drop()
    for socket in opened[:2]:
        socket.close()


def test_a_slow_client_is_seen(own_stack):
    stack = own_stack(gateway_settings={"connection_queue": "64m", "connection_queue_soft": "8k", "slow_client_time": "600s"})
    author, reader = stack.make_users(2)
    stack.make_follows([(reader, author)])
    http2 = Http2Connection(stack.gateway.port)
    held = http2.open(stack.mint(reader), reads=False)
    held.wait_open().wait_event("snapshot_end")
    api, token = Api(f"http://127.0.0.1:{stack.gateway.port}"), stack.mint(author)
    for number in range(8):
        api.post(token, "\x01" * 4000 + str(number))

    def slow():
        one = connections(stack.gateway)["live_connections"][0]
        return one if one["bytes_queued"] > 8192 and one["slow_for_ms"] is not None else None

    assert eventually(slow)["frames_sent"] <= 11
    eventually(lambda: float(value(stack.gateway, "freshet_live_queue_bytes") or 0) > 8192)
    held.open_window()
    eventually(lambda: connections(stack.gateway)["live_connections"][0]["slow_for_ms"] is None)
    http2.drop()


@contextlib.contextmanager
def stopped(pid, name):
    """One thread of that name stands still."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    tasks = pathlib.Path(f"/proc/{pid}/task")
    thread = next(int(task.name) for task in sorted(tasks.iterdir()) if (task / "comm").read_text().strip() == name)
    if libc.ptrace(16, thread, None, None) != 0:  # PTRACE_ATTACH
        pytest.skip(f"this system lets nobody stop a thread: {os.strerror(ctypes.get_errno())}")
    os.waitpid(thread, 0x40000000)  # __WALL
    try:
        yield
    finally:
        libc.ptrace(17, thread, None, None)


def test_a_loop_that_hangs_is_named(own_stack):
    """The rest is told all the same, and the other pages answer meanwhile."""
    stack = own_stack(gateway_settings={"threads": 2})
    with stopped(stack.gateway.pid, "fr-http"):
        seen = connections(stack.gateway)
        assert len(seen["silent_loops"]) == 1 and seen["loops"] == 2
        assert admin(stack.gateway, "/healthz")[0] == 200
    eventually(lambda: connections(stack.gateway)["silent_loops"] == [])


# ---- metrics ----

def value(process, name):
    for line in admin(process, "/metrics")[1].splitlines():
        if line.startswith(name + " "):
            return line.split()[-1]
    return None


def promtool(text):
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing (Debian: prometheus)")
def test_metrics_are_as_prometheus_wants_them(stack):
    """Of both processes, after some work, so that every family of theirs is there; and of all that there are."""
    author, reader = stack.make_users(2)
    stack.make_follows([(reader, author)])
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    stream = Http1Stream(stack.gateway.port, stack.mint(reader)).wait_open()
    stream.wait_post(api.post(stack.mint(author), "counted"))
    stack.settled()
    stream.drop()
    for process in stack.gateway, stack.materializer:
        text = admin(process, "/metrics")[1]
        assert promtool(text) == (0, ""), process.name
        for line in text.splitlines():
            if line.startswith("# HELP "):
                assert len(line.split(" ", 3)[3]) > 10, line
    # The ones that nothing has moved yet stand in the table of the operations page.
    page = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operations.md"
    families = [line.split("|") for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `freshet_")]
    families = [(cells[1].strip(" `"), cells[2].split()[0], cells[3].strip()) for cells in families if len(cells) == 5]
    rendered = "".join(f"# HELP {name} {text}\n# TYPE {name} {kind}\n{name} 0\n" for name, kind, text in families
                       if kind in ("counter", "gauge"))
    assert len(families) > 40 and promtool(rendered) == (0, "")
    for name, kind, _ in families:
        if kind == "histogram":
            assert name.endswith("_seconds"), name


def test_what_is_counted(own_stack):
    stack = own_stack()
    author, reader = stack.make_users(2)
    stack.make_follows([(reader, author)])
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    token = stack.mint(author)

    def counted(name):
        return float(value(stack.gateway, name) or 0)

    started, nodes = counted("freshet_started_seconds"), stack.sql("SELECT node FROM node_lease")
    assert started <= time.time() < started + 600 and counted("freshet_memory_bytes") > 1e6
    assert nodes == [(counted("freshet_node"),)]
    stream = Http1Stream(stack.gateway.port, stack.mint(reader)).wait_open()
    assert counted('freshet_http_requests_total{status="2xx"}') == 1
    api.call("GET", "/post/get/1")
    assert counted('freshet_http_requests_total{status="4xx"}') == 1
    frames = counted("freshet_live_frames_total")
    stream.wait_post(api.post(token, "one"))
    assert counted("freshet_live_frames_total") == frames + 1
    assert counted("freshet_accepted_to_delivered_seconds_count") == 1
    assert 0 < counted("freshet_accepted_to_delivered_seconds_sum") < 60
    with LiveClient(stack.gateway.port, stack.mint(reader)):
        eventually(lambda: counted('freshet_live_subscribers{carrier="websocket"}') == 1)
        stream.wait_post(api.post(token, "two"))
        assert counted("freshet_accepted_to_delivered_seconds_count") == 2, "once for a post, not for each connection"
    eventually(lambda: counted("freshet_live_queue_bytes") == 0)
    stream.drop()


# ---- log lines ----

def lines(process):
    with open(process.log, encoding="utf-8") as log:
        return [json.loads(line) for line in log if line.startswith("{")]


def test_a_request_can_be_followed_through_all_processes(own_stack):
    stack = own_stack(log_level="debug", log_format="json")
    author, reader = stack.make_users(2)
    stack.make_follows([(reader, author)])
    stream = Http1Stream(stack.gateway.port, stack.mint(reader)).wait_open()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    answer = api.good("POST", "/post/create", stack.mint(author), json_body={"text": "to be followed"},
                      headers={"X-Request-ID": "follow-me/1", "traceparent": trace})
    assert answer.headers["X-Request-ID"] == "follow-me/1"
    stream.wait_post(answer.json)

    def said(process):
        return [line["message"] for line in lines(process)
                if line.get("request_id") == "follow-me/1" and line.get("traceparent") == trace]

    eventually(lambda: said(stack.materializer) == ["event committed", "event told"])
    eventually(lambda: said(stack.gateway) == ["request", "event delivered"])
    for process in stack.processes:
        for line in lines(process):
            assert {"time", "level", "program", "message"} <= set(line), line
    assert "to be followed" not in pathlib.Path(stack.gateway.log).read_text(encoding="utf-8")
    stream.drop()


def test_a_request_s_line_tells_how_its_client_came(own_stack):
    stack = own_stack(log_level="debug", log_format="json", gateway_settings={"trusted_proxies": "127.0.0.1"})
    gateway = stack.gateway
    for number, (port, headers) in enumerate([
            (gateway.port, {}), (gateway.tls_port, {}), (gateway.port, {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}),
            (gateway.tls_port, {"X-Forwarded-Proto": "http"})]):
        subprocess.run(["curl", "-sSk", "-o", "/dev/null", "-H", f"X-Request-ID: number-{number}",
                        *(f"-H{name}: {value}" for name, value in headers.items()),
                        f"http{'s' if port == gateway.tls_port else ''}://127.0.0.1:{port}/post/get/1"], check=True)
    said = {line["request_id"]: (line["client"], line.get("scheme")) for line in lines(gateway) if line["message"] == "request"}
    assert said == {"number-0": ("127.0.0.1", None), "number-1": ("127.0.0.1", "https"), "number-2": ("192.0.2.7", "https"),
                    "number-3": ("127.0.0.1", "http")}


def test_no_log_line_shows_a_token(own_stack):
    """However it is spelled by a client that does it wrong."""
    stack = own_stack(log_level="debug")
    user, = stack.make_users(1)
    token = stack.mint(user)
    for target in (f"/post/feed/stream?token={token}", f"/post/feed?snapshot=1&TOKEN={token}", f"/x?%74oken={token}",
                   f"/post/feed/posted?cursor=a?token={token}", f"/post/feed/posted%3Ftoken={token}",
                   f"/x?back=%2Fpost%2Ffeed%3Fticket%3D{token}%26a", f"http://here/x?t%49cket={token}", f"/x;token={token}#ticket={token}",
                   f"/x?token={token}" + "y" * 9000):
        connection = http.client.HTTPConnection("127.0.0.1", stack.gateway.port, timeout=20)
        connection.putrequest("GET", target, skip_host=True)
        connection.putheader("Host", "here")
        connection.putheader("Referer", f"http://here/?token={token}")
        connection.putheader("Authorization", f"Bearer {token}x")
        connection.endheaders()
        connection.getresponse()
        connection.close()
    text = pathlib.Path(stack.gateway.log).read_text(encoding="utf-8")
    assert text.count("***") >= 8, text
    assert token not in text and token.split(".")[2] not in text


def test_levels(own_stack):
    """At warn a gateway that is well says nothing, whatever is asked of it."""
    stack = own_stack(gateway_settings={"log_level": "warn"})
    Api(f"http://127.0.0.1:{stack.gateway.port}").call("GET", "/post/get/1")
    assert pathlib.Path(stack.gateway.log).read_text(encoding="utf-8") == ""


# ---- /readyz ----

def missing(process):
    status, text = process.readiness()
    assert (status == 200) == (text == "ready\n"), text
    return None if status == 200 else text.removeprefix("not ready: ").strip().split(", ")


def test_ready_tells_what_is_missing(own_stack):
    stack = own_stack()
    gateway, materializer = stack.gateway, stack.materializer
    assert missing(gateway) is None and missing(materializer) is None
    stack.nats.kill()
    eventually(lambda: missing(gateway) == ["nats"] and missing(materializer) == ["nats"])
    stack.postgres.stop()
    eventually(lambda: missing(gateway) == ["postgresql", "nats"] and missing(materializer) == ["postgresql", "nats"])
    assert admin(gateway, "/healthz") == (200, "ok\n") and admin(materializer, "/healthz") == (200, "ok\n")
    stack.nats.start()
    eventually(lambda: missing(gateway) == ["postgresql"] and missing(materializer) == ["postgresql"])
    stack.postgres.start()
    gateway.wait_ready()
    materializer.wait_ready()


def test_ready_waits_for_the_schema_and_for_ids(own_stack):
    stack = own_stack(start=False)
    gateway = stack.gateway
    stack.sql("INSERT INTO node_lease (node, holder, until) SELECT n, 'other', now() + interval '1 day' FROM generate_series(0, 1023) AS n")
    held = stack.postgres.connect()
    held.cursor().execute("BEGIN; LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE")
    gateway.start(wait=False)
    eventually(lambda: missing(gateway) == ["schema"] if gateway.readiness()[0] else False)
    held.close()
    eventually(lambda: missing(gateway) == ["ids"])
    api = Api(f"http://127.0.0.1:{gateway.port}")
    user, = stack.make_users(1)
    assert api.call("POST", "/post/create", stack.mint(user), json_body={"text": "x"}).json["code"] == 2104
    stack.sql("DELETE FROM node_lease WHERE node = 7")
    gateway.wait_ready()
    api.post(stack.mint(user), "now")
    stack.materializer.start()
