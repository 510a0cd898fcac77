"""The live feed as an event stream, over HTTP/1.1 and HTTP/2."""

import http.client
import json
import socket
import subprocess
import time

import h2.errors
import pytest

from api import Api
from harness import Http1Stream, Http2Connection, eventually
from harness.waiting import PATIENCE

SSE, PROTOBUF = "text/event-stream", "application/x-protobuf"


class Crowd:
    """Users of a stack and their streams, all of which are dropped after the test."""

    def __init__(self, stack, count):
        self.stack, self.gateway = stack, stack.gateway
        self.api = Api(f"http://127.0.0.1:{self.gateway.port}")
        self.ids = stack.make_users(count)
        self.tokens, self.open = {}, []

    def token(self, user):
        if user not in self.tokens:
            self.tokens[user] = self.stack.mint(user)
        return self.tokens[user]

    def post(self, author, text="text"):
        return self.api.post(self.token(author), text)

    def http1(self, user, tls=False, **options):
        port = self.gateway.tls_port if tls else self.gateway.port
        stream = Http1Stream(port, self.token(user) if user is not None else None, tls=tls, **options)
        self.open.append(stream)
        return stream

    def http2(self, tls=False):
        connection = Http2Connection(self.gateway.tls_port if tls else self.gateway.port, tls)
        self.open.append(connection)
        return connection

    def carried(self, how, user, **options):
        """A stream over h1, h1s, h2 or h2s."""
        if how.startswith("h1"):
            return self.http1(user, tls=how == "h1s", **options)
        return self.http2(tls=how == "h2s").open(self.token(user), **options)

    def metric(self, name):
        return metric(self.gateway, name)

    def connected(self, user):
        """How many live connections the gateway knows of that user."""
        listed = json.loads(admin(self.gateway, "/debug/connections?limit=10000")[1])["live_connections"]
        return sum(one["user_id"] == str(user) for one in listed)

    def drop(self):
        for one in self.open:
            one.drop()


def admin(gateway, path):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.admin_port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def metric(gateway, name):
    """The value of one line of /metrics; 0 if it is not there."""
    for line in admin(gateway, "/metrics")[1].splitlines():
        if line.startswith(name + " "):
            return float(line.split()[-1])
    return 0


@pytest.fixture
def crowd(stack):
    made = Crowd(stack, 8)
    yield made
    made.drop()


@pytest.fixture
def own_crowd(own_stack):
    """own_crowd(count, **settings of the gateway): of a system for this test alone."""
    made = []

    def make(count, fault=None, **settings):
        system = own_stack(gateway_settings=settings, start=False)
        if fault is not None:
            system.gateway.environment["FRESHET_FAULT"] = fault
        for process in system.processes:
            process.start(wait=False)
        for process in system.processes:
            process.wait_ready()
        made.append(Crowd(system, count))
        return made[-1]

    yield make
    for one in made:
        one.drop()


# ---- what comes ----

@pytest.mark.parametrize("accept", [SSE, PROTOBUF])
@pytest.mark.parametrize("how", ["h1", "h1s", "h2", "h2s"])
def test_stream_tells_posts_in_order(stack, crowd, how, accept):
    author, reader, stranger = crowd.ids[:3]
    stack.make_follows([(reader, author)])
    stream = crowd.carried(how, reader, accept=accept).wait_open()
    assert stream.headers["content-type"] == accept
    assert stream.headers["cache-control"] == "no-store" and stream.headers["x-accel-buffering"] == "no"
    assert "content-length" not in stream.headers and stream.headers["x-request-id"]
    assert stream.headers.get("transfer-encoding") == ("chunked" if how.startswith("h1") else None)
    stream.wait_event("snapshot_end")
    assert [one["event"] for one in stream.events] == ["ready", "reset", "snapshot_end"]
    text = 'Zeile 1\nid: 7\n\n"2" \\ ünï 🦉 \u2028 \r\n'
    posts = [crowd.post(author, f"{number} {text}") for number in range(20)]
    crowd.post(stranger)
    stream.wait_post(posts[-1])
    assert stream.posts == posts
    for number, event in enumerate(stream.events[3:]):
        data = event["data"]
        assert (data["type"], str(data["author_user_id"]), data["text"]) == ("post", str(author), f"{number} {text}")
        assert data["cursor"] == event["id"] and 0 < len(data["cursor"]) <= 128
    assert str(stream.events[0]["data"]["user_id"]) == str(reader)
    if accept == SSE:
        assert stream.parser.retry > 0
        assert stream.body.startswith(b"retry: ") and stream.body.count(b"retry:") == 1


