"""freshetctl rebuild: feeds computed anew, beside live traffic and without an empty page."""

import random
import signal
import subprocess
import threading

import pytest

from harness import BIN, eventually
from outbox_lab import FOLLOW, UNFOLLOW, Lab
from test_bounds import BACKFILL, by_cursor, assert_complete, belongs, horizon, page

CAP = 40


@pytest.fixture(scope="module")
def servers():
    lab = Lab(feed_cap=CAP, sweep_interval="1h")
    yield lab
    lab.close()


def rebuild(lab, user, **options):
    return lab.stack.ctl("rebuild", f"--user={user}", **options)


def readers_of(lab, authors, count=1):
    readers = lab.users(count)
    for reader in readers:
        for author in authors:
            lab.edge(reader, author)
    return readers


def write_items(lab, reader, author, posts):
    lab.run("INSERT INTO feed_items SELECT %s, unnest(%s::bigint[]), %s ON CONFLICT DO NOTHING", reader, posts, author)


def as_the_gateway(lab, change, follower, followed):
    """Follows and unfollows lock the follower's row first; here that is what keeps a rebuild away."""
    lab.transaction(lambda: lab.run("SELECT FROM users WHERE id = %s FOR NO KEY UPDATE", follower),
                    lambda: change(follower, followed))


def follow(lab, follower, followed):
    def write(follower, followed):
        lab.edge(follower, followed)
        lab.event(followed, FOLLOW, follower)
    as_the_gateway(lab, write, follower, followed)


def unfollow(lab, follower, followed):
    def write(follower, followed):
        for table in ("followers", "followees"):
            lab.run(f"DELETE FROM {table} WHERE followed_id = %s AND follower_id = %s", followed, follower)
        lab.event(followed, UNFOLLOW, follower)
    as_the_gateway(lab, write, follower, followed)


# ---- one feed ----

@pytest.mark.parametrize("number", [0, CAP - 1, CAP, CAP + 1, 3 * CAP])
def test_lost_feed(lab, number):
    """The newest come back, as many as a feed keeps, and the horizon says whether these are all."""
    authors = lab.users(2)
    reader, = readers_of(lab, authors)
    posts = [lab.post(authors[n % 2], told=False) for n in range(number)]
    done = rebuild(lab, reader)
    assert "1 feeds rebuilt" in done.stdout and f" {min(number, CAP)} items taken in, 0 taken out" in done.stdout
    assert lab.items(reader) == set(posts[-CAP:])
    assert horizon(lab, reader) == (posts[-CAP] if number > CAP else 0)
    assert_complete(lab, reader)
    assert "0 items taken in, 0 taken out" in rebuild(lab, reader).stdout
    assert lab.items(reader) == set(posts[-CAP:])


def test_every_kind_of_defect(lab):
    author, other, stranger = lab.users(3)
    reader, = readers_of(lab, [author, other])
    star, = lab.users(1, celebrity=True)
    lab.edge(reader, star)
    posts = [lab.post(author, told=False) for _ in range(10)]
    deleted, foreign, merged = lab.post(author, told=False), lab.post(stranger, told=False), lab.post(star, told=False)
    lab.run("UPDATE posts SET deleted_at = now() WHERE id = %s", deleted)
    lab.run("INSERT INTO celebrity_posts VALUES (%s, %s)", star, merged)
    write_items(lab, reader, author, posts[2:] + [deleted, lab.base - 5])  # two missing, one deleted, one of no post
    write_items(lab, reader, stranger, [foreign])                           # of somebody not followed
    write_items(lab, reader, star, [merged])                                # merged by pages
    lab.run("UPDATE feed_items SET author_id = %s WHERE user_id = %s AND post_id = %s", other, reader, posts[5])
    lab.run("INSERT INTO feed_horizon VALUES (%s, %s)", reader, posts[7])   # higher than it need be
    done = rebuild(lab, reader)
    assert "3 items taken in, 4 taken out" in done.stdout
    assert lab.run("SELECT post_id, author_id FROM feed_items WHERE user_id = %s ORDER BY 1", reader) == \
        [(post, author) for post in posts]
    assert horizon(lab, reader) == 0 and page(lab, reader) == [merged] + posts[::-1]


def test_more_than_a_feed_keeps(lab):
    author, = lab.users(1)
    reader, = readers_of(lab, [author])
    posts = [lab.post(author, told=False) for _ in range(CAP + 20)]
    write_items(lab, reader, author, posts)
    assert "0 items taken in, 20 taken out" in rebuild(lab, reader).stdout
    assert lab.items(reader) == set(posts[-CAP:]) and horizon(lab, reader) == posts[-CAP]
    assert_complete(lab, reader)


def test_what_is_pending_comes_by_itself(lab):
    """Posts and follows whose events wait are left to them, and the horizon is right with both."""
    author, long = lab.users(2)
    reader, = readers_of(lab, [author])
    for _ in range(BACKFILL + 20):
        lab.post(long, told=False)
    posts = [lab.post(author, told=n % 2 == 0) for n in range(10)]
    lab.follow(reader, long)
    rebuild(lab, reader)
    assert lab.items(reader) == set(posts[1::2])
    materializer = lab.materializer()
    lab.wait_worked_off()
    assert_complete(lab, reader)
    assert materializer.metrics().get("freshet_feed_conflicts_total", 0) == 0
    # A follow whose event is dead comes with the rebuild.
    late, = lab.users(1)
    lab.edge(late, author)
    lab.run("UPDATE outbox SET state = 2 WHERE event_id = %s", lab.event(author, FOLLOW, late))
    rebuild(lab, late)
    assert lab.items(late) == set(posts)


