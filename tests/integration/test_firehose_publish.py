"""The firehose: every event once published goes to post.<p>.<author> too, in order per author, with an id that de-duplicates."""

import json
import re
import signal
import socket
import urllib.parse

import pytest

from harness import eventually
from outbox_lab import CELEBRITY, DELETE, EDIT, FLIP, FOLLOW, POST, UNFOLLOW, Lab, partition_of

ACCOUNT_EVENT, ACCOUNT = 7, 8  # in the outbox, on the bus
FAULTS = ["after_read", "after_insert", "after_commit", "after_publish", "before_delete"]


@pytest.fixture(scope="module")
def servers():
    lab = Lab(celebrity_threshold=3, celebrity_quiet="200ms")
    yield lab
    lab.close()


class Nats:
    """Asks the server: JetStream's interface is requests."""

    def __init__(self, lab):
        parts = urllib.parse.urlsplit(lab.nats.url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=30)
        self.lines = self.socket.makefile("rb")
        self.lines.readline()  # INFO
        login = {"verbose": False, "pedantic": False, "user": urllib.parse.unquote(parts.username or ""),
                 "pass": urllib.parse.unquote(parts.password or "")}
        self.socket.sendall(b"CONNECT " + json.dumps(login).encode() + b"\r\nSUB answers 1\r\n")

    def ask(self, subject, **body):
        data = json.dumps(body).encode()
        self.socket.sendall(b"PUB %s answers %d\r\n%s\r\n" % (subject.encode(), len(data), data))
        while True:
            words = self.lines.readline().split()
            assert words, "the server went away"
            if words[0] == b"PING":
                self.socket.sendall(b"PONG\r\n")
            if words[0] == b"MSG":
                return json.loads(self.lines.read(int(words[-1]) + 2))

    def stored(self, author):
        """How many messages the stream has of that author."""
        state = self.ask("$JS.API.STREAM.INFO.POSTS", subjects_filter=f"post.*.{author}")["state"]
        return sum((state.get("subjects") or {}).values())

    def close(self):
        self.socket.close()


@pytest.fixture
def nats(lab):
    connection = Nats(lab)
    yield connection
    connection.close()


def outward(lab):
    return lab.tap("post.>")


def heard(tap, author):
    return [(event.kind, event.post_id or event.follower_id, event.text) for subject, event in list(tap.messages)
            if subject == f"post.{partition_of(author)}.{author}"]


def test_every_kind_of_event_goes_outward(lab):
    """Of an author whom nobody hears live, as of any other."""
    author, other = lab.users(2)
    readers = lab.users(3, online=False)
    tap = outward(lab)
    lab.materializer()

    def then(step, *arguments):
        step(*arguments)
        lab.wait_worked_off()

    for reader in readers:
        then(lab.follow, reader, author)
    post = lab.post(author, "text")
    lab.wait_worked_off()
    then(lab.edit, author, post, "other")
    then(lab.delete, author, post)
    then(lab.unfollow, readers[0], author)
    then(lab.follow, readers[0], author)
    then(lab.follow, other, author)  # the fourth: a celebrity
    late = lab.post(author, "to all")
    lab.wait_worked_off()
    lab.run("UPDATE users SET deleted_at = now() WHERE id = %s", author)
    then(lab.event, author, ACCOUNT_EVENT, author)
    expected = [(FOLLOW, reader, "") for reader in readers] + \
        [(POST, post, "text"), (EDIT, post, "other"), (DELETE, post, ""), (UNFOLLOW, readers[0], ""),
         (FOLLOW, readers[0], ""), (FOLLOW, other, ""), (CELEBRITY, 0, ""), (POST, late, "to all"), (ACCOUNT, 0, "")]
    eventually(lambda: len(heard(tap, author)) == len(expected), what="all events")
    assert heard(tap, author) == expected
    ids = [re.search(r"Nats-Msg-Id: *(\S+)", header)[1] for header in tap.headers]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(rf"{author}-\d+", name) for name in ids)


def test_order_and_no_doubles_per_author(lab, nats):
    authors = lab.users(5)
    reader, = lab.users(1)
    for author in authors:
        lab.edge(reader, author)
    tap = outward(lab)
    posts = {author: [] for author in authors}
    for _ in range(60):
        for author in authors:
            posts[author].append(lab.post(author))
    lab.materializer(batch_events=20, publish_pending=9)
    lab.wait_worked_off()
    for author in authors:
        eventually(lambda: len(heard(tap, author)) == 60, what="all events")
        assert [post for _, post, _ in heard(tap, author)] == posts[author]
        assert nats.stored(author) == 60