def test_curl_reads_it(stack, crowd):
    """A client that knows nothing of us, in each way it can connect."""
    author, reader = crowd.ids[:2]
    stack.make_follows([(reader, author)])
    gateway = crowd.gateway
    ways = {"--http1.1": f"http://127.0.0.1:{gateway.port}", "--http2-prior-knowledge": f"http://127.0.0.1:{gateway.port}",
            "--http2": f"https://127.0.0.1:{gateway.tls_port}"}
    children = [subprocess.Popen(["curl", "-sSkN", way, "-H", "Accept: text/event-stream", "-H",
                                  f"Authorization: Bearer {crowd.token(reader)}", f"{base}/post/feed/stream"],
                                 stdout=subprocess.PIPE) for way, base in ways.items()]
    try:
        for child in children:
            for line in iter(child.stdout.readline, b""):
                if line == b"event: snapshot_end\n":
                    break
        post = crowd.post(author, "for curl")
        for child in children:
            line = next(line for line in iter(child.stdout.readline, b"") if post.encode() in line)
            assert json.loads(line.removeprefix(b"data: "))["text"] == "for curl"
    finally:
        for child in children:
            child.kill()
            child.wait()


def test_json_of_a_stream_is_the_socket_s(stack, crowd):
    """The envelope behind `data:` is, but for the cursor, the frame of freshet.v1.json."""
    author, reader = crowd.ids[:2]
    stack.make_follows([(reader, author)])
    stream = crowd.http1(reader).wait_open()
    with stack.connect(crowd.token(reader), subprotocols=["freshet.v1.json"]) as socket:
        post = crowd.post(author, "the same")
        event = stream.wait_post(post)
        frame = socket.wait_for(lambda all_: next((one for one in all_ if one.get("id") == post), None))
        frame.pop("cursor")
        event["data"].pop("cursor")
        assert frame == event["data"]


def test_edits_and_deletes(stack, crowd):
    author, reader = crowd.ids[:2]
    stack.make_follows([(reader, author)])
    streams = [crowd.http1(reader).wait_open(), crowd.http2().open(crowd.token(reader), accept=PROTOBUF).wait_open()]
    edited, deleted = crowd.post(author, "before"), crowd.post(author, "gone")
    for stream in streams:
        stream.wait_post(edited)
        stream.wait_post(deleted)
    crowd.api.good("PUT", "/post/update", crowd.token(author), json_body={"id": edited, "text": "after"})
    crowd.api.good("PUT", f"/post/delete/{deleted}", crowd.token(author))
    for stream in streams:
        stream.wait_event("delete")
        edit, gone = stream.wait_event("edit")["data"], stream.wait_event("delete")["data"]
        assert (str(edit["id"]), edit["text"]) == (edited, "after")
        assert (str(gone["id"]), str(gone["author_user_id"])) == (deleted, str(author))
        assert edit["cursor"] and gone["cursor"]


# ---- resume ----

