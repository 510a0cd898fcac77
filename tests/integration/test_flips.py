"""Authors who become celebrities and cease to be: nobody's page and nobody's live flow misses, doubles or reorders a post."""

import itertools
import random
import signal
import threading
import time

import pytest

from harness import eventually
from outbox_lab import CELEBRITY, DELETE, EDIT, FLIP, FOLLOW, ORDINARY, POST, UNFOLLOW, Lab, partition_of

THRESHOLD = 20  # 18 is the least that a celebrity needs to stay one
FAULTS = ["before_flip", "after_flip", "after_publish", "before_delete"]


@pytest.fixture(scope="module")
def servers():
    lab = Lab(celebrity_threshold=THRESHOLD, celebrity_quiet="300ms")
    yield lab
    lab.close()


def is_celebrity(lab, author):
    return lab.one("SELECT is_celebrity FROM users WHERE id = %s", author)


def count_is_right(lab):
    """Of everybody: the counter is the number of edges, and nothing waits to be counted."""
    assert lab.run("SELECT u.id, u.follower_count, counted.n FROM users u LEFT JOIN "
                   "(SELECT followed_id, count(*) AS n FROM followers GROUP BY 1) AS counted ON counted.followed_id = u.id "
                   "WHERE u.follower_count <> coalesce(counted.n, 0)") == []
    assert lab.run("SELECT * FROM follower_delta") == []


def page(lab, user):
    """Ids of the whole home feed, newest first, as GET /post/feed merges it."""
    return [row[0] for row in lab.run(
        "SELECT i.post_id FROM feed_items i JOIN followees e ON e.follower_id = i.user_id AND e.followed_id = i.author_id "
        "JOIN posts p ON p.author_id = i.author_id AND p.id = i.post_id AND p.deleted_at IS NULL WHERE i.user_id = %s "
        "UNION "
        "SELECT c.id FROM followees e JOIN celebrities USING (followed_id) JOIN celebrity_posts c ON "
        "c.author_id = e.followed_id JOIN posts p ON p.author_id = c.author_id AND p.id = c.id AND p.deleted_at IS NULL "
        "WHERE e.follower_id = %s ORDER BY 1 DESC".replace("celebrities USING (followed_id)",
                                                           "celebrities s ON s.id = e.followed_id"), user, user)]


class Author(threading.Thread):
    """Posts all the time, with a database connection of its own."""

    def __init__(self, lab, author, pause):
        super().__init__(daemon=True)
        self.lab, self.author, self.pause = lab, author, pause
        self.posts, self.over = [], threading.Event()
        self.db = lab.stack.postgres.connect()
        self.start()

    def run(self):
        with self.db.cursor() as cursor:
            while not self.over.wait(self.pause):
                number = self.lab.base + next(self.lab.posts)
                cursor.execute("UPDATE users SET last_post_id = %s WHERE id = %s", (number, self.author))
                cursor.execute("INSERT INTO posts (author_id, id, body) VALUES (%s, %s, 'text')", (self.author, number))
                cursor.execute("INSERT INTO outbox (author_id, partition, kind, subject_id) VALUES (%s, %s, 1, %s)",
                               (self.author, partition_of(self.author), number))
                self.db.commit()
                self.posts.append(number)

    def stop(self):
        self.over.set()
        self.join()
        self.db.close()


def test_threshold_and_hysteresis(lab):
    author, = lab.users(1)
    readers = lab.users(THRESHOLD + 1)
    tap = lab.tap()
    materializer = lab.materializer()

    def told():
        return [event.kind for subject, event in tap.messages
                if subject == f"celeb.{author}" and event.kind in (CELEBRITY, ORDINARY)]

    for reader in readers[:THRESHOLD]:
        lab.follow(reader, author)
    lab.wait_worked_off()
    assert not is_celebrity(lab, author), "with as many as the threshold"
    lab.follow(readers[THRESHOLD], author)
    lab.wait_worked_off()
    assert is_celebrity(lab, author), "with one more"
    assert lab.one("SELECT count(*) FROM celebrities WHERE id = %s", author) == 1
    for reader in readers[:3]:
        lab.unfollow(reader, author)
    lab.wait_worked_off()
    assert is_celebrity(lab, author), "with 90 percent of it"
    lab.unfollow(readers[3], author)
    lab.wait_worked_off()
    assert not is_celebrity(lab, author), "with less"
    assert lab.one("SELECT count(*) FROM celebrities WHERE id = %s", author) == 1, "once one, always merged"
    eventually(lambda: told() == [CELEBRITY, ORDINARY], what="both to be told")
    assert materializer.metrics()["freshet_flips_total"] == 2
    count_is_right(lab)


