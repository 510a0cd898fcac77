"""Who works off which partition: shares, take-over, a stalled owner, outages, and what the metrics say of it."""

import os
import signal
import subprocess
import time

import pytest

from harness import eventually
from outbox_lab import UNFOLLOW, Lab, owned, partition_of


@pytest.fixture(scope="module")
def servers():
    lab = Lab(feed_cap=1000000)  # a test may write more than a feed keeps by default
    yield lab
    lab.close()


def shares(*materializers):
    return [owned(materializer) for materializer in materializers]


def holders(lab):
    """Partition: the server process that holds its lock."""
    return dict(lab.run("SELECT objid::bigint::int, pid FROM pg_locks WHERE locktype = 'advisory' AND granted "
                        "AND classid = x'46454544'::int::oid"))


def of_each_worker(lab):
    """How many partitions each session has that has any, in order."""
    counts = {}
    for pid in holders(lab).values():
        counts[pid] = counts.get(pid, 0) + 1
    return sorted(counts.values())


def followed(lab, authors=8, followers=3):
    """Authors, spread over partitions, and those who follow all of them."""
    authors, readers = lab.users(authors), lab.users(followers)
    for author in authors:
        for reader in readers:
            lab.edge(reader, author)
    return authors, readers


def assert_order(tap, readers, posts):
    """Each reader heard every post, those of an author for the first time in the order of their acceptance."""
    for reader in readers:
        def heard():
            return list(dict.fromkeys(event.post_id for event in tap.heard_by(reader)))
        eventually(lambda: set(heard()) >= {post for of_author in posts.values() for post in of_author},
                   what="all live events")
        for of_author in posts.values():
            assert [post for post in heard() if post in set(of_author)] == of_author


# ---- shares ----

def test_processes_share_fairly_as_they_come_and_go(lab):
    """16 partitions over two workers each of one, two, three processes and back, under load, with nothing lost and the
    order kept."""
    authors, readers = followed(lab)
    tap = lab.tap()
    posts = {author: [] for author in authors}

    def write():
        for author in authors:
            posts[author].append(lab.post(author))

    def settle(expected, *materializers):
        def check():
            write()
            assert sorted(shares(*materializers)) == expected, shares(*materializers)
            return True
        eventually(check)

    first = lab.materializer()
    settle([16], first)
    second = lab.materializer()
    settle([8, 8], first, second)
    eventually(lambda: of_each_worker(lab) == [4, 4, 4, 4], what="equal shares of four workers")
    third = lab.materializer()
    settle([5, 5, 6], first, second, third)
    eventually(lambda: of_each_worker(lab) == [2, 2, 3, 3, 3, 3], what="equal shares of six workers")
    second.stop()
    settle([8, 8], first, third)
    first.kill()
    settle([16], third)
    lab.wait_worked_off()
    for reader in readers:
        assert lab.items(reader) == {post for of_author in posts.values() for post in of_author}
    assert_order(tap, readers, posts)


def test_sixteen_workers_have_one_each_and_others_stand_by(lab):
    first, second = lab.materializer(workers=12), lab.materializer(workers=8)
    eventually(lambda: of_each_worker(lab) == [1] * 16, what="sixteen workers with one partition each")
    eventually(lambda: sum(shares(first, second)) == 16, what="the gauges to say so")
    first.kill()
    eventually(lambda: of_each_worker(lab) == [2] * 8, what="the eight that are left to have two each")
    assert owned(second) == 16


def test_nothing_moves_when_nobody_comes_or_goes(lab):
    first, second = lab.materializer(), lab.materializer()
    eventually(lambda: shares(first, second) == [8, 8], what="equal shares")
    before = holders(lab)
    lines = first.logs().count("\n") + second.logs().count("\n")
    authors, _ = followed(lab)
    for _ in range(20):
        for author in authors:
            lab.post(author)
        lab.wait_worked_off()
        assert holders(lab) == before
    assert first.logs().count("\n") + second.logs().count("\n") == lines