@pytest.mark.parametrize("where", ["Last-Event-ID", "cursor"])
@pytest.mark.parametrize("how, accept", [("h1", SSE), ("h2", SSE), ("h2s", PROTOBUF)])
def test_resumes_exactly(stack, crowd, how, accept, where):
    author, reader = crowd.ids[:2]
    stack.make_follows([(reader, author)])
    first = crowd.carried(how, reader, accept=accept).wait_open()
    before = [crowd.post(author, str(number)) for number in range(3)]
    first.wait_post(before[-1])
    cursor = next(one["data"]["cursor"] for one in first.events if one["event"] == "post" and str(one["data"]["id"]) == before[1])
    first.drop() if how == "h1" else first.reset()
    after = [crowd.post(author, str(number)) for number in range(3)]
    stack.settled()
    options = {"query": {"cursor": cursor}} if where == "cursor" else {"headers": {"last-event-id": cursor}}
    again = crowd.carried(how, reader, accept=accept, **options).wait_open()
    again.wait_post(after[-1])
    live = crowd.post(author, "live again")
    again.wait_post(live)
    assert again.events[0]["data"]["resumed"] is True
    assert [one["event"] for one in again.events] == ["ready"] + ["post"] * 5
    assert again.posts == [before[2], *after, live]


def test_last_event_id_wins(stack, crowd):
    """A browser connects again with the URL that it was given, and with where it was."""
    author, reader = crowd.ids[:2]
    stack.make_follows([(reader, author)])
    first = crowd.http1(reader).wait_open()
    first.wait_event("snapshot_end")
    old = first.cursor
    first.wait_post(crowd.post(author, "seen"))
    new = first.cursor
    post = crowd.post(author, "not seen")
    first.wait_post(post)
    again = crowd.http1(reader, query={"cursor": old}, headers={"last-event-id": new}).wait_open()
    again.wait_post(post)
    assert again.posts == [post]


def test_snapshot(stack, crowd):
    author, reader = crowd.ids[:2]
    stack.make_follows([(reader, author)])
    posts = [crowd.post(author, str(number)) for number in range(6)]
    stack.settled()
    for query, shown in (({"snapshot": 4}, posts[2:]), ({}, posts), ({"snapshot": 0}, [])):
        stream = crowd.http1(reader, query=query).wait_open()
        stream.wait_event("snapshot_end")
        assert [one["event"] for one in stream.events] == ["ready", "reset"] + ["post"] * len(shown) + ["snapshot_end"]
        snapshot = stream.events[2:-1]
        assert [one["data"]["id"] for one in snapshot] == shown and all(one["data"]["snapshot"] for one in snapshot)
        assert stream.events[-1]["id"] == stream.events[-1]["data"]["cursor"]
        assert all(one["id"] == "" for one in stream.events[:-1]), "no cursor before the snapshot is complete"


# ---- the request ----

@pytest.mark.parametrize("accept, chosen", [
    (None, SSE), ("*/*", SSE), ("text/*", SSE), ("text/event-stream;q=0.5, application/x-protobuf", PROTOBUF),
    ("text/event-stream;q=0.2, */*;q=0.1", SSE), ("text/event-stream;q=0, */*", PROTOBUF), ("Application/*", PROTOBUF),
    ("application/json, application/x-protobuf;q=0.001", PROTOBUF), ("text/html", None), ("text/event-stream;q=0", None),
    ("application/json, text/plain", None),
])
def test_accept_chooses(crowd, accept, chosen):
    stream = crowd.http1(crowd.ids[0], accept=accept)
    if chosen is None:
        assert stream.problem["code"] == 1605 and stream.status == 406 and stream.problem["field"] == "Accept"
    else:
        assert stream.wait_open().headers["content-type"] == chosen


def test_head_answers_the_headers_alone(crowd):
    reader = crowd.ids[0]
    stream = crowd.http1(reader, method="HEAD")
    stream.wait_ended()
    assert stream.status == 200 and stream.headers["content-type"] == SSE and "content-length" not in stream.headers
    stream = crowd.http2().open(crowd.token(reader), method="HEAD", accept=PROTOBUF)
    stream.wait_ended()
    assert stream.status == 200 and stream.headers["content-type"] == PROTOBUF and stream.body == b""
    assert crowd.connected(reader) == 0


