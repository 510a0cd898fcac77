"""Idempotency-Key: a request that is repeated is done once, whichever gateway gets it and whenever one dies."""

import http.client
import threading

import pytest

from api import Api
from harness import eventually
from test_api import assert_problem

KEY = "Idempotency-Key"


def create(api, user, text, key, **more):
    return api.call("POST", "/post/create", user, json_body={"text": text}, headers={KEY: key}, **more)


def posts_of(database, user):
    return database(f"SELECT count(*) FROM posts WHERE author_id = {user.id}")[0][0]


@pytest.fixture
def user(api):
    return api.register()


def test_repeated(api, user, database):
    first = create(api, user, "once", "a-key")
    assert first.status == 200
    for _ in range(3):
        again = create(api, user, "once", "a-key")
        assert (again.status, again.json) == (200, first.json)
    assert posts_of(database, user) == 1
    assert api.good("GET", f"/user/{user.id}/posts").json[0]["id"] == first.json
    # Another key, or none, is another request.
    others = [create(api, user, "once", "b-key").json, api.post(user, "once"), api.post(user, "once")]
    assert len({first.json, *others}) == 4


def test_no_second_event(api, user, database, settled):
    settled()
    follower = api.register()
    api.follow(follower, user)
    id = create(api, user, "told once", "k").json
    create(api, user, "told once", "k")
    settled()
    assert api.feed_ids(follower) == [id]
    assert database(f"SELECT count(*) FROM outbox WHERE author_id = {user.id}") == [(0,)]


def test_another_body(api, user, database):
    create(api, user, "one", "k")
    assert_problem(create(api, user, "two", "k"), 409, 1501, KEY)
    # What counts are the bytes, as they were sent, and how they are written.
    for body, kind in ((b'{"text": "one" }', "application/json"), (b"\x0a\x03one", "application/x-protobuf")):
        answer = api.call("POST", "/post/create", user, body=body, headers={KEY: "k", "Content-Type": kind})
        assert_problem(answer, 409, 1501, KEY)
    assert posts_of(database, user) == 1


def test_in_protobuf(api, user, database):
    sent = {KEY: "k", "Content-Type": "application/x-protobuf", "Accept": "application/x-protobuf"}
    first = api.call("POST", "/post/create", user, body=b"\x0a\x03one", headers=sent)
    assert first.status == 200
    assert api.call("POST", "/post/create", user, body=b"\x0a\x03one", headers=sent).data == first.data
    # The answer may be asked for in another encoding: it is the same id.
    other = api.call("POST", "/post/create", user, body=b"\x0a\x03one", headers={**sent, "Accept": "application/json"})
    assert other.json == api.good("GET", f"/user/{user.id}/posts").json[0]["id"]
    assert posts_of(database, user) == 1


def test_keys_are_ones_own(api, database):
    users = [api.register() for _ in range(2)]
    ids = [create(api, user, "the same", "shared").json for user in users]
    assert ids[0] != ids[1]
    assert [posts_of(database, user) for user in users] == [1, 1]


def test_refused_requests_keep_nothing(api, user, database):
    assert_problem(create(api, user, "", "k"), 400, 1001, "text")
    assert database(f"SELECT count(*) FROM idempotency WHERE user_id = {user.id}") == [(0,)]
    assert create(api, user, "now it is good", "k").status == 200


def test_without_a_key_nothing_is_kept(api, user, database):
    api.post(user, "plain")
    assert database(f"SELECT count(*) FROM idempotency WHERE user_id = {user.id}") == [(0,)]


@pytest.mark.parametrize("key", ["", " ", "x" * 65, "a b", "ключ".encode("utf-8"), "a\tb", b"\xff"])
def test_bad_key(api, user, key):
    assert_problem(create(api, user, "x", key), 400, 1001, KEY)


