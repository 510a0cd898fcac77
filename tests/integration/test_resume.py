"""Resume and snapshot over real sockets: what was missed comes once and in order, and where it can't, the newest page
does, without a hole where it meets the live flow."""

import signal
import threading

import pytest

from harness import LiveClient, Refused, eventually
from test_live import People
from publisher import (CELEBRITY, DELETE, EDIT, FOLLOW, ORDINARY, UNFOLLOW, Publisher)

JSON = ["freshet.v1.json"]


# ---- what clients do ----

def envelopes(stack, user, cursor=None, gateway=0, **query):
    """An open connection with envelopes."""
    if cursor is not None:
        query["cursor"] = cursor
    return stack.connect(stack.mint(user), stack.gateways[gateway], query=query, subprotocols=JSON)


def kinds(client):
    return [message["type"] for message in client.messages]


def shown(client, since=0):
    """(type, id) of what was told about posts."""
    return [(message["type"], message["id"]) for message in client.messages[since:] if "id" in message]


def wait_snapshot(client, number=1):
    """The cursor at the end of that snapshot."""
    def ends(messages):
        found = [message["cursor"] for message in messages if message["type"] == "snapshot_end"]
        return len(found) >= number and found[number - 1]

    return client.wait_for(ends)


def wait_told(client, kind, post):
    return client.wait_for(lambda messages: next((message for message in messages if message["type"] == kind and
                                                  message.get("id") == post), None))


def wait_post(client, post):
    return wait_told(client, "post", post)


def last_cursor(client):
    return [message["cursor"] for message in client.messages if "cursor" in message][-1]


def leave(client):
    """Its last cursor, after it is gone."""
    cursor = last_cursor(client)
    client.drop()
    return cursor


def view(client):
    """What the client shows in the end: {id: text}, as the protocol tells it to."""
    posts = {}
    for message in client.messages:
        if message["type"] == "reset":
            posts = {}
        elif message["type"] in ("post", "edit"):
            posts[message["id"]] = message["text"]
        elif message["type"] == "delete":
            posts.pop(message["id"], None)
    return posts


@pytest.fixture
def people(whole):
    yield People(whole, 8)
    whole.close_clients()


def counter(stack, name):
    return sum(gateway.metrics().get(f"freshet_{name}", 0) for gateway in stack.gateways)


# ---- the beginning ----

def test_first_connection_gets_the_newest_page(whole, people):
    author, reader = people.ids[:2]
    people.follow(reader, author)
    whole.settled()
    posts = [people.post(author, f"number {number}") for number in range(5)]
    whole.settled()
    client = envelopes(whole, reader, snapshot=3)
    wait_snapshot(client)
    assert kinds(client) == ["ready", "reset", "post", "post", "post", "snapshot_end"]
    ready, reset, *snapshot, end = client.messages
    assert ready == {"type": "ready", "resumed": False, "user_id": str(reader)}
    assert reset == {"type": "reset"}
    assert [post["id"] for post in snapshot] == posts[-3:], "newest last"
    assert all(post["snapshot"] is True and "cursor" not in post for post in snapshot)
    assert set(end) == {"type", "cursor"}
    post = people.post(author, "live")
    told = wait_post(client, post)
    assert told["text"] == "live" and told["cursor"] and "snapshot" not in told


def test_snapshot_of_nothing(whole, people):
    author, reader = people.ids[:2]
    people.follow(reader, author)
    people.post(author)
    whole.settled()
    client = envelopes(whole, reader, snapshot=0)
    wait_snapshot(client)
    assert kinds(client) == ["ready", "reset", "snapshot_end"]