def test_tokens(stack, crowd):
    author, reader = crowd.ids[:2]
    token = crowd.token(reader)
    for options in [{}, {"headers": {"authorization": "Bearer rubbish"}}, {"query": {"token": "rubbish"}}]:
        stream = crowd.http1(None, **options)
        assert stream.problem["status"] == 401 and stream.headers["www-authenticate"] == "Bearer"
    for options in [{"query": {"token": token}}, {"headers": {"x-auth": token}}]:
        crowd.http1(None, **options).wait_open().wait_event("ready")


@pytest.mark.parametrize("where", ["Last-Event-ID", "cursor"])
def test_a_bad_cursor_is_refused_by_name(crowd, where):
    reader, other = crowd.ids[:2]
    foreign = crowd.http1(other).wait_open()
    foreign.wait_event("snapshot_end")
    good = foreign.cursor
    damaged = good[:-1] + ("A" if good[-1] != "A" else "B")
    for cursor in ["rubbish", "A" * 200, good, damaged, "%00"]:
        options = {"query": {"cursor": cursor}} if where == "cursor" else {"headers": {"last-event-id": cursor}}
        stream = crowd.http1(reader, **options)
        assert (stream.problem["status"], stream.problem["field"]) == (400, where), cursor
    for snapshot in "101", "-1", "x":
        stream = crowd.http1(reader, query={"snapshot": snapshot})
        assert (stream.problem["status"], stream.problem["field"]) == (400, "snapshot")


def test_http10_gets_a_stream_that_ends_with_the_connection(stack, crowd):
    author, reader = crowd.ids[:2]
    stack.make_follows([(reader, author)])
    stream = crowd.http1(reader, version="1.0", headers={"connection": "keep-alive"}).wait_open()
    assert "transfer-encoding" not in stream.headers and stream.headers["connection"] == "close"
    stream.wait_post(crowd.post(author))


# ---- many on one connection ----

@pytest.mark.parametrize("tls", [False, True])
def test_hundred_streams_on_one_connection_each_get_their_own(stack, crowd, tls):
    authors = crowd.ids[:4]
    readers = stack.make_users(25)
    follows = [(reader, author) for number, reader in enumerate(readers) for author in authors[:number % 5]]
    stack.make_follows(follows)
    connection = crowd.http2(tls)
    streams = [(reader, connection.open(crowd.token(reader), accept=[SSE, PROTOBUF][turn % 2]))
               for turn in range(4) for reader in readers]
    assert len(streams) == 100
    for _, stream in streams:
        stream.wait_open().wait_event("snapshot_end")
    posts = {author: [crowd.post(author, f"{author}/{number}") for number in range(5)] for author in authors}
    for reader, stream in streams:
        mine = [post for author in authors if (reader, author) in follows for post in posts[author]]
        stream.wait(lambda one: len(one.posts) >= len(mine), what=f"{len(mine)} posts of {reader}")
    stack.settled()
    for reader, stream in streams:
        mine = [post for author in authors if (reader, author) in follows for post in posts[author]]
        assert sorted(stream.posts, key=int) == sorted(mine, key=int)
        for author in authors:
            assert [post for post in stream.posts if post in posts[author]] == [post for post in mine if post in posts[author]]


def test_a_stream_that_is_left_leaves_the_others(stack, crowd):
    author, reader = crowd.ids[:2]
    stack.make_follows([(reader, author)])
    connection = crowd.http2()
    streams = [connection.open(crowd.token(reader)) for _ in range(3)]
    for stream in streams:
        stream.wait_open()
    assert crowd.connected(reader) == 3
    streams[1].reset()
    eventually(lambda: crowd.connected(reader) == 2)
    post = crowd.post(author)
    for stream in streams[0], streams[2]:
        stream.wait_post(post)
    assert post not in streams[1].posts
    connection.drop()
    eventually(lambda: crowd.connected(reader) == 0)


