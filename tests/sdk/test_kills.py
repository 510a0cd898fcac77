"""An SDK over deaths of the gateway and of what stands behind it."""

import signal
import threading

import pytest

from drivers import Failed
from harness import eventually
from people import People

SDKS = ["c", "node", "node-websocket"]  # the function form of libfreshet is test_fake.py's


class Pair:
    """A system of two gateways: the SDK talks to the first, which dies; the test to the second."""

    def __init__(self, stack, driver):
        self.stack, self.driver = stack, driver
        self.people = People(stack, stack.gateways[1])
        self.author, = self.people.some(1)
        self.reader = self.people.reader_of(self.author)
        self.client = driver.client(stack.gateway.port, token=self.reader.token)
        self.posts = []

    def post(self, text="text"):
        self.posts.append(self.people.post(self.author, f"{text} {len(self.posts)}"))
        self.stack.settled()
        return self.posts[-1]


@pytest.fixture(scope="module")
def pair_system(make_system):
    yield from make_system(gateways=2)


@pytest.fixture
def pair(drive, pair_system):
    start_all(pair_system)
    yield Pair(pair_system, drive())
    start_all(pair_system)


def start_all(stack):
    for gateway in stack.gateways:
        if not gateway.alive:
            gateway.start()


def test_killed_under_an_open_feed(pair):
    """What was posted meanwhile comes, once and in order; three times over."""
    feed = pair.client.feed().wait_live()
    for turn in range(3):
        feed.wait_told("post", pair.post("before"))
        pair.stack.gateway.kill()
        feed.wait(lambda: feed.states[-1] in ("resuming", "offline"), "the loss of the connection")
        pair.post("while it was away")
        pair.post("while it was away")
        pair.stack.gateway.start()
        feed.wait_live(turn + 2)
        feed.wait_told("post", pair.posts[-1])
    assert feed.posts == pair.posts
    assert len(feed.of("reset")) == 1, "the one at the beginning"
    assert all(event["resumed"] for event in feed.of("ready")[1:])


def test_away_for_long(pair):
    """Calls fail with a clear word, the feed says that it is offline; both go on when the gateway is back."""
    feed = pair.client.feed().wait_live()
    client = pair.driver.client(pair.stack.gateway.port, token=pair.author.token, timeout_ms=1500)
    post = client.call("post_create", text="before")
    feed.wait_told("post", post)
    pair.stack.gateway.kill()
    feed.wait_state("offline")
    with pytest.raises(Failed) as failed:
        client.call("post_get", id=post)
    assert failed.value.kind == "network" and failed.value.detail
    pair.stack.gateway.start()
    feed.wait_live(2)
    assert client.call("post_get", id=post)["text"] == "before"
    after = client.call("post_create", text="after")
    feed.wait_told("post", after)
    assert feed.posts == [post, after]


def test_drain(pair):
    """SIGTERM: the feed is told to go, comes back when it may, and nothing is missing."""
    feed = pair.client.feed().wait_live()
    feed.wait_told("post", pair.post("before"))
    pair.stack.gateway.signal(signal.SIGTERM)
    feed.wait(lambda: feed.states[-1] in ("resuming", "offline"), "its being sent away")
    pair.stack.gateway.stop()
    pair.post("meanwhile")
    pair.stack.gateway.start()
    feed.wait_live(2)
    feed.wait_told("post", pair.post("after"))
    assert feed.posts == pair.posts and len(feed.of("reset")) == 1


def test_a_post_whose_answer_was_lost_is_one(pair):
    """Killed again and again while posts are written: each is there once."""
    client = pair.driver.client(pair.stack.gateway.port, token=pair.author.token)
    feed = pair.driver.client(pair.stack.gateways[1].port, token=pair.reader.token).feed().wait_live()
    stop, made = threading.Event(), []

    def write():
        while not stop.is_set():
            text = f"number {len(made)}"
            made.append((insist(client, text, f"key-{pair.author.id}-{len(made)}"), text))

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(3):
        seen = len(made)
        eventually(lambda: len(made) > seen + 20)
        pair.stack.gateway.kill()
        pair.stack.gateway.start()
    stop.set()
    writer.join()
    feed.wait_told("post", made[-1][0])
    assert [(event["id"], event["text"]) for event in feed.of("post")] == made
    assert pair.stack.sql("SELECT count(*) FROM posts WHERE author_id = %s", int(pair.author.id))[0][0] == len(made)


def insist(client, text, key):
    """Posts it with its key until there is an answer; the id."""
    for _ in range(100):
        try:
            return client.call("post_create", text=text, idempotency_key=key)
        except Failed as failed:
            assert failed.kind == "network" or failed.status == 503, failed
    raise AssertionError("no answer after 100 tries")


def test_lost_streams_are_told(pair):
    """JetStream's store is gone: a reset, and after it the page as it is."""
    feed = pair.client.feed(snapshot=100).wait_live()
    for _ in range(3):
        feed.wait_told("post", pair.post("before"))
    pair.stack.lose_nats_store()
    feed.wait(lambda: len(feed.of("reset")) == 2, "a reset")
    feed.wait_live()

    posted = []

    def goes_on():
        posted.append(pair.post("after"))
        return any(post in feed.shown for post in posted)

    eventually(goes_on, what="posts after the reset", every=0.2)
    pages = {post["id"]: post["text"] for post in pair.people.api.feed(pair.reader)}
    eventually(lambda: feed.shown == pages, what="the feed shows what the page has")


@pytest.mark.full
def test_away_for_longer_than_the_window(drive, own_system):
    stack = own_system(gateways=2, resume_window="10s")
    pair = Pair(stack, drive())
    feed = pair.client.feed().wait_live()
    feed.wait_told("post", pair.post("before"))
    stack.gateway.kill()
    missed = pair.post("missed")
    stack.sql("SELECT pg_sleep(16)")
    stack.gateway.start()
    feed.wait(lambda: len(feed.of("reset")) == 2, "a reset")
    feed.wait_live(2)
    assert feed.snapshot == pair.posts and feed.posts == [pair.posts[0]] and missed in feed.shown
