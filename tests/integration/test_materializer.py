"""The materializer on real PostgreSQL and NATS: what it writes, what it publishes, and what it survives."""

import os
import signal

import pytest

from harness import eventually
from outbox_lab import DELETE, EDIT, POST, Lab, owned, partition_of

FAULTS = ["after_read", "after_insert", "after_commit", "after_publish", "before_delete"]


@pytest.fixture(scope="module")
def servers():
    lab = Lab()
    yield lab
    lab.close()


def following(lab, author, count):
    """New users who follow the author, without an event: as if they always had."""
    users = lab.users(count)
    for user in users:
        lab.edge(user, author)
    return users


# ---- what it writes and publishes ----

def test_post_reaches_followers_and_nobody_else(lab):
    author, other, stranger = lab.users(3)
    followers = following(lab, author, 5)
    lab.edge(stranger, other)
    tap = lab.tap()
    lab.materializer()
    post = lab.post(author, "für alle 🦉")
    lab.wait_worked_off()
    assert lab.holders(post) == set(followers)
    assert lab.items(author) == lab.items(stranger) == set()
    for user in followers:
        (event,) = eventually(lambda: tap.heard_by(user), what="the live event")
        assert (event.kind, event.post_id, event.author_id, event.text, event.revision) == \
            (POST, post, author, "für alle 🦉", 1)
    assert {int(subject.rsplit(".", 1)[1]) for subject in tap.heard_of(author)} == set(followers)


def test_posts_of_an_author_come_in_order(lab):
    author, = lab.users(1)
    followers = following(lab, author, 3)
    tap = lab.tap()
    posts = [lab.post(author, str(number)) for number in range(150)]
    lab.materializer(batch_events=20, publish_pending=7)
    posts += [lab.post(author, str(number)) for number in range(150, 200)]
    lab.wait_worked_off()
    for user in followers:
        eventually(lambda: len(tap.heard_by(user)) == 200, what="all 200 live events")
        assert [event.post_id for event in tap.heard_by(user)] == posts
        assert lab.items(user) == set(posts)


def test_many_followers_are_told_in_slices(lab):
    """More recipients than are read at a time, of an author in the midst of others."""
    before, author, after = lab.users(3)
    followers = lab.users(17000)
    lab.run("INSERT INTO followers (followed_id, follower_id) SELECT %s, unnest(%s::bigint[])", author, followers)
    lab.edge(before, after)
    lab.edge(after, before)
    tap = lab.tap()
    posts = {who: lab.post(who) for who in (before, author, after)}
    lab.materializer(publish_pending=300)
    lab.wait_worked_off()
    assert lab.holders(posts[author]) == set(followers)
    assert lab.holders(posts[before]) == {after} and lab.holders(posts[after]) == {before}
    eventually(lambda: len(tap.messages) == 17002, what="one message for each follower")
    heard = [int(subject.rsplit(".", 1)[1]) for subject, event in tap.messages if event.author_id == author]
    assert sorted(heard) == sorted(followers)


def test_celebrity_costs_one_row_and_one_message(lab):
    author, = lab.users(1, celebrity=True)
    followers = following(lab, author, 4)
    tap = lab.tap()
    lab.materializer()
    post = lab.post(author, "to all")
    lab.wait_worked_off()
    assert lab.holders(post) == set()
    assert lab.one("SELECT count(*) FROM celebrity_posts WHERE author_id = %s AND id = %s", author, post) == 1
    eventually(lambda: tap.messages, what="the live event")
    assert [(subject, event.text) for subject, event in tap.messages] == [(f"celeb.{author}", "to all")]
    assert not any(tap.heard_by(user) for user in followers)


def test_edit_tells_the_new_text(lab):
    author, = lab.users(1)
    user, = following(lab, author, 1)
    tap = lab.tap()
    lab.materializer()
    post = lab.post(author, "first")
    lab.wait_worked_off()
    lab.edit(author, post, "second")
    lab.wait_worked_off()
    events = eventually(lambda: len(tap.heard_by(user)) == 2 and tap.heard_by(user), what="post and edit")
    assert [(event.kind, event.text, event.revision) for event in events] == [(POST, "first", 1), (EDIT, "second", 2)]
    assert lab.items(user) == {post}


