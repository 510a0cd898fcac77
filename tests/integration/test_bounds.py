"""What bounds the feeds: the horizon below which pages pull, the sweep that cuts to the cap, partitions that are dropped,
and rows that expire. Pages are asked of the statement itself, as the gateway runs it."""

import pathlib
import random
import re
import threading

import psycopg2
import pytest

from harness import eventually
from outbox_lab import Lab, partition_of

SQL = pathlib.Path(__file__).resolve().parents[2] / "pkg" / "store" / "sql"
NEWEST = (1 << 63) - 1
WEEK = (7 * 86400 * 1000) << 22
CAP, SAMPLE, BACKFILL = 10, 64, 100


@pytest.fixture(scope="module")
def servers():
    lab = Lab(feed_cap=CAP, sweep_interval="50ms")
    yield lab
    lab.close()


def statement(name):
    """A file of pkg/store/sql with psycopg's names for its parameters: p1, p2 …"""
    text = (SQL / f"{name}.sql").read_text(encoding="utf-8").replace("%", "%%")
    return re.sub(r"\$(\d)", r"%(p\1)s", text)


PAGE = statement("page_home")


def page(lab, user, how_many=100, before=NEWEST, skip=0):
    with lab.db.cursor() as cursor:
        cursor.execute(PAGE, {"p1": user, "p2": before, "p3": skip, "p4": how_many})
        return [row[0] for row in cursor.fetchall()]


def by_cursor(lab, user, how_many):
    ids, before = [], NEWEST
    while True:
        slice = page(lab, user, how_many, before)
        ids += slice
        if len(slice) < how_many:
            return ids
        before = slice[-1]


def belongs(lab, user):
    """The rule: every live post of everybody whom the user follows."""
    return [post for post, in lab.run(
        "SELECT p.id FROM posts p JOIN followees e ON e.followed_id = p.author_id WHERE e.follower_id = %s "
        "AND p.deleted_at IS NULL AND NOT EXISTS (SELECT FROM departed d WHERE d.id = p.author_id) ORDER BY 1 DESC", user)]


def floor(lab):
    return lab.one("SELECT post_id FROM feed_floor")


def horizon(lab, user):
    return max(floor(lab), lab.one("SELECT coalesce(max(post_id), 0) FROM feed_horizon WHERE user_id = %s", user))


def assert_complete(lab, user):
    """Decision on which pages rest: above the horizon every live post that is not a celebrity's has its item."""
    wanted = {post for post, in lab.run(
        "SELECT p.id FROM posts p JOIN followees e ON e.followed_id = p.author_id WHERE e.follower_id = %s AND p.id >= %s "
        "AND p.deleted_at IS NULL AND NOT EXISTS (SELECT FROM celebrity_posts c WHERE c.id = p.id)", user, horizon(lab, user))}
    assert wanted <= lab.items(user), f"missing above the horizon {horizon(lab, user)}"
    assert by_cursor(lab, user, 7) == belongs(lab, user)


def is_sampled(post):
    """Whether the fan-out of this post leaves rows in feed_grown: FNV-1a of its decimal digits."""
    value = 2166136261
    for byte in str(post).encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value % SAMPLE == 0


def write_posts(lab, author, ids):
    lab.run("INSERT INTO posts (author_id, id, body) SELECT %s, id, 'x' FROM unnest(%s::bigint[]) AS id", author, list(ids))


# ---- pages ----

