"""What operators see: /debug/connections, metrics, log lines, /readyz."""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import shutil
import subprocess

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
    assert float(value(stack.gateway, "freshet_live_queue_bytes")) > 8192
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