def test_late_post_is_told_as_it_is_now(lab):
    """An event carries the present text; a post that is gone is told of by its delete alone."""
    author, = lab.users(1)
    user, = following(lab, author, 1)
    edited, deleted = lab.post(author, "before"), lab.post(author, "secret")
    lab.edit(author, edited, "after")
    lab.delete(author, deleted)
    tap = lab.tap()
    lab.materializer()
    lab.wait_worked_off()
    events = eventually(lambda: len(tap.heard_by(user)) >= 3 and tap.heard_by(user), what="three events")
    assert [(event.kind, event.post_id, event.text) for event in events] == \
        [(POST, edited, "after"), (EDIT, edited, "after"), (DELETE, deleted, "")]
    assert lab.items(user) == {edited}


def test_delete_takes_items_out(lab):
    author, = lab.users(1)
    followers = following(lab, author, 3)
    celebrity, = lab.users(1, celebrity=True)
    tap = lab.tap()
    lab.materializer()
    kept, gone, famous = lab.post(author), lab.post(author), lab.post(celebrity)
    lab.wait_worked_off()
    assert lab.holders(gone) == set(followers)
    lab.delete(author, gone)
    lab.delete(celebrity, famous)
    lab.wait_worked_off()
    assert lab.holders(gone) == set()
    assert lab.holders(kept) == set(followers)
    assert lab.one("SELECT count(*) FROM celebrity_posts WHERE author_id = %s", celebrity) == 0
    for user in followers:
        eventually(lambda: DELETE in [event.kind for event in tap.heard_by(user)], what="the delete")


def test_follow_brings_the_newest_hundred(lab):
    author, reader = lab.users(2)
    posts = [lab.post(author, told=False) for _ in range(130)]
    lab.run("UPDATE posts SET deleted_at = now() WHERE id = %s", posts[125])
    lab.run("INSERT INTO celebrity_posts (author_id, id) VALUES (%s, %s)", author, posts[120])
    lab.follow(reader, author)
    lab.materializer()
    lab.wait_worked_off()
    expected = [post for post in posts if post not in (posts[125], posts[120])][-100:]
    assert lab.items(reader) == set(expected)


def test_unfollow_takes_that_author_out(lab):
    author, other, reader, stays = lab.users(4)
    for user in reader, stays:
        lab.edge(user, author)
    lab.edge(reader, other)
    lab.materializer()
    mine, theirs = [lab.post(author) for _ in range(20)], lab.post(other)
    lab.wait_worked_off()
    lab.delete(author, mine[3])
    lab.unfollow(reader, author)
    lab.wait_worked_off()
    assert lab.items(reader) == {theirs}
    assert lab.items(stays) == set(mine) - {mine[3]}


@pytest.mark.parametrize("batch", [1, 2, 500], ids=lambda batch: f"batch-{batch}")
@pytest.mark.parametrize("last", ["follow", "unfollow"])
def test_edge_that_changes_often_ends_right(lab, batch, last):
    """However follows, unfollows and posts share batches, the end is that of the last change."""
    author, reader = lab.users(2)
    posts = [lab.post(author), lab.post(author)]
    for _ in range(3):
        lab.follow(reader, author)
        posts.append(lab.post(author))
        lab.unfollow(reader, author)
        posts.append(lab.post(author))
    if last == "follow":
        lab.follow(reader, author)
    posts.append(lab.post(author))
    lab.materializer(batch_events=batch)
    lab.wait_worked_off()
    assert lab.items(reader) == (set(posts) if last == "follow" else set())


def test_item_that_is_there_already_does_no_harm(lab):
    author, = lab.users(1)
    followers = following(lab, author, 5)
    posts = [lab.post(author) for _ in range(3)]
    lab.run("INSERT INTO feed_items (user_id, post_id, author_id) VALUES (%s, %s, %s)", followers[0], posts[1], author)
    materializer = lab.materializer()
    lab.wait_worked_off()
    for post in posts:
        assert lab.holders(post) == set(followers)
    assert materializer.metrics()["freshet_feed_conflicts_total"] == 1


