"""Dead events: shown, replayed, dropped; and an outage, which never makes one."""

import os
import re
import signal
import threading

import pytest

from api import Api
from harness import eventually
from outbox_lab import DELETE, FOLLOW, UNFOLLOW, Lab


@pytest.fixture(scope="module")
def shared():
    lab = Lab()
    # A post whose id is in this table can't be put into a feed.
    lab.run("CREATE TABLE poison (post_id bigint)")
    lab.run("CREATE FUNCTION poisoned() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF EXISTS (SELECT FROM poison WHERE post_id = NEW.post_id) THEN "
            "RAISE EXCEPTION 'poisoned %%', NEW.post_id USING ERRCODE = '22023'; END IF; RETURN NEW; END $$")
    lab.run("CREATE TRIGGER poisoned BEFORE INSERT ON feed_items FOR EACH ROW EXECUTE FUNCTION poisoned()")
    yield lab
    lab.close()


@pytest.fixture
def lab(shared):
    yield shared
    shared.clean()
    shared.run("DELETE FROM poison")


def follower_of(lab, author):
    reader, = lab.users(1)
    lab.edge(reader, author)
    return reader


def kill(lab, *events):
    """As if they had failed five times."""
    lab.run("UPDATE outbox SET state = 2, tries = 5, reason = %s WHERE event_id = ANY (%s)",
            "22023: fanout_posts: it\nis \x1b[31mbad", list(events))


def state_of(lab, event):
    return lab.run("SELECT state, tries, reason FROM outbox WHERE event_id = %s", event)


def shown(lab, author, event):
    told = lab.stack.ctl("dead", "show", author, event).stdout
    return {line[:12].strip(): line[13:] for line in told.splitlines()}


# ---- show ----

