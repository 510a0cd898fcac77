"""freshetctl generate: the same options make the same data, and the data are such as the services would have left them."""

import collections
import os
import re
import signal
import subprocess

import pytest

from api import Api
from harness import BIN, Stack, eventually

TABLES = ("users, posts, outbox, followers, followees, follower_delta, feed_items, feed_horizon, celebrities, "
          "celebrity_posts")
EPOCH_MS = 1735689600000
DAY_MS = 86400000
SMALL = ["--users=300", "--follows=5..40", "--posts=2..5", "--seed=7", "--until=2026-01-31"]
END_MS = 1769817600000  # 2026-01-31


@pytest.fixture(scope="module")
def servers():
    with Stack(gateways=0, materializers=0) as stack:
        yield stack


@pytest.fixture
def stack(servers):
    """A migrated database without a row, and no service."""
    servers.sql(f"TRUNCATE {TABLES}")
    return servers


def generate(stack, *arguments, **settings):
    environment = {**stack.environment, **{"FRESHET_" + name.upper(): str(value) for name, value in settings.items()}}
    return subprocess.run([BIN / "freshetctl", "generate", *map(str, arguments)], env=environment, capture_output=True,
                          text=True, timeout=240, check=False)


def generated(stack, *arguments, **settings):
    done = generate(stack, *arguments, **settings)
    assert done.returncode == 0, done.stderr
    return done


def one(stack, statement, *parameters):
    return stack.sql(statement, *parameters)[0][0]


def everything(stack):
    """Every row of every table, each table in the order of its key."""
    keys = {"users": "id", "posts": "author_id, id", "followers": "1, 2", "followees": "1, 2", "feed_items": "1, 2",
            "feed_horizon": "1", "celebrities": "1", "celebrity_posts": "1, 2"}
    return {table: stack.sql(f"SELECT * FROM {table} ORDER BY {key}") for table, key in keys.items()}


def assert_nothing_there(stack):
    for table in TABLES.split(", "):
        assert stack.sql(f"SELECT count(*) FROM {table}") == [(0,)], table


def assert_graph(stack, users, follows, threshold):
    """Counts in range, edges mirrored, counters and celebrities those of the edges."""
    edges = stack.sql("SELECT follower_id, followed_id FROM followees")
    assert set(stack.sql("SELECT follower_id, followed_id FROM followers")) == set(edges)
    assert one(stack, "SELECT count(*) FROM followers") == len(edges) == len(set(edges))
    assert all(a != b and 1 <= a <= users and 1 <= b <= users for a, b in edges)
    followed, follows_of = collections.Counter(b for _, b in edges), collections.Counter(a for a, _ in edges)
    assert [row[0] for row in stack.sql("SELECT id FROM users ORDER BY id")] == list(range(1, users + 1))
    assert all(follows[0] <= follows_of[user] <= follows[1] for user in range(1, users + 1))
    assert dict(stack.sql("SELECT id, follower_count FROM users")) == {user: followed[user] for user in range(1, users + 1)}
    celebrities = {user for user, count in followed.items() if count > threshold}
    assert {row[0] for row in stack.sql("SELECT id FROM users WHERE is_celebrity")} == celebrities
    assert {row[0] for row in stack.sql("SELECT id FROM celebrities")} == celebrities
    return edges, followed, celebrities


def assert_posts(stack, users, posts, end_ms):
    """Counts in range; ids unique, in the past and of the time they tell; the author's row knows the newest."""
    rows = stack.sql("SELECT author_id, id, body, revision, (extract(epoch FROM created_at) * 1000)::bigint, edited_at, "
                     "deleted_at FROM posts")
    counts = collections.Counter(row[0] for row in rows)
    assert all(posts[0] <= counts[user] <= posts[1] for user in range(1, users + 1))
    assert len({row[1] for row in rows}) == len(rows)
    for _, number, body, revision, created_ms, edited, deleted in rows:
        assert created_ms == (number >> 22) + EPOCH_MS
        assert end_ms - 30 * DAY_MS < created_ms < end_ms
        assert 10 < len(body) < 256 and (revision, edited, deleted) == (1, None, None)
    newest = {user: max((row[1] for row in rows if row[0] == user), default=0) for user in range(1, users + 1)}
    assert dict(stack.sql("SELECT id, last_post_id FROM users")) == newest
    return {row[1]: row[0] for row in rows}


