"""First pages that a gateway keeps ready: the same bytes as a page that is read, whatever happened before the request.

`kept` are two gateways that keep pages, of one event loop each; `cold` is one that keeps none, so that what it answers is
what PostgreSQL says."""

import http.client
import itertools
import random
import socket
import threading

import pytest

from api import Api, User
from harness import Stack, eventually

HOT_READS = 32  # FR_HOT_READS
RING = 32       # PAGE_RING_MAX
THRESHOLD = 5   # of `flipping`: with one follower more an author becomes a celebrity


class Scene:
    """People with tokens and no passwords, and the three gateways."""

    def __init__(self, **settings):
        self.stack = Stack(gateways=0, start=False, **settings)
        self.kept = [self.stack.add_gateway(threads=1) for _ in range(2)]
        self.cold = self.stack.add_gateway(threads=1, hot_pages=0)
        for process in self.stack.processes:
            process.start(wait=False)
        for process in self.stack.processes:
            process.wait_ready()
        self.apis = {gateway: Api(f"http://127.0.0.1:{gateway.port}") for gateway in self.stack.gateways}
        self.api = self.apis[self.kept[0]]

    def people(self, count):
        return [User(str(id), token=self.stack.mint(id)) for id in self.stack.make_users(count)]

    def page(self, user, gateway=None, query="limit=20"):
        return self.apis[gateway or self.kept[0]].good("GET", f"/post/feed?{query}", user)

    def ids(self, user, gateway=None, query="limit=20"):
        return [post["id"] for post in self.page(user, gateway, query).json]

    def same(self, user, gateway=None, queries=("limit=20",)):
        """The gateway's page is, byte for byte, what PostgreSQL says."""
        for query in queries:
            kept, read = self.page(user, gateway, query), self.page(user, self.cold, query)
            assert (kept.data, kept.headers.get("Link")) == (read.data, read.headers.get("Link")), query
        return True

    def soon_the_same(self, user, gateway=None, queries=("limit=20",)):
        eventually(lambda: self.same(user, gateway, queries))

    def metric(self, name, gateway=None):
        return (gateway or self.kept[0]).metrics().get(f"freshet_{name}", 0)

    def hits(self, gateway=None):
        return self.metric("page_hits_total", gateway)

    def keep(self, user, gateway=None):
        """Waits until a read of that user's page is answered from memory."""
        def hit():
            before = self.hits(gateway)
            self.page(user, gateway)
            assert self.hits(gateway) > before, "still read from PostgreSQL"
            return True

        eventually(hit)

    def live(self, user, gateway=None):
        return self.stack.connect(user.token, gateway=gateway or self.kept[0])


@pytest.fixture(scope="module")
def shared():
    made = Scene()
    yield made
    made.stack.close()


@pytest.fixture
def scene(shared):
    yield shared
    shared.stack.close_clients()


@pytest.fixture(scope="module")
def few_make_a_celebrity():
    made = Scene(celebrity_threshold=THRESHOLD, celebrity_quiet="300ms")
    yield made
    made.stack.close()


@pytest.fixture
def flipping(few_make_a_celebrity):
    yield few_make_a_celebrity
    few_make_a_celebrity.stack.close_clients()


@pytest.fixture
def people(scene):
    """A reader who follows the first two of three writers, each of whom has written three posts."""
    reader, writer, another, third = scene.people(4)
    for author in (writer, another):
        scene.api.follow(reader, author)
    for number, author in itertools.product(range(3), (writer, another, third)):
        scene.api.post(author, f"{number} of {author.id}")
    scene.stack.settled()
    return reader, writer, another, third


# ---- whose pages are kept ----

def test_page_of_a_connected_user_is_ready_before_it_is_asked_for(scene, people):
    reader = people[0]
    kept = scene.metric("pages_kept")
    scene.live(reader)
    eventually(lambda: scene.metric("pages_kept") > kept)
    before = scene.hits()
    assert len(scene.ids(reader)) == 6
    assert scene.hits() == before + 1
    assert scene.same(reader)


