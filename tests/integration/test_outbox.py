"""What the gateway leaves for the materializer: one event for each change and none for what changes nothing, numbered
in the order of the changes. No materializer runs here, so the outbox keeps everything."""

import concurrent.futures
import itertools
import json
import socket
import subprocess
import urllib.parse

import pytest

from api import Api
from harness import Stack, eventually
from outbox_lab import DELETE, EDIT, FOLLOW, POST, UNFOLLOW, partition_of

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def gateways():
    with Stack(gateways=2, materializers=0) as stack:
        yield stack


@pytest.fixture(scope="module")
def apis(gateways):
    return [Api(f"http://127.0.0.1:{gateway.port}") for gateway in gateways.gateways]


@pytest.fixture
def api(apis):
    return apis[0]


def events_of(stack, author):
    return stack.sql("SELECT kind, subject_id FROM outbox WHERE author_id = %s ORDER BY event_id", int(author.id))


def all_events(stack):
    return stack.sql("SELECT * FROM outbox ORDER BY event_id")


def test_one_event_for_each_change(gateways, api):
    writer, reader = api.register(), api.register()
    api.follow(reader, writer)
    post = int(api.post(writer, "first"))
    api.good("PUT", "/post/update", writer, json_body={"id": str(post), "text": "second"})
    api.good("PUT", f"/post/delete/{post}", writer)
    api.unfollow(reader, writer)
    assert events_of(gateways, writer) == [(FOLLOW, int(reader.id)), (POST, post), (EDIT, post), (DELETE, post),
                                           (UNFOLLOW, int(reader.id))]
    # All are on the partition of the author, whoever caused them, and wait.
    assert gateways.sql("SELECT DISTINCT partition, state, tries, reason FROM outbox WHERE author_id = %s",
                        int(writer.id)) == [(partition_of(writer.id), 0, 0, None)]
    assert events_of(gateways, reader) == []


def test_no_event_without_a_change(gateways, api):
    writer, reader = api.register(), api.register()
    api.follow(reader, writer)
    post = api.post(writer, "text")
    gone = api.post(writer, "gone")
    api.good("PUT", f"/post/delete/{gone}", writer)
    before = all_events(gateways), gateways.sql("SELECT * FROM follower_delta")
    api.follow(reader, writer)
    api.unfollow(writer, reader)
    api.good("PUT", "/post/update", writer, json_body={"id": post, "text": "text"})
    for status, method, path, user, body in [
            (403, "PUT", "/post/update", reader, {"id": post, "text": "x"}),
            (403, "PUT", f"/post/delete/{post}", reader, None),
            (404, "PUT", "/post/update", writer, {"id": gone, "text": "x"}),
            (404, "PUT", f"/post/delete/{gone}", writer, None),
            (404, "PUT", "/friend/set/999999999999999999", reader, None),
            (404, "PUT", "/friend/delete/999999999999999999", reader, None),
            (400, "PUT", f"/friend/set/{reader.id}", reader, None),
            (400, "POST", "/post/create", writer, {"text": ""}),
            (401, "POST", "/post/create", None, {"text": "x"})]:
        sent = {} if body is None else {"json_body": body}
        assert api.call(method, path, user, **sent).status == status, (method, path)
    assert (all_events(gateways), gateways.sql("SELECT * FROM follower_delta")) == before


def test_origin_travels_with_the_event(gateways, api):
    writer, reader = api.register(), api.register()
    headers = {"X-Request-ID": "the-one", "traceparent": TRACE}
    post = api.good("POST", "/post/create", writer, json_body={"text": "x"}, headers=headers).json
    api.good("PUT", "/post/update", writer, json_body={"id": post, "text": "y"}, headers=headers)
    api.good("PUT", f"/post/delete/{post}", writer, headers=headers)
    api.good("PUT", f"/friend/set/{writer.id}", reader, headers=headers)
    api.good("PUT", f"/friend/delete/{writer.id}", reader, headers=headers)
    assert gateways.sql("SELECT request_id, traceparent FROM outbox WHERE author_id = %s", int(writer.id)) == \
        [("the-one", TRACE)] * 5
    # A made request id is kept, too; a damaged trace is not.
    damaged = {"traceparent": TRACE[:-1] + "g"}
    answer = api.good("POST", "/post/create", reader, json_body={"text": "x"}, headers=damaged)
    assert gateways.sql("SELECT request_id, traceparent FROM outbox WHERE author_id = %s", int(reader.id)) == \
        [(answer.headers["X-Request-ID"], None)]


def test_follower_deltas(gateways, api):
    writer, readers = api.register(), [api.register() for _ in range(3)]
    for reader in readers + readers:
        api.follow(reader, writer)
    api.unfollow(readers[0], writer)
    api.unfollow(readers[0], writer)
    assert sorted(gateways.sql("SELECT delta FROM follower_delta WHERE user_id = %s", int(writer.id))) == \
        [(-1,), (1,), (1,), (1,)]


