"""Home feeds as pages: what is in them, in which order, and that a change shows at once."""

import itertools
import random

import pytest


@pytest.fixture
def people(api):
    """A reader and three writers, nobody following anybody."""
    return [api.register(name, "Person") for name in ("Reader", "Writer", "Another", "Third")]


# ---- through the whole system: the materializer fills the feeds ----

def test_follow_then_page(api, people, settled):
    reader, writer, _, _ = people
    before = [api.post(writer, f"before {n}") for n in range(3)]
    settled()
    assert api.feed(reader) == []
    api.follow(reader, writer)
    settled()
    assert api.feed_ids(reader) == before[::-1]
    after = api.post(writer, "after")
    settled()
    page = api.feed(reader)
    assert [post["id"] for post in page] == [after] + before[::-1]
    assert page[0] == api.good("GET", f"/post/get/{after}").json
    assert {post["author_user_id"] for post in page} == {writer.id}


def test_follow_brings_everything_ever_written(api, people, settled, database):
    """The newest hundred as feed items, what is older by a pull: nobody sees where one ends."""
    reader, writer, another, _ = people
    posts = [api.post(writer, f"post {n}") for n in range(103)]
    settled()  # a post that is fanned out after the follow reaches the new follower by itself
    api.follow(reader, writer)
    settled()
    assert database(f"SELECT count(*) FROM feed_items WHERE user_id = {reader.id}") == [(100,)]
    for limit in (30, 100):
        assert [post["id"] for post in api.feed_by_links(reader, limit)] == posts[::-1], limit
    assert api.feed_ids(reader, "offset=98&limit=4") == posts[4:0:-1]
    assert api.feed_ids(reader, "offset=101&limit=10") == posts[1::-1]
    # What another wrote before goes between, from above and below the horizon.
    api.follow(reader, another)
    newest = api.post(another, "newest")
    settled()
    assert [post["id"] for post in api.feed_by_links(reader, 40)] == [newest] + posts[::-1]
    api.good("PUT", f"/post/delete/{posts[1]}", writer)
    assert api.feed_ids(reader, "offset=102") == [posts[0]]
    api.unfollow(reader, writer)
    assert api.feed_ids(reader) == [newest]


def test_unfollow_then_page(api, people, settled):
    reader, writer, another, _ = people
    api.follow(reader, writer)
    api.follow(reader, another)
    gone = [api.post(writer, "of one unfollowed") for _ in range(2)]
    stays = api.post(another, "of one still followed")
    settled()
    assert api.feed_ids(reader) == [stays] + gone[::-1]
    api.unfollow(reader, writer)
    assert api.feed_ids(reader) == [stays]  # at once, whatever rows are still there
    settled()
    assert api.feed_ids(reader) == [stays]
    api.follow(reader, writer)
    settled()
    assert api.feed_ids(reader) == [stays] + gone[::-1]


def test_unfollow_and_follow_in_a_row(api, people, settled):
    """However the events overtake each other's effects, the last word counts."""
    reader, writer, _, _ = people
    post = api.post(writer, "x")
    for _ in range(5):
        api.follow(reader, writer)
        api.unfollow(reader, writer)
    settled()
    assert api.feed_ids(reader) == []
    for _ in range(5):
        api.unfollow(reader, writer)
        api.follow(reader, writer)
    settled()
    assert api.feed_ids(reader) == [post]


def test_delete_and_edit_show_at_once(api, people, settled):
    reader, writer, _, _ = people
    api.follow(reader, writer)
    edited, deleted, same = (api.post(writer, text) for text in ("first", "soon gone", "same"))
    settled()
    api.good("PUT", "/post/update", writer, json_body={"id": edited, "text": "second"})
    api.good("PUT", f"/post/delete/{deleted}", writer)
    api.good("PUT", "/post/update", writer, json_body={"id": same, "text": "same"})
    for _ in range(2):
        page = api.feed(reader)
        assert [(post["id"], post["text"], "edited_at" in post) for post in page] == \
            [(same, "same", False), (edited, "second", True)]
        settled()


def test_only_followers_get_it(api, people, settled):
    reader, writer, another, third = people
    api.follow(reader, writer)
    api.follow(another, reader)
    api.follow(writer, another)
    post = api.post(writer, "x")
    settled()
    assert api.feed_ids(reader) == [post]
    # Not whom one is followed by, not friends of friends, not oneself.
    for other in (writer, another, third):
        assert api.feed_ids(other) == []