# ---- bad events ----

def test_bad_event_dies_alone(lab):
    """A permanent error is bisected down to its event, which is dead after five tries; all else goes on, and the later
    posts of its author keep their order."""
    victim, neighbour = lab.users(2)
    reader, = lab.users(1)
    lab.edge(reader, victim)
    lab.edge(reader, neighbour)
    lab.run("CREATE TABLE poison (post_id bigint)")
    lab.run("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF EXISTS (SELECT FROM poison WHERE post_id = NEW.post_id) THEN "
            "RAISE EXCEPTION 'poisoned %%', NEW.post_id USING ERRCODE = '22023'; END IF; RETURN NEW; END $$")
    lab.run("CREATE TRIGGER refuse BEFORE INSERT ON feed_items FOR EACH ROW EXECUTE FUNCTION refuse()")
    try:
        bad = lab.post(victim)
        lab.run("INSERT INTO poison VALUES (%s)", bad)
        good = [lab.post(author) for author in (victim, neighbour) * 20]
        tap = lab.tap()
        materializer = lab.materializer()
        lab.wait_worked_off()
        assert lab.items(reader) == set(good)
        dead = lab.run("SELECT subject_id, tries, reason FROM outbox WHERE state = 2")
        assert dead == [(bad, 5, f"22023: fanout_posts: poisoned {bad}")], dead
        assert materializer.metrics()["freshet_outbox_dead_total"] == 1
        assert materializer.logs().count("outbox event is dead") == 1
        eventually(lambda: len(tap.heard_by(reader)) == 40, what="40 live events")
        for author in victim, neighbour:
            heard = [event.post_id for event in tap.heard_by(reader) if event.author_id == author]
            assert heard == sorted(heard)
    finally:
        lab.run("DROP TRIGGER refuse ON feed_items")
        lab.run("DROP FUNCTION refuse")
        lab.run("DROP TABLE poison")


def test_event_that_heals_keeps_its_place(lab):
    author, = lab.users(1)
    reader, = following(lab, author, 1)
    lab.run("ALTER TABLE feed_items ADD CONSTRAINT sick CHECK (author_id <> %s) NOT VALID" % author)
    tap = lab.tap()
    try:
        posts = [lab.post(author) for _ in range(5)]
        lab.materializer()
        eventually(lambda: lab.one("SELECT max(tries) FROM outbox") == 2, what="two failures")
    finally:
        lab.run("ALTER TABLE feed_items DROP CONSTRAINT sick")
    lab.wait_worked_off()
    eventually(lambda: len(tap.heard_by(reader)) == 5, what="all live events")
    assert [event.post_id for event in tap.heard_by(reader)] == posts
    assert lab.items(reader) == set(posts)


def test_event_of_an_unknown_kind_dies(lab):
    author, = lab.users(1)
    lab.event(author, 15, 1)
    lab.materializer()
    eventually(lambda: lab.run("SELECT reason FROM outbox WHERE state = 2 AND author_id = %s", author), what="a dead event")
    assert "kind 15" in lab.one("SELECT reason FROM outbox WHERE author_id = %s", author)


# ---- what it survives ----

@pytest.mark.parametrize("fault", FAULTS)
def test_post_survives_sigkill_and_a_nats_restart(lab, fault):
    author, = lab.users(1)
    followers = following(lab, author, 7)
    first = lab.materializer(fault=fault)
    posts = [lab.post(author, str(number)) for number in range(3)]
    assert first.child.wait(60) == -signal.SIGKILL, f"the fault point {fault} was not reached: {first.logs()}"
    lab.stop_nats()
    assert lab.pending(), "the events must still be there"
    second = lab.materializer()
    eventually(lambda: all(lab.items(user) == set(posts) for user in followers), what="pages, without NATS")
    tap = lab.start_nats_with_tap(second)
    lab.wait_worked_off()
    for user in followers:
        eventually(lambda: {event.post_id for event in tap.heard_by(user)} == set(posts), what="the live events")
        heard = [event.post_id for event in tap.heard_by(user)]
        assert list(dict.fromkeys(heard)) == posts, "order of first arrival"
    second.stop()