def test_show_tells_all_of_an_event(lab):
    author, = lab.users(1)
    post = lab.post(author, "line\n\x1b[31m" + "x" * 1000)
    event = lab.one("UPDATE outbox SET request_id = 'the-one', traceparent = 'trace' RETURNING event_id")
    lab.post(author)
    kill(lab, event)
    told = shown(lab, author, event)
    assert told["author"] == str(author) and told["event"] == str(event) and told["kind"] == "post"
    assert told["subject"] == str(post) and told["tries"] == "5" and told["post"] == "revision 1"
    assert told["request"] == "the-one" and told["trace"] == "trace"
    assert told["reason"] == "22023: fanout_posts: it is  [31mbad"
    assert re.fullmatch(r"line  \[31mx{200,260}\.\.\.", told["text"]), told["text"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", told["accepted"])
    assert told["later events"].startswith("1 of this author")


def test_show_says_what_a_replay_would_do(lab):
    author, = lab.users(1)
    star, = lab.users(1, celebrity=True)
    reader = follower_of(lab, author)
    gone = lab.post(author, told=False)
    lab.delete(author, gone)
    for writer, kind, subject, told in [
            (author, 1, lab.post(author, told=False), "puts the post into the feed of everyone who follows the author now"),
            (author, 1, gone, "nothing for feeds: the post is deleted"),
            (author, 1, 77, "nothing: the post does not exist"),
            (star, 1, lab.post(star, told=False), "keeps the post for the pages of all followers"),
            (author, 2, gone, "nothing for feeds, pages have the new text already"),
            (author, DELETE, gone, "takes the post out of the feeds"),
            (author, FOLLOW, reader, "brings the author's newest posts into the follower's feed"),
            (author, FOLLOW, star, "nothing: the subject does not follow the author now"),
            (author, UNFOLLOW, reader, "nothing: the subject follows the author again"),
            (author, UNFOLLOW, star, "takes the author's posts out of the former follower's feed"),
            (author, 6, author, "looks at the author's number of followers again"),
            (author, 7, author, "tells the open connections that the account is gone")]:
        event = lab.event(writer, kind, subject)
        kill(lab, event)
        assert shown(lab, writer, event)["a replay"].startswith(told), (kind, subject)


@pytest.mark.parametrize("command", [["show"], ["replay"], ["drop"], ["drop", "--yes"]])
def test_only_dead_events_can_be_named(lab, command):
    author, = lab.users(1)
    lab.post(author)
    event = lab.one("SELECT event_id FROM outbox")
    for number, told in [(event, f"event {event} of author {author} is not dead"),
                         (999999999, f"author {author} has no event 999999999")]:
        done = lab.stack.ctl("dead", *command, author, number, check=False)
        assert done.returncode == 1 and done.stdout == "" and told in done.stderr
    assert state_of(lab, event) == [(0, 0, None)]


@pytest.mark.parametrize("arguments, told", [
    (["show", "5"], "dead show: AUTHOR EVENT is missing"),
    (["show", "x", "5"], "AUTHOR: must be a user's id"),
    (["show", "5", "x"], "EVENT: must be an event's number"),
    (["show", "5", "6", "--all"], "--all: dead show has no such option"),
    (["replay"], "wants AUTHOR and EVENT, as dead list shows them, or --all"),
    (["replay", "5"], "wants AUTHOR and EVENT"),
    (["replay", "5", "6", "--all"], "wants AUTHOR and EVENT"),
    (["replay", "--all", "--yes"], "--yes: dead replay has no such option"),
    (["drop", "5"], "wants AUTHOR and EVENT"),
])
def test_wrong_usage(lab, arguments, told):
    done = lab.stack.ctl("dead", *arguments, check=False)
    assert done.returncode == 2 and done.stdout == "" and told in done.stderr


# ---- replay ----

def test_a_replayed_post_comes_into_the_feeds(lab):
    """Whatever the author posted since, and a cause that is still there makes it dead again."""
    author, = lab.users(1)
    reader = follower_of(lab, author)
    bad = lab.post(author)
    lab.run("INSERT INTO poison VALUES (%s)", bad)
    event = lab.one("SELECT event_id FROM outbox")
    lab.materializer()
    eventually(lambda: state_of(lab, event)[0][0] == 2)
    good = [lab.post(author) for _ in range(3)]
    lab.wait_worked_off()
    assert lab.items(reader) == set(good)
    told = lab.stack.ctl("dead", "replay", author, event).stdout
    assert told == "1 event pending again; the materializer tries within seconds\n"
    eventually(lambda: state_of(lab, event)[0][:2] == (2, 5))
    assert "poisoned" in state_of(lab, event)[0][2]
    lab.run("DELETE FROM poison")
    lab.stack.ctl("dead", "replay", author, event)
    lab.wait_worked_off()
    assert lab.items(reader) == {bad, *good}
    assert lab.stack.ctl("audit", f"--user={reader}").returncode == 0


def test_the_reason_stays_until_the_replay_succeeds(lab):
    author, = lab.users(1)
    lab.post(author)
    event = lab.one("SELECT event_id FROM outbox")
    kill(lab, event)
    lab.stack.ctl("dead", "replay", author, event)
    state, tries, reason = state_of(lab, event)[0]
    assert (state, tries) == (0, 0) and reason.startswith("22023")


def test_all_are_replayed(lab):
    author, other = lab.users(2)
    reader = follower_of(lab, author)
    lab.edge(reader, other)
    posts = {lab.post(author), lab.post(other), lab.post(author)}
    kill(lab, *[event for event, in lab.run("SELECT event_id FROM outbox")])
    assert lab.stack.ctl("dead", "replay", "--all").stdout.startswith("3 events pending again")
    lab.materializer()
    lab.wait_worked_off()
    assert lab.items(reader) == posts
    assert lab.stack.ctl("dead", "replay", "--all").stdout == "no event is dead\n"


def test_a_post_that_was_followed_into_the_feed_can_be_replayed(lab):
    """A later follower's backfill may hold it already."""
    author, = lab.users(1)
    post = lab.post(author)
    event = lab.one("SELECT event_id FROM outbox")
    kill(lab, event)
    late, = lab.users(1)
    lab.follow(late, author)
    lab.materializer()
    lab.wait_worked_off()
    lab.stack.ctl("dead", "replay", author, event)
    lab.wait_worked_off()
    assert lab.items(late) == {post}
    assert lab.stack.ctl("audit", f"--user={late}").returncode == 0


# ---- drop ----

def test_a_drop_asks_first(lab):
    author, = lab.users(1)
    reader = follower_of(lab, author)
    post = lab.post(author, "the text")
    event = lab.one("SELECT event_id FROM outbox")
    kill(lab, event)
    done = lab.stack.ctl("dead", "drop", author, event, check=False)
    assert done.returncode == 2 and "the text" in done.stdout and "audit --repair" in done.stdout and "--yes" in done.stdout
    assert state_of(lab, event)[0][0] == 2
    told = lab.stack.ctl("dead", "drop", author, event, "--yes").stdout
    assert told == "1 event dropped; audit --repair puts the feeds right\n" and state_of(lab, event) == []
    assert lab.items(reader) == set()
    lab.stack.ctl("audit", f"--user={reader}", "--repair")
    assert lab.items(reader) == {post}


def test_all_are_dropped(lab):
    author, = lab.users(1)
    posts = [lab.post(author) for _ in range(3)]
    events = [event for event, in lab.run("SELECT event_id FROM outbox ORDER BY 1")]
    kill(lab, *events[:2])
    done = lab.stack.ctl("dead", "drop", "--all", check=False)
    assert done.returncode == 2 and "2 dead events would be lost" in done.stdout
    assert lab.stack.ctl("dead", "drop", "--all", "--yes").stdout.startswith("2 events dropped")
    assert lab.run("SELECT subject_id FROM outbox") == [(posts[2],)]


# ---- outages ----

def stop_at_once(postgres):
    """PostgreSQL's immediate shutdown: sessions are cut off, the log is replayed at the next start."""
    pid = postgres.pid()
    os.kill(pid, signal.SIGQUIT)
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), what=f"end of process {pid}")


def test_an_outage_consumes_no_tries(own_stack):
    """PostgreSQL is stopped at once, again and again, while posts are written and fanned out."""
    stack = own_stack()
    writer, *readers = stack.make_users(200)
    stack.make_follows([(reader, writer) for reader in readers])
    api, token = Api(f"http://127.0.0.1:{stack.gateway.port}"), stack.mint(writer)
    stopping, accepted, answers = threading.Event(), [], []

    def write():
        while not stopping.is_set():
            try:
                answer = api.call("POST", "/post/create", token, json_body={"text": "text"})
                answers.append(answer.status)
                if answer.status == 200:
                    accepted.append(int(answer.json))
            except OSError:
                answers.append(0)

    def tries():
        return stack.sql("SELECT coalesce(max(tries), 0), coalesce(max(state), 0) FROM outbox WHERE tries > 0 OR state = 2")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(4):
            before = len(accepted)
            eventually(lambda before=before: len(accepted) > before + 20)
            stop_at_once(stack.postgres)
            stack.postgres.start()
            assert tries() == [(0, 0)]
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert set(answers) <= {200, 503, 0}
    stack.settled()
    assert stack.materializer.metrics().get("freshet_outbox_dead_total", 0) == 0
    with open(stack.materializer.log, encoding="utf-8") as log:
        assert "outbox event failed" not in log.read()
    held = {post for post, in stack.sql("SELECT post_id FROM feed_items WHERE user_id = %s", readers[-1])}
    assert held >= set(accepted)
    stack.ctl("audit", "--all", "--pages")
