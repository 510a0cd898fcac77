"""Live messages are for those who are connected, or were within their resume window, and for nobody else."""

import pytest

from harness import eventually
from outbox_lab import CELEBRITY, DELETE, EDIT, FOLLOW, POST, UNFOLLOW, Lab

GRACE_S = 30  # FR_PRESENCE_GRACE_MS


@pytest.fixture(scope="module")
def servers():
    lab = Lab(celebrity_threshold=3, celebrity_quiet="200ms")
    yield lab
    lab.close()


def recipients(tap, author):
    return {int(subject.rsplit(".", 1)[1]) for subject in tap.heard_of(author)}


def test_only_who_is_online_is_told(lab):
    author, = lab.users(1)
    here, away = lab.users(4), lab.users(12, online=False)
    for user in here + away:
        lab.edge(user, author)
    tap = lab.tap()
    materializer = lab.materializer()
    posts = [lab.post(author) for _ in range(10)]
    lab.edit(author, posts[3], "other")
    lab.delete(author, posts[5])
    lab.wait_worked_off()
    for user in here + away:
        assert lab.items(user) == set(posts) - {posts[5]}, "pages are for everybody"
    for user in here:
        eventually(lambda: {event.kind for event in tap.heard_by(user)} == {POST, EDIT, DELETE}, what="all live events")
    assert recipients(tap, author) == set(here)
    told, messages = (materializer.metrics().get(f"freshet_{name}_total") for name in ("posts_told", "post_messages"))
    assert told == 10
    assert messages in (36, 40), "four of sixteen, for each post; the deleted one perhaps for nobody"


def test_presence_ends_by_itself_after_its_grace(lab):
    author, = lab.users(1)
    still, just_gone, long_gone, never = (lab.users(1, online=False)[0] for _ in range(4))
    lab.go_online([still], "1 second")
    lab.go_online([just_gone], f"-{GRACE_S - 25} seconds")
    lab.go_online([long_gone], f"-{GRACE_S + 1} seconds")
    for user in still, just_gone, long_gone, never:
        lab.edge(user, author)
    tap = lab.tap()
    lab.materializer()
    lab.post(author)
    lab.wait_worked_off()
    eventually(lambda: len(tap.messages) == 2, what="two live events")
    assert recipients(tap, author) == {still, just_gone}


def test_who_comes_online_is_told_of_what_is_committed_later(lab):
    author, = lab.users(1)
    reader, = lab.users(1, online=False)
    lab.edge(reader, author)
    tap = lab.tap()
    lab.materializer()
    lab.post(author)
    lab.wait_worked_off()
    lab.go_online([reader])
    second = lab.post(author)
    lab.wait_worked_off()
    eventually(lambda: tap.heard_by(reader), what="the live event")
    assert [event.post_id for event in tap.heard_by(reader)] == [second]


def test_many_offline_followers_between_online_ones(lab):
    """More followers than are read at a time, few of them online, of an author in the midst of others."""
    before, author, after = lab.users(3)
    followers = lab.users(40000, online=False)
    online = followers[::7]
    lab.go_online(online)
    lab.run("INSERT INTO followers (followed_id, follower_id) SELECT %s, unnest(%s::bigint[])", author, followers)
    lab.edge(before, after)
    lab.edge(after, before)
    tap = lab.tap()
    for who in before, author, after:
        lab.post(who)
    lab.materializer(publish_pending=500)
    lab.wait_worked_off()
    eventually(lambda: len(tap.messages) == len(online) + 2, what="one message for each who is online")
    assert recipients(tap, author) == set(online)


def test_celebrity_is_told_once_whoever_is_online(lab):
    author, = lab.users(1, celebrity=True)
    for user in lab.users(3, online=False):
        lab.edge(user, author)
    tap = lab.tap()
    lab.materializer()
    post = lab.post(author)
    lab.wait_worked_off()
    eventually(lambda: tap.messages, what="the live event")
    assert [(subject, event.post_id) for subject, event in tap.messages] == [(f"celeb.{author}", post)]


# ---- follows ----

def test_follow_and_unfollow_are_told_to_the_follower_alone(lab):
    author, = lab.users(1)
    reader, other = lab.users(2)
    away, = lab.users(1, online=False)
    lab.edge(other, author)
    tap = lab.tap()
    lab.materializer()
    for user in reader, away:
        lab.follow(user, author)
        lab.wait_worked_off()
    post = lab.post(author)
    lab.wait_worked_off()
    for user in reader, away:
        lab.unfollow(user, author)
        lab.wait_worked_off()
    eventually(lambda: len(tap.heard_by(reader)) == 3, what="follow, post, unfollow")
    assert [(event.kind, event.author_id, event.follower_id, event.post_id) for event in tap.heard_by(reader)] == \
        [(FOLLOW, author, reader, 0), (POST, author, 0, post), (UNFOLLOW, author, reader, 0)]
    assert [event.kind for event in tap.heard_by(other)] == [POST]
    assert tap.heard_by(away) == []


def test_follows_of_a_celebrity_are_told_on_the_celebrity(lab):
    author, = lab.users(1, celebrity=True)
    lab.run("UPDATE users SET follower_count = 1000 WHERE id = %s", author)
    reader, away = lab.users(1) + lab.users(1, online=False)
    tap = lab.tap()
    lab.materializer()
    lab.follow(reader, author)
    lab.follow(away, author)
    post = lab.post(author)
    lab.unfollow(reader, author)
    lab.wait_worked_off()
    events = eventually(lambda: len(tap.messages) == 4 and tap.messages, what="four events")
    assert {subject for subject, _ in events} == {f"celeb.{author}"}
    # What is told is what the edge is by then.
    assert [(event.follower_id, event.post_id) for _, event in events] == [(reader, 0), (away, 0), (0, post), (reader, 0)]
    assert events[1][1].kind == FOLLOW and events[3][1].kind == UNFOLLOW


@pytest.mark.parametrize("last", ["follow", "unfollow"])
def test_late_follows_tell_what_the_edge_is_now(lab, last):
    """Events that come late, or twice, agree with what is: the last word is right, whatever the words before."""
    author, reader = lab.users(2)
    for _ in range(3):
        lab.follow(reader, author)
        lab.unfollow(reader, author)
    if last == "follow":
        lab.follow(reader, author)
    lab.event(author, FOLLOW, reader)
    lab.event(author, UNFOLLOW, reader)
    lab.event(author, FOLLOW, reader)
    tap = lab.tap()
    lab.materializer()
    lab.wait_worked_off()
    count = 10 if last == "follow" else 9
    eventually(lambda: len(tap.heard_by(reader)) == count, what=f"{count} events")
    assert {event.kind for event in tap.heard_by(reader)} == {FOLLOW if last == "follow" else UNFOLLOW}


def test_import_tells_gateways_of_new_celebrities(lab, tmp_path):
    author, = lab.users(1)
    readers = lab.users(4)
    tap = lab.tap()
    lab.materializer()
    file = tmp_path / "follows.tsv"
    file.write_text("".join(f"{reader}\t{author}\n" for reader in readers), encoding="ascii")
    lab.stack.ctl("import-follows", file, "--celebrity-threshold=3")
    lab.wait_worked_off()
    eventually(lambda: tap.messages, what="the live event")
    assert [(subject, event.kind) for subject, event in tap.messages] == [(f"celeb.{author}", CELEBRITY)]
    assert lab.one("SELECT is_celebrity FROM users WHERE id = %s", author)
