"""A post all the way: over HTTP in, through the materializer, into pages and out of sockets."""

import base64
import hashlib
import hmac
import json
import time

import pytest

from api import Api
from harness import Refused, eventually


class People:
    """Users of a stack, without passwords; what they do goes over HTTP."""

    def __init__(self, stack, count):
        self.stack = stack
        self.apis = [Api(f"http://127.0.0.1:{gateway.port}") for gateway in stack.gateways]
        self.ids = stack.make_users(count)
        self.tokens = {}

    def token(self, user):
        if user not in self.tokens:
            self.tokens[user] = self.stack.mint(user)
        return self.tokens[user]

    def live(self, user, gateway=0):
        return self.stack.connect(self.token(user), self.stack.gateways[gateway])

    def follow(self, follower, followed):
        self.apis[0].good("PUT", f"/friend/set/{followed}", self.token(follower))

    def unfollow(self, follower, followed):
        self.apis[0].good("PUT", f"/friend/delete/{followed}", self.token(follower))

    def post(self, author, text="text"):
        return self.apis[0].post(self.token(author), text)

    def page(self, user):
        return self.apis[0].feed_ids(self.token(user))


def frame(post, text, author):
    return {"postId": post, "postText": text, "author_user_id": str(author)}


@pytest.fixture
def people(stack):
    yield People(stack, 6)
    stack.close_clients()


# ---- who gets what ----

def test_post_reaches_exactly_its_followers(stack, people):
    author, other, first, second, stranger, everybodys = people.ids
    stack.make_follows([(first, author), (second, author), (stranger, other)] +
                       [(user, everybodys) for user in (author, other, first, second, stranger)])
    sockets = {user: people.live(user) for user in (author, other, first, second, stranger)}
    text = 'Zeile 1\n"2" \\ ünï 🦉 </script> \u2028'
    post = people.post(author, text)
    for user in first, second:
        sockets[user].wait_for_post(post)
        assert sockets[user].messages == [frame(post, text, author)]
        assert isinstance(sockets[user].frames[0], str), "a text frame"
    # The end of the flow for all: what else there was would have come before.
    last = people.post(everybodys, "end")
    for user, socket in sockets.items():
        socket.wait_for_post(last)
        expected = [frame(post, text, author)] if user in (first, second) else []
        assert socket.messages == expected + [frame(last, "end", everybodys)], f"socket of {user}"
    stack.settled()
    for user in author, other, first, second, stranger:
        assert people.page(user) == ([last, post] if user in (first, second) else [last]), f"page of {user}"


def test_two_sockets_of_one_user_get_everything(stack, people):
    author, reader = people.ids[:2]
    stack.make_follows([(reader, author)])
    sockets = [people.live(reader), people.live(reader)]
    posts = [people.post(author, str(number)) for number in range(20)]
    for socket in sockets:
        socket.wait_for_count(20)
        assert [message["postId"] for message in socket.messages] == posts
    sockets[0].close()
    later = people.post(author, "after one of them left")
    sockets[1].wait_for_post(later)
    assert people.live(reader).messages == []


def test_posts_of_an_author_come_in_order_and_once(stack, people):
    authors, reader = people.ids[:3], people.ids[3]
    stack.make_follows([(reader, author) for author in authors])
    socket = people.live(reader)
    posts = {author: [] for author in authors}
    for number in range(40):
        for author in authors:
            posts[author].append(people.post(author, f"{author}/{number}"))
    messages = socket.wait_for_count(120)
    for author in authors:
        assert [message["postId"] for message in messages if message["author_user_id"] == str(author)] == posts[author]
    assert len(socket.messages) == 120
    stack.settled()
    newest = sorted((post for author in authors for post in posts[author]), key=int, reverse=True)
    assert people.page(reader) == newest[:100]


def test_edit_and_delete_are_no_new_posts(stack, people):
    """A plain connection gets new posts only; pages show both at once."""
    author, reader = people.ids[:2]
    stack.make_follows([(reader, author)])
    socket = people.live(reader)
    edited, deleted = people.post(author, "before"), people.post(author, "gone")
    socket.wait_for_count(2)
    api = people.apis[0]
    api.good("PUT", "/post/update", people.token(author), json_body={"id": edited, "text": "after"})
    api.good("PUT", f"/post/delete/{deleted}", people.token(author))
    assert [(post["id"], post["text"]) for post in api.feed(people.token(reader))] == [(edited, "after")]
    last = people.post(author, "last")
    socket.wait_for_post(last)
    assert [message["postText"] for message in socket.messages] == ["before", "gone", "last"]
    stack.settled()
    assert people.page(reader) == [last, edited]
    assert stack.sql("SELECT count(*) FROM feed_items WHERE post_id = %s", deleted) == [(0,)]


