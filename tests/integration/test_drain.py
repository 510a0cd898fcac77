"""What a stop does to those who are connected: SIGTERM, --drain-wait, --drain-time, and a second signal."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import threading
import time

import psycopg2
import pytest

from api import Api
from harness import Refused, eventually
from harness.waiting import PATIENCE

JSON = ["freshet.v1.json"]


def stop(gateway):
    gateway.signal(signal.SIGTERM)


def ended_well(gateway):
    """Its end, which must be one in order."""
    assert gateway.child.wait(PATIENCE) == 0, gateway.tail()
    gateway.check_log()


def listens(gateway):
    try:
        socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE).close()
        return True
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it ended with this one in its queue
        return False


@contextlib.contextmanager
def posts_locked(stack):
    """No post can be written while this holds."""
    connection = psycopg2.connect(stack.postgres.url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()
    finally:
        connection.close()


def waiting_for_lock(stack):
    return stack.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")[0][0]


# ---- live connections ----

def tenths(numbers, low, high):
    """How many of them lie in each tenth of the way from one to the other."""
    found = [0] * 10
    for number in numbers:
        found[min(int(10 * (number - low) / (high - low)), 9)] += 1
    return found


def test_sockets_are_sent_away_evenly(own_stack):
    """Over the drain's time, one after another, each with a word and a time of its own to come back; and a request that is
    held up in the meantime is answered."""
    count, drain_ms = 300, 5000
    stack = own_stack(gateway_settings={"drain_time": f"{drain_ms}ms"})
    tokens = [stack.mint(user) for user in stack.make_users(10)]
    clients = [stack.connect(tokens[number % 10], subprotocols=JSON) for number in range(count)]
    poster = Poster(stack.gateway, tokens[0], 1)
    seen = {0}
    with posts_locked(stack):
        poster.start()
        eventually(lambda: waiting_for_lock(stack) >= 1)
        stop(stack.gateway)
        while max(seen) < count / 2:
            seen.add(stack.gateway.metrics().get("freshet_live_drained_total", 0))
    while any(not client.closed for client in clients) and stack.gateway.alive:
        try:
            seen.add(stack.gateway.metrics().get("freshet_live_drained_total", 0))
        except (OSError, http.client.HTTPException):
            break
    poster.join()
    assert poster.trouble is None and poster.status in (200, 503) and poster.headers["Connection"] == "close"
    for client in clients:
        assert client.wait_closed() == 1001
    byes = [client.messages[-1] for client in clients]
    assert {(bye["type"], bye["code"]) for bye in byes} == {("bye", 1001)}
    # When they are told to come back is evenly spread: 30 of them in each tenth, and 10 or fewer are less likely than one in 10,000.
    pauses = [bye["reconnect_after_ms"] for bye in byes]
    assert 0 <= min(pauses) and max(pauses) <= drain_ms
    assert all(10 < number < 70 for number in tenths(pauses, 0, drain_ms)), f"pauses are not spread: {sorted(pauses)}"
    # And so is when they are told: a busy machine makes lumps, but not of most of them.
    told = sorted(client.received[-1][0] for client in clients)
    assert told[-1] - told[0] > drain_ms / 1000 / 2, "all at once: a slow machine makes it longer, never shorter"
    parts = tenths(told, told[0], told[-1])
    assert max(parts) <= count / 2 and sum(part > 0 for part in parts) >= 5, f"in lumps: {parts}"
    assert len([number for number in seen if 0 < number < count]) >= 5, f"in bursts: {sorted(seen)}"
    # The oldest are told first, on each of the two event loops.
    turns = sorted(range(count), key=lambda number: clients[number].received[-1][0])
    early = turns[:count // 2]
    assert sum(number < count // 2 for number in early) > 0.7 * len(early), "the oldest come first"
    ended_well(stack.gateway)


def test_plain_sockets_get_the_code_alone(own_stack):
    stack = own_stack()
    client, = [stack.live(user) for user in stack.make_users(1)]
    stop(stack.gateway)
    assert client.wait_closed() == 1001
    assert client.frames == []
    ended_well(stack.gateway)


def deaf_socket(stack, token):
    """A WebSocket whose client never answers."""
    opened = socket.create_connection(("127.0.0.1", stack.gateway.port), timeout=PATIENCE)
    opened.sendall(("GET /post/feed/posted HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                    f"Authorization: Bearer {token}\r\n\r\n").encode())
    assert opened.recv(12) == b"HTTP/1.1 101"
    return opened


def test_clients_that_never_answer_the_close(own_stack):
    stack = own_stack(gateway_settings={"drain_time": "2s"})
    user, = stack.make_users(1)
    deaf = [deaf_socket(stack, stack.mint(user)) for _ in range(5)]
    stop(stack.gateway)
    ended_well(stack.gateway)
    for one in deaf:
        one.close()


# ---- requests ----

class Poster(threading.Thread):
    """A post over HTTP/1.1, and what became of it."""

    def __init__(self, gateway, token, number):
        super().__init__()
        self.connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
        self.connection.connect()
        self.token, self.number = token, number
        self.status = self.headers = self.body = self.trouble = None

    def run(self):
        try:
            self.connection.request("POST", "/post/create", json.dumps({"text": f"number {self.number}"}),
                                    {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"})
            answer = self.connection.getresponse()
            self.status, self.headers, self.body = answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException) as trouble:
            self.trouble = trouble


def test_requests_in_flight_are_answered(own_stack):
    """Held up in the database when the drain begins: each gets its answer, and its connection is closed in good form."""
    stack = own_stack(gateway_settings={"drain_time": "30s", "database_connections": 8})
    tokens = [stack.mint(user) for user in stack.make_users(20)]
    posters = [Poster(stack.gateway, token, number) for number, token in enumerate(tokens)]
    with posts_locked(stack):
        for poster in posters:
            poster.start()
        eventually(lambda: waiting_for_lock(stack) >= 2)
        stop(stack.gateway)
        eventually(lambda: not listens(stack.gateway))
        assert stack.gateway.readiness()[0] == 503
    for poster in posters:
        poster.join()
        assert poster.trouble is None, f"{poster.number}: {poster.trouble}"
        assert poster.status in (200, 503), f"{poster.number}: {poster.status}"
        assert poster.headers["Connection"] == "close"
    answered = {int(json.loads(poster.body)) for poster in posters if poster.status == 200}
    assert answered, "the database let them through"
    ended_well(stack.gateway)
    assert answered <= {post for post, in stack.sql("SELECT id FROM posts")}, "what was answered is there"


def test_request_in_flight_on_http2_is_answered(own_stack):
    """Longer than the library's own patience with a connection that was told to go."""
    stack = own_stack(gateway_settings={"drain_time": "30s"})
    user, = stack.make_users(1)
    with posts_locked(stack):
        curl = subprocess.Popen(["curl", "-sS", "--http2-prior-knowledge", "-m", str(PATIENCE), "-w", "\n%{http_code}",
                                 "-H", f"Authorization: Bearer {stack.mint(user)}",
                                 "-H", "Content-Type: application/json", "-d", '{"text": "over h2"}',
                                 f"http://127.0.0.1:{stack.gateway.port}/post/create"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        eventually(lambda: waiting_for_lock(stack) >= 1)
        begun = time.monotonic()
        stop(stack.gateway)
        eventually(lambda: time.monotonic() > begun + 3)
    out, problem = curl.communicate(timeout=PATIENCE)
    assert curl.returncode == 0 and out.splitlines()[-1] == "200", f"{out!r} {problem!r}"
    ended_well(stack.gateway)


def test_kept_alive_connections(own_stack):
    """Quiet ones are closed; one that asks in the middle of the drain gets its answer, and is told that it was the last;
    one that wants a WebSocket is told to come back."""
    stack = own_stack(gateway_settings={"drain_time": "20s"})
    user, = stack.make_users(1)
    token = stack.mint(user)
    quiet, busy, upgrading = [socket.create_connection(("127.0.0.1", stack.gateway.port), timeout=PATIENCE)
                              for _ in range(3)]
    ask = (f"GET /user/get/{user} HTTP/1.1\r\nHost: x\r\n\r\n").encode()
    for one in quiet, busy, upgrading:
        assert b"connection: keep-alive" in exchange(one, ask).lower()
    # The drain is long enough for all of it, and ends as soon as nobody is left.
    half = ask[:20]
    busy.sendall(half)
    upgrading.sendall(b"GET /post/feed/posted HTTP/1.1\r\n")
    stop(stack.gateway)
    eventually(lambda: not listens(stack.gateway))
    assert quiet.recv(1) == b"", "closed"
    busy.sendall(ask[20:])
    answer = read_answer(busy)
    assert answer.startswith(b"HTTP/1.1 200 ") and b"connection: close" in answer.lower()
    assert busy.recv(1) == b""
    upgrading.sendall(("Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer {token}\r\n\r\n").encode())
    answer = read_answer(upgrading)
    assert answer.startswith(b"HTTP/1.1 503 ") and b"retry-after:" in answer.lower(), answer
    ended_well(stack.gateway)


def exchange(opened, request):
    opened.sendall(request)
    return read_answer(opened)


def read_answer(opened):
    """Head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = opened.recv(4096)
        assert piece, f"ended in the middle: {data}"
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")))
    while len(body) < length:
        piece = opened.recv(4096)
        assert piece, f"ended in the middle: {data}"
        body += piece
    return head + b"\r\n\r\n" + body


# ---- before the drain, and instead of it ----

def test_listening_goes_on_for_the_drain_wait(own_stack):
    stack = own_stack(gateway_settings={"drain_wait": "60s"})
    user, = stack.make_users(1)
    token = stack.mint(user)
    early = stack.connect(token, subprotocols=JSON)
    stop(stack.gateway)
    eventually(lambda: stack.gateway.readiness()[0] == 503 and "stopping" in stack.gateway.readiness()[1])
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    api.post(token, "still taken")
    late = stack.connect(token, subprotocols=JSON)
    for client in early, late:
        client.ping()
        assert not client.closed
    stop(stack.gateway)
    ended_well(stack.gateway)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("phase", ["wait", "drain"])
def test_second_signal_ends_at_once(own_stack, phase, second):
    """The times that are set are longer than the test waits."""
    wait = "600s" if phase == "wait" else "0s"
    stack = own_stack(gateway_settings={"drain_wait": wait, "drain_time": "600s"})
    user, = stack.make_users(1)
    token = stack.mint(user)
    deaf = [deaf_socket(stack, token) for _ in range(3)]
    stop(stack.gateway)
    eventually(lambda: stack.gateway.readiness()[0] == 503)
    if phase == "drain":
        eventually(lambda: not listens(stack.gateway))
    stack.gateway.signal(second)
    ended_well(stack.gateway)
    for one in deaf:
        one.close()


def test_connecting_in_the_middle_of_the_drain_is_refused(own_stack):
    stack = own_stack(gateway_settings={"drain_time": "20s"})
    user, = stack.make_users(1)
    token = stack.mint(user)
    deaf = deaf_socket(stack, token)
    stop(stack.gateway)
    eventually(lambda: not listens(stack.gateway))
    with pytest.raises((Refused, OSError)) as refusal:
        stack.connect(token)
    assert not isinstance(refusal.value, Refused) or refusal.value.status == 503
    deaf.close()
    ended_well(stack.gateway)
