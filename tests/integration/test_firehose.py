"""The firehose: a service that reads the stream POSTS alone, with the reader of docs/examples, ends with the same feeds."""

import collections
import json
import os
import pathlib
import random
import subprocess

import pytest

from api import Api
from harness.waiting import eventually

READER = pathlib.Path(os.environ["FRESHET_TEST_BIN"]) / "firehose-reader"


def read(stack, after=0):
    """The lines of the example, read to the end."""
    done = subprocess.run([READER, stack.nats.url, str(after)], capture_output=True, text=True, check=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


class Mirror:
    """What a reader knows who saw nothing but the firehose."""

    def __init__(self):
        self.seen = set()
        self.posts = {}  # id: (author, text)
        self.follows = collections.defaultdict(set)  # follower: authors
        self.order = collections.defaultdict(list)  # author: ids of posts as they first came

    def apply(self, line):
        if line["id"] in self.seen:
            return
        self.seen.add(line["id"])
        author, post, follower = line["author"], line.get("post"), line.get("follower")
        if line["event"] == "post":
            self.order[author].append(post)
        if line["event"] in ("post", "edit"):
            self.posts[post] = (author, line["text"])
        elif line["event"] == "delete":
            self.posts.pop(post, None)
        elif line["event"] == "follow":
            self.follows[follower].add(author)
        elif line["event"] == "unfollow":
            self.follows[follower].discard(author)
        elif line["event"] == "account":
            self.posts = {id: what for id, what in self.posts.items() if what[0] != author}
            for authors in self.follows.values():
                authors.discard(author)

    def feed(self, user):
        ids = [id for id, (author, _) in self.posts.items() if author in self.follows[user.id]]
        return [(id, self.posts[id][1]) for id in sorted(ids, key=int, reverse=True)]


def shown(api, user):
    return [(post["id"], post["text"]) for post in api.feed_by_links(user, 100)]


@pytest.fixture
def busy(own_stack):
    """A small world in which much happens, with flips, a restart of NATS and a killed materializer in between."""
    stack = own_stack(materializer_settings={"celebrity_threshold": 4, "celebrity_quiet": "200ms"},
                      gateway_settings={"celebrity_threshold": 4})
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    dice = random.Random(7)
    people = [api.register() for _ in range(10)]
    posts = collections.defaultdict(list)

    def act():
        one, other = dice.sample(people, 2)
        what = dice.random()
        if what < 0.45:
            posts[one.id].append(api.post(one, f"text {dice.randrange(10 ** 6)}"))
        elif what < 0.7:
            api.follow(one, other)
        elif what < 0.8:
            api.unfollow(one, other)
        elif posts[one.id] and what < 0.9:
            id = dice.choice(posts[one.id])
            api.good("PUT", "/post/update", one, json_body={"id": id, "text": f"edit {dice.randrange(10 ** 6)}"})
        elif posts[one.id]:
            id = posts[one.id].pop(dice.randrange(len(posts[one.id])))
            api.good("PUT", f"/post/delete/{id}", one)

    for number in range(400):
        act()
        if number == 150:
            stack.nats.restart()
        if number == 250:
            stack.materializer.kill()
            stack.materializer.start()
    api.good("DELETE", "/user/me", people[0], json_body={"password": people[0].password})
    stack.settled()
    eventually(lambda: stack.sql("SELECT count(*) FROM departed WHERE emptied_at IS NULL") == [(0,)],
               what="the account to be taken apart")
    stack.settled()
    return stack, api, people[1:]


def test_feeds_are_rebuilt_from_the_firehose_alone(busy):
    stack, api, people = busy
    mirror = Mirror()
    for line in read(stack):
        mirror.apply(line)
    for user in people:
        assert mirror.feed(user) == shown(api, user), f"feed of {user.id}"
    for author, ids in mirror.order.items():
        assert ids == sorted(ids, key=int), f"posts of {author} in another order than they were accepted in"


def test_a_reader_goes_on_where_it_was(busy):
    stack, _, _ = busy
    lines = read(stack)
    middle = lines[len(lines) // 2]["sequence"]
    assert read(stack, middle) == [line for line in lines if line["sequence"] > middle]


def test_off_by_a_flag(own_stack):
    stack = own_stack(materializer_settings={"firehose": "off"})
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    one, other = api.register(), api.register()
    api.follow(one, other)
    api.post(other, "not for others")
    stack.settled()
    assert read(stack) == []
    assert len(api.feed(one)) == 1