@pytest.mark.parametrize("pause,quiet", [(0.5, "300ms"), (0.02, "1s")], ids=["now and then", "never quiet"])
def test_author_who_posts_meanwhile(lab, pause, quiet):
    """Both ways, with posts before, during and after. One who never falls quiet is held back for a moment."""
    author, = lab.users(1)
    stays = lab.users(17)
    passing = lab.users(5)
    for reader in stays:
        lab.edge(reader, author)
    tap = lab.tap()
    materializer = lab.materializer(poll_interval="10ms", celebrity_quiet=quiet)  # nobody nudges here
    writer = Author(lab, author, pause)
    try:
        eventually(lambda: len(writer.posts) > 2, what="posts before")
        for reader in passing:
            lab.follow(reader, author)
        eventually(lambda: is_celebrity(lab, author), what="the author to become a celebrity")
        seen = len(writer.posts)
        eventually(lambda: len(writer.posts) > seen + 3, what="posts as a celebrity")
        for reader in passing:
            lab.unfollow(reader, author)
        eventually(lambda: not is_celebrity(lab, author), what="the author to be one no longer")
        seen = len(writer.posts)
        eventually(lambda: len(writer.posts) > seen + 3, what="posts after")
    finally:
        writer.stop()
    lab.wait_worked_off()
    if quiet == "1s":
        assert "author is never quiet" in materializer.logs()
    for reader in stays:
        assert page(lab, reader) == writer.posts[::-1]
        eventually(lambda: len(tap.heard_as_follower(reader, author)) >= len(writer.posts) + 2, what="all live events")
        heard = [event.post_id for event in tap.heard_as_follower(reader, author) if event.kind == POST]
        assert heard == writer.posts, "each once, in order, on whichever subject"
    ways = [(subject.split(".")[0], event.kind) for subject, event in tap.messages
            if event.kind in (POST, CELEBRITY, ORDINARY) and subject in (f"celeb.{author}", *tap.heard_of(author))
            and (subject.startswith("celeb") or subject.endswith(f".{stays[0]}"))]
    assert [way for way, _ in itertools.groupby(ways)] == \
        [("feed", POST), ("celeb", CELEBRITY), ("celeb", POST), ("celeb", ORDINARY), ("feed", POST)]
    stored = {post for post, in lab.run("SELECT id FROM celebrity_posts WHERE author_id = %s", author)}
    by_all = {event.post_id for subject, event in tap.messages if subject == f"celeb.{author}" and event.kind == POST}
    assert stored == by_all, "stored as it was told"
    count_is_right(lab)


def test_old_posts_of_either_kind_can_be_edited_and_deleted_after_a_flip(lab):
    author, = lab.users(1)
    readers = lab.users(THRESHOLD)
    extra, = lab.users(1)
    for reader in readers:
        lab.edge(reader, author)
    tap = lab.tap()
    lab.materializer()
    fanned = [lab.post(author) for _ in range(3)]
    lab.follow(extra, author)
    lab.wait_worked_off()
    assert is_celebrity(lab, author)
    lab.edit(author, fanned[0], "edited")
    lab.delete(author, fanned[1])
    merged = [lab.post(author) for _ in range(3)]
    lab.wait_worked_off()
    eventually(lambda: {event.kind for subject, event in tap.messages if subject == f"celeb.{author}"}
               >= {EDIT, DELETE, POST}, what="edit and delete, by way of the celebrity")
    assert page(lab, readers[0]) == [*merged[::-1], fanned[2], fanned[0]]
    for reader in readers[:2] + [extra]:
        lab.unfollow(reader, author)
    lab.unfollow(readers[2], author)
    lab.wait_worked_off()
    assert not is_celebrity(lab, author)
    lab.edit(author, merged[0], "edited")
    lab.delete(author, merged[1])
    lab.delete(author, fanned[2])
    last = lab.post(author)
    lab.wait_worked_off()
    reader = readers[5]
    eventually(lambda: [event.post_id for event in tap.heard_by(reader)][-1:] == [last], what="the last post")
    assert [(event.kind, event.post_id) for event in tap.heard_by(reader)][-4:] == \
        [(EDIT, merged[0]), (DELETE, merged[1]), (DELETE, fanned[2]), (POST, last)]
    assert page(lab, reader) == [last, merged[2], merged[0], fanned[0]]
    assert lab.holders(merged[0]) == set() and lab.holders(last) == set(readers[3:])


def test_flip_that_is_not_wanted_any_more_changes_nothing(lab):
    author, = lab.users(1)
    readers = lab.users(THRESHOLD + 1)
    for reader in readers:
        lab.follow(reader, author)
    lab.stop_nats()  # nothing is acked: the flip waits
    try:
        lab.materializer()
        eventually(lambda: lab.run("SELECT 1 FROM outbox WHERE kind = %s", FLIP), what="a flip that waits")
        posts = [lab.post(author)]
        eventually(lambda: lab.holders(posts[0]) == set(readers), what="pages, though the flip waits and NATS is away")
        time.sleep(2)  # more than the patience with one who is never quiet
        posts.append(lab.post(author))
        eventually(lambda: lab.holders(posts[1]) == set(readers), what="pages: nobody is held back in an outage")
        lab.unfollow(readers[0], author)
        eventually(lambda: lab.one("SELECT follower_count FROM users WHERE id = %s", author) == THRESHOLD, what="the count")
        assert lab.one("SELECT count(*) FROM outbox WHERE kind = %s", FLIP) == 1
        assert not is_celebrity(lab, author)
    finally:
        lab.nats.start()
    lab.wait_worked_off()
    assert not is_celebrity(lab, author)
    assert lab.one("SELECT count(*) FROM celebrities WHERE id = %s", author) == 0
    count_is_right(lab)