@pytest.mark.parametrize("seed", range(8))
def test_scrolling_reaches_the_first_post(lab, seed):
    """Random graph, random horizon, celebrities, leftovers and garbage: by cursor and by offset exactly the posts that
    belong there, whatever lies below the horizon."""
    chance = random.Random(seed)
    reader, *authors = lab.users(13)
    stars = set(chance.sample(authors, chance.choice([0, 3, 12])))
    lab.run("INSERT INTO celebrities (id) SELECT unnest(%s::bigint[])", list(stars))
    followed = chance.sample(authors, chance.choice([1, 6, 12]))
    for author in followed:
        lab.edge(reader, author)
    departed = set(chance.sample(authors, chance.choice([0, 2])))
    lab.run("INSERT INTO departed (id) SELECT unnest(%s::bigint[])", list(departed))
    posts, number = [], (seed + 1) << 32
    for _ in range(300):
        number += 1 if chance.random() < 0.5 else chance.choice([1 << 22, 1 << 30, 1 << 40]) + chance.randrange(99)
        posts.append((chance.choice(authors), number, chance.random() < 0.2))
    edge = chance.choice([0, posts[0][1], posts[150][1], posts[150][1] + 1, posts[-1][1], NEWEST - 1])
    if edge:
        lab.run("INSERT INTO feed_horizon (user_id, post_id) VALUES (%s, %s)", reader, edge)
    for author, post, deleted in posts:
        lab.run("INSERT INTO posts (author_id, id, body, deleted_at) VALUES (%s, %s, 'x', CASE WHEN %s THEN now() END)",
                author, post, deleted)
        star = author in stars and chance.random() < 0.8
        if star:
            lab.run("INSERT INTO celebrity_posts (author_id, id) VALUES (%s, %s)", author, post)
        # Above the horizon items are complete; below, and of people not followed, there is some garbage.
        if (post >= edge and not star and author in followed) or chance.random() < 0.1:
            lab.run("INSERT INTO feed_items (user_id, post_id, author_id) VALUES (%s, %s, %s)", reader, post, author)
    try:
        feed = belongs(lab, reader)
        if seed == 0:
            assert feed
        for how_many in (1, 7, 50, 100):
            assert by_cursor(lab, reader, how_many) == feed, f"seed={seed} limit={how_many}"
            for skip in {0, 1, chance.randrange(300), max(0, len(feed) - 2), len(feed), 10000}:
                assert page(lab, reader, how_many, skip=skip) == feed[skip:skip + how_many], \
                    f"seed={seed} limit={how_many} offset={skip}"
    finally:
        lab.run("DELETE FROM departed")


def test_full_page_above_the_horizon_pulls_nothing(lab):
    """With a plan made without knowing the parameters, as long-lived connections have it."""
    reader, author = lab.users(2)
    lab.edge(reader, author)
    posts = [lab.post(author, told=False) for _ in range(60)]
    lab.run("INSERT INTO feed_items SELECT %s, unnest(%s::bigint[]), %s", reader, posts[20:], author)
    lab.run("INSERT INTO feed_horizon VALUES (%s, %s)", reader, posts[20])
    lab.run("ANALYZE")
    text = (SQL / "page_home.sql").read_text(encoding="utf-8")
    lab.run("SET plan_cache_mode = force_generic_plan")
    lab.run("PREPARE page (bigint, bigint, integer, integer) AS " + text.replace("%", "%%"))
    try:
        def pulled(skip, how_many):
            plan = [line for line, in lab.run(f"EXPLAIN (ANALYZE, TIMING off, COSTS off) EXECUTE page ({reader}, {NEWEST}, "
                                              f"{skip}, {how_many})")]
            start = next(n for n, line in enumerate(plan) if line.strip() == "CTE followed")
            end = next(n for n, line in enumerate(plan) if line.strip() == "CTE pull_windows")
            return any(" on followees" in line and "never executed" not in line for line in plan[start:end])

        assert not pulled(0, 40) and not pulled(20, 20)
        assert pulled(0, 41) and pulled(40, 20)
    finally:
        lab.run("DEALLOCATE page")
        lab.run("RESET plan_cache_mode")


def test_unfollow_delete_and_departure_show_at_once_below_the_horizon(lab):
    reader, one, other, gone = lab.users(4)
    for author in (one, other, gone):
        lab.edge(reader, author)
    posts = [lab.post((one, other, gone)[n % 3], told=False) for n in range(9)]
    lab.run("INSERT INTO feed_horizon VALUES (%s, %s)", reader, NEWEST)
    assert page(lab, reader) == posts[::-1]
    lab.run("UPDATE posts SET deleted_at = now() WHERE id = %s", posts[0])
    lab.run("DELETE FROM followees WHERE follower_id = %s AND followed_id = %s", reader, other)
    lab.run("INSERT INTO departed (id) VALUES (%s)", gone)
    assert page(lab, reader) == [posts[6], posts[3]]
    lab.run("DELETE FROM departed")


# ---- follows ----