def test_workers_that_start_together_move_nothing(lab):
    """Those of one process find each other before the first of them takes everything."""
    materializer = lab.materializer(workers=4)
    eventually(lambda: of_each_worker(lab) == [4, 4, 4, 4], what="equal shares")
    assert "partitions handed over" not in materializer.logs()


def test_clean_stop_hands_everything_over(lab):
    """Whoever is left is told at once: long before it would look by itself, were its clock that slow."""
    authors, readers = followed(lab)
    first, second = lab.materializer(), lab.materializer()
    eventually(lambda: shares(first, second) == [8, 8], what="equal shares")
    first.stop()
    stopped = time.monotonic()
    eventually(lambda: owned(second) == 16, what="the second to own everything", every=0.002)
    print(f"taken over {1000 * (time.monotonic() - stopped):.0f} ms after the end of the stopped process")
    posts = [lab.post(author) for author in authors]
    lab.wait_worked_off()
    assert all(lab.items(reader) == set(posts) for reader in readers)


def test_handing_over_while_nats_is_away(lab):
    """What cannot be told does not hold a partition back: the next owner tells it when NATS is there again."""
    authors, readers = followed(lab)
    first = lab.materializer()
    eventually(lambda: owned(first) == 16, what="the first to own everything")
    lab.stop_nats()
    try:
        posts = {author: [lab.post(author) for _ in range(3)] for author in authors}
        eventually(lambda: lab.one("SELECT count(*) FROM outbox WHERE state = 0") == 0, what="pages, without NATS")
        second = lab.materializer()
        eventually(lambda: shares(first, second) == [8, 8], what="equal shares")
    except BaseException:
        lab.nats.start()
        raise
    second.signal(signal.SIGSTOP)
    tap = lab.start_nats_with_tap(first)
    second.signal(signal.SIGCONT)
    lab.wait_worked_off()
    assert_order(tap, readers, posts)


# ---- a stalled owner ----

def test_stalled_owner_neither_commits_nor_publishes(lab):
    """A process that stands still in the midst of publishing, for longer than its session lives, finds when it goes on that
    it owns nothing: nothing is there twice, everything was heard in order, and who stopped following meanwhile hears
    nothing that the stalled process still had in hand."""
    author, = lab.users(1)
    readers = lab.users(3000)
    lab.run("INSERT INTO followers (followed_id, follower_id) SELECT %s, unnest(%s::bigint[])", author, readers)
    lab.run("INSERT INTO followees (followed_id, follower_id) SELECT %s, unnest(%s::bigint[])", author, readers)
    tap = lab.tap()
    posts = [lab.post(author, str(number)) for number in range(3)]
    first = lab.materializer(fault="stall_in_wave")
    eventually(lambda: stands_still(first), what="the first to stop in the midst of the first post")
    second = lab.materializer()
    posts += [lab.post(author, str(number)) for number in range(3, 6)]
    lab.wait_worked_off()
    lab.unfollow(readers[-1], author)
    lab.wait_worked_off()
    eventually(lambda: all(tap.heard_by(reader) for reader in readers), what="all readers to hear")
    eventually(lambda: UNFOLLOW in {event.kind for event in tap.heard_by(readers[-1])},
               what="the last reader to hear everything, to the end of the follow")
    before = len(tap.messages)
    gone = len(tap.heard_by(readers[-1]))
    first.signal(signal.SIGCONT)
    eventually(lambda: "database session lost" in first.logs(), what="the first to notice")
    late = lab.post(author, "late")
    lab.wait_worked_off()
    eventually(lambda: sum(shares(first, second)) == 16, what="each partition to have one owner")
    left = readers[:-1]
    eventually(lambda: all(late in {event.post_id for event in tap.heard_by(reader)} for reader in (left[0], left[-1])),
               what="the late post")
    eventually(lambda: len(tap.messages) >= before + len(left), what="the late post, by all")
    # The hundred that were in the NATS library's buffer when the process stopped may still come, and no more.
    repeats = len(tap.messages) - before - len(left)
    print(f"{repeats} messages came from the stalled process after it went on")
    assert repeats <= 100, f"{repeats} messages from a process that owns nothing"
    assert len(tap.heard_by(readers[-1])) == gone, "somebody who does not follow any more was told"
    for reader in left[::100] + [left[-1]]:
        heard = list(dict.fromkeys(event.post_id for event in tap.heard_by(reader)))
        assert heard == posts + [late]
    assert lab.one("SELECT count(*) FROM feed_items WHERE author_id = %s", author) == 7 * len(left)