def test_edits_and_deletes_are_told(whole, people):
    author, reader = people.ids[:2]
    people.follow(reader, author)
    whole.settled()
    client = envelopes(whole, reader)
    wait_snapshot(client)
    first, second = people.post(author, "first"), people.post(author, "second")
    wait_told(client, "post", second)  # what is edited before it was told comes as it reads by then
    api = people.apis[0]
    api.good("PUT", "/post/update", people.token(author), {"id": first, "text": "better"})
    api.good("PUT", f"/post/delete/{second}", people.token(author))
    edit, delete = wait_told(client, "edit", first), wait_told(client, "delete", second)
    assert edit["text"] == "better" and edit["edited_at"] and edit["cursor"]
    assert set(delete) == {"type", "cursor", "id", "author_user_id"}
    assert view(client) == {first: "better"}


def test_an_edit_at_once_is_told_as_one(whole, people):
    """The post may come as it reads by then already; who waits for the edit gets it."""
    author, reader = people.ids[:2]
    people.follow(reader, author)
    whole.settled()
    client = envelopes(whole, reader)
    wait_snapshot(client)
    for number in range(5):
        post = people.post(author, f"first {number}")
        people.apis[0].good("PUT", "/post/update", people.token(author), {"id": post, "text": f"better {number}"})
        wait_told(client, "post", post)
        assert wait_told(client, "edit", post)["text"] == f"better {number}"


def test_a_post_deleted_at_once_is_told_as_its_deletion(whole, people):
    """What is gone when its turn comes to be told is not told any more; and plain connections hear nothing of it."""
    author, reader = people.ids[:2]
    people.follow(reader, author)
    whole.settled()
    client, plain = envelopes(whole, reader), people.live(reader)
    wait_snapshot(client)
    before = len(client.messages)
    whole.materializer.signal(signal.SIGSTOP)
    try:
        gone = people.post(author, "gone before it was told")
        people.apis[0].good("PUT", f"/post/delete/{gone}", people.token(author))
    finally:
        whole.materializer.signal(signal.SIGCONT)
    last = people.post(author, "last")
    wait_post(client, last)
    assert shown(client, before) == [("delete", gone), ("post", last)]
    plain.wait_for_post(last)
    assert [message["postId"] for message in plain.messages] == [last]


# ---- resume ----

@pytest.mark.parametrize("elsewhere", [0, 1], ids=["same gateway", "another gateway"])
def test_exactly_what_was_missed(whole, people, elsewhere):
    author, reader = people.ids[:2]
    people.follow(reader, author)
    whole.settled()
    client = envelopes(whole, reader)
    wait_snapshot(client)
    seen = people.post(author, "seen")
    wait_post(client, seen)
    cursor = leave(client)
    reads, resumed = counter(whole, "live_page_reads_total"), counter(whole, "live_resumed_total")
    missed = [people.post(author, f"missed {number}") for number in range(20)]
    whole.settled()
    again = envelopes(whole, reader, cursor, gateway=elsewhere)
    wait_post(again, missed[-1])
    live = people.post(author, "live")
    wait_post(again, live)
    assert again.messages[0]["type"] == "ready" and again.messages[0]["resumed"] is True and again.messages[0]["cursor"]
    assert shown(again) == [("post", post) for post in missed + [live]]
    assert counter(whole, "live_page_reads_total") == reads, "nothing was read from the feed"
    assert counter(whole, "live_resumed_total") == resumed + 1


def test_every_cursor_resumes_from_its_place(whole, people):
    """Those in the middle of a replay too."""
    author, reader = people.ids[:2]
    people.follow(reader, author)
    whole.settled()
    client = envelopes(whole, reader)
    cursors = [wait_snapshot(client)]
    posts = [people.post(author, f"number {number}") for number in range(6)]
    for post in posts:
        cursors.append(wait_post(client, post)["cursor"])
    replayed = envelopes(whole, reader, cursors[0])
    wait_post(replayed, posts[-1])
    in_replay = [message["cursor"] for message in replayed.messages]
    assert len(in_replay) == len(cursors)
    for source in (cursors, in_replay):
        for place, cursor in enumerate(source):
            again = envelopes(whole, reader, cursor)
            if posts[place:]:
                wait_post(again, posts[-1])
            again.wait_for_count(1)
            assert again.messages[0]["resumed"] is True
            assert shown(again) == [("post", post) for post in posts[place:]], f"cursor {place}"


