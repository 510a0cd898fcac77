"""Every fault that Freshet must survive, under load. The verdict is the same for all (verdict.py); README.md tells how to
repeat a failure and how to add a fault."""

import random
import signal
import threading
import time

import pytest

from harness import eventually
from outbox_lab import partition_of

OUTAGE, LONG_OUTAGE = 5, 30  # s
STALL, LONG_STALL = 12, 20  # s; the server takes a silent owner's locks after 8
POINTS = ["after_read", "after_insert", "after_commit", "after_publish", "before_delete", "before_flip", "after_flip"]


# ---- what is done to the system. Each returns when the system has what it needs to recover ----

def kill_at(point):
    def strike(scene):
        """A materializer that dies at that point gets all the work, twice; then one that lives takes over."""
        stack, healthy = scene.stack, scene.stack.materializers[0]
        doomed = stack.add_materializer(**scene.materializer_settings(bool(scene.proxies)))
        doomed.environment["FRESHET_FAULT"] = point
        healthy.stop()
        for _ in range(2):
            scene.go_on(0.5)  # a backlog: more than one event is under way when it dies
            doomed.start(wait=False)
            assert doomed.child.wait(60) == -signal.SIGKILL, f"the fault point {point} was not reached"
        stack.materializers.remove(doomed)
        doomed.check_log()
        healthy.start()
    return strike


def kill_materializer(scene):
    """Just so, in the midst of its work; another is there."""
    victim = scene.stack.materializers[-1]
    victim.kill()
    scene.go_on(2)
    victim.start()


def stall_materializer(scene):
    """Stands still for longer than its locks are good for; wakes up and believes that nothing has happened."""
    victim = scene.stack.materializers[0]
    victim.signal(signal.SIGSTOP)
    scene.go_on(LONG_STALL if scene.long else STALL)
    victim.signal(signal.SIGCONT)
    scene.go_on(1)


def kill_nats(scene):
    scene.stack.nats.kill()
    scene.go_on(3 if scene.long else 0.5)
    scene.stack.nats.start()


def wipe_nats(scene):
    scene.stack.lose_nats_store()


def stop_postgres_at_once(scene):
    scene.stack.postgres.stop_immediately()
    scene.stack.postgres.start()


def database_outage(scene):
    scene.stack.postgres.stop_immediately()
    scene.go_on(LONG_OUTAGE if scene.long else OUTAGE)
    scene.stack.postgres.start()


def terminate_backends(scene):
    """An administrator's hand in the midst of transactions: again and again, whatever the materializer is about."""
    ended = 0
    for turn in range(60 if scene.long else 20):
        busy = "AND state <> 'idle'" if turn % 4 else ""
        ended += scene.stack.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                                 f"WHERE application_name LIKE 'freshet-materializer%%' {busy}")[0][0]
        scene.go_on(0.1)
    assert ended > 0, "no session of a materializer was ended"


def cut_connections(scene):
    for proxy in scene.proxies:
        proxy.odds = 0.1
    scene.go_on(15 if scene.long else 4)
    for proxy in scene.proxies:
        proxy.odds = 0
    assert sum(proxy.cuts for proxy in scene.proxies) > 0, "no connection was cut"


def start_two_at_once(scene):
    """After a moment without any, so that both find work and no owner."""
    victims = scene.stack.materializers
    for victim in victims:
        victim.stop()
    scene.go_on(1)
    for victim in victims:
        victim.start(wait=False)
    for victim in victims:
        victim.wait_ready()


def kill_gateway(scene):
    victim = scene.stack.gateways[1]
    victim.kill()
    scene.go_on(5 if scene.long else 1)
    victim.start()


def cut_nats(scene):
    """The gateways lose NATS, and nothing is lost in it."""
    for proxy in scene.nats_proxies:
        proxy.cut_all()


def storm(scene):
    """One thing after another, whatever comes: connections to NATS are cut more often than not."""
    choice = random.Random(f"{scene.seed}:storm")
    end = time.monotonic() + (240 if scene.long else 12)
    while time.monotonic() < end:
        strike, = choice.choices((cut_nats, kill_gateway, kill_nats, wipe_nats, kill_materializer), (8, 3, 1, 1, 2))
        strike(scene)
        for gateway in scene.stack.gateways:
            gateway.wait_ready()
        scene.go_on(choice.random() * (6 if scene.long else 2))