def test_follow_of_somebody_with_a_long_past(lab):
    """The newest hundred come in, the rest is pulled; what is deleted or merged is neither counted nor brought."""
    lab.materializer(feed_cap=1000)
    reader, author, quiet = lab.users(3)
    posts = [lab.post(author, told=False) for _ in range(BACKFILL + 10)]
    some = [lab.post(quiet, told=False) for _ in range(BACKFILL)]
    lab.run("UPDATE posts SET deleted_at = now() WHERE id = %s", posts[-1])
    lab.run("INSERT INTO celebrity_posts VALUES (%s, %s)", author, posts[-2])
    lab.run("INSERT INTO celebrities (id) VALUES (%s)", author)
    lab.follow(reader, quiet)
    lab.wait_worked_off()
    assert horizon(lab, reader) == 0 and lab.items(reader) == set(some)
    lab.follow(reader, author)
    lab.wait_worked_off()
    brought = posts[-2 - BACKFILL:-2]
    assert lab.items(reader) == set(some) | set(brought)
    assert horizon(lab, reader) == brought[0]
    assert_complete(lab, reader)
    lab.unfollow(reader, author)
    lab.wait_worked_off()
    assert lab.items(reader) == set(some) and page(lab, reader, 200) == some[::-1]
    lab.follow(reader, author)
    lab.wait_worked_off()
    assert_complete(lab, reader)


def test_follow_and_unfollow_before_the_handler_came(lab):
    reader, author = lab.users(2)
    for _ in range(BACKFILL + 5):
        lab.post(author, told=False)
    lab.follow(reader, author)
    lab.unfollow(reader, author)
    lab.materializer(feed_cap=1000)
    lab.wait_worked_off()
    assert lab.items(reader) == set() and horizon(lab, reader) == 0


def test_many_follows_in_one_batch(lab):
    """Each of twenty readers follows each of ten authors, half of them with more than a backfill; some pairs repeat."""
    readers, authors = lab.users(20), lab.users(10)
    for n, author in enumerate(authors):
        for _ in range(BACKFILL + 3 if n % 2 else 3):
            lab.post(author, told=False)
    for reader in readers:
        for author in authors:
            lab.follow(reader, author)
        lab.unfollow(reader, authors[0])
        lab.follow(reader, authors[0])
    new = [lab.post(author) for author in authors]
    lab.materializer(feed_cap=100000, workers=4)
    lab.wait_worked_off()
    for reader in readers:
        assert set(new) <= lab.items(reader)
        assert_complete(lab, reader)


# ---- the sweep ----

def test_feeds_over_the_cap_are_cut_and_no_others(lab):
    """And a page goes on below the cut as if nothing had happened."""
    lab.run("DELETE FROM feed_grown")  # of other tests
    author, small = lab.users(2)
    many, few = lab.users(3), lab.users(1)[0]
    for reader in many:
        lab.edge(reader, author)
    lab.edge(few, small)
    materializer = lab.materializer()
    posts = [lab.post(author) for _ in range(3 * SAMPLE)]
    while not is_sampled(posts[-1]):  # from the last post of the sample on nothing shows that a feed has grown
        posts.append(lab.post(author))
    little = [lab.post(small) for _ in range(CAP)]
    lab.wait_worked_off()
    for reader in many:
        eventually(lambda: lab.items(reader) == set(posts[-CAP:]), what="the cut")
        assert horizon(lab, reader) == posts[-CAP]
        assert_complete(lab, reader)
    lab.run("INSERT INTO feed_grown VALUES (%s)", few)  # at the cap, not over it: looked at, and left alone
    eventually(lambda: lab.one("SELECT count(*) FROM feed_grown") == 0, what="the end of the sweep")
    assert lab.items(few) == set(little) and horizon(lab, few) == floor(lab)
    metrics = materializer.metrics()
    assert metrics["freshet_feeds_cut_total"] >= 3
    assert metrics["freshet_feed_items_cut_total"] == 3 * (len(posts) - CAP)


def test_cut_with_posts_deleted_and_authors_unfollowed(lab):
    """Fewer than the cap above the horizon: the rest is pulled."""
    reader, one, other = lab.users(3)
    lab.edge(reader, one)
    lab.edge(reader, other)
    lab.materializer()
    posts = [lab.post((one, other)[n % 2]) for n in range(4 * CAP)]
    lab.wait_worked_off()
    lab.run("INSERT INTO feed_grown VALUES (%s)", reader)
    eventually(lambda: len(lab.items(reader)) == CAP, what="the cut")
    lab.delete(other, posts[-1])
    lab.unfollow(reader, one)
    lab.wait_worked_off()
    assert by_cursor(lab, reader, 3) == [post for n, post in enumerate(posts[:-1]) if n % 2][::-1]
    assert_complete(lab, reader)