def stands_still(process):
    assert process.alive, process.logs()
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "T"


def test_stalled_member_gets_no_share_of_what_is_free(lab):
    """One that stands still keeps what it has until the server ends its session; what others leave is not kept for it."""
    first, second, third = lab.materializer(), lab.materializer(), lab.materializer()
    eventually(lambda: sorted(shares(first, second, third)) == [5, 5, 6], what="equal shares")
    first.signal(signal.SIGSTOP)
    second.kill()
    eventually(lambda: owned(third) == 16, what="the one that is left to own everything")
    first.signal(signal.SIGCONT)
    eventually(lambda: shares(first, third) == [8, 8], what="equal shares of two")


# ---- outages ----

def processor_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share_of_a_processor(process, seconds=4):
    """What the process takes of a processor in a while of its own. A busy loop takes all of one."""
    before, begin = processor_seconds(process), time.monotonic()
    time.sleep(seconds)
    return (processor_seconds(process) - before) / (time.monotonic() - begin)


def test_database_outage(lab):
    authors, readers = followed(lab)
    materializer = lab.materializer(workers=4)
    eventually(lambda: owned(materializer) == 16, what="all partitions")
    posts = [lab.post(author) for author in authors]
    lab.wait_worked_off()
    lab.db.close()
    lab.stack.postgres.stop()
    try:
        eventually(lambda: owned(materializer) == 0, what="the process to notice")
        used = share_of_a_processor(materializer)
        status, body = materializer.readiness()
        assert status == 503 and "postgresql" in body
    finally:
        lab.stack.postgres.start()
        lab.connect()
    eventually(lambda: owned(materializer) == 16, what="all partitions again")
    posts += [lab.post(author) for author in authors]
    lab.wait_worked_off()
    assert all(lab.items(reader) == set(posts) for reader in readers)
    print(f"without a database: {100 * used:.1f} % of a processor")
    assert used < 0.2, "the process is busy while the database is away"
    logs = materializer.logs()
    assert logs.count("database session lost") == 1, logs
    assert logs.count("database is away") == 0, logs
    eventually(lambda: materializer.logs().count("outbox is worked off again") == 1, what="one line about the recovery")


@pytest.mark.parametrize("hanging", [False, True], ids=["gone", "hanging"])
def test_nats_outage(lab, hanging):
    """A server that is gone, or is there and answers nothing: pages go on, live events wait, in memory and table."""
    authors, readers = followed(lab)
    tap = lab.tap()
    materializer = lab.materializer(workers=4, publish_pending=20)
    eventually(lambda: owned(materializer) == 16, what="all partitions")
    posts = {author: [lab.post(author)] for author in authors}
    lab.wait_worked_off()
    server = lab.nats.pid()
    if hanging:
        os.kill(server, signal.SIGSTOP)
    else:
        assert_order(tap, readers, posts)
        lab.stop_nats()
    try:
        for author in authors:
            posts[author] += [lab.post(author) for _ in range(20)]
        eventually(lambda: lab.one("SELECT count(*) FROM outbox WHERE state = 0") == 0, what="pages, without NATS")
        used = share_of_a_processor(materializer)
        if not hanging:
            status, body = materializer.readiness()
            assert status == 503 and "nats" in body
    finally:
        if hanging:
            os.kill(server, signal.SIGCONT)
        elif not lab.taps:
            tap = lab.start_nats_with_tap(materializer)
    lab.wait_worked_off()
    print(f"without NATS: {100 * used:.1f} % of a processor")
    assert used < 0.2, "the process is busy while NATS is away"
    expected = posts if hanging else {author: of_author[1:] for author, of_author in posts.items()}
    assert_order(tap, readers, expected)
    logs = materializer.logs()
    assert logs.count("NATS is away") <= 1 and logs.count("NATS is back") == logs.count("NATS is away"), logs
    assert hanging or logs.count("NATS is away") == 1, logs
    assert logs.count("live events are not acked") <= 1, logs
    assert logs.count("live events are acked again") == logs.count("live events are not acked"), logs