def test_celebrity_without_feed_items(api, people, settled, database):
    reader, star, another, _ = people
    make_celebrity(database, star.id)
    api.follow(reader, star)
    api.follow(reader, another)
    posts = [api.post(author, "x") for author in (star, another, star, another, star)]
    settled()
    assert api.feed_ids(reader) == posts[::-1]
    assert database(f"SELECT count(*) FROM feed_items WHERE author_id = {star.id}") == [(0,)]
    assert database(f"SELECT count(*) FROM feed_items WHERE author_id = {another.id}") == [(2,)]
    api.good("PUT", "/post/update", star, json_body={"id": posts[0], "text": "edited"})
    api.good("PUT", f"/post/delete/{posts[4]}", star)
    assert [(post["id"], post["text"]) for post in api.feed(reader)] == \
        [(posts[3], "x"), (posts[2], "x"), (posts[1], "x"), (posts[0], "edited")]
    api.unfollow(reader, star)
    assert api.feed_ids(reader) == [posts[3], posts[1]]
    settled()
    assert api.feed_ids(reader) == [posts[3], posts[1]]


def test_offset_and_cursor_give_the_same(api, people, settled):
    reader, writer, another, _ = people
    api.follow(reader, writer)
    api.follow(reader, another)
    posts = [api.post((writer, another)[n % 2], f"post {n}") for n in range(12)][::-1]
    settled()
    for limit in (1, 2, 5, 12, 13):
        by_offset = list(itertools.chain.from_iterable(
            api.feed_ids(reader, f"offset={offset}&limit={limit}") for offset in range(0, 12, limit)))
        assert by_offset == posts, limit
        assert [post["id"] for post in api.feed_by_links(reader, limit)] == posts, limit
    assert api.feed_ids(reader, "") == posts[:10]  # the default
    assert api.feed_ids(reader, "limit=101") == posts
    assert api.feed_ids(reader, "offset=11&limit=5") == posts[11:]
    assert api.feed_ids(reader, "offset=12") == []
    assert api.feed_ids(reader, "offset=10000&limit=100") == []


def test_new_posts_do_not_shift_pages_by_cursor(api, people, settled):
    reader, writer, _, _ = people
    api.follow(reader, writer)
    posts = [api.post(writer, "x") for _ in range(4)][::-1]
    settled()
    first = api.good("GET", "/post/feed?limit=2", reader)
    api.post(writer, "meanwhile")
    settled()
    assert [post["id"] for post in first.json] == posts[:2]
    assert [post["id"] for post in api.good("GET", first.next, reader).json] == posts[2:]


def test_link_only_behind_a_full_page(api, people, settled):
    reader, writer, _, _ = people
    api.follow(reader, writer)
    for _ in range(3):
        api.post(writer, "x")
    settled()
    assert api.good("GET", "/post/feed?limit=4", reader).next is None
    answer = api.good("GET", "/post/feed?limit=3", reader)
    assert "limit=3" in answer.next
    last = api.good("GET", answer.next, reader)
    assert last.json == [] and last.next is None


def test_page_of_the_largest_texts(api, people, settled):
    """A hundred posts whose every byte takes six in JSON: a page, not an error."""
    reader, writer, _, _ = people
    api.follow(reader, writer)
    for _ in range(100):
        api.post(writer, "\u0001" * 4096)
    settled()
    page = api.feed(reader, "limit=100")
    assert len(page) == 100 and all(post["text"] == "\u0001" * 4096 for post in page)


# ---- against tables filled by the test: rows that the housekeeping has not come to yet ----

def make_celebrity(database, id):
    database(f"UPDATE users SET is_celebrity = true WHERE id = {id}")
    database(f"INSERT INTO celebrities (id) VALUES ({id}) ON CONFLICT DO NOTHING")


