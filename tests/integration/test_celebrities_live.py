"""Celebrities live: one message, read once by each gateway, reaches exactly the connections of those who follow. The tests
play the materializer: they write the edges and publish what it would."""

import pytest

from harness import Proxy, Stack, eventually
from test_live import People
from publisher import (ACCOUNT, CELEBRITY, DELETE, EDIT, FOLLOW, ORDINARY, UNFOLLOW, Publisher)


@pytest.fixture
def stack(played):
    return played


@pytest.fixture
def celebrity(stack):
    """One whom nobody follows yet."""
    author, = stack.make_users(1)
    stack.make_celebrities([author])
    return author


@pytest.fixture
def everybodys(stack):
    """One whom tests let everybody follow, so that his post tells that all before it has passed."""
    author, = stack.make_users(1)
    stack.make_celebrities([author])
    return author


def ids(socket):
    return [message["postId"] for message in socket.messages]


def test_reaches_all_followers_and_nobody_else(stack, nats, celebrity, everybodys):
    """Over two gateways and two loops each; two connections for some."""
    followers, strangers = stack.make_users(8), stack.make_users(8)
    stack.make_follows([(user, celebrity) for user in followers] +
                       [(user, everybodys) for user in followers + strangers])
    sockets = [(user, stack.live(user, gateway=gateway)) for user in followers + strangers
               for gateway in stack.gateways for _ in range(2 if user % 2 else 1)]
    posts = [nats.celeb_post(celebrity, f"number {number}") for number in range(5)]
    last = nats.celeb_post(everybodys)
    for user, socket in sockets:
        socket.wait_for_post(last)
        assert sorted(ids(socket), key=int) == (posts + [last] if user in followers else [last]), f"socket of {user}"
        assert [one for one in ids(socket) if one != last] == (posts if user in followers else []), "in order"
    first = next(socket for user, socket in sockets if user in followers)
    assert {"postId": posts[0], "postText": "number 0", "author_user_id": str(celebrity)} in first.messages


def test_what_was_before_the_connection_is_not_for_it(stack, nats, celebrity):
    reader, = stack.make_users(1)
    stack.make_follows([(reader, celebrity)])
    nats.celeb_post(celebrity, "before")
    socket = stack.live(reader)
    post = nats.celeb_post(celebrity, "after")
    socket.wait_for_post(post)
    assert ids(socket) == [post]


def test_follow_and_unfollow_take_effect_in_order(stack, nats, celebrity, everybodys):
    reader, other = stack.make_users(2)
    stack.make_follows([(other, celebrity), (reader, everybodys), (other, everybodys)])
    sockets = {user: [stack.live(user, gateway=gateway) for gateway in stack.gateways] for user in (reader, other)}
    expected = {reader: [], other: []}
    for time in range(3):
        expected[other].append(nats.celeb_post(celebrity, "nobody's new"))
        stack.make_follows([(reader, celebrity)])
        nats.celeb(celebrity, FOLLOW, follower=reader)
        for number in range(3):
            post = nats.celeb_post(celebrity, f"{time}/{number}")
            expected[reader].append(post)
            expected[other].append(post)
        # What is held is read by the state of the database: it must not change before it was read.
        for socket in sockets[reader]:
            socket.wait_for_post(post)
        stack.drop_follow(reader, celebrity)
        nats.celeb(celebrity, UNFOLLOW, follower=reader)
        expected[other].append(nats.celeb_post(celebrity, "not for the reader"))
    last = nats.celeb_post(everybodys)
    for user in sockets:
        for socket in sockets[user]:
            socket.wait_for(lambda messages, want=expected[user] + [last]:
                            {message["postId"] for message in messages} >= set(want))
            assert [one for one in ids(socket) if one != last] == expected[user], f"socket of {user}"


def test_becoming_a_celebrity_and_ceasing_to_be(stack, nats):
    author, = stack.make_users(1)
    reader, stranger = stack.make_users(2)
    stack.make_follows([(reader, author)])
    sockets = {user: stack.live(user) for user in (reader, stranger)}
    posts = [nats.feed_post(reader, author, "ordinary")]
    sockets[reader].wait_for_post(posts[0])
    stack.make_celebrities([author])
    nats.celeb(author, CELEBRITY)
    posts.append(nats.celeb_post(author, "celebrity"))
    posts.append(nats.celeb_post(author, "celebrity"))
    sockets[reader].wait_for_post(posts[-1])
    nats.celeb(author, ORDINARY)
    posts.append(nats.feed_post(reader, author, "ordinary again"))
    sockets[reader].wait_for_post(posts[-1])
    assert ids(sockets[reader]) == posts
    assert ids(sockets[stranger]) == []