# ---- the table ----

class Fault:
    def __init__(self, name, *strikes, begin=None):
        self.name, self.strikes, self.begin = name, strikes, begin or {}


FAULTS = [
    *[Fault(f"materializer-dies-{point}", kill_at(point)) for point in POINTS],
    Fault("materializer-killed", kill_materializer, begin={"materializers": 2}),
    Fault("materializer-stalled", stall_materializer, begin={"materializers": 2}),
    Fault("two-materializers-at-once", start_two_at_once, begin={"materializers": 2}),
    Fault("nats-killed", kill_nats),
    Fault("nats-store-wiped", wipe_nats),
    Fault("postgres-stopped-at-once", stop_postgres_at_once),
    Fault("database-outage", database_outage),
    Fault("backends-terminated", terminate_backends, begin={"materializers": 2}),
    Fault("connections-cut", cut_connections, begin={"proxied": True}),
    Fault("gateway-killed", kill_gateway),
    Fault("storm", storm, begin={"materializers": 2, "nats_proxied": True, "people": {"listeners": 30}}),
]

PAIRS = [
    Fault("stall-and-wiped-store", stall_materializer, wipe_nats, begin={"materializers": 2}),
    Fault("outage-and-nats-killed", database_outage, kill_nats),
    Fault("outage-and-gateway-killed", database_outage, kill_gateway),
    Fault("death-and-wiped-store", kill_at("after_commit"), wipe_nats),
    Fault("death-and-nats-killed", kill_at("after_publish"), kill_nats),
    Fault("death-and-cut-connections", kill_at("before_delete"), cut_connections, begin={"proxied": True}),
    Fault("gateway-and-materializer-killed", kill_gateway, kill_materializer, begin={"materializers": 2}),
    Fault("wiped-store-and-gateway-killed", wipe_nats, kill_gateway),
    Fault("cut-connections-and-wiped-store", cut_connections, wipe_nats, begin={"proxied": True}),
]


def strike_together(scene, strikes):
    """The first in this thread, the others beside it."""
    problems = []

    def run(strike):
        try:
            strike(scene)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(strike,)) for strike in strikes[1:]]
    for thread in threads:
        thread.start()
    run(strikes[0])
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


@pytest.mark.parametrize("fault", FAULTS + [pytest.param(pair, marks=pytest.mark.faults) for pair in PAIRS],
                         ids=lambda fault: fault.name)
def test_fault(scene, fault):
    scene.begin(**fault.begin)
    for _ in range(3 if scene.long and fault.name != "storm" else 1):
        strike_together(scene, fault.strikes)
        if scene.long:
            scene.go_on(3)
    scene.end()


def test_no_fault(scene):
    """The load alone; idols become celebrities and cease to be."""
    scene.begin(materializers=2)
    scene.go_on(30 if scene.long else 4)
    scene.end()
    assert scene.flipped["became"] > 0 and scene.flipped["ceased"] > 0, scene.flipped