def test_a_client_that_leaves_at_once_is_forgotten(crowd):
    """Before its flow has started, too."""
    reader = crowd.ids[0]
    connection = crowd.http2()
    for _ in range(20):
        connection.open(crowd.token(reader)).reset()
        crowd.http2().open(crowd.token(reader))
        crowd.open[-1].drop()
    connection.open(crowd.token(reader)).wait_open()
    eventually(lambda: crowd.connected(reader) == 1)


# ---- back-pressure, slow clients ----

def big(number):
    """A text that is six times as long in JSON."""
    return "\x01" * 4000 + f"{number:09}"


def test_a_closed_window_holds_up_none_of_the_others(own_crowd):
    """The one that takes nothing is ended alone: without its window there is no way to say goodbye, so the stream is
    reset when the time for that is over."""
    crowd = own_crowd(3, fault="short-stream-times")
    author, reader, other = crowd.ids
    crowd.stack.make_follows([(reader, author), (other, author)])
    connection = crowd.http2()
    held = connection.open(crowd.token(reader), reads=False)
    others = [connection.open(crowd.token(user), accept=accept) for user in (reader, other) for accept in (SSE, PROTOBUF)]
    for stream in [held, *others]:
        stream.wait_open().wait_event("snapshot_end")
    posts = []
    while not held.ended:
        posts.append(crowd.post(author, big(len(posts))))
        for stream in others:
            stream.wait_post(posts[-1])
        assert len(posts) < 200
    assert held.error == h2.errors.ErrorCodes.CANCEL and 0 < len(held.posts) < len(posts)
    assert held.posts == posts[:len(held.posts)]
    assert crowd.metric('freshet_live_slow_closed_total{bound="hard"}') == 1
    for stream in others:
        assert stream.posts == posts and not stream.ended
    assert crowd.metric('freshet_live_subscribers{carrier="sse"}') == 2
    again = connection.open(crowd.token(reader)).wait_open()
    again.wait_post(crowd.post(author, "the connection is as good as before"))


def test_what_waited_for_a_window_comes_when_it_opens(stack, crowd):
    author, reader = crowd.ids[:2]
    stack.make_follows([(reader, author)])
    stream = crowd.http2().open(crowd.token(reader), reads=False)
    stream.wait_open().wait_event("snapshot_end")
    posts = [crowd.post(author, big(number)) for number in range(6)]
    stack.settled()
    assert len(stream.posts) < 6 and len(stream.body) == 65535
    stream.open_window()
    posts.append(crowd.post(author, "last"))
    stream.wait_post(posts[-1])
    assert stream.posts == posts


@pytest.mark.parametrize("how", ["h1", "h2"])
def test_a_client_that_takes_too_long_is_told_to_go(own_crowd, how):
    """Over the soft bound for --slow-client-time; its goodbye and its end come when it reads after all."""
    crowd = own_crowd(2, connection_queue="64m", connection_queue_soft="16k", slow_client_time="300ms")
    author, reader = crowd.ids
    crowd.stack.make_follows([(reader, author)])
    if how == "h1":
        stream = crowd.http1(reader, read=False, receive_buffer=4096)
        eventually(lambda: crowd.metric('freshet_live_subscribers{carrier="sse"}') == 1)
    else:
        stream = crowd.http2().open(crowd.token(reader), reads=False)
        stream.wait_open().wait_event("snapshot_end")
    posts = []

    def counted():
        return crowd.metric('freshet_live_slow_closed_total{bound="soft"}')

    while counted() == 0:
        posts.append(crowd.post(author, big(len(posts))))
        assert len(posts) < 1000
    if how == "h1":
        stream.start()
    else:
        stream.open_window()
    stream.wait_ended()
    assert stream.error is None, "it ended in good form"
    bye = stream.events[-1]["data"]
    assert (bye["type"], bye["code"]) == ("bye", 4002)
    assert stream.parser.retry == bye["reconnect_after_ms"] > 0, "browsers heed it by themselves"
    assert 0 < len(stream.posts) < len(posts)
    assert stream.posts == posts[:len(stream.posts)], "nothing between them was left out"
    assert counted() == 1 and crowd.metric('freshet_live_slow_closed_total{bound="hard"}') == 0
    assert crowd.metric("freshet_live_queue_bytes") == 0