def test_off_by_a_setting(lab, nats):
    author, = lab.users(1)
    reader, = lab.users(1)
    lab.edge(reader, author)
    tap = lab.tap()
    materializer = lab.materializer(firehose="off")
    lab.post(author)
    lab.post(lab.users(1)[0])  # nobody at all
    lab.wait_worked_off()
    eventually(lambda: tap.heard_by(reader), what="the live event")
    assert nats.stored(author) == 0
    assert materializer.metrics().get("freshet_firehose_published_total", 0) == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_firehose_survives_sigkill(lab, nats, fault):
    """What was committed goes outward by the next owner, and the stream has each event once."""
    author, = lab.users(1)
    reader, = lab.users(1)
    tap = outward(lab)
    live = lab.tap()
    first = lab.materializer(fault=fault)
    lab.follow(reader, author)
    posts = [lab.post(author) for _ in range(3)]
    lab.delete(author, posts[0])
    assert first.child.wait(60) == -signal.SIGKILL, f"the fault point {fault} was not reached: {first.logs()}"
    lab.materializer()
    lab.wait_worked_off()
    last = lambda: heard(tap, author)[-1:] == [(DELETE, posts[0], "")]  # noqa: E731
    eventually(last, what="the last event")
    events = list(dict.fromkeys(heard(tap, author)))
    assert [event for event in events if event != (POST, posts[0], "text")] == \
        [(FOLLOW, reader, ""), (POST, posts[1], "text"), (POST, posts[2], "text"), (DELETE, posts[0], "")]
    assert nats.stored(author) == len(events), "a repeat is kept out by its id"
    eventually(lambda: live.heard_by(reader)[-1:] and live.heard_by(reader)[-1].kind == DELETE, what="the last live event")
    kinds = list(dict.fromkeys((event.kind, event.post_id) for event in live.heard_by(reader)))
    assert [event for event in kinds if event != (POST, posts[0])] == \
        [(FOLLOW, 0), (POST, posts[1]), (POST, posts[2]), (DELETE, posts[0])]


def test_stream_that_refuses_does_not_stop_live_messages(lab, nats):
    """Live messages of an event go out, once, whatever POSTS says; the author's next event waits, and the log tells."""
    author, = lab.users(1)
    reader, = lab.users(1)
    lab.edge(reader, author)
    live, tap = lab.tap(), outward(lab)
    materializer = lab.materializer()
    posts = [lab.post(author)]
    lab.wait_worked_off()
    stream = nats.ask("$JS.API.STREAM.INFO.POSTS")
    before, full = stream["config"], {"max_bytes": stream["state"]["bytes"], "discard": "new"}
    assert "error" not in nats.ask("$JS.API.STREAM.UPDATE.POSTS", **{**before, **full})
    try:
        posts.append(lab.post(author))
        eventually(lambda: len(live.heard_by(reader)) == 2, what="the live message of an event that POSTS refuses")
        eventually(lambda: materializer.metrics().get("freshet_firehose_errors_total", 0) >= 3, what="some tries")
        posts.append(lab.post(author))
        eventually(lambda: len(lab.items(reader)) == 3, what="pages to go on")
        assert len(live.heard_by(reader)) == 2, "not again, and not the next"
        assert materializer.logs().count("not acked by POSTS") == 1
    finally:
        assert "error" not in nats.ask("$JS.API.STREAM.UPDATE.POSTS", **before)
    lab.wait_worked_off()
    eventually(lambda: len(live.heard_by(reader)) == 3, what="the next one")
    assert [event.post_id for event in live.heard_by(reader)] == posts
    assert "acked by POSTS again" in materializer.logs()
    eventually(lambda: list(dict.fromkeys(post for _, post, _ in heard(tap, author))) == posts, what="the posts outward, in order")
    assert nats.stored(author) == 3


def test_wiped_store_loses_nothing(lab):
    """JetStream's whole store goes in mid-load: pages are whole, and whatever was not acked before comes after, in order, to
    followers, on celebrities' subjects, and outward."""
    authors, stars = lab.users(4), lab.users(3, celebrity=True)
    lab.run("UPDATE users SET follower_count = 10 WHERE id = ANY (%s)", stars)
    readers = lab.users(5)
    for reader in readers:
        for author in authors + stars:
            lab.edge(reader, author)
    taps = [(lab.tap(), outward(lab))]
    materializer = lab.materializer()
    posts = {author: [] for author in authors + stars}
    for round_number in range(30):
        for author in authors + stars:
            posts[author].append(lab.post(author))
        if round_number == 10:
            lab.taps.clear()
            lab.nats.kill()
            lab.nats.wipe()
        if round_number == 20:
            taps.append((lab.start_nats_with_tap(materializer), outward(lab)))
    lab.wait_worked_off()
    for reader in readers:
        assert lab.items(reader) == {post for author in authors for post in posts[author]}
    for star in stars:
        assert {post for post, in lab.run("SELECT id FROM celebrity_posts WHERE author_id = %s", star)} == set(posts[star])

    def everything():
        for author in authors + stars:
            told = [event.post_id for live, _ in taps for event in live.heard_as_follower(readers[0], author)]
            sent = [post for _, tap in taps for _, post, _ in heard(tap, author)]
            # A tap of its own may be behind the materializer by a moment when NATS comes back: live ones are not.
            assert list(dict.fromkeys(told)) == posts[author]
            assert set(sent) <= set(posts[author]) and sent[-1:] == posts[author][-1:]
        return True

    eventually(everything, what="all live messages, in order")
    for old in taps:
        for tap in old:
            tap.close()
