"""Lists: what a user wrote, who follows and is followed, several users at once; their pages and the plans of their
statements."""

import pathlib
import re

import pytest

from test_api import BAD_IDS, UNKNOWN, assert_problem

SQL = pathlib.Path(__file__).resolve().parents[2] / "pkg" / "store" / "sql"
LISTS = ["posts", "followers", "following"]


def by_links(api, path):
    """Every page of a list, as the links say."""
    pages = []
    while path is not None:
        answer = api.good("GET", path)
        pages.append(answer.json)
        path = answer.next
        assert len(pages) < 100, "the links never end"
    return pages


def ids(items):
    return [item["id"] for item in items]


@pytest.fixture(scope="module")
def author(api):
    return api.register("Nelly", "Sachs")


@pytest.fixture(scope="module")
def written(api, author):
    return [api.post(author, f"post {number}") for number in range(23)]


# ---- posts ----

def test_posts_newest_first(api, author, written):
    path = f"/user/{author.id}/posts"
    assert ids(api.good("GET", path).json) == written[::-1][:10]  # the default is the feed's
    assert ids(api.good("GET", path + "?limit=100").json) == written[::-1]
    assert ids(api.good("GET", path + "?limit=1000").json) == written[::-1]
    post = api.good("GET", path + "?limit=1").json[0]
    assert post == api.good("GET", f"/post/get/{written[-1]}").json


@pytest.mark.parametrize("limit, sizes", [(10, [10, 10, 3]), (23, [23]), (22, [22, 1]), (1, [1] * 23)])
def test_posts_by_links(api, author, written, limit, sizes):
    pages = by_links(api, f"/user/{author.id}/posts?limit={limit}")
    assert [len(page) for page in pages] == sizes
    assert sum((ids(page) for page in pages), []) == written[::-1]


def test_posts_show_edits_and_leave_out_deleted_ones(api):
    author = api.register()
    first, second, third = (api.post(author, text) for text in ("one", "two", "three"))
    api.good("PUT", "/post/update", author, json_body={"id": first, "text": "one, better"})
    api.good("PUT", f"/post/delete/{second}", author)
    posts = api.good("GET", f"/user/{author.id}/posts").json
    assert [(post["id"], post["text"]) for post in posts] == [(third, "three"), (first, "one, better")]
    assert "edited_at" in posts[1] and "edited_at" not in posts[0]


def test_posts_written_between_pages_move_nothing(api):
    author = api.register()
    written = [api.post(author, str(number)) for number in range(4)]
    first = api.good("GET", f"/user/{author.id}/posts?limit=2")
    api.post(author, "meanwhile")
    assert ids(first.json) + ids(api.good("GET", first.next).json) == written[::-1]


# ---- follows ----

def test_followers_and_following(api, database):
    user, others = api.register(), [api.register() for _ in range(5)]
    for other in others:
        api.follow(other, user)
        api.follow(user, other)
    wanted = sorted((other.id for other in others), key=int)
    for what in ("followers", "following"):
        path = f"/user/{user.id}/{what}"
        assert ids(api.good("GET", path).json) == wanted
        assert [ids(page) for page in by_links(api, path + "?limit=2")] == [wanted[:2], wanted[2:4], wanted[4:]]
        assert api.good("GET", path).json[0] == api.good("GET", f"/user/get/{wanted[0]}").json
    api.unfollow(others[0], user)
    api.unfollow(user, others[1])
    # Whose account is deleted is not shown, even while the follows are still there.
    database(f"UPDATE users SET deleted_at = now() WHERE id = {others[2].id}")
    assert ids(api.good("GET", f"/user/{user.id}/followers").json) == [
        id for id in wanted if id not in (others[0].id, others[2].id)]
    assert ids(api.good("GET", f"/user/{user.id}/following").json) == [
        id for id in wanted if id not in (others[1].id, others[2].id)]


@pytest.mark.parametrize("what", LISTS)
def test_empty_list(api, what):
    user = api.register()
    answer = api.good("GET", f"/user/{user.id}/{what}")
    assert answer.json == [] and answer.next is None


@pytest.mark.parametrize("what", LISTS)
def test_list_of_an_unknown_user(api, what, database):
    assert_problem(api.call("GET", f"/user/{UNKNOWN}/{what}"), 404, 1302, "id")
    gone = api.register()
    api.post(gone, "left behind")
    database(f"UPDATE users SET deleted_at = now() WHERE id = {gone.id}")
    assert_problem(api.call("GET", f"/user/{gone.id}/{what}"), 404, 1302, "id")


@pytest.mark.parametrize("what", LISTS)
def test_list_malformed(api, author, what):
    for id in BAD_IDS:
        assert_problem(api.call("GET", f"/user/{id}/{what}"), 400, 1001, "id")
    for query, field in (("limit=0", "limit"), ("limit=-1", "limit"), ("limit=x", "limit"), ("limit=", "limit"),
                         ("limit=1.0", "limit"), ("limit=%ff", "limit"), ("cursor=", "cursor"), ("cursor=1", "cursor"),
                         ("cursor=AAAAAAAAAAAAAAAA", "cursor"), ("cursor=%00", "cursor")):
        assert_problem(api.call("GET", f"/user/{author.id}/{what}?{query}"), 400, 1001, field)


def test_paths_that_look_like_others(api, author):
    """A fixed segment wins over one that stands for anything; what is no id is told as such."""
    assert_problem(api.call("GET", "/user/get/posts"), 400, 1001, "id")
    assert_problem(api.call("GET", "/user/search/posts"), 400, 1001, "id")
    assert_problem(api.call("GET", "/user/me/posts"), 400, 1001, "id")
    assert_problem(api.call("GET", "/user/me"), 405, 1400)
    assert_problem(api.call("GET", f"/user/{author.id}"), 404, 1301)
    assert_problem(api.call("GET", f"/user/{author.id}/friends"), 404, 1301)


