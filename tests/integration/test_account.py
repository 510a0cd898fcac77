"""An account's end: gone at once for everybody, then taken apart in pieces, whatever is running beside it."""

import concurrent.futures

import pytest

from api import Api
from harness.waiting import eventually


def api_of(stack):
    return Api(f"http://127.0.0.1:{stack.gateway.port}")


def delete(api, user):
    api.good("DELETE", "/user/me", user, json_body={"password": user.password})


@pytest.fixture
def emptied(database):
    """Waits until the materializer has taken a deleted account apart."""
    def wait(user):
        eventually(lambda: database("SELECT emptied_at IS NOT NULL FROM departed WHERE id = %s", int(user.id)) == [(True,)],
                   what=f"account {user.id} to be taken apart")
    return wait


def left_of(database, user):
    """How many rows still tell of the user, by table."""
    id = int(user.id)
    counts = {
        "posts": database("SELECT count(*) FROM posts WHERE author_id = %s AND deleted_at IS NULL", id),
        "own feed": database("SELECT count(*) FROM feed_items WHERE user_id = %s", id),
        "others' feeds": database("SELECT count(*) FROM feed_items WHERE author_id = %s", id),
        "celebrity posts": database("SELECT count(*) FROM celebrity_posts WHERE author_id = %s", id),
        "followees": database("SELECT count(*) FROM followees WHERE %s IN (follower_id, followed_id)", id),
        "followers": database("SELECT count(*) FROM followers WHERE %s IN (follower_id, followed_id)", id),
        "deltas": database("SELECT count(*) FROM follower_delta WHERE user_id = %s", id),
        "person": database("SELECT count(*) FROM users WHERE id = %s AND (first_name <> '' OR second_name <> '' "
                           "OR biography <> '' OR city <> '' OR birthdate IS NOT NULL OR password_hash IS NOT NULL)", id),
    }
    return {name: rows[0][0] for name, rows in counts.items() if rows[0][0] != 0}


def test_pages_leave_the_posts_out_at_once(own_stack):
    """Also before anything of the account was taken out: here no materializer runs that would."""
    stack = own_stack(materializers=0)
    api = api_of(stack)
    gone, stays, reader = api.register(), api.register(), api.register()
    api.follow(reader, gone)
    api.follow(reader, stays)
    posts = [api.post(gone, f"post {i}") for i in range(3)]
    kept = api.post(stays, "stays")
    stack.sql("INSERT INTO feed_items (user_id, post_id, author_id) SELECT %s, id, author_id FROM posts", int(reader.id))
    assert api.feed_ids(reader) == [kept] + posts[::-1]
    delete(api, gone)
    assert api.feed_ids(reader) == [kept]
    assert api.call("GET", f"/post/get/{posts[0]}").status == 404


def test_everything_of_the_account_goes(api, database, settled, emptied):
    gone = api.register("Gone", "Away", biography="b", city="c", birthdate="2000-01-01")
    readers, writers = [api.register() for _ in range(3)], [api.register() for _ in range(3)]
    for reader in readers:
        api.follow(reader, gone)
    for writer in writers:
        api.follow(gone, writer)
        api.post(writer, "for the one who leaves")
    for i in range(120):  # more than one piece
        api.post(gone, f"post {i}")
    deleted = api.post(gone, "deleted before")
    api.good("PUT", f"/post/delete/{deleted}", gone)
    settled()
    assert len(api.feed_by_links(readers[0], 100)) == 120
    delete(api, gone)
    emptied(gone)
    settled()
    assert left_of(database, gone) == {}
    assert [api.feed(reader) for reader in readers] == [[], [], []]
    for writer in writers:
        assert database("SELECT follower_count FROM users WHERE id = %s", int(writer.id)) == [(0,)]


def test_a_celebrity_leaves(own_stack):
    stack = own_stack(materializer_settings={"celebrity_threshold": 2, "celebrity_quiet": "200ms"},
                      gateway_settings={"celebrity_threshold": 2})
    api = api_of(stack)
    star, readers = api.register(), [api.register() for _ in range(4)]
    for reader in readers:
        api.follow(reader, star)
    eventually(lambda: stack.sql("SELECT is_celebrity FROM users WHERE id = %s", int(star.id)) == [(True,)],
               what="the author to become a celebrity")
    posts = [api.post(star, f"post {i}") for i in range(5)]
    stack.settled()
    assert api.feed_ids(readers[0]) == posts[::-1]
    delete(api, star)
    assert api.feed(readers[0]) == []
    eventually(lambda: stack.sql("SELECT emptied_at IS NOT NULL FROM departed WHERE id = %s", int(star.id)) == [(True,)],
               what="the account to be taken apart")
    stack.settled()
    assert left_of(stack.sql, star) == {}


def test_the_materializer_dies_in_the_middle(own_stack):
    """All its state is what is left in the tables."""
    stack = own_stack()
    api = api_of(stack)
    gone, readers = api.register(), [api.register() for _ in range(5)]
    for reader in readers:
        api.follow(reader, gone)
    for i in range(200):
        api.post(gone, f"post {i}")
    stack.settled()
    delete(api, gone)
    alive = "SELECT count(*) FROM posts WHERE author_id = %s AND deleted_at IS NULL"
    eventually(lambda: stack.sql(alive, int(gone.id))[0][0] < 200, what="the first piece to be done", every=0.001)
    stack.materializer.kill()
    stack.materializer.start()
    eventually(lambda: stack.sql("SELECT emptied_at IS NOT NULL FROM departed WHERE id = %s", int(gone.id)) == [(True,)],
               what="the account to be taken apart")
    stack.settled()
    assert left_of(stack.sql, gone) == {}
    assert [api.feed(reader) for reader in readers] == [[]] * 5


def test_follows_that_race_with_the_end_leave_nothing(own_stack):
    """A follow that began before the end and is committed after it is found by the last look."""
    stack = own_stack(materializer_settings={"account_settle": "1s"})
    api = api_of(stack)
    for round in range(3):
        gone, readers = api.register(), [api.register() for _ in range(16)]
        for i in range(5):
            api.post(gone, f"post {i}")
        with concurrent.futures.ThreadPoolExecutor(17) as pool:
            follows = [pool.submit(api.call, "PUT", f"/friend/set/{gone.id}", reader) for reader in readers]
            pool.submit(delete, api, gone).result()
            assert {follow.result().status for follow in follows} <= {200, 404}
        eventually(lambda: stack.sql("SELECT count(*) FROM departed") == [(0,)], what="the last look")
        stack.settled()
        assert left_of(stack.sql, gone) == {}
        assert [api.feed(reader) for reader in readers] == [[]] * 16