@pytest.mark.parametrize("snapshot", (20, 0, 3, 100))
def test_snapshot_is_the_page(scene, people, snapshot):
    """What was read for an envelope connection is kept; what comes behind it keeps it current."""
    reader, writer = people[:2]
    client = scene.stack.connect(reader.token, gateway=scene.kept[0], subprotocols=["freshet.v1.json"],
                                 query={"snapshot": snapshot})
    client.wait_for(lambda all_: any(one["type"] == "snapshot_end" for one in all_))
    scene.keep(reader)
    assert scene.same(reader)
    post = scene.api.post(writer, "behind the snapshot")
    client.wait_for(lambda all_: any(one.get("id") == post for one in all_))
    assert scene.ids(reader)[0] == post
    assert scene.same(reader, queries=["limit=20", "limit=3", "limit=30"])


def test_page_of_a_frequent_reader_is_kept(scene, people):
    reader = people[0]
    for _ in range(HOT_READS - 1):
        scene.page(reader)
    assert scene.stack.sql("SELECT count(*) FROM online WHERE user_id = %s", int(reader.id)) == [(0,)]
    scene.keep(reader)
    assert scene.same(reader)
    # Nobody is connected: what is written later comes all the same.
    post = scene.api.post(people[1], "later")
    eventually(lambda: scene.ids(reader)[0] == post)
    scene.keep(reader)
    assert scene.same(reader)


def test_page_of_a_frequent_reader_is_ready_before_he_asks_again(scene, people):
    """What his reads up to now have brought about is all: from here on nobody asks until the page is there."""
    reader = people[0]
    kept = scene.metric("pages_kept")
    for _ in range(HOT_READS):
        scene.page(reader)
    eventually(lambda: scene.metric("pages_kept") > kept)
    hits, misses = scene.hits(), scene.metric("page_misses_total")
    assert len(scene.ids(reader)) == 6
    assert (scene.hits(), scene.metric("page_misses_total")) == (hits + 1, misses), "the page was read when it was asked for"
    assert scene.same(reader)


def test_page_is_kept_no_longer_than_the_connection(scene, people):
    client = scene.live(people[0])
    scene.keep(people[0])
    kept = scene.metric("pages_kept")
    client.drop()
    eventually(lambda: scene.metric("pages_kept") < kept)


def test_second_connection_goes_on(scene, people):
    """The page hangs on one connection; when that is gone it is read again, and hangs on the other."""
    reader, writer = people[:2]
    first = scene.live(reader)
    scene.keep(reader)
    second = scene.live(reader)
    first.drop()
    post = scene.api.post(writer, "to the second")
    second.wait_for_post(post)
    eventually(lambda: scene.ids(reader)[0] == post)
    scene.keep(reader)
    assert scene.same(reader)


# ---- what it shows ----

def test_all_short_pages_are_the_same(scene, people):
    reader, writer = people[:2]
    scene.live(reader)
    queries = [f"limit={limit}&offset={offset}" for limit in (1, 2, 6, 7, 10, 30, 31, 32) for offset in (0, 1, 5, 6, 7)]
    queries += ["", "limit=100", "limit=33"]
    for posts in (0, 25, 10):
        for number in range(posts):
            scene.api.post(writer, f'text {number} "quoted" \\ \u0001 \u00e4\u4e16' + "x" * 50 * number)
        scene.stack.settled()
        scene.soon_the_same(reader)
        scene.keep(reader)
        assert scene.same(reader, queries=queries)


def test_page_of_nothing(scene):
    reader, = scene.people(1)
    scene.live(reader)
    scene.keep(reader)
    assert scene.same(reader, queries=["limit=1", "limit=20", "offset=3&limit=3"])


def test_live_post_shows_after_its_message(scene, people):
    reader, writer = people[:2]
    client = scene.live(reader)
    scene.keep(reader)
    for number in range(2 * RING):
        post = scene.api.post(writer, f"{number}")
        client.wait_for_post(post)
        assert scene.ids(reader)[0] == post
    assert scene.same(reader, queries=["limit=20", "limit=30", "limit=32"])
    scene.keep(reader)