class Tables:
    """People and posts straight in the database, and what the page of `reader` must be."""

    def __init__(self, api, database, authors):
        self.database = database
        self.reader = api.register()
        self.authors = authors
        self.posts = []  # (id, author, deleted, item, celebrity post)
        database("INSERT INTO users (id, first_name, second_name) SELECT id, 'T', 'T' "
                 f"FROM generate_series({min(authors)}, {max(authors)}) AS id ON CONFLICT DO NOTHING")

    def follow(self, authors):
        self.followed = set(authors)
        self.database(f"DELETE FROM followees WHERE follower_id = {self.reader.id}")
        for author in authors:
            self.database(f"INSERT INTO followees (follower_id, followed_id) VALUES ({self.reader.id}, {author})")
            self.database(f"INSERT INTO followers (follower_id, followed_id) VALUES ({self.reader.id}, {author}) "
                          "ON CONFLICT DO NOTHING")

    def add(self, posts):
        self.posts += posts

        def values(rows):
            return ",".join(rows)

        self.database("INSERT INTO posts (author_id, id, body, deleted_at) VALUES " + values(
            f"({author}, {id}, 'p{id}', {'now()' if deleted else 'NULL'})" for id, author, deleted, _, _ in posts))
        items = [f"({self.reader.id}, {id}, {author})" for id, author, _, item, _ in posts if item]
        if items:
            self.database("INSERT INTO feed_items (user_id, post_id, author_id) VALUES " + values(items))
        merged = [f"({author}, {id})" for id, author, _, _, merged in posts if merged]
        if merged:
            self.database("INSERT INTO celebrity_posts (author_id, id) VALUES " + values(merged))

    def expected(self):
        return [str(id) for id, author, deleted, item, merged in sorted(self.posts, reverse=True)
                if author in self.followed and not deleted and (item or merged)]


def test_limit_is_exact_between_leftovers(api, database):
    """limit=2 gives two, also when deleted posts and posts of people no longer followed lie in between."""
    tables = Tables(api, database, [2001, 2002, 2003])
    tables.follow([2001])
    #             id      author deleted item  celebrity post
    tables.add([(900010, 2001, False, True, False),
                (900009, 2001, True, True, False),
                (900008, 2002, False, True, False),
                (900007, 2002, True, True, False),
                (900006, 2001, False, True, False),
                (900005, 2001, True, True, False),
                (900004, 2003, False, True, False),
                (900003, 2001, False, True, False)])
    feed = tables.expected()
    assert feed == ["900010", "900006", "900003"]
    for offset in range(4):
        assert api.feed_ids(tables.reader, f"limit=2&offset={offset}") == feed[offset:offset + 2]


def test_post_that_is_item_and_celebritys_shows_once(api, database):
    tables = Tables(api, database, [2101, 2102])
    make_celebrity(database, 2101)
    tables.follow([2101, 2102])
    tables.add([(910000 + n, 2101 + n % 2, False, True, n % 2 == 0) for n in range(10)])
    feed = tables.expected()
    assert len(feed) == 10
    for limit in range(1, 12):
        assert api.feed_ids(tables.reader, f"limit={limit}") == feed[:limit]
        assert [post["id"] for post in api.feed_by_links(tables.reader, limit)] == feed