def test_a_client_that_never_reads_is_ended(own_crowd):
    crowd = own_crowd(2, fault="short-stream-times", connection_queue="64k", connection_queue_soft="32k")
    author, reader = crowd.ids
    crowd.stack.make_follows([(reader, author)])
    good = crowd.http1(reader).wait_open()
    crowd.http1(reader, read=False, receive_buffer=4096)
    eventually(lambda: crowd.metric('freshet_live_subscribers{carrier="sse"}') == 2)
    posts = []
    while crowd.metric('freshet_live_subscribers{carrier="sse"}') == 2:
        posts.append(crowd.post(author, big(len(posts))))
        good.wait_post(posts[-1])
        assert len(posts) < 1000
    assert crowd.metric('freshet_live_slow_closed_total{bound="hard"}') == 1
    assert good.posts == posts and not good.ended
    eventually(lambda: crowd.metric("freshet_connections") == 1)


def test_a_connection_that_is_not_read_loses_its_streams(own_crowd):
    """The windows are open, the socket is full: what waits is bounded for each stream all the same."""
    crowd = own_crowd(2, fault="short-stream-times", connection_queue="64k", connection_queue_soft="32k")
    author, reader = crowd.ids
    crowd.stack.make_follows([(reader, author)])
    good = crowd.http1(reader).wait_open()
    connection = crowd.http2()
    streams = [connection.open(crowd.token(reader)) for _ in range(3)]
    for stream in streams:
        stream.wait_open().widen()
    connection.reading.clear()
    posts = []
    while crowd.metric('freshet_live_slow_closed_total{bound="hard"}') < 3:
        posts.append(crowd.post(author, big(len(posts))))
        good.wait_post(posts[-1])
        assert len(posts) < 1000
    assert crowd.metric("freshet_live_queue_bytes") < 4 * 5 * 65536
    connection.reading.set()
    for stream in streams:
        stream.wait_ended()
        assert stream.posts == posts[:len(stream.posts)] and len(stream.posts) < len(posts)
    assert good.posts == posts
    connection.open(crowd.token(reader)).wait_open().wait_post(crowd.post(author, "as good as before"))


# ---- heartbeats ----

def test_heartbeats(own_crowd):
    """And who left without a word is found out by them."""
    crowd = own_crowd(1, fault="short-stream-times")
    reader = crowd.ids[0]
    streams = [crowd.carried(how, reader, accept=accept) for how in ("h1", "h2") for accept in (SSE, PROTOBUF)]
    for stream in streams:
        stream.wait_open().wait_event("snapshot_end")
        events = len(stream.events)
        stream.wait(lambda one: one.comments >= 3, what="heartbeats")
        assert len(stream.events) == events
        assert stream.body.endswith(b":\n\n" if stream.headers["content-type"] == SSE else b"\0")
    assert crowd.metric('freshet_live_subscribers{carrier="sse"}') == 2
    streams[0].drop()
    eventually(lambda: crowd.metric('freshet_live_subscribers{carrier="sse"}') == 1)


# ---- clients that leave ----