def test_celebrities_and_flips_while_away(played, nats):
    """An author who was ordinary becomes a celebrity and ceases to be one; another is one all the time."""
    flipping, famous, reader = played.make_users(3)
    played.make_celebrities([famous])
    played.make_follows([(reader, flipping), (reader, famous)])
    client = envelopes(played, reader)
    wait_snapshot(client)
    cursor = leave(client)
    posts = [nats.feed_post(reader, flipping, "ordinary"), nats.celeb_post(famous, "famous")]
    played.make_celebrities([flipping])
    nats.celeb(flipping, CELEBRITY)
    posts += [nats.celeb_post(flipping, "celebrity"), nats.celeb_post(famous, "famous")]
    nats.celeb(flipping, ORDINARY)
    posts += [nats.feed_post(reader, flipping, "ordinary again"), nats.celeb_post(famous, "famous")]
    again = envelopes(played, reader, cursor, gateway=1)
    wait_post(again, posts[-1])
    again.wait_for_count(1 + len(posts))
    assert again.messages[0]["resumed"] is True
    assert shown(again) == [("post", post) for post in posts], "one author's in order, from whichever stream"
    last = leave(again)
    new = nats.celeb_post(flipping, "of a former one")
    third = envelopes(played, reader, last)
    wait_post(third, new)
    assert shown(third) == [("post", new)]


def test_edits_deletes_and_unfollows_while_away(played, nats):
    author, former, reader = played.make_users(3)
    played.make_follows([(reader, author), (reader, former)])
    client = envelopes(played, reader)
    wait_snapshot(client)
    old = nats.feed_post(reader, author, "old")
    wait_post(client, old)
    cursor = leave(client)
    kept = nats.feed_post(reader, author, "kept")
    gone = nats.feed_post(reader, author, "gone")
    nats.feed_post(reader, former, "of one who is not followed any more")
    nats.feed(reader, author, EDIT, post=int(old), text="better")
    nats.feed(reader, author, DELETE, post=int(gone))
    played.drop_follow(reader, former)
    nats.feed(reader, former, UNFOLLOW, follower=reader)
    last = nats.feed_post(reader, author, "last")
    again = envelopes(played, reader, cursor)
    wait_post(again, last)
    assert shown(again) == [("post", kept), ("edit", old), ("delete", gone), ("post", last)]
    assert wait_told(again, "edit", old)["text"] == "better"
    nats.feed_post(reader, former, "still in flight")
    marker = nats.feed_post(reader, author, "marker")
    wait_post(again, marker)
    assert shown(again)[-1] == ("post", marker) and len(shown(again)) == 5


def test_resume_over_a_killed_gateway(own_stack):
    stack = own_stack(gateways=2)
    people = People(stack, 4)
    author, famous, reader, plain = people.ids
    stack.make_celebrities([famous])
    stack.make_follows([(reader, author), (reader, famous), (plain, author)])
    client = envelopes(stack, reader)
    wait_snapshot(client)
    seen = people.post(author, "seen")
    wait_post(client, seen)
    stack.gateways[0].kill()
    client.wait_closed()
    cursor = last_cursor(client)
    people.apis.reverse()
    missed = [people.post(author, "one"), people.post(author, "two")]
    stack.settled()
    elsewhere = envelopes(stack, reader, cursor, gateway=1)
    wait_post(elsewhere, missed[-1])
    assert elsewhere.messages[0]["resumed"] is True
    assert shown(elsewhere) == [("post", post) for post in missed]
    stack.gateways[0].start()
    back = envelopes(stack, reader, cursor, gateway=0)
    wait_post(back, missed[-1])
    assert back.messages[0]["resumed"] is True
    assert shown(back) == [("post", post) for post in missed]


# ---- plain connections ----