def test_a_post_that_comes_both_ways_is_sent_once(stack, nats, celebrity):
    reader, = stack.make_users(1)
    stack.make_follows([(reader, celebrity)])
    socket = stack.live(reader)
    post = nats.celeb_post(celebrity)
    nats.feed_post(reader, celebrity, post=int(post))
    nats.celeb_post(celebrity, post=int(post))
    last = nats.celeb_post(celebrity)
    also = nats.feed_post(reader, celebrity)
    for one in last, also:
        socket.wait_for_post(one)
    assert sorted(ids(socket), key=int) == [post, last, also]


@pytest.mark.parametrize("way", ["celeb", "feed"])
def test_deleted_before_it_was_sent(stack, nats, celebrity, way):
    reader, = stack.make_users(1)
    stack.make_follows([(reader, celebrity)])
    socket = stack.live(reader)
    post = nats.new_post()
    if way == "celeb":
        nats.celeb(celebrity, DELETE, post=post)
        nats.celeb_post(celebrity, post=post)
        last = nats.celeb_post(celebrity)
    else:
        nats.feed(reader, celebrity, DELETE, post=post)
        nats.feed_post(reader, celebrity, post=post)
        last = nats.feed_post(reader, celebrity)
    socket.wait_for_post(last)
    assert ids(socket) == [last]


def test_edits_and_deletes_are_no_frames(stack, nats, celebrity):
    reader, = stack.make_users(1)
    stack.make_follows([(reader, celebrity)])
    socket = stack.live(reader)
    post = nats.celeb_post(celebrity)
    socket.wait_for_post(post)
    nats.celeb(celebrity, EDIT, post=int(post), text="edited")
    nats.celeb(celebrity, DELETE, post=int(post))
    last = nats.celeb_post(celebrity)
    socket.wait_for_post(last)
    assert ids(socket) == [post, last]


def test_unfollow_drops_what_is_still_in_flight(stack, nats):
    """Of an ordinary author it comes on the follower's own subject."""
    author, other, reader = stack.make_users(3)
    socket = stack.live(reader)
    first = nats.feed_post(reader, author)
    nats.feed(reader, author, UNFOLLOW, follower=reader)
    nats.feed_post(reader, author, "in flight")
    others = nats.feed_post(reader, other)
    nats.feed(reader, author, FOLLOW, follower=reader)
    last = nats.feed_post(reader, author)
    socket.wait_for_post(last)
    assert ids(socket) == [first, others, last]


def test_unfollowed_as_ordinary_followed_as_celebrity(stack, nats):
    """The unfollow on his own subject is over with the follow on the celebrity's."""
    author, reader = stack.make_users(2)
    socket = stack.live(reader)
    nats.feed(reader, author, UNFOLLOW, follower=reader)
    stack.make_celebrities([author])
    stack.make_follows([(reader, author)])
    nats.celeb(author, CELEBRITY)
    nats.celeb(author, FOLLOW, follower=reader)
    posts = [nats.celeb_post(author)]
    socket.wait_for_post(posts[0])
    nats.celeb(author, ORDINARY)
    posts.append(nats.feed_post(reader, author))
    socket.wait_for_post(posts[1])
    assert ids(socket) == posts


def test_account_that_ends(stack, nats, celebrity, everybodys):
    reader, = stack.make_users(1)
    stack.make_follows([(reader, celebrity), (reader, everybodys)])
    socket = stack.live(reader)
    post = nats.celeb_post(celebrity)
    socket.wait_for_post(post)
    stack.drop_follow(reader, celebrity)
    nats.celeb(celebrity, ACCOUNT)
    nats.celeb_post(celebrity, "published again after a fault")
    last = nats.celeb_post(everybodys)
    socket.wait_for_post(last)
    assert ids(socket) == [post, last]