@pytest.mark.parametrize("where", (0, 1), ids=("same gateway", "other gateway"))
def test_changes_show_at_once(scene, people, where):
    """Written through one gateway, read through another: the first read after the answer shows it."""
    reader, writer, another, third = people
    writes = scene.apis[scene.kept[where]]
    scene.live(reader)
    scene.keep(reader)
    edited, deleted = scene.ids(reader)[:2]
    authors = {post["id"]: post["author_user_id"] for post in scene.page(reader).json}
    users = {user.id: user for user in people}

    writes.good("PUT", "/post/update", users[authors[edited]], json_body={"id": edited, "text": "edited"})
    assert scene.page(reader).json[0]["text"] == "edited"
    assert scene.same(reader)
    scene.keep(reader)

    writes.good("PUT", f"/post/delete/{deleted}", users[authors[deleted]])
    assert deleted not in scene.ids(reader)
    assert scene.same(reader)
    scene.keep(reader)

    writes.unfollow(reader, writer)
    assert {post["author_user_id"] for post in scene.page(reader).json} == {another.id}
    assert scene.same(reader)
    scene.keep(reader)

    writes.follow(reader, third)
    scene.stack.settled()  # and its posts are in the feed
    assert {post["author_user_id"] for post in scene.page(reader).json} == {another.id, third.id}
    assert scene.same(reader)
    scene.keep(reader)


def test_deleted_account_is_nowhere(scene, people):
    reader, writer, another, _ = people
    scene.live(reader)
    scene.keep(reader)
    # As account_delete.sql does, for people without a password.
    scene.stack.sql("WITH gone AS (UPDATE users SET deleted_at = now() WHERE id = %s RETURNING id), "
                    "departing AS (INSERT INTO departed (id) SELECT id FROM gone) "
                    "INSERT INTO page_changes (author_id, subject_id, kind) SELECT id, 0, 3 FROM gone", int(writer.id))
    assert {post["author_user_id"] for post in scene.page(reader).json} == {another.id}
    assert scene.same(reader)
    scene.keep(reader)


def test_deleted_account_by_its_own_call(scene):
    reader = scene.api.register("Reader")
    writer = scene.api.register("Writer")
    scene.api.follow(reader, writer)
    scene.api.post(writer, "soon gone")
    scene.stack.settled()
    scene.live(reader)
    scene.keep(reader)
    assert len(scene.ids(reader)) == 1
    scene.apis[scene.kept[1]].good("DELETE", "/user/me", writer, json_body={"password": writer.password})
    assert scene.ids(reader) == []


def test_import_voids_whatever_is_kept(scene, people):
    reader, _, another, third = people
    scene.live(reader)
    scene.keep(reader)
    scene.stack.ctl("import-follows", "-", input=f"{reader.id}\t{third.id}\n")
    scene.stack.settled()
    assert third.id in {post["author_user_id"] for post in scene.page(reader).json}
    assert scene.same(reader)


def test_rebuild_shows_at_once(scene, people):
    """Items that were lost come back by no live message."""
    reader = people[0]
    client = scene.live(reader)
    whole = scene.ids(reader)
    scene.stack.sql("DELETE FROM feed_items WHERE user_id = %s AND post_id IN (SELECT post_id FROM feed_items "
                    "WHERE user_id = %s ORDER BY post_id DESC LIMIT 2)", int(reader.id), int(reader.id))
    client.drop()
    scene.live(reader)
    eventually(lambda: scene.ids(reader) == whole[2:])
    scene.keep(reader)
    scene.stack.ctl("rebuild", "--user", reader.id)
    assert scene.ids(reader) == whole
    assert scene.same(reader)


def test_celebrity(scene, people):
    reader, star, _, _ = people
    scene.stack.sql("UPDATE users SET is_celebrity = true WHERE id = %s", int(star.id))
    scene.stack.sql("INSERT INTO celebrities (id) VALUES (%s)", int(star.id))
    client = scene.live(reader)
    scene.keep(reader)
    posts = [scene.api.post(star, f"famous {number}") for number in range(3)]
    for post in posts:
        client.wait_for_post(post)
    assert scene.ids(reader)[:3] == posts[::-1]
    assert scene.same(reader)
    scene.api.good("PUT", f"/post/delete/{posts[1]}", star)
    scene.api.good("PUT", "/post/update", star, json_body={"id": posts[0], "text": "less famous"})
    assert [post["text"] for post in scene.page(reader).json[:2]] == ["famous 2", "less famous"]
    assert scene.same(reader)
    scene.api.unfollow(reader, star)
    assert star.id not in {post["author_user_id"] for post in scene.page(reader).json}
    assert scene.same(reader)