def test_verdict_finds_what_is_planted(scene):
    """A verdict that always says yes would pass every test above."""
    scene.begin(gateways=1)
    scene.load.stop()
    assert scene.judge() == []
    stack, load = scene.stack, scene.load
    watcher = next(one for one in load.watchers if one.joined.frames)
    user = watcher.user
    kept = stack.sql("SELECT user_id, post_id, author_id FROM feed_items WHERE user_id = %s", user)
    lost, post, author = kept[-1]
    stranger, = stack.sql("SELECT p.author_id, p.id FROM posts p WHERE p.deleted_at IS NULL AND NOT EXISTS (SELECT "
                          "FROM followees WHERE follower_id = %s AND followed_id = p.author_id) LIMIT 1", user)

    def planted(plant, undo, *words):
        """What is written past the gateways and the materializers must say so to pages that are kept ready."""
        walks = list(load.history.walks)
        plant()
        stack.sql("INSERT INTO page_changes (author_id, subject_id, kind) VALUES (0, 0, 4)")
        try:
            found = "\n".join(scene.judge(live_patience=0))
            assert all(word in found for word in words), f"{words} not in: {found}"
        finally:
            undo()
            stack.sql("INSERT INTO page_changes (author_id, subject_id, kind) VALUES (0, 0, 4)")
            load.history.walks[:] = walks

    planted(lambda: stack.sql("DELETE FROM feed_items WHERE user_id = %s AND post_id = %s", user, post),
            lambda: stack.sql("INSERT INTO feed_items VALUES (%s, %s, %s)", user, post, author),
            f"feed of {user} lacks the item {post}", f"page of {user} lacks", "freshetctl audit")
    planted(lambda: stack.sql("INSERT INTO feed_items VALUES (%s, %s, %s)", user, stranger[1], stranger[0]),
            lambda: stack.sql("DELETE FROM feed_items WHERE user_id = %s AND post_id = %s", user, stranger[1]),
            f"feed of {user} has the item {stranger[1]}", "freshetctl audit")
    planted(lambda: stack.sql("UPDATE posts SET deleted_at = now() WHERE id = %s", post),
            lambda: stack.sql("UPDATE posts SET deleted_at = NULL WHERE id = %s", post),
            f"post {post} of {author} is deleted; nobody did")
    planted(lambda: stack.sql("DELETE FROM followees WHERE follower_id = %s AND followed_id = %s", user, author),
            lambda: stack.sql("INSERT INTO followees (follower_id, followed_id) VALUES (%s, %s)", user, author),
            f"the answered follow {(user, author)} is lost", f"follow {(user, author)} is in one direction only")
    frames = watcher.joined.frames
    there = {number for number, *_ in stack.sql("SELECT id FROM posts WHERE deleted_at IS NULL")}
    frame = next(one for one in frames if one[1] in there and (user, one[2]) in set(
        stack.sql("SELECT follower_id, followed_id FROM followees")) and one[1] not in watcher.joined.filled.ids)
    place = frames.index(frame)
    planted(lambda: frames.remove(frame), lambda: frames.insert(place, frame), f"{frame[1]} of {frame[2]}", "never came")
    assert scene.judge() == []
    scene.end()


def test_clock_steps_back(scene):
    """One gateway's clock goes back a second, and forth, and back, while authors post through both by turns."""
    scene.begin(roam=0.5)
    for step in (-1000, 0, -1000) * (3 if scene.long else 1):
        scene.move_clock(scene.stack.gateways[0], step)
        before = scene.load.done["post"]
        scene.go_on(1.5)
        eventually(lambda: scene.load.done["post"] > before, what="posts, with the clock wrong")
    scene.end()


def test_poison(scene):
    """One post that no feed takes, and another author's event of a kind that nobody knows: both are dead after their
    tries, everything else goes on; then the one is replayed and the other dropped."""
    scene.begin(materializers=2)
    stack = scene.stack
    guest = scene.load.guest
    stack.sql("CREATE TABLE poison (author_id bigint)")
    stack.sql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
              "IF EXISTS (SELECT FROM posts p WHERE p.author_id = NEW.author_id AND p.id = NEW.post_id AND p.body "
              "LIKE 'poison%%') AND EXISTS (SELECT FROM poison) THEN "
              "RAISE EXCEPTION 'poisoned' USING ERRCODE = '22023'; END IF; RETURN NEW; END $$")
    stack.sql("CREATE TRIGGER refuse BEFORE INSERT ON feed_items FOR EACH ROW EXECUTE FUNCTION refuse()")
    stack.sql("INSERT INTO poison VALUES (1)")
    number = [scene.load.call(guest.post(text)) for text in ("before", "poison", "after")][1]
    other = scene.load.idols[0].user
    stack.sql("INSERT INTO outbox (author_id, partition, kind, subject_id) VALUES (%s, %s, 15, 1)", other,
              partition_of(other))
    dead = eventually(lambda: len(rows := stack.sql("SELECT event_id, kind, author_id FROM outbox WHERE state = 2")) == 2
                      and rows, what="two dead events")
    assert sorted(kind for _, kind, _ in dead) == [1, 15], dead
    stack.sql("DELETE FROM poison")
    for event, kind, author in dead:
        stack.ctl("dead", *(["replay"] if kind == 1 else ["drop", "--yes"]), author, event)
    scene.end(expected_errors=["outbox event is dead"], late=[number])