def test_sweep_killed_between_raising_and_cutting(lab):
    """What says that the feed has grown goes in the transaction of the cut."""
    reader, author = lab.users(2)
    lab.edge(reader, author)
    posts = [lab.post(author, told=False) for _ in range(2 * CAP)]
    lab.run("INSERT INTO feed_items SELECT %s, unnest(%s::bigint[]), %s", reader, posts, author)
    lab.run("INSERT INTO feed_grown VALUES (%s)", reader)
    killed = lab.materializer(fault="sweep_raised")
    eventually(lambda: not killed.alive, what="the kill")
    assert lab.items(reader) == set(posts) and horizon(lab, reader) == floor(lab)
    assert lab.run("SELECT user_id FROM feed_grown") == [(reader,)]
    lab.materializer()
    eventually(lambda: lab.items(reader) == set(posts[-CAP:]), what="the cut")


def test_sweep_beside_everything_else(lab):
    """Posts, follows, unfollows and deletes while feeds are cut all the time: what is left is right."""
    chance = random.Random(5)
    authors, readers = lab.users(6), lab.users(8)
    for author in authors:
        for _ in range(BACKFILL + 5):
            lab.post(author, told=False)
    for _ in range(2):
        lab.materializer(workers=3)
    edges, posts = set(), []
    for _ in range(500):
        author, reader, dice = chance.choice(authors), chance.choice(readers), chance.random()
        if dice < 0.5:
            posts.append((author, lab.post(author)))
        elif dice < 0.6 and posts:
            lab.delete(*posts.pop(chance.randrange(len(posts))))
        elif (reader, author) in edges:
            edges.remove((reader, author))
            lab.unfollow(reader, author)
        else:
            edges.add((reader, author))
            lab.follow(reader, author)
        if dice < 0.3:
            lab.run("INSERT INTO feed_grown VALUES (%s)", reader)
    lab.wait_worked_off()
    lab.run("INSERT INTO feed_grown SELECT unnest(%s::bigint[])", readers)
    for reader in readers:
        eventually(lambda: len(lab.items(reader)) <= CAP, what="the cut")
        assert_complete(lab, reader)


def test_a_held_lock_stops_one_transaction_not_the_sweep(lab):
    """Fifty feeds are cut at a time; a horizon that somebody holds for long keeps no others from their turn."""
    author, = lab.users(1)
    readers = lab.users(60)
    posts = [lab.post(author, told=False) for _ in range(CAP + 2)]
    for reader in readers:
        lab.edge(reader, author)
    lab.run("INSERT INTO feed_items SELECT u, p, %s FROM unnest(%s::bigint[]) AS u, unnest(%s::bigint[]) AS p", author, readers, posts)
    lab.run("INSERT INTO feed_horizon VALUES (%s, 1)", readers[0])
    other = lab.stack.postgres.connect()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM feed_horizon WHERE user_id = %s FOR UPDATE", (readers[0],))
        lab.run("DELETE FROM feed_grown")
        lab.run("INSERT INTO feed_grown SELECT unnest(%s::bigint[])", readers)
        lab.materializer()
        eventually(lambda: all(len(lab.items(reader)) == CAP for reader in readers[50:]), what="the others' cut")
        assert lab.items(readers[0]) == set(posts)
    finally:
        other.close()
    eventually(lambda: all(len(lab.items(reader)) == CAP for reader in readers), what="the cut")


def test_one_process_sweeps(lab):
    """And counts the celebrities."""
    lab.users(3, celebrity=True)
    celebrities = lab.one("SELECT count(*) FROM users WHERE is_celebrity")
    first = lab.materializer(wait=True)
    eventually(lambda: "keeping house" in first.tail(200))
    eventually(lambda: first.metrics().get("freshet_celebrities") == celebrities, what="the gauge of celebrities")
    second = lab.materializer(wait=True)
    assert lab.one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = x'4b454550'::int::oid") == 1
    first.kill()
    eventually(lambda: "keeping house" in second.tail(200), what="the take-over")


