"""The judges themselves: each defect, planted into a history by hand, is found, and its harmless twin is not."""

import pytest

from history import NEVER, Attempt, Edge, History, Post, Version, Walk
from verdict import (judge_connection, judge_order_of_acceptance, judge_vanishing, judge_walk, missing_live,
                     surplus_live)
from watchers import Connection, Watcher

READER, AUTHOR, OTHER = 1, 2, 3


def history(follows_from=-NEVER, follows_to=NEVER, posts=(10, 11, 12)):
    """READER follows AUTHOR in that time; the posts were sent at the seconds of their ids."""
    made = History([READER, AUTHOR, OTHER])
    edge = made.edge(READER, AUTHOR)
    for follow, at in ((True, follows_from), (False, follows_to)):
        if at != NEVER:
            edge.sent(follow, at)
            edge.answered(follow, at)
    made.posts = {number: Post(number, AUTHOR, f"text {number}", number, number + 0.1) for number in posts}
    return made


def walk(made, *numbers, at=20.0, text=None):
    return Walk(READER, at, at + 0.1, [(number, AUTHOR, text or f"text {number}") for number in numbers], True)


def watcher(made, *frames, filled=(), opened=5.0):
    """A connection with these frames: ids, or (time, id)."""
    one = Watcher(READER, "", [1], made, "seed")
    connection = Connection(1)
    connection.opened = opened
    connection.filled = walk(made, *filled, at=opened)
    pairs = [frame if isinstance(frame, tuple) else (frame + 0.2, frame) for frame in frames]
    connection.frames = [(at, number, AUTHOR, f"text {number}") for at, number in pairs]
    one.connections = [connection]
    return one


def deleted(made, number, sent, answered=NEVER):
    made.posts[number].delete_sent, made.posts[number].delete_answered = sent, answered
    return made


@pytest.mark.parametrize("steps, start, end, may, must", [
    ([], 0, 9, False, False),
    ([("sent", True, 5)], 0, 4, False, False),
    ([("sent", True, 5)], 6, 9, True, False),
    ([("sent", True, 5), ("answered", True, 6)], 6, 9, True, True),
    ([("sent", True, 5), ("answered", True, 6)], 5.5, 9, True, False),
    ([("sent", True, 5), ("answered", True, 6), ("sent", False, 7)], 6.5, 6.9, True, True),
    ([("sent", True, 5), ("answered", True, 6), ("sent", False, 7)], 6.5, 9, True, False),
    ([("sent", True, 5), ("answered", True, 6), ("sent", False, 7), ("answered", False, 8)], 8, 9, False, False),
    ([("sent", True, 5), ("sent", True, 6), ("answered", True, 7)], 7, 9, True, True),
])
def test_edge(steps, start, end, may, must):
    edge = Edge(False)
    for what, follow, at in steps:
        getattr(edge, what)(follow, at)
    assert (edge.may_hold(start, end), edge.must_hold(start, end)) == (may, must)


def edited(answered):
    made = history()
    made.posts[12].versions.append(Version("new", 15, answered))
    return made


@pytest.mark.parametrize("made, read, problem", [
    (history(), lambda made: walk(made, 12, 11, 10), None),
    (history(), lambda made: walk(made, 11, 12), "after"),
    (history(), lambda made: walk(made, 12, 12), "after"),
    (history(), lambda made: walk(made, 99), "never written"),
    (history(follows_from=NEVER), lambda made: walk(made, 12), "not followed"),
    (history(follows_to=19), lambda made: walk(made, 12), "not followed"),
    (history(follows_to=20.05), lambda made: walk(made, 12), None),
    (deleted(history(), 12, 18, 19), lambda made: walk(made, 12), "deleted before"),
    (deleted(history(), 12, 18), lambda made: walk(made, 12), None),
    (edited(16), lambda made: walk(made, 12, text="new"), None),
    (edited(16), lambda made: walk(made, 12), "as 'text 12'"),
    (edited(NEVER), lambda made: walk(made, 12), None),
    (edited(16), lambda made: walk(made, 12, text="newer"), "as 'newer'"),
    (edited(16), lambda made: walk(made, 12, at=14, text="new"), "as 'new'"),
])
def test_walk(made, read, problem):
    found = judge_walk(made, read(made))
    assert (problem in found[0] and len(found) == 1) if problem else found == []