def assert_feeds(stack, users, edges, authors, celebrities, cap, filled):
    """Each filled feed holds the newest posts of the ordinary people followed, and its horizon says how far down."""
    horizons = dict(stack.sql("SELECT user_id, post_id FROM feed_horizon"))
    items = collections.defaultdict(dict)
    for user, post, author in stack.sql("SELECT user_id, post_id, author_id FROM feed_items"):
        items[user][post] = author
    followed, written = collections.defaultdict(list), collections.defaultdict(list)
    for follower, author in edges:
        followed[follower].append(author)
    for post, author in authors.items():
        written[author].append(post)
    cut = 0
    for user in range(1, users + 1):
        wanted = sorted((post for author in followed[user] if author not in celebrities for post in written[author]),
                        reverse=True)
        if user > filled:
            assert user not in items and horizons[user] > max(authors), user
        elif len(wanted) > cap:
            cut += 1
            assert sorted(items[user], reverse=True) == wanted[:cap] and horizons[user] == wanted[cap - 1], user
        else:
            assert sorted(items[user], reverse=True) == wanted and user not in horizons, user
        assert all(authors[post] == author for post, author in items[user].items())
    assert set(stack.sql("SELECT author_id, id FROM celebrity_posts")) == \
        {(author, post) for post, author in authors.items() if author in celebrities}
    assert stack.sql("SELECT count(*) FROM outbox") == stack.sql("SELECT count(*) FROM follower_delta") == [(0,)]
    return cut


# ---- what is made ----

@pytest.mark.parametrize("options, threshold, celebrities", [
    ([], 500, 0),
    (["--celebrities=0"], 40, 0),
    (["--celebrities=7"], 40, 7),
    (["--celebrities=7", "--zipf=1"], 40, 7),
    (["--zipf=0.8"], 40, None),
    (["--celebrities=1"], 298, 1),
], ids=["uniform", "none", "celebrities", "celebrities and zipf", "zipf", "one whom all follow"])
def test_the_tables_agree(stack, options, threshold, celebrities):
    done = generated(stack, *SMALL, *options, celebrity_threshold=threshold, feed_cap=30)
    edges, followed, found = assert_graph(stack, 300, (5, 40), threshold)
    if celebrities is None:
        assert 0 < len(found) < 100
    else:
        assert len(found) == celebrities
    authors = assert_posts(stack, 300, (2, 5), END_MS)
    cut = assert_feeds(stack, 300, edges, authors, found, 30, 300)
    said = done.stdout
    assert f"follows: {len(edges)}," in said and f"posts: {len(authors)}," in said
    assert f"celebrities: {len(found)} above {threshold} followers" in said
    assert re.search(rf"feeds: \d+ items of 300 users, {cut} of them cut at 30", said)
    assert "--seed=7 --until=2026-01-31" in said
    if "--zipf=0.8" in options:
        # The most followed have much more than the middle; uniformly they would have about the same.
        counts = sorted(followed.values(), reverse=True)
        assert counts[0] > 4 * counts[150]


def test_uniform_follows_are_uniform(stack):
    """Of 1,000 people each follows 50: the numbers of followers are spread like coin tosses, not wider or narrower."""
    generated(stack, "--users=1000", "--follows=50..50", "--posts=0..0", "--until=2026-01-31")
    mean, variance = stack.sql("SELECT avg(follower_count)::float, var_pop(follower_count)::float FROM users")[0]
    assert mean == 50
    assert 40 < variance < 56  # 47.5 expected; the numbers are always the same ones