# ---- partitions ----

def partitions(lab):
    return {name for name, in lab.run("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'feed_items'::regclass")}


def add_old_partitions(lab):
    """Two weeks of two years ago instead of everything before this week; what they hold is lost with them."""
    week = lab.one("SELECT snowflake_floor(date_trunc('week', now() - interval '600 days'))")
    lab.run("DROP TABLE IF EXISTS feed_items_past")
    lowest = max(floor(lab), week)
    lab.run("CREATE TABLE feed_items_old PARTITION OF feed_items FOR VALUES FROM (MINVALUE) TO (%s)", lowest + WEEK)
    lab.run("CREATE TABLE feed_items_older PARTITION OF feed_items FOR VALUES FROM (%s) TO (%s)", lowest + WEEK, lowest + 2 * WEEK)
    this_week = lab.one("SELECT min(snowflake_floor(to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD')::timestamptz)) "
                        "FROM pg_inherits WHERE inhparent = 'feed_items'::regclass AND inhrelid::regclass::text ~ '\\d{8}$'")
    if lowest + 2 * WEEK < this_week:
        lab.run("CREATE TABLE feed_items_between PARTITION OF feed_items FOR VALUES FROM (%s) TO (%s)", lowest + 2 * WEEK, this_week)
    return lowest


def test_partitions_past_retention_are_dropped():
    """With what is still on its way: events of posts whose partition has gone do no harm, and their pages are pulled."""
    lab = Lab(feed_retention="8760h", sweep_interval="50ms")
    try:
        base = add_old_partitions(lab)
        author, = lab.users(1)
        readers = lab.users(3)
        for reader in readers:
            lab.edge(reader, author)
        old = [base + n for n in range(5)] + [base + WEEK + n for n in range(5)]
        kept = [base + 2 * WEEK + n for n in range(5)]
        write_posts(lab, author, old + kept)
        for reader in readers:
            lab.run("INSERT INTO feed_items SELECT %s, unnest(%s::bigint[]), %s", reader, old + kept, author)
        # The lock of somebody who is writing: the drop gives up soon, others pass, and it comes again.
        writer = lab.stack.postgres.connect()
        with writer.cursor() as cursor:
            cursor.execute("INSERT INTO feed_items VALUES (%s, %s, %s)", (readers[0], base + 100, author))
        materializer = lab.materializer(wait=True)
        eventually(lambda: "keeping house" in materializer.tail(200))
        late = lab.users(1)[0]
        lab.edge(late, author)
        lab.event(author, 1, kept[0])
        lab.wait_worked_off()  # through the waiting drop
        assert {"feed_items_old", "feed_items_older"} <= partitions(lab) and floor(lab) == 0
        writer.rollback()
        writer.close()
        eventually(lambda: not {"feed_items_old", "feed_items_older"} & partitions(lab), what="the drop")
        assert floor(lab) == base + 2 * WEEK and "feed_items_between" in partitions(lab)
        for reader in readers:
            assert lab.items(reader) == set(kept) and by_cursor(lab, reader, 4) == (old + kept)[::-1]
        assert materializer.metrics()["freshet_feed_partitions_dropped_total"] == 2
        # Posts below the floor whose events come now; a follow that would bring them in; a rebuild.
        for post in old + kept:
            lab.event(author, 1, post)
        new, = lab.users(1)
        lab.follow(new, author)
        lab.wait_worked_off()
        lab.stack.ctl("rebuild", "--all")
        assert lab.run("SELECT 1 FROM outbox") == []
        for reader in (*readers, late, new):
            assert lab.items(reader) == set(kept) and by_cursor(lab, reader, 4) == (old + kept)[::-1]
        lab.clean()
    finally:
        lab.close()