# ---- follows ----

def test_follow_then_page(stack, people):
    author, reader = people.ids[:2]
    old = [people.post(author, str(number)) for number in range(3)]
    assert people.page(reader) == []
    stack.settled()
    socket = people.live(reader)
    people.follow(reader, author)
    stack.settled()
    assert people.page(reader) == old[::-1]
    new = people.post(author, "new")
    assert socket.wait_for_post(new) == frame(new, "new", author)
    stack.settled()
    assert people.page(reader) == [new] + old[::-1]
    assert [message["postId"] for message in socket.messages] == [new]


def test_follow_brings_a_hundred_posts(stack, people):
    author, reader = people.ids[:2]
    base = int(people.post(author, "the newest"))
    stack.sql("INSERT INTO posts (author_id, id, body) SELECT %s, %s - n, 'old' FROM generate_series(1, 150) AS n",
              author, base)
    people.follow(reader, author)
    stack.settled()
    items = stack.sql("SELECT post_id FROM feed_items WHERE user_id = %s ORDER BY 1 DESC", reader)
    assert [post for post, in items] == list(range(base, base - 100, -1))
    ids = people.apis[0].feed_by_links(people.token(reader), 100)
    assert [int(post["id"]) for post in ids] == list(range(base, base - 151, -1)), "older ones are pulled"


def test_unfollow_then_page(stack, people):
    author, other, reader = people.ids[:3]
    stack.make_follows([(reader, author), (reader, other)])
    mine, theirs = people.post(author), people.post(other)
    stack.settled()
    socket = people.live(reader)
    assert people.page(reader) == [theirs, mine]
    people.unfollow(reader, author)
    assert people.page(reader) == [theirs], "at once, whatever the materializer has done"
    stack.settled()
    assert stack.sql("SELECT post_id FROM feed_items WHERE user_id = %s", reader) == [(int(theirs),)]
    people.post(author, "not for you")
    last = people.post(other, "last")
    stack.settled()
    socket.wait_for_post(last)
    assert [message["postId"] for message in socket.messages] == [last]
    assert people.page(reader) == [last, theirs]


def test_celebrity_is_in_pages_without_items(stack, people):
    celebrity, plain, reader, stranger = people.ids[:4]
    stack.make_follows([(reader, celebrity), (reader, plain)])
    stack.sql("UPDATE users SET is_celebrity = true WHERE id = %s", celebrity)
    stack.sql("INSERT INTO celebrities (id) VALUES (%s)", celebrity)
    posts = [people.post(author, "x") for author in (celebrity, plain, celebrity, plain)]
    stack.settled()
    assert people.page(reader) == posts[::-1]
    assert people.page(stranger) == []
    assert stack.sql("SELECT count(*) FROM feed_items WHERE author_id = %s", celebrity) == [(0,)]


# ---- tokens ----

def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(claims, key, header=None):
    """A token of our making."""
    head = encode(json.dumps(header or {"alg": "HS256", "typ": "JWT", "kid": "test"}).encode())
    body = encode(json.dumps(claims).encode())
    signature = encode(hmac.new(key, f"{head}.{body}".encode(), hashlib.sha256).digest())
    return f"{head}.{body}.{signature}"


def bad_tokens(stack, user):
    with open(stack.keys_file, encoding="ascii") as keys:
        key = keys.read().split()[1].encode()
    now = int(time.time())
    claims = {"sub": str(user), "iat": now, "exp": now + 3600, "jti": "0" * 32}
    good = stack.mint(user)
    flipped = good[:-10] + ("A" if good[-10] != "A" else "B") + good[-9:]
    return {
        "none": None,
        "empty": "",
        "words": "not a token",
        "damaged": flipped,
        "cut": good[:-5],
        "foreign key": forged(claims, b"x" * 64),
        "expired": forged(dict(claims, iat=now - 100, exp=now - 10), key),
        "without alg": forged(claims, key, {"alg": "none", "typ": "JWT", "kid": "test"}),
        "without expiry": forged({name: claims[name] for name in ("sub", "iat", "jti")}, key),
    }


@pytest.mark.parametrize("in_query", [True, False], ids=["query", "header"])
def test_bad_token_is_refused_before_the_upgrade(stack, people, in_query):
    for what, token in bad_tokens(stack, people.ids[0]).items():
        with pytest.raises(Refused) as refused:
            stack.connect(token, in_query=in_query)
        assert refused.value.status == 401, what
        assert refused.value.headers["WWW-Authenticate"].startswith("Bearer"), what