# ---- several users ----

def test_users(api):
    people = [api.register(name) for name in ("Ann", "Ben", "Cid")]
    asked = [people[2].id, UNKNOWN, people[0].id, people[2].id, people[1].id, people[0].id]
    found = api.good("GET", "/users?ids=" + ",".join(asked), people[0]).json
    assert ids(found) == [people[2].id, people[0].id, people[1].id]
    assert found[0] == api.good("GET", f"/user/get/{people[2].id}").json
    assert ids(api.good("GET", f"/users?ids={people[0].id}%2C{people[1].id}", people[0]).json) == [
        people[0].id, people[1].id]
    assert api.good("GET", f"/users?ids={UNKNOWN}", people[0]).json == []


def test_users_leaves_out_deleted_ones(api, database):
    asking, gone = api.register(), api.register()
    database(f"UPDATE users SET deleted_at = now() WHERE id = {gone.id}")
    assert ids(api.good("GET", f"/users?ids={gone.id},{asking.id}", asking).json) == [asking.id]


def test_users_at_most_a_hundred(api, database):
    asking = api.register()
    database("INSERT INTO users (id, first_name, second_name) "
             "SELECT id, 'Hundred', 'Times' FROM generate_series(9700000, 9700100) AS id")
    hundred = [str(id) for id in range(9700099, 9699999, -1)]
    assert ids(api.good("GET", "/users?ids=" + ",".join(hundred), asking).json) == hundred
    assert_problem(api.call("GET", "/users?ids=" + ",".join(hundred + ["9700100"]), asking), 400, 1001, "ids")


@pytest.mark.parametrize("query", ["", "?", "?ids", "?ids=", "?ids=,", "?ids=1,", "?ids=,1", "?ids=1,,2", "?ids=1;2",
                                   "?ids=1,+2", "?ids=1,x", "?ids=0", "?ids=-1", "?ids=9223372036854775808",
                                   "?ids=01", "?ids=1,%ff", "?ids=1,%00", "?ids=" + "," * 200])
def test_users_malformed(api, author, query):
    assert_problem(api.call("GET", "/users" + query, author), 400, 1001, "ids")


def test_head_of_lists(api, author, written):
    for path in (f"/user/{author.id}/posts", f"/user/{author.id}/followers", f"/users?ids={author.id}"):
        whole, head = api.good("GET", path, author), api.good("HEAD", path, author)
        assert head.data == b"" and head.headers["Content-Length"] == str(len(whole.data))
        assert head.headers["Link"] == whole.headers["Link"]


# ---- plans ----

def plan(cursor, name, *values):
    """The lines of the plan that a connection keeps for the statement whatever its parameters are."""
    text = (SQL / f"{name}.sql").read_text(encoding="utf-8")
    types = [param.split()[0] for param in re.match(r"-- params: (.*)", text).group(1).split(",")]
    cursor.execute(f"PREPARE {name} ({', '.join(types)}) AS {text}")
    cursor.execute(f"EXPLAIN EXECUTE {name} ({', '.join(values)})")
    return [line for line, in cursor.fetchall()]


@pytest.fixture(scope="module")
def crowd(stack):
    """20,000 people who all follow the first one and whom the second one follows in part, a thousand of whom follow twenty
    each and have followers to be counted, with posts: numbers at which a planner would rather read a table as a whole, if
    it could."""
    import psycopg2
    connection = psycopg2.connect(stack.postgres.url)
    cursor = connection.cursor()
    cursor.execute("""
        INSERT INTO users (id, first_name, second_name) SELECT id, 'Crowd', 'Of' || id FROM generate_series(9800001, 9820000) AS id;
        INSERT INTO followers SELECT 9800001, id FROM generate_series(9800002, 9820000) AS id;
        INSERT INTO followees (follower_id, followed_id) SELECT 9800002, id FROM generate_series(9800003, 9810000) AS id;
        INSERT INTO followees (follower_id, followed_id)
            SELECT 9801000 + id / 20, 9810000 + id % 20 FROM generate_series(0, 19999) AS id;
        INSERT INTO follower_delta SELECT 9801000 + id % 1000, 1 FROM generate_series(1, 20000) AS id;
        INSERT INTO posts (author_id, id, body) SELECT 9800001, id, 'x' FROM generate_series(1, 20000) AS id;
        INSERT INTO posts (author_id, id, body) SELECT 9800000 + id % 100 + 2, id, 'x' FROM generate_series(20001, 40000) AS id;
    """)
    cursor.execute("ANALYZE users, followers, followees, follower_delta, posts")
    yield cursor
    connection.rollback()
    connection.close()


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("name, values", [
    ("user_followers", ("9800001", "9805000", "101")),
    ("user_following", ("9800002", "9805000", "101")),
    ("user_posts", ("9800001", "10000", "101")),
    ("user_list", ("'{9800001,9800002,9819999}'",)),
    ("user_exists", ("9800001",)),
    ("user_profile", ("9800001", "9800002")),
    ("user_search", ("'zoe'", "'q'", "0", "101")),
])
def test_lists_read_no_table_as_a_whole(crowd, mode, name, values):
    crowd.execute(f"SET LOCAL plan_cache_mode = {mode}")
    crowd.execute("DEALLOCATE ALL")
    lines = plan(crowd, name, *values)
    # Accounts that are just being taken apart are few, and all looked at.
    assert not [line for line in lines if "Seq Scan" in line and "departed" not in line], "\n".join(lines)
    # Rows come in order from an index: a page costs no more the longer the list is. Found names are sorted by id.
    assert name in ("user_list", "user_search") or not [line for line in lines if "Sort" in line], "\n".join(lines)