def test_celebrities_bound(api, database):
    """The merge looks at celebrities' posts down to a bound. Around it: a celebrity's post as the very next one below
    the oldest feed item, and long stretches without any."""
    tables = Tables(api, database, [2201, 2202])
    make_celebrity(database, 2201)
    tables.follow([2201, 2202])
    year = 365 * 86400 * 1000 << 22
    tables.add([(920000, 2201, False, False, True),
                (920001, 2202, False, True, False),
                (920002, 2201, False, False, True),
                (920003, 2202, False, True, False),
                (920003 + year // 50, 2201, True, False, True),
                (920004 + year // 50, 2201, False, False, True),
                (920005 + year, 2201, False, False, True),
                (920006 + year, 2201, True, False, True),
                (920007 + year, 2202, True, True, False)])
    feed = tables.expected()
    assert len(feed) == 6
    for limit, offset in itertools.product(range(1, 8), range(0, 8)):
        assert api.feed_ids(tables.reader, f"limit={limit}&offset={offset}") == feed[offset:offset + limit]


def test_post_on_the_edge_of_the_window(api, database):
    """The window in page_home.sql begins 65,536 ms below the newest post, that one included."""
    tables = Tables(api, database, [2401, 2402])
    make_celebrity(database, 2401)
    make_celebrity(database, 2402)
    tables.follow([2401, 2402])
    newest = 1 << 50
    edge = newest + 1 - (65536 << 22)
    tables.add([(newest, 2401, False, False, True),
                (edge, 2402, False, False, True),
                (edge - 1, 2401, False, False, True)])
    feed = tables.expected()
    assert feed == [str(newest), str(edge), str(edge - 1)]
    for limit in (1, 2, 3, 4):
        assert api.feed_ids(tables.reader, f"limit={limit}") == feed[:limit]


@pytest.mark.parametrize("seed", range(6))
def test_any_mixture(api, database, seed):
    """Random feeds: few and many celebrities, leftovers, duplicates, bursts and pauses; pages by offset and by cursor
    against the rule in three lines of Python (Tables.expected)."""
    chance = random.Random(seed)
    base = 3000 + 100 * seed
    authors = list(range(base, base + 12))
    celebrities = set(chance.sample(authors, chance.choice([0, 1, 6, 12])))
    tables = Tables(api, database, authors)
    for author in celebrities:
        make_celebrity(database, author)
    tables.follow(chance.sample(authors, chance.choice([3, 8, 12])))
    posts, id = [], 930000 + seed * 10
    for _ in range(400):
        id += 1 if chance.random() < 0.5 else chance.choice([1 << 22, 1 << 34, 1 << 46, 1 << 51]) + chance.randrange(99)
        author = chance.choice(authors)
        celebrity = author in celebrities
        item = chance.random() < (0.1 if celebrity else 0.9)
        posts.append((id, author, chance.random() < 0.2, item, celebrity and chance.random() < 0.95))
    tables.add(posts)
    feed = tables.expected()
    for limit in (1, 3, 10, 50, 100):
        for offset in {0, 1, chance.randrange(400), max(0, len(feed) - 2), len(feed), 10000}:
            assert api.feed_ids(tables.reader, f"limit={limit}&offset={offset}") == feed[offset:offset + limit], \
                f"seed={seed} limit={limit} offset={offset}"
    for limit in (7, 100):
        assert [post["id"] for post in api.feed_by_links(tables.reader, limit)] == feed, f"seed={seed} limit={limit}"


def test_followers_of_ex_celebrities_still_see_their_posts(api, database):
    """Rows never move: below the threshold again, a post stays where the merge finds it."""
    tables = Tables(api, database, [2301])
    make_celebrity(database, 2301)
    database("UPDATE users SET is_celebrity = false WHERE id = 2301")
    tables.follow([2301])
    tables.add([(940001, 2301, False, False, True), (940002, 2301, False, True, False)])
    assert api.feed_ids(tables.reader) == ["940002", "940001"]


def test_deep_page_of_many_celebrities(api, database):
    """The largest offset with two hundred celebrities and nothing else."""
    tables = Tables(api, database, list(range(4000, 4200)))
    database("INSERT INTO celebrities (id) SELECT generate_series(4000, 4199) ON CONFLICT DO NOTHING")
    tables.followed = set(range(4000, 4200))
    database(f"INSERT INTO followees (follower_id, followed_id) SELECT {tables.reader.id}, generate_series(4000, 4199)")
    first = 950000
    database("INSERT INTO posts (author_id, id, body) "
             f"SELECT 4000 + n % 200, {first} + n * {7 << 22}::bigint, 'x' FROM generate_series(0, 10499) AS n")
    database(f"INSERT INTO celebrity_posts (author_id, id) "
             f"SELECT 4000 + n % 200, {first} + n * {7 << 22}::bigint FROM generate_series(0, 10499) AS n")
    feed = [str(first + n * (7 << 22)) for n in range(10499, -1, -1)]
    assert api.feed_ids(tables.reader, "limit=100&offset=10000") == feed[10000:10100]
    assert api.feed_ids(tables.reader, "limit=100") == feed[:100]


def test_posts_of_departed_people_are_nowhere(api, people, settled, database):
    """From the moment of the deletion on, above and below the horizon, and by id."""
    reader, writer, another, _ = people
    for author in (writer, another):
        api.follow(reader, author)
    posts = [api.post((writer, another)[n % 2], "x") for n in range(6)]
    settled()
    database(f"INSERT INTO feed_horizon (user_id, post_id) VALUES ({reader.id}, {posts[3]})")
    assert api.feed_ids(reader) == posts[::-1]
    # Housekeeping lets an account alone that was emptied, and looks at it for the last time in ten minutes.
    database(f"INSERT INTO departed (id, emptied_at) VALUES ({writer.id}, now())")
    try:
        assert api.feed_ids(reader) == posts[5::-2]
        assert api.call("GET", f"/post/get/{posts[0]}").status == 404
        assert api.good("GET", f"/post/get/{posts[1]}").json["id"] == posts[1]
        for body in ({"id": posts[0], "text": "y"},):
            assert api.call("PUT", "/post/update", reader, json_body=body).status == 404
    finally:
        database(f"DELETE FROM departed WHERE id = {writer.id}")
