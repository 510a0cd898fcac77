"""The live feed of an SDK against the gateway: what it tells, where it goes on, how it ends."""

import threading
import time

import pytest

from drivers import Failed
from fake import FakeGateway
from harness import Proxy, eventually, free_port
from people import People

SDKS = ["c", "node", "node-websocket"]  # the function form of libfreshet is test_fake.py's


@pytest.fixture
def listen(drive, system):
    """listen(person, …): an open feed of that user, live."""
    driver = drive()
    return lambda person, **options: driver.client(system.gateway.port, token=person.token).feed(**options).wait_live()


@pytest.fixture
def proxy(system):
    made = Proxy(system.gateway.port, 1)
    yield made
    made.close()


# ---- what it tells ----

def test_it_begins_with_the_newest_page(listen, people):
    author, = people.some(1)
    reader = people.reader_of(author)
    posts = [people.post(author, f"number {number}") for number in range(5)]
    people.stack.settled()
    feed = listen(reader, snapshot=3)
    assert [event["type"] for event in feed.events] == ["ready", "reset", "post", "post", "post", "snapshot_end"]
    assert feed.states == ["connecting", "live"]
    ready = feed.events[0]
    assert (ready["resumed"], ready["user_id"]) == (False, reader.id)
    assert feed.snapshot == posts[-3:], "newest last"
    assert feed.posts == [] and feed.cursor
    last = feed.of("post")[-1]
    assert (last["text"], last["author_user_id"], last["edited_at_ms"]) == ("number 4", author.id, 0)
    assert abs(last["created_at_ms"] - time.time() * 1000) < 60000


@pytest.mark.parametrize("snapshot, count", [(0, 0), (100, 30), (None, 20)])
def test_how_much_it_begins_with(listen, people, snapshot, count):
    author, = people.some(1)
    reader = people.reader_of(author)
    posts = [people.post(author, str(number)) for number in range(30)]
    people.stack.settled()
    feed = listen(reader, **({} if snapshot is None else {"snapshot": snapshot}))
    assert feed.snapshot == posts[30 - count:]


def test_posts_edits_and_deletes(listen, people):
    author, = people.some(1)
    reader = people.reader_of(author)
    feed = listen(reader)
    first, second = people.post(author, "first \U0001f600"), people.post(author, "second")
    assert feed.wait_told("post", first)["text"] == "first \U0001f600"
    feed.wait_told("post", second)
    people.edit(author, first, "better")
    people.delete(author, second)
    edit, delete = feed.wait_told("edit", first), feed.wait_told("delete", second)
    assert edit["text"] == "better" and edit["edited_at_ms"] >= edit["created_at_ms"]
    assert delete["author_user_id"] == author.id
    assert all(event["cursor"] for event in feed.of("edit", "delete") + [feed.of("post")[-1]])
    assert feed.shown == {first: "better"}


def test_after_an_unfollow_nothing_comes(listen, people):
    author, other = people.some(2)
    reader = people.reader_of(author, other)
    feed = listen(reader)
    feed.wait_told("post", people.post(author, "followed"))
    people.api.unfollow(reader, author)
    people.post(author, "not any more")
    people.stack.settled()
    last = people.post(other, "of another")
    feed.wait_told("post", last)
    assert [event["text"] for event in feed.of("post")] == ["followed", "of another"]


def test_feeds_of_one_client_each_get_everything(drive, system, people):
    author, = people.some(1)
    reader = people.reader_of(author)
    client = drive().client(system.gateway.port, token=reader.token)
    feeds = [client.feed().wait_live() for _ in range(3)]
    posts = [people.post(author, str(number)) for number in range(20)]
    for feed in feeds:
        feed.wait_told("post", posts[-1])
        assert feed.posts == posts
    feeds[0].close()
    last = people.post(author, "last")
    feeds[1].wait_told("post", last)
    assert client.call("post_get", id=last)["text"] == "last", "calls go on beside feeds"


def test_over_tls(drive, system, people):
    author, = people.some(1)
    reader = people.reader_of(author)
    certificate = system.gateway.environment["FRESHET_TLS_CERTIFICATE"]
    driver = drive(environment={"NODE_EXTRA_CA_CERTS": certificate})
    feed = driver.client(f"https://127.0.0.1:{system.gateway.tls_port}", token=reader.token, ca_file=certificate).feed()
    feed.wait_live()
    feed.wait_told("post", people.post(author, "in private"))


# ---- where it goes on ----

def test_exactly_what_was_missed(listen, people):
    """Another feed, in another process as it may be, goes on from a cursor."""
    author, = people.some(1)
    reader = people.reader_of(author)
    feed = listen(reader)
    old, gone, seen = (people.post(author, text) for text in ("old", "to be deleted", "seen"))
    feed.wait_told("post", seen)
    assert feed.close() is None
    cursor = feed.cursor
    missed = [people.post(author, "one"), people.post(author, "two")]
    people.edit(author, old, "edited meanwhile")
    people.delete(author, gone)
    people.stack.settled()
    again = listen(reader, cursor=cursor)
    last = people.post(author, "live")
    again.wait_told("post", last)
    assert again.of("ready")[0]["resumed"] is True and not again.of("reset")
    assert again.posts == [*missed, last]
    assert sorted(again.changes) == sorted([("post", post) for post in again.posts] + [("edit", old), ("delete", gone)])