@pytest.mark.parametrize("how", ["h1", "h1s", "h2", "h2s"])
def test_who_leaves_is_noticed_without_a_heartbeat(own_crowd, how):
    """Of several connections of a user one goes; its place is free again, in the user's limit too."""
    crowd = own_crowd(2, fault="hourly-heartbeats", connections_per_user=3)
    author, reader = crowd.ids
    crowd.stack.make_follows([(reader, author)])
    streams = [crowd.carried(how, reader) for _ in range(3)]
    for stream in streams:
        stream.wait_open().wait_event("snapshot_end")
    assert crowd.metric("freshet_connections") == crowd.metric('freshet_live_subscribers{carrier="sse"}') == 3
    left = streams.pop(0)
    (left if how.startswith("h1") else left.connection).drop()
    eventually(lambda: crowd.metric("freshet_connections") == crowd.metric('freshet_live_subscribers{carrier="sse"}') == 2)
    assert crowd.connected(reader) == 2
    post = crowd.post(author)
    for stream in streams:
        stream.wait_post(post)
        assert stream.comments == 0
    crowd.carried(how, reader).wait_open().wait_event("snapshot_end")
    assert crowd.connected(reader) == 3
    for stream in streams + [crowd.open[-1]]:
        (stream.connection if hasattr(stream, "connection") else stream).drop()
    eventually(lambda: crowd.metric("freshet_connections") == crowd.metric("freshet_online_users") == 0)


def test_who_leaves_with_much_unread_is_noticed(own_crowd):
    crowd = own_crowd(2, fault="hourly-heartbeats", connection_queue="64m", connection_queue_soft="64m")
    author, reader = crowd.ids
    crowd.stack.make_follows([(reader, author)])
    stream = crowd.http1(reader, read=False, receive_buffer=4096)
    eventually(lambda: crowd.metric('freshet_live_subscribers{carrier="sse"}') == 1)
    number = 0
    while crowd.metric("freshet_live_queue_bytes") < 200000:
        crowd.post(author, big(number))
        number += 1
        assert number < 1000
    stream.drop()
    eventually(lambda: crowd.metric("freshet_connections") == crowd.metric("freshet_live_queue_bytes") == 0)


def pipelined(crowd, user, behind):
    """A stream, and requests right behind its own."""
    opened = socket.create_connection(("127.0.0.1", crowd.gateway.port), timeout=PATIENCE)
    opened.sendall((f"GET /post/feed/stream?snapshot=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {crowd.token(user)}\r\n\r\n"
                    + f"GET /user/get/{user} HTTP/1.1\r\nHost: x\r\n\r\n" * behind).encode())
    return opened


def read_until(opened, bytes_, got=b""):
    """All that came, once these did; None: up to the end."""
    while bytes_ is None or bytes_ not in got:
        piece = opened.recv(65536)
        if not piece:
            assert bytes_ is None, f"ended before {bytes_}: {got}"
            return got
        got += piece
    return got


