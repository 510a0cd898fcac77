"""GET /user/{id}/profile: a user with counts, which are right at the moment of the request."""

import pytest

from api import Api
from harness import eventually
from test_api import BAD_IDS, UNKNOWN, assert_problem


def api_of(stack):
    return Api(f"http://127.0.0.1:{stack.gateway.port}")


def profile(api, user, asked_by=None):
    return api.good("GET", f"/user/{user.id}/profile", asked_by).json


def counts(api, user):
    found = profile(api, user)
    return found["follower_count"], found["following_count"]


def delete(api, user):
    api.good("DELETE", "/user/me", user, json_body={"password": user.password})


def test_members(api):
    user = api.register("Ада", "Лавлейс", birthdate="1815-12-10", biography="Notes.", city="London")
    known = api.good("GET", f"/user/get/{user.id}").json
    new = {"follower_count": 0, "following_count": 0, "celebrity": False}
    assert profile(api, user) == {**known, **new}
    assert profile(api, user, asked_by=user) == {**known, **new, "followed": False}, "one does not follow oneself"
    whole, head = api.good("GET", f"/user/{user.id}/profile"), api.good("HEAD", f"/user/{user.id}/profile")
    assert head.data == b"" and head.headers["Content-Length"] == str(len(whole.data))


def test_followed_is_about_the_caller(api):
    user, follower, stranger = (api.register() for _ in range(3))
    api.follow(follower, user)
    api.follow(user, stranger)
    assert profile(api, user, asked_by=follower)["followed"] is True
    assert profile(api, follower, asked_by=user)["followed"] is False, "the other way round"
    assert profile(api, user, asked_by=stranger)["followed"] is False
    assert "followed" not in profile(api, user), "who asks without a token is nobody"
    api.unfollow(follower, user)
    assert profile(api, user, asked_by=follower)["followed"] is False
    api.good("POST", "/logout", follower)
    assert_problem(api.call("GET", f"/user/{user.id}/profile", follower), 401, 1100)


def test_nobody(api, settled):
    assert_problem(api.call("GET", f"/user/{UNKNOWN}/profile"), 404, 1302, "id")
    gone = api.register()
    delete(api, gone)
    assert_problem(api.call("GET", f"/user/{gone.id}/profile"), 404, 1302, "id")
    settled()
    assert_problem(api.call("GET", f"/user/{gone.id}/profile"), 404, 1302, "id")
    for id in BAD_IDS:
        assert_problem(api.call("GET", f"/user/{id}/profile"), 400, 1001, "id")


def test_a_change_that_was_answered_is_counted(api, settled):
    """Whether it was folded into the counter by then, is being folded now, or waits for that."""
    user, fans = api.register(), [api.register() for _ in range(3)]
    for number, fan in enumerate(fans):
        api.follow(fan, user)
        api.follow(fan, user)  # again: no change
        assert counts(api, user) == (number + 1, 0)
        assert counts(api, fan) == (0, 1)
    for _ in range(30):
        api.unfollow(fans[0], user)
        assert counts(api, user) == (2, 0)
        api.follow(fans[0], user)
        assert counts(api, user) == (3, 0)
    settled()
    assert counts(api, user) == (3, 0)
    api.unfollow(fans[0], user)
    api.unfollow(fans[0], user)
    assert counts(api, user) == (2, 0) and counts(api, fans[0]) == (0, 0)


def test_an_account_that_ended_is_not_counted(own_stack):
    """At once, while its follows are still there: at first no materializer runs that would take them out or count."""
    stack = own_stack(materializers=0)
    api = api_of(stack)
    user, gone, stays = (api.register() for _ in range(3))
    for fan in (gone, stays):
        api.follow(fan, user)
        api.follow(user, fan)
    assert counts(api, user) == (2, 2)
    delete(api, gone)
    assert counts(api, user) == (1, 1)
    lists = [api.good("GET", f"/user/{user.id}/{what}").json for what in ("followers", "following")]
    assert [[one["id"] for one in people] for people in lists] == [[stays.id], [stays.id]], "as the lists have it"
    assert stack.sql("SELECT count(*) FROM followers WHERE followed_id = %s", int(user.id)) == [(2,)], "still there"

    stack.add_materializer().start()

    def taken_apart():
        assert counts(api, user) == (1, 1), "at every moment"
        return stack.sql("SELECT emptied_at IS NOT NULL FROM departed WHERE id = %s", int(gone.id)) == [(True,)]

    eventually(taken_apart, what="the account to be taken apart")
    stack.settled()
    assert counts(api, user) == (1, 1)
    assert stack.sql("SELECT follower_count FROM users WHERE id = %s", int(user.id)) == [(1,)]


def test_celebrity_both_ways(whole):
    """There four followers make a celebrity, and with two one is none any more."""
    api = api_of(whole)
    author, fans = api.register(), [api.register() for _ in range(4)]
    for fan in fans:
        assert profile(api, author)["celebrity"] is False
        api.follow(fan, author)
    eventually(lambda: profile(api, author)["celebrity"] is True, what="the author to become a celebrity")
    assert counts(api, author) == (4, 0)
    api.unfollow(fans[0], author)
    whole.settled()
    assert profile(api, author)["celebrity"] is True, "with 90 percent of the threshold"
    api.unfollow(fans[1], author)
    eventually(lambda: profile(api, author)["celebrity"] is False, what="the author to be one no longer")
    assert counts(api, author) == (2, 0)


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer x.y.z"}, {"X-Auth": "x"}, {"Authorization": "Basic eA=="}])
def test_a_bad_token_is_refused_also_here(api, headers):
    user = api.register()
    assert_problem(api.call("GET", f"/user/{user.id}/profile", headers=headers), 401, 1100)
