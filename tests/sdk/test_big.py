"""The promise of the whole: thousands of posts, the gateway killed in between, none lost, none doubled, in order."""

import itertools
import threading

import pytest

from drivers import Failed
from harness import eventually
from people import People

SDKS = ["c", "node", "node-websocket"]
AUTHORS = 20
TRIES = 200  # of one post
PATIENCE = 300  # s
LEAD = 500  # posts; what is kept for a reader who is away is bounded (1,024), and past it comes a reset


class Author(threading.Thread):
    """Writes one post after another through the SDK, each with its key until there is an answer."""

    def __init__(self, client, person, count, may_write):
        super().__init__(daemon=True)
        self.client, self.person, self.count, self.may_write = client, person, count, may_write
        self.written = []  # ids, in the order of their answers
        self.tries = 0
        self.trouble = None

    def run(self):
        try:
            for number in range(self.count):
                self.client.driver.wait(self.may_write, PATIENCE, "readers who are not too far behind")
                self.written.append(self.write(number))
        except Exception as trouble:  # told by the test's own thread
            self.trouble = trouble

    def write(self, number):
        for _ in range(TRIES):
            self.tries += 1
            try:
                return self.client.call("post_create", text=f"{self.person.id} writes number {number}",
                                        idempotency_key=f"{self.person.id}-{number}")
            except Failed as failed:
                if failed.kind != "network" and failed.status != 503:
                    raise
        raise AssertionError(f"post {number} of {self.person.id}: no answer after {TRIES} tries")


def in_order_of_each(feed, authors):
    """What the feed told of each author."""
    told = {author.person.id: [] for author in authors}
    for event in feed.of("post"):
        told[event["author_user_id"]].append(event["id"])
    return told


@pytest.fixture(scope="module")
def fragile(make_system):
    yield from make_system()


@pytest.mark.parametrize("posts, kills", [
    (2000, 4),
    pytest.param(10000, 12, marks=pytest.mark.full),
])
def test_none_lost_none_doubled(drive, fragile, posts, kills):
    """Authors and readers use the SDK; the one gateway dies under all of them, with SIGKILL, when a share of the posts is
    written, and is started again at once. No reader is left so far behind that there would be a reset."""
    people = People(fragile)
    persons = people.some(AUTHORS)
    reader = people.reader_of(*persons)
    driver = drive()
    port = fragile.gateway.port
    feeds = [driver.client(port, token=reader.token).feed().wait_live() for _ in range(2)]
    authors = []

    def may_write():
        return sum(len(author.written) for author in authors) < min(feed.post_count for feed in feeds) + LEAD

    authors += [Author(driver.client(port, token=person.token), person, posts // AUTHORS, may_write) for person in persons]
    for author in authors:
        author.start()

    def written():
        troubles = [author.trouble for author in authors if author.trouble is not None]
        if troubles:
            raise troubles[0]
        return sum(len(author.written) for author in authors)

    for kill in range(1, kills + 1):
        eventually(lambda: written() >= posts * kill // (kills + 1), PATIENCE, f"share {kill} of the posts")
        fragile.gateway.kill()
        fragile.gateway.start()
    eventually(lambda: written() == posts, PATIENCE, "every post")
    for feed in feeds:
        feed.wait(lambda: feed.post_count >= posts or len(feed.of("reset")) > 1, f"{posts} posts", PATIENCE)
    fragile.settled()

    ids = list(itertools.chain(*(author.written for author in authors)))
    stored = {str(id) for id, in fragile.sql("SELECT id FROM posts WHERE author_id = ANY (%s)", [int(one.id) for one in persons])}
    assert len(set(ids)) == posts and stored == set(ids), "each is stored once"
    for feed in feeds:
        assert len(feed.of("reset")) == 1, f"a reset among {feed.states}"
        assert feed.states.count("resuming") >= 1
        wanted = {author.person.id: author.written for author in authors}
        assert in_order_of_each(feed, authors) == wanted
        assert len(feed.posts) == posts
    print(f"{posts} posts, {kills} kills, {sum(author.tries for author in authors)} tries, "
          f"{[len(feed.of('ready')) for feed in feeds]} connections")