@pytest.mark.parametrize("made, sets, vanished", [
    (history(), [(10, 11), (10, 11, 12)], False),
    (history(), [(10, 11), (10, 12)], True),
    (deleted(history(), 11, 20.5), [(10, 11), (10, 12)], False),
    (history(follows_to=20.5), [(10, 11), ()], False),
    (history(follows_from=10.5), [(10, 11), (11,)], False),
    (history(follows_from=10.5), [(10, 11), (10,)], True),
])
def test_vanishing(made, sets, vanished):
    made.walks = [walk(made, *numbers, at=20 + 2 * turn) for turn, numbers in enumerate(sets)]
    assert bool(judge_vanishing(made)) == vanished


@pytest.mark.parametrize("made, frames, problem", [
    (history(), [10, 11, 12], None),
    (history(), [10, 12, 11], "after 12"),
    (history(), [10, 11, 10], "twice"),
    (history(), [99], "never written"),
    (history(follows_from=NEVER), [10], "not followed"),
    (history(follows_to=9), [10], "not followed"),
    (history(follows_to=10.5), [(13, 10)], None),
    (history(follows_from=11), [(10.5, 10)], None),
    (history(follows_from=12), [(10.5, 10)], "not followed"),
])
def test_frames(made, frames, problem):
    one = watcher(made, *frames)
    found = judge_connection(made, one, one.connections[0])
    assert (problem in found[0] and len(found) == 1) if problem else found == []


def test_a_post_may_come_again_when_the_ring_has_forgotten_it():
    made = history(posts=range(10, 200))
    for gap, doubled in ((127, True), (129, False)):
        one = watcher(made, *range(10, 10 + gap), (300, 10))
        assert bool(judge_connection(made, one, one.connections[0])) == doubled


def test_replayed_post_may_come_late():
    made = history()
    one = watcher(made, 10, 12, 11)
    assert judge_connection(made, one, one.connections[0], late=[11]) == []


@pytest.mark.parametrize("made, frames, filled, missing", [
    (history(), [10, 11, 12], [], 0),
    (history(), [12], [10, 11], 0),
    (history(), [12], [10], 1),
    (history(), [10, 12], [], 1),
    (history(follows_from=10.5), [11, 12], [], 0),
    (history(follows_from=10.5), [12], [], 1),
])
def test_missing(made, frames, filled, missing):
    assert len(missing_live(made, watcher(made, *frames, filled=filled), walk(made, 12, 11, 10), 20)) == missing


@pytest.mark.parametrize("made, surplus", [
    (history(), 1),
    (deleted(history(), 11, 15), 0),
    (history(follows_to=15), 0),
])
def test_surplus(made, surplus):
    assert len(surplus_live(made, watcher(made, 10, 11, 12), walk(made, 12, 10), 20)) == surplus


def test_order_of_acceptance():
    made = history()
    assert judge_order_of_acceptance(made) == []
    made.posts[13] = Post(13, AUTHOR, "x", 11.5)
    assert judge_order_of_acceptance(made) != []


def test_what_was_not_answered_may_be_there():
    made = history()
    made.attempts["maybe"] = Attempt(AUTHOR, "maybe", 15, 16)
    assert made.resolve([(AUTHOR, 10, "text 10"), (AUTHOR, 15, "maybe")]) == []
    assert made.posts[15].sent == 15
    assert made.resolve([(AUTHOR, 16, "from nowhere")]) == [(AUTHOR, 16, "from nowhere")]