@pytest.mark.parametrize("how", ("connected", "frequent reader"))
def test_followed_author_flips(flipping, how):
    """An author becomes a celebrity and ceases to be one, posting all the while, and a reader's page is kept: it lacks at most
    the newest posts, whose live messages are on their way, what it has shown it goes on showing, and what is edited and
    deleted shows at once, from whichever side of a flip it is."""
    scene = flipping
    reader, author, *crowd = scene.people(2 + THRESHOLD)
    scene.api.follow(reader, author)
    posts = [scene.api.post(author, f"before {number}") for number in range(3)][::-1]
    scene.stack.settled()
    if how == "connected":
        scene.live(reader)
    scene.keep(reader)

    def post(text):
        posts.insert(0, scene.api.post(author, text))
        lacking = [1]

        def shows_all():
            ids = scene.ids(reader, query="limit=30")
            behind = len(posts) - len(ids)
            assert ids == posts[behind:] and behind <= lacking[0], (text, ids, posts)
            lacking[0] = behind
            return behind == 0

        eventually(shows_all)

    def change(edited, deleted):
        scene.apis[scene.kept[1]].good("PUT", "/post/update", author, json_body={"id": edited, "text": f"edited {edited}"})
        texts = {one["id"]: one["text"] for one in scene.page(reader, query="limit=30").json}
        assert texts[edited] == f"edited {edited}"
        scene.apis[scene.kept[1]].good("PUT", f"/post/delete/{deleted}", author)
        posts.remove(deleted)
        assert scene.ids(reader, query="limit=30") == posts
        assert scene.same(reader, queries=["limit=20", "limit=30"])

    def flip(move, celebrity):
        for number, member in enumerate(crowd):
            move(member, author)
            post(f"{number} meanwhile")
        eventually(lambda: scene.stack.sql("SELECT is_celebrity FROM users WHERE id = %s", int(author.id)) == [(celebrity,)])
        post("behind the flip")
        scene.stack.settled()
        scene.keep(reader)
        assert scene.same(reader, queries=["limit=20", "limit=30"])

    flip(scene.api.follow, True)
    assert int(posts[0]) in {row[0] for row in scene.stack.sql("SELECT id FROM celebrity_posts WHERE author_id = %s", int(author.id))}
    change(edited=posts[-1], deleted=posts[0])
    post("famous")
    flip(scene.api.unfollow, False)
    change(edited=posts[THRESHOLD + 2], deleted=posts[0])
    post("as before")
    assert scene.same(reader, queries=["limit=20", "limit=30"])


def test_write_and_read_in_one_pipeline(scene, people):
    """The read stands behind the write's answer on one connection: it shows the write."""
    reader, writer = people[:2]
    scene.live(reader)
    scene.keep(reader)
    connection = http.client.HTTPConnection("127.0.0.1", scene.kept[0].port, timeout=30)
    followed = True
    for _ in range(20):
        verb = "delete" if followed else "set"
        followed = not followed
        connection.request("PUT", f"/friend/{verb}/{writer.id}", headers={"Authorization": f"Bearer {reader.token}"})
        assert connection.getresponse().read() == b""
        connection.request("GET", "/post/feed?limit=20", headers={"Authorization": f"Bearer {reader.token}"})
        answer = connection.getresponse().read().decode()
        assert followed or f'"author_user_id":"{writer.id}"' not in answer
    connection.close()


def test_requests_written_together(scene, people):
    """HTTP/1.1 pipelining: an unfollow and a read in one packet are answered in order, the read with the unfollow in it."""
    reader, writer = people[:2]
    scene.live(reader)
    scene.keep(reader)
    head = f"Host: x\r\nAuthorization: Bearer {reader.token}\r\n"
    with socket.create_connection(("127.0.0.1", scene.kept[0].port), timeout=30) as raw:
        raw.sendall((f"PUT /friend/delete/{writer.id} HTTP/1.1\r\n{head}Content-Length: 0\r\n\r\n"
                     f"GET /post/feed?limit=20 HTTP/1.1\r\n{head}Connection: close\r\n\r\n").encode())
        told = b""
        while True:
            data = raw.recv(65536)
            if not data:
                break
            told += data
    assert told.count(b"HTTP/1.1 200") == 2
    assert f'"author_user_id":"{writer.id}"'.encode() not in told