def test_second_materializer_takes_over(lab):
    authors = lab.users(24)
    reader, = lab.users(1)
    for author in authors:
        lab.edge(reader, author)
    first = lab.materializer()
    eventually(lambda: owned(first) == 16, what="the first to own everything")
    second = lab.materializer()
    posts = [lab.post(author) for author in authors]
    lab.wait_worked_off()
    eventually(lambda: owned(first) == owned(second) == 8, what="each to own half")
    posts += [lab.post(author) for author in authors]
    first.kill()
    posts += [lab.post(author) for author in authors]
    eventually(lambda: owned(second) == 16, what="the second to own everything")
    lab.wait_worked_off()
    assert lab.items(reader) == set(posts)


def test_one_worker_takes_all(lab):
    materializer = lab.materializer(workers=1)
    eventually(lambda: owned(materializer) == 16, what="one worker to own everything")


def test_stalled_owner_loses_its_partitions(lab):
    """A process that stands still keeps its connections; the server ends them, and it does no harm when it wakes."""
    author, = lab.users(1)
    followers = following(lab, author, 3)
    first = lab.materializer()
    eventually(lambda: owned(first) == 16, what="the first to own everything")
    first.signal(signal.SIGSTOP)
    second = lab.materializer()
    posts = [lab.post(author) for _ in range(5)]
    lab.wait_worked_off()
    assert owned(second) > 0
    first.signal(signal.SIGCONT)
    eventually(lambda: "database session lost" in first.logs(), what="the first to notice")
    posts += [lab.post(author) for _ in range(5)]
    lab.wait_worked_off()
    for user in followers:
        assert lab.items(user) == set(posts)
    eventually(lambda: owned(first) + owned(second) == 16, what="each partition to have one owner")


def test_wiped_store_loses_nothing(lab):
    authors = lab.users(8)
    readers = lab.users(12)
    for reader in readers:
        for author in authors:
            lab.edge(reader, author)
    lab.materializer()
    posts = []
    for round_number in range(30):
        posts += [lab.post(author) for author in authors]
        if round_number == 10:
            lab.stop_nats()
            lab.nats.wipe()
        if round_number == 20:
            lab.nats.start()
    lab.wait_worked_off()
    for reader in readers:
        assert lab.items(reader) == set(posts)


def test_more_events_than_memory_wait_for_nats(lab):
    """While NATS is away pages go on; what finds no room in memory is found in the table again, in order."""
    author, other = lab.users(2)
    reader, = following(lab, author, 1)
    lab.edge(reader, other)
    lab.stop_nats()
    try:
        materializer = lab.materializer(workers=1)
        for who, count in (author, 3000), (other, 100):
            ids = [lab.base + next(lab.posts) for _ in range(count)]
            lab.run("INSERT INTO posts (author_id, id, body) SELECT %s, id, id::text FROM unnest(%s::bigint[]) AS id",
                    who, ids)
            lab.run("INSERT INTO outbox (author_id, partition, kind, subject_id) "
                    "SELECT %s, %s, 1, id FROM unnest(%s::bigint[]) AS id", who, partition_of(who), ids)
        eventually(lambda: len(lab.items(reader)) == 3100, what="pages, without NATS")
        assert lab.one("SELECT count(*) FROM outbox WHERE state = 1") == 3100
    except BaseException:
        lab.nats.start()
        raise
    tap = lab.start_nats_with_tap(materializer)
    lab.wait_worked_off(120)
    eventually(lambda: len({event.post_id for event in tap.heard_by(reader)}) == 3100, what="all live events")
    for who in author, other:
        heard = list(dict.fromkeys(event.post_id for event in tap.heard_by(reader) if event.author_id == who))
        assert heard == sorted(heard)