@pytest.mark.parametrize("damage", ["another user's", "forged"])
def test_a_cursor_that_is_refused_is_forgotten(listen, people, damage):
    author, = people.some(1)
    other, reader = people.reader_of(author), people.reader_of(author)
    cursor = "AQABAAAA"
    if damage == "another user's":
        cursor = listen(other).cursor
    post = people.post(author, "on the page")
    people.stack.settled()
    feed = listen(reader, cursor=cursor)
    assert feed.of("ready")[0]["resumed"] is False and feed.snapshot == [post]
    feed.wait_told("post", people.post(author, "live"))
    assert "closed" not in feed.states


def test_a_cut_connection_is_resumed(drive, people, proxy):
    author, = people.some(1)
    reader = people.reader_of(author)
    feed = drive().client(proxy.port, token=reader.token).feed().wait_live()
    posts = []
    for turn in range(4):
        posts.append(people.post(author, f"before cut {turn}"))
        feed.wait_told("post", posts[-1])
        proxy.cut_all()
        posts.append(people.post(author, f"after cut {turn}"))
        feed.wait_live(turn + 2)
    feed.wait_told("post", posts[-1])
    assert feed.posts == posts
    assert len(feed.of("reset")) == 1, "the one at the beginning"
    assert set(feed.states) <= {"connecting", "live", "resuming", "offline"} and "resuming" in feed.states


def test_connections_cut_at_the_worst_moments(drive, people, proxy):
    """A connection that is cut again and again, in the middle of whatever it carries."""
    authors = people.some(3)
    reader = people.reader_of(*authors)
    driver = drive()
    feed = driver.client(proxy.port, token=reader.token).feed().wait_live()
    proxy.odds = 0.05
    posts = []
    for number in range(60):
        posts.append(people.post(authors[number % 3], f"number {number} " + "x" * 2000))
        if number % 12 == 0:
            proxy.cut_all()
    proxy.odds = 0
    feed.wait(lambda: set(posts) <= set(feed.posts) or len(feed.of("reset")) > 1, "every post")
    assert sorted(feed.posts) == sorted(posts), "once each"
    for author in authors:  # those of different authors may overtake each other
        told = [event["id"] for event in feed.of("post") if event["author_user_id"] == author.id]
        assert told == [post for post in posts if post in told]


# ---- how it ends ----

def test_close(listen, people):
    author, = people.some(1)
    reader = people.reader_of(author)
    feed = listen(reader)
    assert people.connected(reader) == 1
    assert feed.close() is None
    eventually(lambda: people.connected(reader) == 0)


def test_close_while_nobody_listens(drive):
    feed = drive().client(free_port(), token="a.b.c").feed()
    feed.wait_state("offline")
    assert feed.close() is None


def test_close_while_the_reader_takes_nothing(listen, people):
    author, = people.some(1)
    feed = listen(people.reader_of(author))
    feed.hold()
    people.post(author, "unread")
    people.stack.settled()
    assert feed.close() is None


def test_the_client_ends_before_its_feeds(drive, system, people):
    reader, = people.some(1)
    client = drive().client(system.gateway.port, token=reader.token)
    feeds = [client.feed().wait_live() for _ in range(2)]
    client.end()
    for feed in feeds:
        assert feed.wait_ended() is None or feed.error.kind == "cancelled"


def test_a_call_is_cancelled(drive):
    """While it waits for an answer that does not come."""
    silent = FakeGateway()
    silent.silent.add("/post/get/1")
    try:
        driver = drive()
        client = driver.client(silent.port)
        asked = driver.send("call", client=client.name, call="post_get", **{"with": {"id": "1"}})
        silent.wait_call("GET", "/post/get/1")
        driver.ask("cancel", of=asked)
        driver.wait(lambda: asked in driver.answers, 60, "the end of the call")
        assert driver.answers[asked]["error"]["kind"] == "cancelled"
    finally:
        silent.close()


# ---- who listens ----

def test_a_token_that_is_none(drive, system):
    feed = drive().client(system.gateway.port, token="not.a.token").feed()
    error = feed.wait_ended()
    assert (error.kind, error.status, error.code) == ("unauthenticated", 401, 1100) and error.detail
    assert feed.states[-1] == "closed"


def test_nobody_has_no_feed(drive, system):
    error = drive().client(system.gateway.port).feed().wait_ended()
    assert error.kind == "unauthenticated" and error.detail


def test_a_revoked_token_ends_it(listen, people):
    author, = people.some(1)
    reader = people.reader_of(author)
    feed = listen(reader)
    feed.wait_told("post", people.post(author, "the last one"))
    people.api.good("POST", "/logout", reader)
    error = feed.wait_ended()
    assert error.kind == "unauthenticated" and error.detail
    assert feed.states[-1] == "closed"


