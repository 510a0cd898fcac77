"""The connection of libfreshet: one carries everything, and one that is dead is given up though nobody says so."""

import threading
import time

import pytest

import messages
from drivers import Failed
from fake import FakeGateway, answer
from harness import Proxy

SDKS = ["c"]


class CountingProxy(Proxy):
    """Knows how many connections were made, and can stop carrying what goes over those that there are, without closing them:
    as a network does that lost its way."""

    def __init__(self, port):
        super().__init__(port, 1)
        self.opened, self.dead = 0, 0

    async def _open(self):
        self.opened += 1
        return await super()._open()

    async def _carry(self, reader, writer, can_cut):
        number = self.opened
        while True:
            data = await reader.read(65536)
            if not data:
                raise EOFError
            if number > self.dead:
                writer.write(data)
                await writer.drain()

    def swallow(self):
        """From now on nothing gets through on the connections that there are."""
        self.dead = self.opened


@pytest.fixture
def through():
    """through(port): a CountingProxy before it."""
    made = []

    def make(port):
        made.append(CountingProxy(port))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


@pytest.fixture
def fake():
    made = FakeGateway()
    yield made
    made.close()


def test_one_connection_for_everything(drive, system, people, through):
    proxy = through(system.gateway.port)
    author, = people.some(1)
    reader = people.reader_of(author)
    client = drive().client(proxy.port, token=reader.token)
    feeds = [client.feed() for _ in range(4)]  # at once, while there is no connection yet
    posts = []

    def call(number):
        posts.append(client.call("post_create", text=f"number {number}"))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for feed in feeds:
        feed.wait_live()
    assert len(set(posts)) == 100
    last = people.post(author, "last")
    for feed in feeds:
        feed.wait_told("post", last)
    assert proxy.opened == 1


def test_a_dead_connection_under_a_feed(drive, fake, through):
    """Nothing comes, heartbeats neither: it connects anew, and goes on where it was."""
    fake.say("GET", "/post/get/5", answer(messages.api().Post(id=5, text="x")))
    proxy = through(fake.port)
    client = drive().client(proxy.port, token="a.token", silence_ms=1500)
    feed = client.feed()
    fake.wait_feed().begin(cursor="c1")
    feed.wait_live()
    proxy.swallow()
    again = fake.wait_feed(2)
    assert again.cursor == "c1"
    again.begin(resumed=True, cursor="c1")
    feed.wait_live(2)
    assert client.call("post_get", id="5")["text"] == "x", "calls go over the new one"
    assert feed.states == ["connecting", "live", "resuming", "live"]
    assert proxy.opened == 2


def test_a_silent_stream_on_a_connection_that_lives(drive, fake, through):
    """It alone is given up: the others go on."""
    proxy = through(fake.port)
    client = drive().client(proxy.port, token="a.token", silence_ms=1500)
    silent, other = client.feed(), client.feed()
    lives = [fake.wait_feed(number).begin(cursor=f"c{number}") for number in (1, 2)]
    silent.wait_live()
    other.wait_live()
    while len(fake.feeds) < 3:
        lives[1].send_bytes(b"")
        time.sleep(0.1)
    assert fake.wait_feed(3).cursor in ("c1", "c2")
    states = sorted([silent.states, other.states])
    assert states[0] == ["connecting", "live"] and states[1][:3] == ["connecting", "live", "resuming"]
    assert proxy.opened == 1


def test_a_dead_connection_under_a_call(drive, system, people, through):
    """The call's time is over; the next one finds a connection that lives."""
    proxy = through(system.gateway.port)
    reader, = people.some(1)
    client = drive().client(proxy.port, token=reader.token, timeout_ms=1500, connect_timeout_ms=1000)
    assert client.call("user_get", id=reader.id)["id"] == reader.id
    proxy.swallow()
    with pytest.raises(Failed) as failed:
        client.call("user_get", id=reader.id)
    assert failed.value.kind == "network" and failed.value.request_id
    assert client.call("user_get", id=reader.id)["id"] == reader.id
    assert proxy.opened == 2