def test_ordinary_people_stay_below_a_tight_threshold(stack):
    """Nearly everybody is nearly full: the average is 20 followers and 21 are allowed."""
    generated(stack, "--users=400", "--follows=10..30", "--posts=0..1", "--celebrities=2", "--until=2026-01-31",
              celebrity_threshold=21)
    _, followed, celebrities = assert_graph(stack, 400, (10, 30), 21)
    assert len(celebrities) == 2
    assert collections.Counter(followed.values())[21] > 100


def test_everybody_follows_everybody(stack):
    generated(stack, "--users=40", "--follows=39..39", "--posts=1..1", "--until=2026-01-31", "--zipf=1.5")
    edges, _, _ = assert_graph(stack, 40, (39, 39), 500)
    assert len(edges) == 40 * 39


@pytest.mark.parametrize("feeds, filled", [("all", 300), ("none", 0), ("0", 0), ("11", 11), (None, 300)])
def test_feeds_that_are_filled(stack, feeds, filled):
    options = [] if feeds is None else [f"--feeds={feeds}"]
    done = generated(stack, *SMALL, "--celebrities=3", *options, celebrity_threshold=60, feed_cap=1000)
    edges, _, celebrities = assert_graph(stack, 300, (5, 40), 60)
    authors = assert_posts(stack, 300, (2, 5), END_MS)
    assert assert_feeds(stack, 300, edges, authors, celebrities, 1000, filled) == 0
    assert (f"the other {300 - filled} begin empty, their pages pull from the posts" in done.stdout) == (filled < 300)


def test_the_default_fills_as_many_feeds_as_have_ten_million_items(stack):
    """The plan alone, which is told before the first row: the database is not empty."""
    stack.make_users(1)
    for options, filled in [
        (["--users=100000", "--follows=20..60", "--posts=20..30"], 10000),  # 1,000 each, by the cap
        (["--users=100000", "--follows=2..4", "--posts=10..10"], 100000),  # 30 each
        (["--users=100000", "--follows=20..60", "--posts=20..30", "--feed-cap=500"], 20000),
        (["--users=100000", "--follows=0..0", "--posts=0..0"], 100000),
    ]:
        done = generate(stack, *options)
        assert done.returncode == 1 and f"feed items of {filled} users" in done.stderr, done.stderr


# ---- the same again ----

def test_the_same_options_make_the_same_data(stack):
    options = [*SMALL, "--celebrities=4", "--zipf=0.9"]
    generated(stack, *options, celebrity_threshold=70, feed_cap=30)
    first = everything(stack)
    stack.sql(f"TRUNCATE {TABLES}")
    generated(stack, *options, celebrity_threshold=70, feed_cap=30)
    assert everything(stack) == first
    stack.sql(f"TRUNCATE {TABLES}")
    generated(stack, *options, "--seed=8", celebrity_threshold=70, feed_cap=30)
    second = everything(stack)
    for table in ("users", "posts", "followees", "feed_items"):
        assert second[table] != first[table], table


def test_another_day_moves_the_posts_and_nothing_else(stack):
    generated(stack, *SMALL)
    edges, people = stack.sql("SELECT follower_id, followed_id FROM followees ORDER BY 1, 2"), \
        stack.sql("SELECT id, first_name, second_name, birthdate, city, follower_count FROM users ORDER BY id")
    posts = stack.sql("SELECT author_id, id, body FROM posts ORDER BY 1, 2")
    stack.sql(f"TRUNCATE {TABLES}")
    generated(stack, *SMALL, "--until=2026-02-02")
    assert stack.sql("SELECT follower_id, followed_id FROM followees ORDER BY 1, 2") == edges
    assert stack.sql("SELECT id, first_name, second_name, birthdate, city, follower_count FROM users ORDER BY id") == people
    assert stack.sql("SELECT author_id, id, body FROM posts ORDER BY 1, 2") == \
        [(author, number + (2 * DAY_MS << 22), body) for author, number, body in posts]


# ---- beside the services ----