def test_requests_behind_a_stream_wait_for_its_end(own_crowd):
    """They are left unread meanwhile, and no sign that the client has gone."""
    crowd = own_crowd(2, fault="hourly-heartbeats")
    author, reader = crowd.ids
    crowd.stack.make_follows([(reader, author)])
    with pipelined(crowd, reader, 3) as opened:
        got = read_until(opened, b"event: snapshot_end")
        opened.sendall(f"GET /user/get/{reader} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        post = crowd.post(author)
        got = read_until(opened, post.encode(), got)
        assert got.count(b"HTTP/1.1 200 OK") == 1 and crowd.connected(reader) == 1
        crowd.api.good("POST", "/logout", crowd.token(reader))
        got = read_until(opened, b"\r\n0\r\n\r\n", got)
        assert b'"code":4001' in got
        opened.shutdown(socket.SHUT_WR)
        got = read_until(opened, None, got)
        assert got.count(b"HTTP/1.1 200 OK") == 5


def test_client_that_half_closes_is_gone(own_crowd):
    """Its stream ends in good form; what it had asked behind it is answered, and the connection ends."""
    crowd = own_crowd(1, fault="hourly-heartbeats")
    reader, = crowd.ids
    for behind in 0, 2:
        with pipelined(crowd, reader, behind) as opened:
            got = read_until(opened, b"event: snapshot_end")
            assert crowd.connected(reader) == 1
            opened.shutdown(socket.SHUT_WR)
            got = read_until(opened, None, got)
            assert got.count(b"HTTP/1.1 200 OK") == 1 + behind and b"event: bye" not in got
            stream, end, rest = got.partition(b"\r\n0\r\n\r\n")
            assert end and b"text/event-stream" in stream and rest.count(b'"first_name":"User"') == behind
        eventually(lambda: crowd.metric("freshet_connections") == 0)


# ---- the end ----

def test_a_stream_does_not_outlive_its_token(own_crowd):
    crowd = own_crowd(1)
    reader = crowd.ids[0]
    token = crowd.stack.ctl("token", "mint", reader, "--token-ttl", "2s").stdout.strip()
    connection = crowd.http2()
    streams = [crowd.http1(None, query={"token": token}), connection.open(token), connection.open(token, accept=PROTOBUF)]
    stays = connection.open(crowd.token(reader))
    for stream in [*streams, stays]:
        stream.wait_open().wait_event("ready")
    for stream in streams:
        stream.wait_ended()
        assert stream.error is None
        last = stream.events[-1]["data"]
        assert (last["type"], last["code"]) == ("bye", 4001) and last["reason"]
    assert not stays.ended


def test_a_revoked_token_ends_its_streams(crowd):
    reader = crowd.ids[0]
    token = crowd.stack.mint(reader)
    streams = [crowd.http1(None, query={"token": token}), crowd.http2().open(token)]
    stays = crowd.http1(reader).wait_open()
    for stream in streams:
        stream.wait_open().wait_event("ready")
    crowd.api.good("POST", "/logout", token)
    for stream in streams:
        stream.wait_ended()
        assert (stream.events[-1]["event"], stream.events[-1]["data"]["code"]) == ("bye", 4001)
    assert not stays.ended


def test_past_the_user_s_limit_a_stream_is_told_so(own_crowd):
    crowd = own_crowd(2, connections_per_user=2)
    reader, other = crowd.ids
    connection = crowd.http2()
    streams = [connection.open(crowd.token(reader)).wait_open() for _ in range(2)]
    for accept in SSE, PROTOBUF:
        refused = connection.open(crowd.token(reader), accept=accept).wait_open()
        refused.wait_ended()
        assert refused.error is None
        assert [(one["event"], one["data"]["code"]) for one in refused.events] == [("bye", 4003)]
    connection.open(crowd.token(other)).wait_open().wait_event("ready")
    assert not any(stream.ended for stream in streams)


def test_drain(own_crowd):
    """Every stream ends in good form, its connection after it; what is new is refused; the process ends well."""
    crowd = own_crowd(3, drain_wait="0s", drain_time="3s")
    author, reader, other = crowd.ids
    crowd.stack.make_follows([(reader, author)])
    connection, tls = crowd.http2(), crowd.http2(tls=True)
    streams = [crowd.http1(reader) for _ in range(5)] + [connection.open(crowd.token(reader)) for _ in range(20)] + \
        [tls.open(crowd.token(reader), accept=PROTOBUF) for _ in range(5)]
    for stream in streams:
        stream.wait_open().wait_event("ready")
    post = crowd.post(author, "before the end")
    for stream in streams:
        stream.wait_post(post)
    begun = time.monotonic()
    crowd.gateway.stop()
    for stream in streams:
        stream.wait_ended()
        assert stream.error is None, stream.error
        assert stream.posts == [post]
        last = stream.events[-1]["data"]
        assert (last["type"], last["code"]) == ("bye", 1001) and last.get("reconnect_after_ms", 0) >= 0
    for one in connection, tls:
        assert one.closed.wait(10) and one.goaway.is_set()
    # Without a client that is slow to go, the time is not used up: this is no measurement, but a cut is seen.
    assert time.monotonic() - begun < 20