class Nudges:
    """Hears the nudges, one after the other, on core NATS."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=30)
        self.lines = self.socket.makefile("rb")
        self.lines.readline()  # INFO
        login = json.dumps({"verbose": False, "user": parts.username, "pass": parts.password})
        self.socket.sendall(b"CONNECT " + login.encode() + b"\r\nSUB nudge.> 1\r\nPING\r\n")
        assert self.lines.readline() == b"PONG\r\n"

    def next(self):
        """The partition."""
        while True:
            words = self.lines.readline().split()
            if words[:1] == [b"MSG"]:
                self.lines.readline()
                return int(words[1].removeprefix(b"nudge."))
            assert words[:1] == [b"PING"], words
            self.socket.sendall(b"PONG\r\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()


def test_each_change_nudges_the_authors_partition(gateways, api):
    writer, reader = api.register(), api.register()
    while partition_of(reader.id) == partition_of(writer.id):
        reader = api.register()
    with Nudges(gateways.nats.url) as nudges:
        api.follow(reader, writer)
        assert nudges.next() == partition_of(writer.id)
        post = api.post(writer, "x")
        assert nudges.next() == partition_of(writer.id)
        api.good("PUT", "/post/update", writer, json_body={"id": post, "text": "y"})
        assert nudges.next() == partition_of(writer.id)
        api.good("PUT", f"/post/delete/{post}", writer)
        assert nudges.next() == partition_of(writer.id)
        api.follow(reader, writer)  # nothing new: nobody is woken, the next nudge is another's
        api.post(reader, "x")
        assert nudges.next() == partition_of(reader.id)
        api.unfollow(reader, writer)
        assert nudges.next() == partition_of(writer.id)


def at_once(work, items):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(work, items))


def test_posts_of_an_author_are_numbered_in_order(gateways, apis):
    """Through two gateways with several loops each: ids only rise, and the events are numbered as the ids."""
    writer, other = apis[0].register(), apis[0].register()
    ids = at_once(lambda n: int(apis[n % 2].post((writer, other)[n % 5 == 0], f"{n}")), range(80))
    for author in (writer, other):
        events = events_of(gateways, author)
        assert [kind for kind, _ in events] == [POST] * len(events)
        posts = [post for _, post in events]
        assert posts == sorted(posts)
    mine = [id for n, id in enumerate(ids) if n % 5 != 0]
    assert sorted(post for _, post in events_of(gateways, writer)) == sorted(mine)


def test_changes_of_a_post_are_numbered_in_order(gateways, apis):
    """Edits and a delete of one post from all sides: whatever wins, the delete is last and the revisions count."""
    writer = apis[0].register()
    for _ in range(5):
        post = apis[0].post(writer, "0")

        def change(n, post=post):
            if n == 6:
                return apis[n % 2].call("PUT", f"/post/delete/{post}", writer).status
            return apis[n % 2].call("PUT", "/post/update", writer, json_body={"id": post, "text": f"text {n}"}).status

        statuses = at_once(change, range(1, 9))
        assert statuses[5] == 200 and set(statuses) <= {200, 404}
        kinds = [kind for kind, subject in events_of(gateways, writer) if subject == int(post)]
        edits = sum(status == 200 for status in statuses) - 1
        assert kinds == [POST] + [EDIT] * edits + [DELETE]
        assert gateways.sql("SELECT revision FROM posts WHERE id = %s", int(post)) == [(1 + edits,)]


def test_changes_of_an_edge_are_numbered_in_order(gateways, apis):
    """Follows and unfollows of one edge from all sides: the events alternate, and the last one says what is."""
    writer, reader = apis[0].register(), apis[0].register()
    verbs = list(itertools.islice(itertools.cycle(["set", "delete", "set"]), 40))
    at_once(lambda one: apis[one[0] % 2].good("PUT", f"/friend/{one[1]}/{writer.id}", reader), enumerate(verbs))
    kinds = [kind for kind, _ in events_of(gateways, writer)]
    assert kinds == list(itertools.islice(itertools.cycle([FOLLOW, UNFOLLOW]), len(kinds)))
    there = kinds[-1] == FOLLOW
    for table in ("followees", "followers"):
        assert gateways.sql(f"SELECT count(*) FROM {table} WHERE follower_id = %s AND followed_id = %s",
                            int(reader.id), int(writer.id)) == [(int(there),)]
    assert gateways.sql("SELECT sum(delta) FROM follower_delta WHERE user_id = %s", int(writer.id)) == [(int(there),)]


def test_follow_limit_holds_against_many_at_once(gateways, apis):
    reader = apis[0].register()
    crowd = gateways.make_users(9997)
    gateways.make_follows((reader.id, one) for one in crowd)
    writers = [apis[0].register() for _ in range(8)]
    statuses = at_once(lambda n: apis[n % 2].call("PUT", f"/friend/set/{writers[n].id}", reader).status, range(8))
    assert sorted(statuses) == [200] * 3 + [400] * 5
    assert gateways.sql("SELECT count(*) FROM followees WHERE follower_id = %s", int(reader.id)) == [(10000,)]
    told = sum(len(events_of(gateways, writer)) for writer in writers)
    assert told == 3


# ---- servers that are slow or away ----

def assert_try_again(answer, codes):
    assert answer.status == 503 and answer.json["code"] in codes, answer
    assert int(answer.headers["Retry-After"]) >= 1


def test_author_locked_for_long(gateways, api):
    """Somebody holds the author's row: an answer that says so, no post, and no harm to what comes after."""
    writer = api.register()
    other = gateways.postgres.connect()
    try:
        with other, other.cursor() as cursor:
            cursor.execute("SELECT FROM users WHERE id = %s FOR UPDATE", (int(writer.id),))
            assert_try_again(api.call("POST", "/post/create", writer, json_body={"text": "x"}), {2101})
    finally:
        other.close()
    assert events_of(gateways, writer) == []
    post = int(api.post(writer, "y"))
    assert events_of(gateways, writer) == [(POST, post)]