# ---- faults ----

def test_nats_restart(scene, people):
    """While it is away pages are read; the page that is kept afterwards lacks nothing."""
    reader, writer = people[:2]
    scene.live(reader)
    scene.keep(reader)
    scene.stack.nats.stop()
    try:
        eventually(lambda: scene.kept[0].readiness()[0] == 503)
        post = scene.api.post(writer, "while NATS was away")
        eventually(lambda: scene.ids(reader)[0] == post)
        assert scene.same(reader)
    finally:
        scene.stack.nats.start()
    for process in scene.stack.processes:
        process.wait_ready()
    scene.stack.settled()
    scene.stack.close_clients()
    client = eventually(lambda: scene.live(reader))
    scene.soon_the_same(reader)
    scene.keep(reader)
    post = scene.api.post(writer, "afterwards")
    client.wait_for_post(post)
    assert scene.ids(reader)[0] == post
    assert scene.same(reader)


def test_postgresql_away(scene, people):
    """What is kept is not shown when nobody can say whether it is still so."""
    reader, writer = people[:2]
    scene.live(reader)
    scene.keep(reader)
    scene.stack.postgres.stop()
    try:
        eventually(lambda: scene.api.call("GET", "/post/feed?limit=20", reader).status == 503)
    finally:
        scene.stack.postgres.start()
    for process in scene.stack.processes:
        process.wait_ready()
    scene.stack.close_clients()
    client = eventually(lambda: scene.live(reader))
    post = eventually(lambda: scene.api.post(writer, "afterwards"))
    client.wait_for_post(post)
    assert scene.ids(reader)[0] == post
    assert scene.same(reader)


def test_overdue_messages_are_not_waited_for(scene, people):
    """Items are there and their live messages are not: pages are read until they are."""
    reader, writer = people[:2]
    scene.live(reader)
    scene.keep(reader)
    newest = int(scene.ids(reader)[0])
    partition = scene.stack.sql("SELECT partition FROM outbox LIMIT 0")
    assert partition == []
    # What a materializer that died between commit and publish leaves behind; dead ones are left alone by the next one,
    # so this author's partition is one that nobody works off: the event is in state 1, of an author without a row.
    scene.stack.sql("INSERT INTO posts (author_id, id, body) VALUES (%s, %s, 'untold')", int(writer.id), newest + 1)
    scene.stack.sql("INSERT INTO feed_items (user_id, post_id, author_id) VALUES (%s, %s, %s)",
                    int(reader.id), newest + 1, int(writer.id))
    assert scene.ids(reader)[0] == str(newest)  # it is not told, and nobody knows that it should be
    scene.stack.materializer.signal(19)  # SIGSTOP
    try:
        scene.stack.sql("INSERT INTO outbox (author_id, partition, kind, subject_id, state, accepted_at) "
                        "VALUES (%s, 0, 1, %s, 1, now() - interval '10 seconds')", int(writer.id), newest + 1)
        eventually(lambda: scene.ids(reader)[0] == str(newest + 1))
        assert scene.same(reader)
        scene.stack.sql("DELETE FROM outbox WHERE subject_id = %s", newest + 1)
    finally:
        scene.stack.materializer.signal(18)  # SIGCONT


# ---- bounds ----

def test_more_readers_than_pages():
    """--hot-pages bounds what is kept; who asked least recently makes way."""
    scene = Scene()
    try:
        small = scene.stack.add_gateway(threads=1, hot_pages=3, body_cache="64k").start()
        scene.apis[small] = Api(f"http://127.0.0.1:{small.port}")
        writer, *readers = scene.people(7)
        for reader in readers:
            scene.api.follow(reader, writer)
        for number in range(10):
            scene.api.post(writer, "x" * 4000 + str(number))
        scene.stack.settled()
        for reader in readers:
            scene.live(reader, small)
        for _ in range(3):
            for reader in readers:
                scene.keep(reader, small)
                assert scene.same(reader, small)
                assert small.metrics()["freshet_pages_kept"] <= 3
        # Forty kilobytes of bodies in a cache of sixty-four, and then more than fit.
        for number in range(20):
            scene.api.post(writer, "y" * 4000 + str(number))
        scene.stack.settled()
        scene.soon_the_same(readers[0], small, ["limit=30"])
        assert scene.same(readers[0], small, ["limit=30"])
        metrics = small.metrics()
        assert metrics["freshet_body_bytes"] <= 65536 and metrics["freshet_body_evictions_total"] > 0
    finally:
        scene.stack.close()