@pytest.mark.parametrize("fault", FAULTS)
def test_flip_survives_sigkill(lab, fault):
    """Wherever the owner dies, the next one flips the author once and tells it before any later post."""
    author, = lab.users(1)
    readers = lab.users(THRESHOLD + 1)
    tap = lab.tap()
    first = lab.materializer(fault=fault)
    for reader in readers:
        lab.edge(reader, author)
    lab.run("UPDATE users SET follower_count = %s WHERE id = %s", THRESHOLD + 1, author)
    lab.event(author, FLIP, author)
    assert first.child.wait(60) == -signal.SIGKILL, f"the fault point {fault} was not reached: {first.logs()}"
    posts = [lab.post(author)]
    lab.materializer()
    eventually(lambda: is_celebrity(lab, author), what="the author to become a celebrity")
    posts.append(lab.post(author))
    lab.wait_worked_off()
    eventually(lambda: [event.post_id for event in tap.heard_as_follower(readers[0], author)][-1:] == posts[1:],
               what="the last post")
    heard = [(event.kind, event.post_id) for subject, event in tap.messages if subject == f"celeb.{author}"]
    flips = [event for event in heard if event[0] == CELEBRITY]
    assert flips and (ORDINARY, 0) not in heard
    assert heard.index((CELEBRITY, 0)) < heard.index((POST, posts[1]))
    for reader in readers:
        assert page(lab, reader) == posts[::-1]
        seen = [event.post_id for event in tap.heard_as_follower(reader, author) if event.kind == POST]
        assert list(dict.fromkeys(seen)) == posts
    count_is_right(lab)


def test_counts_are_right_after_concurrent_follows(lab):
    """Many clients at once, over and under the threshold; in the end every counter is the number of edges, whoever has more
    than the threshold is a celebrity, and each online follower was told the truth last."""
    authors, people = lab.users(6), lab.users(40)
    tap = lab.tap()
    materializers = [lab.materializer(batch_events=7), lab.materializer()]
    problems = []

    def client(mine, seed):
        chance = random.Random(seed)
        db = lab.stack.postgres.connect()
        try:
            follows = set()
            with db.cursor() as cursor:
                for _ in range(120):
                    follower, author = chance.choice(mine), chance.choice(authors)
                    there = (follower, author) in follows
                    for table in "followers", "followees":
                        cursor.execute(f"DELETE FROM {table} WHERE follower_id = %s AND followed_id = %s" if there else
                                       f"INSERT INTO {table} (follower_id, followed_id) VALUES (%s, %s)",
                                       (follower, author))
                    cursor.execute("INSERT INTO follower_delta (user_id, delta) VALUES (%s, %s)",
                                   (author, -1 if there else 1))
                    cursor.execute("INSERT INTO outbox (author_id, partition, kind, subject_id) VALUES (%s, %s, %s, %s)",
                                   (author, partition_of(author), UNFOLLOW if there else FOLLOW, follower))
                    db.commit()
                    follows ^= {(follower, author)}
        except Exception as problem:  # noqa: BLE001 - told by the test
            problems.append(problem)
        finally:
            db.close()

    clients = [threading.Thread(target=client, args=(people[n::8], n)) for n in range(8)]
    writers = [Author(lab, author, 0.01) for author in authors]
    for thread in clients:
        thread.start()
    eventually(lambda: lab.one("SELECT sum(follower_count) FROM users WHERE id = ANY (%s)", authors) > 20,
               what="some follows to be counted")
    materializers[0].kill()
    for thread in clients:
        thread.join()
    for writer in writers:
        writer.stop()
    assert not problems, problems
    lab.wait_worked_off()
    count_is_right(lab)
    counts = dict(lab.run("SELECT followed_id, count(*) FROM followers WHERE followed_id = ANY (%s) GROUP BY 1", authors))
    for author in authors:
        if counts.get(author, 0) > THRESHOLD:
            assert is_celebrity(lab, author)
        if counts.get(author, 0) * 10 < THRESHOLD * 9:
            assert not is_celebrity(lab, author)
    edges = set(lab.run("SELECT follower_id, followed_id FROM followers WHERE followed_id = ANY (%s)", authors))

    def index():
        """What a gateway knows that believes the last word on each edge."""
        last = {(event.follower_id, event.author_id): event.kind for _, event in tap.messages if event.follower_id}
        return {edge for edge, kind in last.items() if kind == FOLLOW}

    eventually(lambda: index() == edges, what="the last word on each edge to be right")
    assert lab.stack.postgres.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