# ---- what is seen from outside ----

def gauges(materializer, name):
    prefix = f'freshet_outbox_{name}{{partition="'
    return {int(key[len(prefix):-2]): value for key, value in materializer.metrics().items() if key.startswith(prefix)}


def test_gauges_follow_the_partitions(lab):
    """Each partition is spoken for by its owner alone, before and after it moves."""
    authors, _ = followed(lab, authors=40)
    lab.stop_nats()
    try:
        posts = [lab.post(author) for author in authors for _ in range(2)]
        waiting = {}
        for author in authors:
            waiting[partition_of(author)] = waiting.get(partition_of(author), 0) + 2
        first = lab.materializer()

        def told_by(*materializers):
            for name, expected in ("partition_owned", {p: 1 for p in range(16)}), ("committed", waiting), ("pending", {}):
                all_of_them = [gauges(materializer, name) for materializer in materializers]
                for p in range(16):
                    values = [each.get(p, 0) for each in all_of_them]
                    assert sum(values) == max(values) == expected.get(p, 0), (name, p, values)
            return True

        eventually(lambda: owned(first) == 16, what="all partitions")
        eventually(lambda: told_by(first), what="the gauges of one process")
        eventually(lambda: all(gauges(first, "oldest_seconds")[p] > 0 for p in waiting), what="ages")
        second = lab.materializer()
        eventually(lambda: shares(first, second) == [8, 8], what="equal shares")
        eventually(lambda: told_by(first, second), what="the gauges of two processes")
    finally:
        lab.nats.start()
    lab.wait_worked_off()
    waiting.clear()
    eventually(lambda: told_by(first, second), what="the gauges when nothing waits")
    eventually(lambda: not any(gauges(first, "oldest_seconds").values()), what="no age when nothing waits")
    metrics = [materializer.metrics() for materializer in (first, second)]
    assert sum(each.get("freshet_outbox_events_total", 0) for each in metrics) == len(posts)
    assert 1 <= sum(each.get("freshet_outbox_batches_total", 0) for each in metrics) <= len(posts)


def test_exposition_is_what_prometheus_wants(lab):
    materializer = lab.materializer()
    eventually(lambda: owned(materializer) == 16, what="all partitions")
    author, = lab.users(1)
    lab.post(author)
    lab.wait_worked_off()
    text = subprocess.run(["curl", "-sf", f"http://127.0.0.1:{materializer.admin_port}/metrics"], check=True,
                          capture_output=True).stdout
    assert b'freshet_outbox_partition_owned{partition="15"} 1' in text
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert checked.returncode == 0, (checked.stdout + checked.stderr).decode()


# ---- batches ----

def test_linger_joins_posts_under_load_only(lab):
    """With a linger of a second: a lone post does not wait for it, the posts that follow it go together."""
    author, = lab.users(1)
    reader, = lab.users(1)
    lab.edge(reader, author)
    materializer = lab.materializer(workers=1, batch_linger="1s", poll_interval="1m")
    eventually(lambda: owned(materializer) == 16, what="all partitions")

    def batches():
        return materializer.metrics().get("freshet_outbox_batches_total", 0)

    nudge = Nudger(lab)
    posts = [lab.post(author)]
    nudge(author)
    eventually(lambda: lab.items(reader) == set(posts), what="the first post")
    assert batches() == 1
    for _ in range(50):
        posts.append(lab.post(author))
        nudge(author)
    eventually(lambda: lab.items(reader) == set(posts), what="the others")
    lab.wait_worked_off()
    assert batches() <= 4, "50 posts within a fraction of a second, and a linger of one"
    nudge.close()


class Nudger:
    """Says what the gateway says after a post."""

    def __init__(self, lab):
        self.tap = lab.tap()

    def __call__(self, author):
        self.tap.socket.sendall(b"PUB nudge.%d 0\r\n\r\n" % partition_of(author))

    def close(self):
        self.tap.close()