@pytest.mark.parametrize("key", ["k", "x" * 64, "!~", '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "'; DROP TABLE posts; --".replace(" ", "_")])
def test_good_key(api, user, key):
    first = create(api, user, "x", key)
    assert first.status == 200 and create(api, user, "x", key).json == first.json


def test_after_a_day(api, user, database):
    """The row counts for 24 hours, whether or not housekeeping has been by."""
    first = create(api, user, "x", "k").json
    age = "UPDATE idempotency SET created_at = now() - interval '{}' WHERE user_id = {}"
    database(age.format("23 hours 59 minutes", user.id))
    assert create(api, user, "x", "k").json == first
    database(age.format("24 hours 1 second", user.id))
    second = create(api, user, "another", "k")
    assert second.status == 200 and second.json != first
    assert create(api, user, "another", "k").json == second.json
    assert_problem(create(api, user, "x", "k"), 409, 1501, KEY)


def test_the_post_may_be_gone(api, user):
    id = create(api, user, "x", "k").json
    api.good("PUT", f"/post/delete/{id}", user)
    assert create(api, user, "x", "k").json == id


def test_many_at_once_through_two_gateways(own_stack):
    """Each key gives one post, and everybody who sent it gets that post's id."""
    stack = own_stack(gateways=2)
    apis = [Api(f"http://127.0.0.1:{gateway.port}") for gateway in stack.gateways]
    user = apis[0].register()
    rounds, senders = 10, 6
    barrier = threading.Barrier(senders)
    answers = [[] for _ in range(senders)]

    def send(number):
        for turn in range(rounds):
            barrier.wait(30)
            answers[number].append(create(apis[number % 2], user, f"turn {turn}", f"key-{turn}"))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for turn in range(rounds):
        told = {(answer[turn].status, answer[turn].data) for answer in answers}
        assert len(told) == 1 and next(iter(told))[0] == 200, f"turn {turn}: {told}"
    assert stack.sql(f"SELECT count(*) FROM posts WHERE author_id = {user.id}") == [(rounds,)]


def test_two_bodies_at_once(own_stack):
    """One of them is the first; the other is told so."""
    stack = own_stack(gateways=2)
    apis = [Api(f"http://127.0.0.1:{gateway.port}") for gateway in stack.gateways]
    user = apis[0].register()
    for turn in range(5):
        barrier, statuses = threading.Barrier(2), [None, None]

        def send(number):
            barrier.wait(30)
            statuses[number] = create(apis[number], user, f"{turn} of {number}", f"key-{turn}").status

        threads = [threading.Thread(target=send, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200, 409]
    assert stack.sql(f"SELECT count(*) FROM posts WHERE author_id = {user.id}") == [(5,)]


def test_killed_between_commit_and_answer(own_stack):
    """The client does not know whether its post was made; asking again tells, and makes no other."""
    stack = own_stack(gateways=1)
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    user = api.register()
    doomed = stack.add_gateway()
    doomed.environment = {**doomed.environment, "FRESHET_FAULT": "post_created"}
    doomed.start()
    with pytest.raises((http.client.HTTPException, OSError)):
        create(Api(f"http://127.0.0.1:{doomed.port}"), user, "did it?", "k")
    eventually(lambda: not doomed.alive)
    kept = [str(id) for id, in stack.sql(f"SELECT id FROM posts WHERE author_id = {user.id}")]
    assert len(kept) == 1
    again = create(api, user, "did it?", "k")
    assert (again.status, [again.json]) == (200, kept)
    assert posts_of(stack.sql, user) == 1


def test_failed_before_commit(own_stack):
    """What was not committed keeps no key: the retry does it."""
    stack = own_stack()
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    user = api.register()
    stack.sql("ALTER TABLE outbox ADD CONSTRAINT refused CHECK (kind <> 1) NOT VALID")
    failed = create(api, user, "x", "k")
    assert failed.status == 500
    stack.sql("ALTER TABLE outbox DROP CONSTRAINT refused")
    assert stack.sql("SELECT count(*) FROM idempotency") == [(0,)]
    good = create(api, user, "x", "k")
    assert good.status == 200 and create(api, user, "x", "k").json == good.json
    assert posts_of(stack.sql, user) == 1