def test_plain_connection_resumes_or_is_closed(whole, people):
    author, reader = people.ids[:2]
    people.follow(reader, author)
    whole.settled()
    client = envelopes(whole, reader)
    cursor = wait_snapshot(client)
    client.drop()
    missed = [people.post(author, "one"), people.post(author, "two")]
    whole.settled()
    plain = whole.connect(whole.mint(reader), query={"cursor": cursor})
    plain.wait_for_post(missed[-1])
    assert [message["postId"] for message in plain.messages] == missed
    plain.drop()
    whole.sql("UPDATE online SET since = now() + interval '1 hour' WHERE user_id = %s", reader)
    late = whole.connect(whole.mint(reader), gateway=whole.gateways[1], query={"cursor": cursor})
    assert late.wait_closed() == 4004 and late.messages == []


# ---- cursors that don't count ----

@pytest.mark.parametrize("damage", [
    lambda cursor: cursor[:-1] + ("A" if cursor[-1] != "A" else "B"),
    lambda cursor: "A" + cursor[1:] if cursor[0] != "A" else "B" + cursor[1:],
    lambda cursor: cursor[:-4],
    lambda cursor: cursor + "AAAA",
    lambda cursor: "",
    lambda cursor: "x" * 2000,
], ids=["check sum", "version", "cut", "longer", "empty", "absurd"])
def test_damaged_cursor_is_refused(whole, people, damage):
    reader = people.ids[0]
    client = envelopes(whole, reader)
    cursor = wait_snapshot(client)
    with pytest.raises(Refused) as refused:
        envelopes(whole, reader, damage(cursor))
    assert refused.value.status == 400


def test_foreign_cursor_is_refused(whole, people):
    reader, other = people.ids[:2]
    cursor = wait_snapshot(envelopes(whole, reader))
    for protocols in (JSON, None):
        with pytest.raises(Refused) as refused:
            whole.connect(whole.mint(other), query={"cursor": cursor}, subprotocols=protocols)
        assert refused.value.status == 400


def assert_reset(stack, user, cursor, expected, gateway=0):
    """That cursor doesn't resume: the page follows, and it is right."""
    client = envelopes(stack, user, cursor, gateway=gateway)
    wait_snapshot(client)
    assert client.messages[0]["resumed"] is False and "cursor" not in client.messages[0]
    assert kinds(client)[:2] == ["ready", "reset"]
    assert set(view(client)) == set(expected)


def test_broken_presence_gives_a_reset(whole, people):
    author, reader = people.ids[:2]
    people.follow(reader, author)
    whole.settled()
    client = envelopes(whole, reader)
    wait_snapshot(client)
    cursor = leave(client)
    # As if it had ended, and he had come and gone again since.
    whole.sql("UPDATE online SET until = now() - interval '1 minute' WHERE user_id = %s", reader)
    unseen = people.post(author, "told to nobody")
    whole.settled()
    assert_reset(whole, reader, cursor, [unseen], gateway=1)


def test_lost_streams_give_a_reset(played, nats):
    author, reader = played.make_users(2)
    played.make_celebrities([author])
    cursors = []
    for stream in (None, "CELEB"):
        client = envelopes(played, reader)
        wait_snapshot(client)
        cursors.append(leave(client))
        if stream is None:
            stream = f"FEED_{partition_of(reader):02d}"
        nats.delete_stream(stream)

        def is_there():
            answer = nats.request(f"$JS.API.STREAM.INFO.{stream}")
            return answer and "error" not in answer

        eventually(is_there, what=f"stream {stream} declared again")
        # CELEB's readers learn of it within the sweep's interval.
        eventually(lambda: "post" not in kinds(envelopes(played, reader)) and is_reset(played, reader, cursors[-1]))


def partition_of(user):
    from publisher import feed_partition
    return feed_partition(user)


def is_reset(stack, user, cursor):
    client = envelopes(stack, user, cursor)
    wait_snapshot(client) if not client.wait_for_count(1)[0]["resumed"] else None
    return not client.messages[0]["resumed"]