def test_many_posts_among_many_changes(stack, nats, celebrity):
    """However often edges are read again meanwhile, each post comes once and in order."""
    readers = stack.make_users(6)
    stack.make_follows([(user, celebrity) for user in readers])
    sockets = [stack.live(user, gateway=stack.gateways[user % 2]) for user in readers]
    posts = []
    for number in range(120):
        posts.append(nats.celeb_post(celebrity, str(number)))
        if number % 3 == 0:
            nats.celeb(celebrity, FOLLOW, follower=readers[number % 6])
        if number % 40 == 0:
            nats.celeb(celebrity, CELEBRITY)
    for socket in sockets:
        socket.wait_for_post(posts[-1])
        assert ids(socket) == posts


def test_gateway_that_comes_late(stack, nats, celebrity):
    """It reads the window before anybody may begin, and sends none of it to those who come."""
    reader, = stack.make_users(1)
    stack.make_follows([(reader, celebrity)])
    for number in range(50):
        nats.celeb_post(celebrity, str(number))
    late = stack.add_gateway()
    try:
        late.start()
        socket = stack.live(reader, gateway=late)
        assert late.metrics()["freshet_celebrity_messages_total"] >= 50
        post = nats.celeb_post(celebrity, "new")
        socket.wait_for_post(post)
        assert ids(socket) == [post]
    finally:
        stack.close_clients()
        late.stop()
        stack.gateways.remove(late)


def test_stream_purged_loses_nothing_that_was_read(stack, nats, celebrity):
    reader, = stack.make_users(1)
    stack.make_follows([(reader, celebrity)])
    socket = stack.live(reader)
    first = nats.celeb_post(celebrity)
    socket.wait_for_post(first)
    nats.purge_stream("CELEB")
    second = nats.celeb_post(celebrity)
    socket.wait_for_post(second)
    assert ids(socket) == [first, second]


def test_stream_declared_anew(stack, nats, celebrity):
    """Whoever follows a celebrity may have missed something, and is told so; whoever follows none has not."""
    reader, plain = stack.make_users(2)
    stack.make_follows([(reader, celebrity)])
    sockets = {user: [stack.live(user, gateway=gateway) for gateway in stack.gateways] for user in (reader, plain)}
    first = nats.celeb_post(celebrity)
    for socket in sockets[reader]:
        socket.wait_for_post(first)
    nats.delete_stream("CELEB")
    for socket in sockets[reader]:
        assert socket.wait_closed() == 4004
    again = [stack.live(reader, gateway=gateway) for gateway in stack.gateways]
    post, own = nats.celeb_post(celebrity), nats.feed_post(plain, celebrity)
    for socket in again:
        socket.wait_for_post(post)
        assert ids(socket) == [post]
    for socket in sockets[plain]:
        socket.wait_for_post(own)
        assert ids(socket) == [own]


def test_follow_in_what_was_lost(stack, nats, celebrity):
    """Nobody told the gateway that he follows: it finds out when it reads all again."""
    reader, = stack.make_users(1)
    socket = stack.live(reader)
    stack.make_follows([(reader, celebrity)])
    nats.delete_stream("CELEB")
    assert socket.wait_closed() == 4004


def test_servers_restart(own_stack):
    stack = own_stack(materializers=0)
    celebrity, reader = stack.make_users(2)
    stack.make_celebrities([celebrity])
    stack.make_follows([(reader, celebrity)])
    socket = stack.live(reader)
    stack.nats.kill()
    stack.nats.start()
    assert socket.wait_closed() == 4004
    stack.gateway.wait_ready()
    socket = stack.live(reader)
    publisher = Publisher(stack.nats.url)
    post = publisher.celeb_post(celebrity)
    socket.wait_for_post(post)
    publisher.close()


def test_database_away_holds_posts(own_stack):
    """Whose followers cannot be read waits, and comes in order when it can."""
    stack = own_stack(materializers=0)
    celebrity, reader = stack.make_users(2)
    stack.make_celebrities([celebrity])
    stack.make_follows([(reader, celebrity)])
    socket = stack.live(reader)
    publisher = Publisher(stack.nats.url)
    stack.postgres.stop()
    posts = [publisher.celeb_post(celebrity, str(number)) for number in range(10)]
    eventually(lambda: stack.gateway.metrics().get("freshet_celebrity_held", 0) > 0, what="held messages")
    assert not ids(socket)
    stack.postgres.start()
    socket.wait_for_post(posts[-1])
    assert ids(socket) == posts
    publisher.close()