# ---- anything ----

@pytest.mark.parametrize("seed", range(3))
def test_any_mixture(scene, seed):
    """Random writes through either gateway; after each, what a kept page shows of posts that have been told is what
    PostgreSQL says, and at rest they are the same."""
    chance = random.Random(seed)
    *readers, one, two, three, four = scene.people(6)
    authors = [one, two, three, four]
    scene.stack.sql("UPDATE users SET is_celebrity = true WHERE id = %s", int(four.id))
    scene.stack.sql("INSERT INTO celebrities (id) VALUES (%s)", int(four.id))
    follows = {(reader, author) for reader in readers for author in authors if chance.random() < 0.7}
    for reader, author in follows:
        scene.api.follow(reader, author)
    clients = {reader: scene.live(reader) for reader in readers}
    posts = {}  # id: author

    def step():
        api = scene.apis[chance.choice(scene.kept)]
        what = chance.random()
        if what < 0.5 or not posts:
            author = chance.choice(authors)
            posts[api.post(author, f"text {chance.random()}")] = author
        elif what < 0.65:
            post = chance.choice(list(posts))
            api.good("PUT", "/post/update", posts[post], json_body={"id": post, "text": f"edited {chance.random()}"})
        elif what < 0.8:
            post = chance.choice(list(posts))
            api.good("PUT", f"/post/delete/{post}", posts.pop(post))
        else:
            edge = (chance.choice(readers), chance.choice(authors))
            if edge in follows:
                follows.remove(edge)
                api.unfollow(*edge)
            else:
                follows.add(edge)
                api.follow(*edge)

    for round in range(12):
        for _ in range(chance.randrange(1, 8)):
            step()
            reader = chance.choice(readers)
            kept, read = scene.page(reader).json, {post["id"]: post for post in scene.page(reader, scene.cold).json}
            followed = {author.id for author in authors if (reader, author) in follows}
            for post in kept:
                # Whatever it shows is there and as it is now.
                assert post["id"] in posts and post["author_user_id"] in followed, f"seed={seed} round={round}"
                assert post["id"] not in read or read[post["id"]] == post
        scene.stack.settled()
        for reader in readers:
            scene.soon_the_same(reader, queries=["limit=20", "limit=5&offset=3", "limit=30"])
    for reader in readers:
        scene.keep(reader)
        assert scene.same(reader)
        assert not clients[reader].closed


def test_readers_and_writers_at_once(scene, people):
    """Each reader's every page: no post twice, newest first, nothing deleted before the request, no older revision than one
    that was answered before the request."""
    reader, writer = people[:2]
    scene.live(reader)
    scene.keep(reader)
    target = scene.api.post(writer, "0")
    eventually(lambda: target in scene.ids(reader))
    done, failed = threading.Event(), []
    written = [0]

    def read():
        api = Api(f"http://127.0.0.1:{scene.kept[0].port}")
        while not done.is_set():
            at_least = written[0]
            page = api.good("GET", "/post/feed?limit=20", reader).json
            ids = [int(post["id"]) for post in page]
            texts = [post["text"] for post in page if post["id"] == target]
            if ids != sorted(set(ids), reverse=True) or len(texts) != 1 or int(texts[0]) < at_least:
                failed.append((at_least, page))
                return

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 60):
        scene.apis[scene.kept[number % 2]].good("PUT", "/post/update", writer,
                                                json_body={"id": target, "text": str(number)})
        written[0] = number
        if number % 10 == 0:
            scene.api.post(writer, "another")
    done.set()
    for thread in threads:
        thread.join()
    assert not failed, failed[0]