def test_pages_and_new_posts_are_sane(own_stack):
    """Pages read what was generated, and the system goes on from there: a new post comes to who follows."""
    stack = own_stack(celebrity_threshold=60, feed_cap=50)
    generated(stack, "--users=200", "--follows=5..40", "--posts=2..5", "--celebrities=3", "--seed=3", "--feeds=all")
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    celebrity = one(stack, "SELECT min(id) FROM celebrities")
    follower, ordinary = stack.sql(
        "SELECT e.follower_id, min(o.followed_id) FROM followees e JOIN followees o USING (follower_id) "
        "JOIN users u ON u.id = o.followed_id AND NOT u.is_celebrity WHERE e.followed_id = %s GROUP BY 1 ORDER BY 1 LIMIT 1",
        celebrity)[0]
    token = stack.mint(follower)
    wanted = stack.sql("SELECT p.id::text, p.body FROM posts p JOIN followees e ON e.followed_id = p.author_id "
                       "WHERE e.follower_id = %s ORDER BY p.id DESC LIMIT 20", follower)
    assert [(post["id"], post["text"]) for post in api.feed(token, "limit=20")] == wanted
    for author in (celebrity, ordinary):
        number = api.post(stack.mint(author), "news")
        assert int(number) > int(wanted[0][0])
        eventually(lambda number=number: api.feed_ids(token)[0] == number)
    stack.settled()


# ---- refused ----