def test_logging_out_ends_it(drive, system, people):
    reader, = people.some(1)
    client = drive().client(system.gateway.port, token=reader.token)
    feed = client.feed().wait_live()
    client.call("logout")
    assert feed.wait_ended().kind == "unauthenticated"


def test_a_token_that_ends_is_renewed_in_time(drive, system, people):
    """The feed outlives its first token; nobody notices."""
    author, = people.some(1)
    reader = people.reader_of(author)
    driver = drive()
    driver.client(system.gateway.port).call("user_get", id=reader.id)  # it runs; now the time counts
    life_s = 12
    token = people.short_token(reader, f"{life_s}s")
    end = time.time() + life_s
    feed = driver.client(system.gateway.port, token=token, token_expires_at_ms=int(end * 1000)).feed().wait_live()
    posts = [people.post(author, "under the first token")]
    feed.wait_told("post", posts[0])
    eventually(lambda: time.time() > end + 1)
    posts.append(people.post(author, "under the second"))
    feed.wait_told("post", posts[1])
    assert feed.posts == posts and not feed.ended and len(feed.of("reset")) == 1


def test_a_token_whose_end_was_not_told(drive, system, people):
    """It is used until it is refused, and then there is no other."""
    reader, = people.some(1)
    feed = drive().client(system.gateway.port, token=people.short_token(reader, "5s")).feed()
    error = feed.wait_ended()
    assert error.kind == "unauthenticated" and error.detail


def test_tokens_of_a_password(drive, own_system):
    """Signed in with a password, a feed lives on over many tokens."""
    stack = own_system(token_ttl="3s")
    people = People(stack)
    author, = people.some(1)
    me = people.api.register()
    people.follow(me, author)
    author.token = stack.ctl("token", "mint", author.id, "--token-ttl", "1h").stdout.strip()
    feed = drive().client(stack.gateway.port, id=me.id, password=me.password).feed().wait_live()
    begin, posts = time.monotonic(), []
    while time.monotonic() < begin + 10:
        posts.append(people.post(author, f"number {len(posts)}"))
        feed.wait_told("post", posts[-1])
        stack.settled()
    assert feed.posts == posts and len(feed.of("reset")) == 1 and not feed.ended


# ---- slow readers ----

def post_big(people, author, count):
    """So many posts of nearly the largest size; their ids."""
    return [people.post(author, f"number {number} " + "x" * 4000) for number in range(count)]


def test_a_reader_that_takes_nothing_for_a_while(listen, people):
    """Less waits for it than was posted, and when it reads again it gets everything once."""
    author, = people.some(1)
    feed = listen(people.reader_of(author), queue=16)
    feed.hold()
    posts = post_big(people, author, 700)
    people.stack.settled()
    feed.go_on()
    feed.wait_told("post", posts[-1])
    assert feed.posts == posts and len(feed.of("reset")) == 1


def test_a_process_that_stands_still(drive, own_system):
    """It is too slow, is sent away with 4002, and goes on where it stopped."""
    stack = own_system(gateway_settings={"connection_queue": "64k", "connection_queue_soft": "16k", "slow_client_time": "500ms"})
    people = People(stack)
    author, = people.some(1)
    driver = drive()
    feed = driver.client(stack.gateway.port, token=people.reader_of(author).token).feed().wait_live()

    def sent_away():
        metrics = stack.gateway.metrics()
        return sum(metrics.get(f'freshet_live_slow_closed_total{{bound="{bound}"}}', 0) for bound in ("hard", "soft"))

    driver.freeze()
    posts = []
    while sent_away() == 0:
        posts += post_big(people, author, 20)
        assert len(posts) < 2000
    driver.thaw()
    posts.append(people.post(author, "last"))
    feed.wait_told("post", posts[-1])
    assert feed.posts == posts and len(feed.of("reset")) == 1 and "resuming" in feed.states


def test_many_posts_at_once(listen, people):
    """In each author's order, once."""
    authors = people.some(8)
    feed = listen(people.reader_of(*authors))
    order = {author.id: [] for author in authors}

    def write(author):
        for number in range(40):
            order[author.id].append(people.post(author, f"number {number}"))

    threads = [threading.Thread(target=write, args=(author,)) for author in authors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    feed.wait(lambda: len(feed.posts) >= 320, "320 posts")
    for author in authors:
        assert [event["id"] for event in feed.of("post") if event["author_user_id"] == author.id] == order[author.id]
    assert len(feed.posts) == 320


def test_a_held_feed_still_tells_its_failure(drive, system, people):
    reader, = people.some(1)
    feed = drive().client(system.gateway.port, token=reader.token).feed().wait_live()
    feed.hold()
    people.api.good("POST", "/logout", reader)
    eventually(lambda: people.api.call("POST", "/token/ticket", reader).status == 401)
    feed.go_on()
    with pytest.raises(Failed):
        raise feed.wait_ended()