# ---- with the materializer ----

@pytest.fixture
def people(whole):
    yield People(whole, 8)
    whole.close_clients()


def test_follow_and_unfollow_over_http(whole, people):
    """What is posted after the answer is sent, or is not. (What lies between an unfollow and a follow may be sent: what is
    read is who follows at that moment.)"""
    celebrity, other, reader, faithful = people.ids[:4]
    whole.make_celebrities([celebrity])
    whole.make_follows([(faithful, celebrity), (faithful, other), (reader, other)] +
                       [(user, celebrity) for user in people.ids[4:]])
    sockets = [people.live(reader, gateway=gateway) for gateway in range(2)]
    witness = people.live(faithful)
    wanted, unwanted, everything = [], [], []
    for number in range(4):
        everything.append(people.post(celebrity, f"{number}: perhaps"))
        people.follow(reader, celebrity)
        post = people.post(celebrity, f"{number}: followed")
        wanted.append(post)
        everything.append(post)
        for socket in sockets:
            socket.wait_for_post(post)
        people.unfollow(reader, celebrity)
    for _ in range(3):
        unwanted.append(people.post(celebrity, "not followed any more"))
    everything += unwanted
    last = people.post(other)
    for socket in sockets:
        socket.wait_for_post(last)
    witness.wait_for(lambda messages: {message["postId"] for message in messages} >= set(everything + [last]))
    assert [post for post in ids(witness) if post != last] == everything
    for socket in sockets:
        assert [post for post in ids(socket) if post in wanted] == wanted
        assert not set(unwanted) & set(ids(socket))
        assert [post for post in everything if post in ids(socket)] == [post for post in ids(socket) if post != last]


def test_author_becomes_a_celebrity_and_ceases_to_be(whole, people):
    """Each follower's socket gets each post once and in order, whichever way it comes."""
    author, *readers = people.ids
    sockets = [people.live(reader, gateway=number % 2) for number, reader in enumerate(readers)]
    posts = []

    def is_celebrity():
        posts.append(people.post(author, str(len(posts))))
        return whole.sql("SELECT is_celebrity FROM users WHERE id = %s", author)[0][0]

    for reader in readers[:3]:
        people.follow(reader, author)
    is_celebrity()
    for reader in readers[3:]:
        people.follow(reader, author)
    eventually(is_celebrity, every=0.5)
    for _ in range(5):
        is_celebrity()
    for reader in readers[2:]:
        people.unfollow(reader, author)
    eventually(lambda: not is_celebrity(), every=0.5)
    for _ in range(5):
        is_celebrity()
    for socket in sockets[:2]:
        socket.wait_for_post(posts[-1])
        assert ids(socket) == posts
    for socket in sockets:
        assert [post for post in posts if post in ids(socket)] == ids(socket), "in order, each once"


def test_what_was_before_the_follow_is_not_told_when_nats_is_back():
    """The flow goes on from its own place, not from where it began: what a celebrity wrote before he was followed, and
    edits that were overtaken, would come behind what is younger."""
    with Stack(gateways=0, materializers=0) as stack:
        proxy = Proxy(stack.nats.port, "cut")
        stack.add_gateway(threads=1, nats_url=stack.nats.url.replace(f":{stack.nats.port}", f":{proxy.port}")).start()
        nats = Publisher(stack.nats.url)
        author, everybodys, reader, witness = stack.make_users(4)
        stack.make_celebrities([author, everybodys])
        stack.make_follows([(witness, author), (witness, everybodys), (reader, everybodys)])
        socket, other = stack.live(reader), stack.live(witness)
        other.wait_for_post(nats.celeb_post(author, "before"))
        stack.make_follows([(reader, author)])
        nats.celeb(author, FOLLOW, follower=reader)
        after = nats.celeb_post(author, "after")
        socket.wait_for_post(after)
        reconnects = stack.gateway.metrics().get("freshet_bus_reconnects_total", 0)
        proxy.cut_all()
        eventually(lambda: stack.gateway.metrics().get("freshet_bus_reconnects_total", 0) > reconnects)
        last = nats.celeb_post(everybodys)
        socket.wait_for_post(last)
        assert ids(socket) == [after, last]
        nats.close()
        proxy.close()