@pytest.mark.parametrize("options, settings, told", [
    (["--users=1"], {}, "--users: must be a whole number within 2 and 1000000"),
    (["--users=1000001"], {}, "--users: must be a whole number within 2 and 1000000"),
    (["--users=many"], {}, "--users: must be"),
    (["--users"], {}, "--users: wants a value"),
    (["--follows=20"], {}, "--follows: must be MIN..MAX"),
    (["--follows=20...30"], {}, "--follows: must be MIN..MAX"),
    (["--follows=20..30x"], {}, "--follows: must be MIN..MAX"),
    (["--follows= 20..30"], {}, "--follows: must be MIN..MAX"),
    (["--follows=..30"], {}, "--follows: must be MIN..MAX"),
    (["--follows=-1..30"], {}, "--follows: must be MIN..MAX"),
    (["--follows=30..20"], {}, "--follows: 30 is more than 20"),
    (["--follows=-0..30"], {}, "--follows: must be MIN..MAX"),
    (["--follows=1..10001"], {}, "--follows: must be MIN..MAX, whole numbers within 0 and 10000"),
    (["--users=20", "--follows=1..20"], {}, "--follows: among 20 people one can follow 19 others at most"),
    (["--posts=5..1001"], {}, "--posts: must be MIN..MAX, whole numbers within 0 and 1000"),
    (["--posts=5"], {}, "--posts: must be MIN..MAX"),
    (["--users=1000000", "--posts=1..51"], {}, "--posts: more than 50000000 posts"),
    (["--celebrities=-1"], {}, "--celebrities: must be a whole number within 0 and 1000"),
    (["--celebrities=1001"], {}, "--celebrities: must be a whole number within 0 and 1000"),
    (["--users=400", "--celebrities=1"], {}, "--celebrities: among 400 people nobody can have more than 500 followers"),
    (["--users=1000", "--follows=1..3", "--celebrities=5"], {},
     "--celebrities: 5 people with more than 500 followers want at least 2505 follows"),
    (["--users=1000", "--follows=90..90", "--celebrities=2"], {"celebrity_threshold": 50},
     "--celebrities: 90000 follows don't fit when only 2 people may have more than 50 followers"),
    (["--users=300", "--follows=5..40", "--celebrities=300"], {"celebrity_threshold": 2},
     "--follows: user 1 finds no more people to follow, because only 300 may have more than 2 followers"),
    (["--zipf=0"], {}, "--zipf: must be a number within 0.1 and 1.5"),
    (["--zipf=1.51"], {}, "--zipf: must be a number"),
    (["--zipf=1e0"], {}, "--zipf: must be a number"),
    (["--zipf=.9"], {}, "--zipf: must be a number"),
    (["--zipf=1."], {}, "--zipf: must be a number"),
    (["--zipf=1.0.0"], {}, "--zipf: must be a number"),
    (["--zipf=1.-0"], {}, "--zipf: must be a number"),
    (["--zipf=nan"], {}, "--zipf: must be a number"),
    (["--seed=-1"], {}, "--seed: must be a whole number"),
    (["--feeds=some"], {}, "--feeds: must be all, none, or a number of users up to 1000"),
    (["--feeds=1001"], {}, "--feeds: must be all, none, or a number of users up to 1000"),
    (["--until=yesterday"], {}, "--until: must be a day, as in 2026-01-31"),
    (["--until=2026-02-30"], {}, "--until: must be a day"),
    (["--until=2025-01-30"], {}, "--until: must be within 2025-01-31 and today"),
    (["--until=9999-01-01"], {}, "--until: must be within 2025-01-31 and today"),
    (["--skip-bad"], {}, "--skip-bad: generate has no such option"),
    (["100000"], {}, "generate: too many arguments"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_wrong_options(stack, options, settings, told):
    done = generate(stack, *options, **settings)
    assert done.returncode == 2 and told in done.stderr, done.stderr
    assert done.stdout == ""
    assert_nothing_there(stack)


def test_a_database_that_is_not_empty_is_refused(stack):
    stack.make_users(1)
    done = generate(stack, "--users=10", "--follows=1..5")
    assert done.returncode == 1
    assert "the database has users already" in done.stderr and "nothing was generated" in done.stderr
    assert stack.sql("SELECT count(*) FROM users") == [(1,)]


def test_posts_older_than_the_feeds_floor(stack):
    stack.sql("UPDATE feed_floor SET post_id = snowflake_floor('2026-01-15')")
    try:
        done = generate(stack, *SMALL)
        assert done.returncode == 1 and "--until: there are no feed partitions any more" in done.stderr
        assert_nothing_there(stack)
        generated(stack, *SMALL, "--feeds=none")
    finally:
        stack.sql("UPDATE feed_floor SET post_id = 0")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_in_the_middle(stack, number):
    """All or nothing, whatever ends it."""
    child = subprocess.Popen([BIN / "freshetctl", "generate", "--users=50000", "--follows=20..100", "--posts=1..2"],
                             env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        eventually(lambda: stack.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'freshetctl' "
                                     "AND query LIKE 'COPY followees%'"))
        os.kill(child.pid, number)
        _, said = child.communicate(timeout=60)
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
    if number == signal.SIGKILL:
        assert child.returncode == -signal.SIGKILL
    else:
        assert child.returncode == 130 and "nothing was generated" in said, said
    eventually(lambda: not stack.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'freshetctl'"))
    assert_nothing_there(stack)


def test_a_second_generator_waits_and_finds_the_first_ones_data(stack):
    """Nobody writes beside it: the table of users is locked."""
    holder = stack.postgres.connect()
    try:
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE")
        child = subprocess.Popen([BIN / "freshetctl", "generate", *SMALL], env=stack.environment, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        eventually(lambda: stack.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'freshetctl' "
                                     "AND wait_event_type = 'Lock'"))
        with holder.cursor() as cursor:
            cursor.execute("INSERT INTO users (id, first_name, second_name) VALUES (1, 'Ann', 'Lee')")
        holder.commit()
        _, said = child.communicate(timeout=60)
        assert child.returncode == 1 and "the database has users already" in said, said
    finally:
        holder.close()


def test_progress_tells_the_time_left(stack):
    """On a terminal a bar with the time that is left; without one, lines."""
    leader, follower = os.openpty()
    child = subprocess.Popen([BIN / "freshetctl", "generate", "--users=60000", "--follows=20..60", "--posts=1..2"],
                             env=stack.environment, stdout=subprocess.DEVNULL, stderr=follower)
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 4096):
            shown += chunk
    except OSError:
        pass  # the other end is closed
    os.close(leader)
    assert child.wait(60) == 0, shown
    assert re.search(rb"writing follow\w+ \[#*\.*\] \d+ %, \d+ rows, \d+/s, \d+ (s|min) left", shown), shown