def test_pages_go_on_while_nats_hangs(lab):
    """A server that is there but does not answer fills the bus: step one does not wait for it."""
    author, = lab.users(1)
    followers = following(lab, author, 30)
    lab.materializer(workers=1, publish_pending=10)
    first = lab.post(author)
    lab.wait_worked_off()
    hanging = lab.nats.pid()
    os.kill(hanging, signal.SIGSTOP)
    try:
        posts = [first] + [lab.post(author) for _ in range(10)]
        eventually(lambda: all(lab.items(user) == set(posts) for user in followers), what="pages, with NATS hanging")
        posts.append(lab.post(author))
        eventually(lambda: all(lab.items(user) == set(posts) for user in followers), what="a later post's pages")
        assert lab.one("SELECT count(*) FROM outbox") == 11
    finally:
        os.kill(hanging, signal.SIGCONT)
    lab.wait_worked_off()


def test_database_session_lost(lab):
    author, = lab.users(1)
    followers = following(lab, author, 3)
    materializer = lab.materializer()
    posts = []
    for _ in range(3):
        posts += [lab.post(author) for _ in range(10)]
        eventually(lambda: lab.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                   "WHERE application_name LIKE 'freshet-materializer/%%'"), what="sessions to end")
        posts += [lab.post(author) for _ in range(10)]
    lab.wait_worked_off()
    for user in followers:
        assert lab.items(user) == set(posts)
    assert materializer.alive
    assert materializer.logs().count("outbox is worked off again") >= 1


def test_stop_under_load_is_clean_and_loses_nothing(lab):
    authors = lab.users(6)
    reader, = lab.users(1)
    for author in authors:
        lab.edge(reader, author)
    posts = []
    for _ in range(3):
        materializer = lab.materializer()
        eventually(lambda: owned(materializer) == 16, what="all partitions")
        posts += [lab.post(author) for author in authors * 10]
        materializer.stop()
        assert lab.one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    lab.materializer()
    lab.wait_worked_off()
    assert lab.items(reader) == set(posts)


def test_starts_without_nats_and_gets_ready_when_it_comes(lab):
    author, = lab.users(1)
    reader, = following(lab, author, 1)
    lab.stop_nats()
    try:
        materializer = lab.materializer()
        post = lab.post(author)
        eventually(lambda: lab.items(reader) == {post}, what="the page, without NATS")
        status, body = materializer.readiness()
        assert status == 503 and "nats" in body and "postgresql" not in body, body
    finally:
        lab.nats.start()
    lab.wait_worked_off()
    eventually(lambda: materializer.readiness()[0] == 200, what="readiness")


def test_waits_for_a_database_that_is_away(lab):
    lab.db.close()
    lab.stack.postgres.stop()
    materializer = lab.materializer()
    try:
        eventually(lambda: "database is away" in materializer.logs(), what="a line that says so")
    finally:
        lab.stack.postgres.start()
        lab.connect()
    eventually(lambda: owned(materializer) == 16, what="all partitions")
    materializer.stop()


def test_refuses_a_newer_schema(lab):
    newer = lab.one("INSERT INTO schema_migrations SELECT max(version) + 1, 'from_the_future' FROM schema_migrations "
                    "RETURNING version")
    try:
        materializer = lab.materializer()
        assert materializer.child.wait(60) == 1
        assert "newer" in materializer.logs(), materializer.logs()
    finally:
        lab.run("DELETE FROM schema_migrations WHERE version = %s", newer)


def test_refuses_an_older_schema(lab):
    newest = lab.run("DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations) "
                     "RETURNING *")[0]
    try:
        materializer = lab.materializer()
        assert materializer.child.wait(60) == 1
        assert "older" in materializer.logs() and "migrate" in materializer.logs(), materializer.logs()
    finally:
        lab.run("INSERT INTO schema_migrations VALUES (" + ", ".join(["%s"] * len(newest)) + ")", *newest)


def test_bad_setting_is_refused_by_name(lab):
    materializer = lab.materializer(batch_events=501)
    assert materializer.child.wait(60) == 1
    assert "FRESHET_BATCH_EVENTS" in materializer.logs()