def test_purged_window_gives_a_reset(played, nats):
    """The place is older than what the stream keeps."""
    author, reader = played.make_users(2)
    played.make_follows([(reader, author)])
    client = envelopes(played, reader)
    wait_snapshot(client)
    cursor = leave(client)
    nats.feed_post(reader, author, "missed")
    nats.purge_stream(f"FEED_{partition_of(reader):02d}")
    assert is_reset(played, reader, cursor)


def test_too_much_was_missed(played, nats):
    author, reader = played.make_users(2)
    played.make_follows([(reader, author)])
    client = envelopes(played, reader)
    wait_snapshot(client)
    cursor = leave(client)
    for number in range(1023):
        post = nats.feed_post(reader, author, f"number {number} " + 300 * "x")
    again = envelopes(played, reader, cursor)
    wait_post(again, post)
    assert again.messages[0]["resumed"] is True and len(shown(again)) == 1023
    again.drop()
    nats.feed_post(reader, author, "one too many")
    assert is_reset(played, reader, cursor)


# ---- servers that die under open sockets ----

class Reader(threading.Thread):
    """A plain client as the contract wants it: after a close it connects again, and reads the page then."""

    def __init__(self, stack, people, user):
        super().__init__(daemon=True)
        self.stack, self.people, self.user = stack, people, user
        self.seen, self.codes = set(), []
        self.client = self.connect()
        self.stopping = threading.Event()
        self.start()

    def connect(self):
        client = LiveClient(self.stack.gateway.port, self.people.token(self.user))
        self.seen.update(self.people.page(self.user))
        return client

    def run(self):
        while not self.stopping.wait(0.05):
            self.seen.update(message["postId"] for message in self.client.messages)
            if self.client.closed:
                self.codes.append(self.client.close_code)
                self.connect_again()

    def connect_again(self):
        while not self.stopping.wait(0.05):
            try:
                self.client = self.connect()
                return
            except (Refused, OSError):
                pass

    def stop(self):
        self.stopping.set()
        self.join()
        self.client.drop()


@pytest.mark.parametrize("loses_store", [True, False], ids=["store lost", "restarted"])
def test_nats_killed_under_open_sockets(own_stack, loses_store):
    """Posts before, while it is away, and after: envelope clients see one reset at most, plain ones one 4004 at most,
    and nobody has a hole."""
    stack = own_stack(celebrity_threshold=4, celebrity_quiet="200ms")
    people = People(stack, 9)
    author, famous, *readers = people.ids
    for reader in readers:
        people.follow(reader, author) if reader % 2 else None
        people.follow(reader, famous)
    stack.settled()
    eventually(lambda: stack.sql("SELECT is_celebrity FROM users WHERE id = %s", famous)[0][0], what="the flip")
    stack.settled()
    clients = {reader: envelopes(stack, reader, snapshot=100) for reader in readers}
    for client in clients.values():
        wait_snapshot(client)
    plain = [Reader(stack, people, reader) for reader in readers]
    posts = []

    def write(text):
        posts.extend([people.post(author, text), people.post(famous, text)])

    write("before")
    for client in clients.values():
        wait_post(client, posts[-1])
    write("just before")
    stack.nats.kill()
    write("while it is away")
    if loses_store:
        stack.nats.wipe()
    stack.nats.start()
    write("just after")
    stack.settled()
    write("after")
    stack.settled()
    for reader, client in clients.items():
        wait_post(client, posts[-1])
        eventually(lambda client=client, reader=reader: set(view(client)) == set(people.page(reader)),
                   what=f"the view of {reader}")
        assert not client.closed and kinds(client).count("reset") <= 2, "the first one, and one for this"
    for one in plain:
        eventually(lambda one=one: one.seen == set(people.page(one.user)), what=f"what {one.user} saw")
        assert one.codes in ([], [4004])
        one.stop()