@pytest.mark.parametrize("arguments, code, told", [
    ([], 2, "wants either --user=ID or --all"),
    (["--user=5", "--all"], 2, "wants either --user=ID or --all"),
    (["--user=x"], 2, "--user: must be a whole number"),
    (["--user=987654321"], 1, "there is no user 987654321"),
])
def test_usage(lab, arguments, code, told):
    done = lab.stack.ctl("rebuild", *arguments, check=False)
    assert done.returncode == code and told in done.stderr and "rebuilt" not in done.stdout


def test_deleted_account_has_no_feed(lab):
    author, = lab.users(1)
    reader, = readers_of(lab, [author])
    lab.post(author, told=False)
    lab.run("UPDATE users SET deleted_at = now() WHERE id = %s", reader)
    assert rebuild(lab, reader, check=False).returncode == 1
    assert lab.items(reader) == set() and lab.run("SELECT 1 FROM feed_horizon WHERE user_id = %s", reader) == []
    lab.run("UPDATE users SET deleted_at = NULL WHERE id = %s", reader)


# ---- beside others ----

def test_waits_for_who_holds_the_horizon(lab):
    """A follow that raises the horizon meanwhile: the higher one stays, because the rebuild looks after it."""
    author, long = lab.users(2)
    reader, = readers_of(lab, [author])
    posts = [lab.post(author, told=False) for _ in range(3)]
    more = [lab.post(long, told=False) for _ in range(CAP)]
    other = lab.stack.postgres.connect()
    with other.cursor() as cursor:
        cursor.execute("INSERT INTO feed_horizon VALUES (%s, %s)", (reader, more[10]))
        cursor.execute("INSERT INTO followers VALUES (%s, %s)", (long, reader))
        cursor.execute("INSERT INTO followees VALUES (%s, %s)", (reader, long))
    running = subprocess.Popen([BIN / "freshetctl", "rebuild", f"--user={reader}"], env=lab.stack.environment)
    try:
        eventually(lambda: lab.run("SELECT 1 FROM pg_stat_activity WHERE application_name = 'freshetctl rebuild' "
                                   "AND wait_event_type = 'Lock'"), what="the rebuild to wait")
        assert lab.items(reader) == set()
        other.commit()
        assert running.wait(60) == 0
    finally:
        other.close()
        running.kill()
        running.wait()
    assert lab.items(reader) == set((posts + more)[-CAP:]) and horizon(lab, reader) == (posts + more)[-CAP]
    assert_complete(lab, reader)


def test_no_page_is_wrong_meanwhile(lab):
    """Feeds that lose half of their items to a smaller cap, get them back with a larger one, and so on, read all the time."""
    authors = lab.users(3)
    readers = readers_of(lab, authors, 5)
    posts = [lab.post(authors[n % 3], told=False) for n in range(3 * CAP)]
    lab.stack.ctl("rebuild", "--all")
    stop, wrong = threading.Event(), []

    def rebuild_all_the_time():
        for cap in 6 * [CAP // 4, 10 * CAP]:
            lab.stack.ctl("rebuild", "--all", f"--feed-cap={cap}")
        stop.set()

    thread = threading.Thread(target=rebuild_all_the_time)
    thread.start()
    reads = 0
    while not stop.is_set():
        reader = readers[reads % 5]
        if page(lab, reader, 3 * CAP) != posts[::-1]:
            wrong.append(reader)
        reads += 1
    thread.join()
    assert reads > 50 and not wrong


def test_beside_live_traffic(lab):
    """Posts, deletes, follows and unfollows while every feed is rebuilt again and again: nothing is lost, nothing is left
    over, and nothing died of it."""
    chance = random.Random(11)
    authors, readers = lab.users(5), lab.users(6)
    for author in authors:
        for _ in range(BACKFILL + 5):
            lab.post(author, told=False)
    lab.materializer(workers=4, sweep_interval="50ms")
    stop = threading.Event()

    def rebuild_all_the_time():
        while not stop.is_set():
            lab.stack.ctl("rebuild", "--all")

    threads = [threading.Thread(target=rebuild_all_the_time) for _ in range(2)]
    for thread in threads:
        thread.start()
    edges, posts = set(), []
    try:
        for _ in range(1200):
            author, reader, dice = chance.choice(authors), chance.choice(readers), chance.random()
            if dice < 0.3:
                posts.append((author, lab.post(author)))
            elif dice < 0.5 and posts:
                lab.delete(*posts.pop(chance.randrange(len(posts))))
            elif (reader, author) in edges:
                edges.remove((reader, author))
                unfollow(lab, reader, author)
            else:
                edges.add((reader, author))
                follow(lab, reader, author)
        lab.wait_worked_off()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    lab.wait_worked_off()
    assert lab.one("SELECT count(*) FROM outbox WHERE state = 2") == 0
    for reader in readers:
        assert_complete(lab, reader)
        assert lab.items(reader) <= set(belongs(lab, reader))


def test_interrupted(lab):
    """Between two users; those who are done stay done."""
    author, = lab.users(1)
    readers = readers_of(lab, [author], 3)
    posts = [lab.post(author, told=False) for _ in range(3)]
    lab.run("INSERT INTO users (id, first_name, second_name) SELECT id, 'T', 'T' FROM generate_series(5000000, 5020000) AS id")
    try:
        running = subprocess.Popen([BIN / "freshetctl", "rebuild", "--all"], env=lab.stack.environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        eventually(lambda: lab.items(readers[-1]) == set(posts), what="the last of these")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        assert running.returncode == 130 and "feeds rebuilt" in out and "interrupted" in err
        assert int(out.split()[0]) < 20000
    finally:
        lab.run("DELETE FROM users WHERE id >= 5000000")
    for reader in readers:
        assert by_cursor(lab, reader, 2) == posts[::-1]