def test_good_token_in_each_place(stack, people):
    author, reader = people.ids[:2]
    stack.make_follows([(reader, author)])
    token = people.token(reader)
    sockets = [stack.connect(token), stack.connect(token, in_query=False),
               stack.connect(None, headers={"X-Auth": token})]
    post = people.post(author)
    for socket in sockets:
        socket.wait_for_post(post)
    assert token not in stack.gateway.logs()


# ---- faults ----

def test_nudge_wakes_the_owner(own_stack):
    """The poll alone would take a minute."""
    stack = own_stack(materializer_settings={"poll_interval": "60s"})
    people = People(stack, 2)
    author, reader = people.ids
    stack.make_follows([(reader, author)])
    socket = people.live(reader)
    stack.settled()
    for number in range(5):
        socket.wait_for_post(people.post(author, str(number)), timeout=20)


def test_post_survives_sigkill_and_a_nats_restart(own_stack):
    """Accepted while the materializer is dead and NATS is away: in every page when they are back. Sockets that were open
    may have missed something that NATS had, and are told so."""
    stack = own_stack()
    people = People(stack, 4)
    author, *readers = people.ids
    stack.make_follows([(reader, author) for reader in readers])
    sockets = [people.live(reader) for reader in readers]
    posts = [people.post(author, "before")]
    for socket in sockets:
        socket.wait_for_post(posts[0])
    stack.materializer.kill()
    posts.append(people.post(author, "nobody works"))
    stack.nats.stop()
    posts.append(people.post(author, "nobody carries"))
    stack.materializer.start(wait=False)
    eventually(lambda: all(people.page(reader) == posts[::-1] for reader in readers), what="pages, without NATS")
    stack.nats.start()
    stack.settled()
    for process in stack.processes:
        process.wait_ready()
    for socket in sockets:
        assert socket.wait_closed() == 4004
        seen = [message["postId"] for message in socket.messages]
        assert seen == [post for post in posts if post in seen], "in order, each once"
    sockets = [people.live(reader) for reader in readers]
    posts.append(people.post(author, "all is well"))
    stack.settled()
    for socket in sockets:
        socket.wait_for_post(posts[-1])
    for reader in readers:
        assert people.page(reader) == posts[::-1]


@pytest.mark.parametrize("fault", ["after_read", "after_insert", "after_commit", "after_publish", "before_delete"])
def test_socket_gets_a_post_over_each_death(own_stack, fault):
    stack = own_stack(materializers=2, materializer_settings={"workers": 1}, start=False)
    stack.materializers[0].environment["FRESHET_FAULT"] = fault
    for process in stack.gateways + stack.materializers[:1]:
        process.start()
    people = People(stack, 3)
    author, *readers = people.ids
    stack.make_follows([(reader, author) for reader in readers])
    sockets = [people.live(reader) for reader in readers]
    posts = [people.post(author, str(number)) for number in range(3)]
    stack.materializers[0].child.wait(60)
    stack.materializers[1].start()
    stack.settled()
    for socket in sockets:
        socket.wait_for_post(posts[-1])
        assert [message["postId"] for message in socket.messages] == posts, "in order, each once"
    for reader in readers:
        assert people.page(reader) == posts[::-1]


def test_wiped_store_loses_nothing_in_pages(own_stack):
    stack = own_stack(gateways=2)
    people = People(stack, 10)
    authors, readers = people.ids[:4], people.ids[4:]
    stack.make_follows([(reader, author) for reader in readers for author in authors])
    sockets = [people.live(reader, gateway=number % 2) for number, reader in enumerate(readers)]
    posts = []
    for number in range(20):
        posts += [people.post(author, str(number)) for author in authors]
        if number == 10:
            stack.lose_nats_store()
    stack.settled()
    for process in stack.processes:
        process.wait_ready()
    for reader in readers:
        assert people.page(reader) == posts[::-1]
    for socket in sockets:
        assert socket.wait_closed() == 4004, "what the store had may be missing"
        ids = [message["postId"] for message in socket.messages]
        assert len(ids) == len(set(ids))
    sockets = [people.live(reader, gateway=number % 2) for number, reader in enumerate(readers)]
    for author in authors:
        posts.append(people.post(author, "after the loss"))
    for socket in sockets:
        for post in posts[-4:]:
            socket.wait_for_post(post)


def test_sockets_of_two_gateways(own_stack):
    """One user's connections may be anywhere; a gateway that dies takes only its own."""
    stack = own_stack(gateways=2)
    people = People(stack, 2)
    author, reader = people.ids
    stack.make_follows([(reader, author)])
    sockets = [people.live(reader, gateway=0), people.live(reader, gateway=1)]
    first = people.post(author, "one")
    for socket in sockets:
        socket.wait_for_post(first)
    stack.gateways[1].kill()
    second = people.post(author, "two")
    sockets[0].wait_for_post(second)
    assert [message["postId"] for message in sockets[0].messages] == [first, second]