def test_clients_that_leave_before_the_answer(gateways, api):
    """Over HTTP/2, where the server notices: what was begun ends well without anybody to tell."""
    writer = api.register()
    timed_out = 28  # curl's word for it
    base = f"http://{api.host}:{api.port}"

    def ask_and_leave(method, path, body=None, seconds="0.3"):
        command = ["curl", "-s", "-o", "/dev/null", "--http2-prior-knowledge", "-m", seconds, "-X", method, base + path,
                   "-H", "Authorization: Bearer " + writer.token]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode

    edited, deleted = api.post(writer, "x"), api.post(writer, "x")
    other = gateways.postgres.connect()
    try:
        with other, other.cursor() as cursor:
            cursor.execute("SELECT FROM users, posts WHERE users.id = %s AND posts.author_id = users.id FOR UPDATE",
                           (int(writer.id),))
            assert ask_and_leave("POST", "/post/create", {"text": "of one who left"}) == timed_out
            assert ask_and_leave("PUT", "/post/update", {"id": edited, "text": "y"}) == timed_out
            assert ask_and_leave("PUT", f"/post/delete/{deleted}") == timed_out
            assert ask_and_leave("PUT", "/friend/set/1") == timed_out
        with other, other.cursor() as cursor:
            cursor.execute("LOCK users, posts, followees IN ACCESS EXCLUSIVE MODE")
            for path in ("/post/feed", f"/post/get/{edited}", f"/user/get/{writer.id}",
                         "/user/search?first_name=a&last_name=b"):
                assert ask_and_leave("GET", path) == timed_out, path
            assert ask_and_leave("POST", "/login", {"id": writer.id, "password": writer.password}) == timed_out
    finally:
        other.close()
    for _ in range(3):
        ask_and_leave("POST", "/user/register", {"first_name": "A", "second_name": "B", "password": "x" * 8}, "0.01")
    eventually(lambda: sorted(kind for kind, _ in events_of(gateways, writer)) == [POST, POST, POST, EDIT, DELETE],
               what="the changes of one who left")
    assert api.good("GET", "/post/feed", writer).json == []


def test_posts_are_accepted_without_nats(gateways, api):
    """The outbox is the queue: a nudge that nobody hears loses nothing."""
    writer, reader = api.register(), api.register()
    gateways.nats.stop()
    try:
        api.follow(reader, writer)
        post = int(api.post(writer, "x"))
        api.good("PUT", f"/post/delete/{post}", writer)
    finally:
        gateways.nats.start()
    assert events_of(gateways, writer) == [(FOLLOW, int(reader.id)), (POST, post), (DELETE, post)]


def test_database_away_and_back(gateways, api):
    writer = api.register()
    kept = api.post(writer, "kept")
    gateways.postgres.stop()
    try:
        for method, path, body in [("POST", "/post/create", {"text": "x"}),
                                   ("POST", "/login", {"id": "1", "password": "x"}),
                                   ("GET", f"/post/get/{kept}", None), ("GET", "/post/feed", None),
                                   ("PUT", f"/friend/set/{int(writer.id) + 1}", None),
                                   ("PUT", "/post/update", {"id": kept, "text": "x"}),
                                   ("GET", "/user/search?first_name=a&last_name=b", None)]:
            sent = {} if body is None else {"json_body": body}
            assert_try_again(api.call(method, path, writer, **sent), {2100, 2101})
        assert api.call("PUT", f"/friend/set/{writer.id}", writer).status == 400  # needs no database to be wrong
    finally:
        gateways.postgres.start()
    eventually(lambda: api.call("GET", f"/post/get/{kept}").status == 200, what="the database connection")
    for gateway in gateways.gateways:
        gateway.wait_ready()
    assert events_of(gateways, writer) == [(POST, int(kept))]
    post = api.post(writer, "again")
    assert events_of(gateways, writer) == [(POST, int(kept)), (POST, int(post))]