def test_partitions_are_dropped_under_load():
    """Batches all the time, no event is lost to a partition that goes between reading and writing."""
    lab = Lab(feed_retention="8760h", sweep_interval="50ms")
    try:
        base = add_old_partitions(lab)
        authors = lab.users(8)
        reader, = lab.users(1)
        for author in authors:
            lab.edge(reader, author)
        posts = {author: [base + 8 * n + place for n in range(60)] for place, author in enumerate(authors)}
        for author in authors:
            write_posts(lab, author, posts[author])
        stop = threading.Event()

        def load():
            connection = lab.stack.postgres.connect()
            connection.autocommit = True
            number = 0
            while not stop.is_set():
                number += 1
                author = authors[number % 8]
                with connection.cursor() as cursor:
                    cursor.execute("INSERT INTO outbox (author_id, partition, kind, subject_id) VALUES (%s, %s, 1, %s)",
                                   (author, partition_of(author), posts[author][number % 60]))
            connection.close()

        thread = threading.Thread(target=load)
        thread.start()
        try:
            lab.materializer(wait=True, batch_events=5, workers=4)
            eventually(lambda: not {"feed_items_old", "feed_items_older"} & partitions(lab), what="the drop under load")
        finally:
            stop.set()
            thread.join()
        lab.wait_worked_off()
        assert lab.one("SELECT count(*) FROM outbox WHERE state = 2") == 0
        assert lab.items(reader) == set()
        assert by_cursor(lab, reader, 100) == sorted(sum(posts.values(), []), reverse=True)
        lab.clean()
    finally:
        lab.close()


# ---- what expires ----

def test_expired_rows_go(lab):
    user, = lab.users(1)
    lab.run("INSERT INTO online SELECT 800000 + n, now(), now() - CASE WHEN n < 5000 THEN interval '61 minutes' "
            "ELSE interval '59 minutes' END FROM generate_series(1, 5010) AS n")
    lab.run("INSERT INTO idempotency (user_id, key, body_hash, answer, created_at) SELECT %s, n::text, '', '', "
            "now() - CASE WHEN n = 1 THEN interval '23 hours' ELSE interval '25 hours' END FROM generate_series(1, 9) AS n", user)
    lab.run("INSERT INTO revocations SELECT n::text, now() + (n - 5) * interval '1 hour' FROM generate_series(1, 9) AS n")
    lab.run("INSERT INTO used_tickets SELECT n::text, now() - (n - 5) * interval '5 minutes' FROM generate_series(1, 9) AS n")
    lab.run("INSERT INTO page_changes SELECT 800000 + n, 0, 1, pg_current_xact_id(), now() - CASE WHEN n <= 5000 THEN interval '11 minutes' "
            "ELSE interval '5 minutes' END FROM generate_series(1, 5010) AS n")
    lab.materializer()
    eventually(lambda: lab.one("SELECT count(*) FROM online WHERE user_id BETWEEN 800001 AND 805010") == 11)
    eventually(lambda: lab.run("SELECT key FROM idempotency") == [("1",)])
    eventually(lambda: sorted(lab.run("SELECT token_id FROM revocations")) in ([(str(n),) for n in range(6, 10)],
                                                                              [(str(n),) for n in range(5, 10)]))
    eventually(lambda: sorted(lab.run("SELECT ticket_id FROM used_tickets")) == [(str(n),) for n in range(1, 7)])
    eventually(lambda: lab.one("SELECT count(*) FROM page_changes WHERE author_id BETWEEN 800001 AND 805010") == 10)


def test_a_job_that_fails_says_so_once(lab):
    materializer = lab.materializer(wait=True)
    eventually(lambda: "keeping house" in materializer.tail(200))
    lab.run("ALTER TABLE feed_grown RENAME TO feed_grown_away")
    try:
        eventually(lambda: "cut feeds to the cap" in materializer.tail(200))
    finally:
        lab.run("ALTER TABLE feed_grown_away RENAME TO feed_grown")
    eventually(lambda: "housekeeping works again" in materializer.tail(200))
    assert materializer.tail(200).count("housekeeping fails") == 1


def test_functions_refuse_what_would_hurt(lab):
    """Nothing of this week or later is dropped, whatever is asked for."""
    before = partitions(lab)
    while lab.one("SELECT feed_items_drop_oldest(%s, 100)", NEWEST):
        pass
    lab.run("SELECT feed_items_make_partitions(now() + interval '56 days')")
    assert {name for name in before if name != "feed_items_past"} <= partitions(lab)
    with pytest.raises(psycopg2.errors.CheckViolation):  # and a post below goes nowhere, should a statement forget the floor
        lab.run("INSERT INTO feed_items VALUES (1, 1, 1)")