def test_database_away_while_a_snapshot_is_needed(own_stack):
    """NATS loses its store while PostgreSQL is down: connections stay, and get their page when it is back."""
    stack = own_stack()
    people = People(stack, 2)
    author, reader = people.ids
    people.follow(reader, author)
    stack.settled()
    client = envelopes(stack, reader)
    wait_snapshot(client)
    post = people.post(author, "before")
    wait_post(client, post)
    stack.settled()
    stack.postgres.kill()
    stack.lose_nats_store()
    eventually(lambda: stack.gateway.metrics()["freshet_live_attaching"] == 1, what="the connection begins anew")
    stack.postgres.start()
    wait_snapshot(client, 2)
    after = eventually(lambda: people.post(author, "after"), what="a post")
    wait_post(client, after)
    assert set(view(client)) == {post, after}
    assert kinds(client).count("reset") == 2


def test_idle_client_resumes_after_the_window(own_stack):
    """It is told nothing, while others of its partition are told much and all that its first cursor knew goes."""
    stack = own_stack(gateways=2, materializers=0, resume_window="10s")
    reader, author = stack.make_users(2)
    busy = reader + 1
    while partition_of(busy) != partition_of(reader):
        busy += 1
    nats = Publisher(stack.nats.url)
    client = envelopes(stack, reader)
    plain = stack.connect(stack.mint(reader))
    first = wait_snapshot(client)
    reads = counter(stack, "live_page_reads_total")

    def sequence(name):
        nats.feed_post(busy, author, "others'")
        return nats.request(f"$JS.API.STREAM.INFO.FEED_{partition_of(reader):02d}")["state"][name]

    head = sequence("last_seq")
    eventually(lambda: sequence("first_seq") > head, timeout=60, what="a stream that has forgotten the first cursor")
    assert set(kinds(client)[3:]) == {"cursor"}
    assert all(set(message) == {"type", "cursor"} for message in client.messages[3:])
    cursor = leave(client)
    missed = nats.feed_post(reader, author, "missed")
    again = envelopes(stack, reader, cursor, gateway=1)
    wait_post(again, missed)
    assert again.messages[0]["resumed"] is True and shown(again) == [("post", missed)]
    assert counter(stack, "live_page_reads_total") == reads, "nothing was read from the feed"
    assert counter(stack, "live_cursors_total") >= kinds(client).count("cursor") >= 2
    assert shown(again) == [("post", missed)]
    plain.wait_for_post(missed)
    assert [message["postId"] for message in plain.messages] == [missed], "plain ones are told posts alone"
    assert is_reset(stack, reader, first), "the first cursor is too old"
    nats.close()


@pytest.mark.full
def test_cursor_older_than_the_window(own_stack):
    stack = own_stack(resume_window="10s")
    people = People(stack, 2)
    author, reader = people.ids
    people.follow(reader, author)
    stack.settled()
    client = envelopes(stack, reader)
    wait_snapshot(client)
    cursor = leave(client)
    stack.sql("SELECT pg_sleep(16)")
    post = people.post(author, "too late")
    stack.settled()
    assert_reset(stack, reader, cursor, [post])


def test_post_behind_the_snapshot_is_not_told_late(played, nats):
    """NATS was away when it was committed, so that it is published after the snapshot in which a younger one of its author
    is. It is on the pages behind the snapshot."""
    author, reader = played.make_users(2)
    played.make_follows([(reader, author)])
    ids = [nats.new_post() for _ in range(4)]
    for number in ids[:3]:
        played.sql("INSERT INTO posts (author_id, id, body) VALUES (%s, %s, 'text')", author, number)
        played.sql("INSERT INTO feed_items (user_id, post_id, author_id) VALUES (%s, %s, %s)", reader, number, author)
    client = envelopes(played, reader, snapshot=2)
    wait_snapshot(client)
    for number in ids:
        nats.feed_post(reader, author, post=number)
    wait_post(client, str(ids[3]))
    assert shown(client) == [("post", str(number)) for number in ids[1:]]
