"""Posts that share a transaction: each is answered for itself, and is stored once."""

import collections
import concurrent.futures
import contextlib
import threading

import pytest

from api import Api, User
from harness import eventually
from test_api import assert_problem

KEY = "Idempotency-Key"
NO_EVENTS_WORKED_OFF = {"materializers": 0}


def api_of(gateway):
    return Api(f"http://127.0.0.1:{gateway.port}", timeout=60)


def authors_of(stack, count):
    """Authors with tokens."""
    ids = stack.make_users(count)
    lines = stack.ctl("token", "mint", f"{ids[0]}..{ids[-1]}").stdout.splitlines()
    return [User(id, token=line.split()[-1]) for id, line in zip(ids, lines, strict=True)]


def create(api, author, text, key=None):
    return api.call("POST", "/post/create", author, json_body={"text": text}, headers={KEY: key} if key else None)


def metric(gateway, name):
    return gateway.metrics().get(f"freshet_{name}", 0)


def stored(stack):
    """{id: (author, text)}; fails if an id is there twice."""
    rows = stack.sql("SELECT id, author_id, body FROM posts")
    assert len({row[0] for row in rows}) == len(rows), "an id is there twice"
    return {str(id): (author, text) for id, author, text in rows}


def told(stack):
    """The posts of which the outbox tells, in the order of their events."""
    return [str(id) for id, in stack.sql("SELECT subject_id FROM outbox WHERE kind = 1 ORDER BY event_id")]


@pytest.fixture
def system(own_stack):
    """One lane: what comes while it is busy goes together."""
    return own_stack(gateway_settings={"threads": 1, "database_connections": 1}, **NO_EVENTS_WORKED_OFF)


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(64) as made:
        yield made


@contextlib.contextmanager
def together(stack, pool, count):
    """The `count` requests of the block wait behind a post that waits for its author's row; when all have come, it goes on."""
    gateway, api = stack.gateway, api_of(stack.gateway)
    blocker = authors_of(stack, 1)[0]
    held = stack.postgres.connect()
    try:
        held.cursor().execute("SELECT FROM users WHERE id = %s FOR UPDATE", (blocker.id,))
        sent = metric(gateway, "post_transactions_total")
        pool.submit(create, api, blocker, "the first")
        eventually(lambda: metric(gateway, "post_transactions_total") == sent + 1, what="a post on its way")
        yield
        eventually(lambda: metric(gateway, "posts_waiting") == count, what=f"{count} posts that wait")
    finally:
        held.rollback()
        held.close()


def test_one_transaction(system, pool):
    api, authors = api_of(system.gateway), authors_of(system, 20)
    before = metric(system.gateway, "post_transactions_total")
    with together(system, pool, 40):
        answers = [(author, text, pool.submit(create, api, author, text))
                   for text in ("one", "two") for author in authors]
    got = {answer.result().json: (author.id, text) for author, text, answer in answers}
    posts = stored(system)
    assert len(got) == 40 and {id: posts[id] for id in got} == got and len(posts) == 41
    assert metric(system.gateway, "post_transactions_total") == before + 2, "the one that was waited for, and the rest"
    # One event for each post, and those of an author in the order of the ids.
    events = collections.defaultdict(list)
    owners = {id: author for id, (author, _) in stored(system).items()}
    for id in told(system):
        events[owners[id]].append(int(id))
    assert sorted(owners) == sorted(str(id) for ids in events.values() for id in ids)
    assert all(ids == sorted(ids) for ids in events.values())
    newest = dict(system.sql("SELECT id, last_post_id FROM users WHERE last_post_id > 0"))
    assert newest == {author: max(ids) for author, ids in events.items()}
    assert system.sql("SELECT count(*) FROM posts p JOIN posts q USING (author_id) WHERE p.id < q.id AND p.created_at > q.created_at") == [(0,)]


def test_each_has_its_own_outcome(system, pool):
    api = api_of(system.gateway)
    good, gone, ahead, far_ahead, again, other, twice, old = authors_of(system, 8)
    kept = create(api, again, "kept", "k").json
    create(api, other, "kept", "k")
    create(api, old, "before", "k")
    system.sql("UPDATE idempotency SET created_at = now() - interval '25 hours' WHERE user_id = %s", old.id)
    system.sql("UPDATE users SET deleted_at = now() WHERE id = %s", gone.id)
    system.sql("UPDATE users SET last_post_id = snowflake_floor(clock_timestamp() + interval '300 ms') WHERE id = %s", ahead.id)
    system.sql("UPDATE users SET last_post_id = 9000000000000000000 WHERE id = %s", far_ahead.id)
    before = stored(system)
    wanted = {
        "good": (good, "plain", None), "keyed": (good, "keyed", "k"), "gone": (gone, "x", None), "ahead": (ahead, "later", None),
        "far ahead": (far_ahead, "x", None), "again": (again, "kept", "k"), "other": (other, "not what was kept", "k"),
        "twice": (twice, "twice", "k"), "twice more": (twice, "twice", "k"),
        "old": (old, "after", "k"),
    }
    with together(system, pool, len(wanted)):
        asked = {name: pool.submit(create, api, *what) for name, what in wanted.items()}
    answers = {name: answer.result() for name, answer in asked.items()}
    assert_problem(answers.pop("gone"), 401, 1100)
    assert_problem(answers.pop("far ahead"), 503, 2100)
    assert_problem(answers.pop("other"), 409, 1501, KEY)
    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert answers.pop("again").json == kept
    assert answers.pop("twice more").json == answers["twice"].json
    new = {id: what for id, what in stored(system).items() if id not in before and what[1] != "the first"}
    assert new == {answer.json: (wanted[name][0].id, wanted[name][1]) for name, answer in answers.items()}
    assert sorted(told(system)) == sorted(stored(system))
    # What was kept is the answer from now on.
    for name in ("keyed", "twice", "old"):
        assert create(api, *wanted[name]).json == answers[name].json


def test_a_key_that_is_taken_while_its_author_is_waited_for(system, pool):
    """The batch does not see what was kept meanwhile; it counts all the same."""
    api, (author, other) = api_of(system.gateway), authors_of(system, 2)
    held = system.postgres.connect()
    try:
        with held.cursor() as cursor:
            cursor.execute("SELECT FROM users WHERE id = %s FOR UPDATE", (author.id,))
            sent = metric(system.gateway, "post_transactions_total")
            with together(system, pool, 2):
                taken, free = [pool.submit(create, api, who, "x", "k") for who in (author, other)]
            eventually(lambda: metric(system.gateway, "post_transactions_total") == sent + 2, what="the batch on its way")
            eventually(lambda: system.sql("SELECT pid FROM pg_locks WHERE NOT granted"), what="its wait for the author")
            cursor.execute("INSERT INTO idempotency VALUES (%s, 'k', 'what another gateway was asked', '17')", (author.id,))
            held.commit()
    finally:
        held.close()
    assert_problem(taken.result(), 409, 1501, KEY)
    assert stored(system)[free.result().json] == (other.id, "x")
    assert len(stored(system)) == 2 and sorted(told(system)) == sorted(stored(system))


@pytest.mark.parametrize("constraint", ["CHECK (body <> 'no') NOT VALID", "EXCLUDE (body WITH =) WHERE (body = 'no')"],
                         ids=["check", "exclusion"])
def test_one_that_the_server_refuses(system, pool, constraint):
    """It fails alone: the others of its transaction are stored, once."""
    api, authors = api_of(system.gateway), authors_of(system, 8)
    refused, kept = 3, authors[5]
    if constraint.startswith("EXCLUDE"):
        create(api, authors[7], "no")
    system.sql(f"ALTER TABLE posts ADD CONSTRAINT refused {constraint}")
    before = stored(system)
    with together(system, pool, len(authors)):
        asked = [pool.submit(create, api, author, "no" if n == refused else "yes", "k" if author is kept else None)
                 for n, author in enumerate(authors)]
    answers = [answer.result() for answer in asked]
    assert answers.pop(refused).status == 500
    assert [answer.status for answer in answers] == [200] * len(answers)
    new = {id: what for id, what in stored(system).items() if id not in before and what[1] != "the first"}
    assert new == {answer.json: (author.id, "yes") for answer, author in zip(answers, authors[:refused] + authors[refused + 1:])}
    assert sorted(told(system)) == sorted(stored(system))
    assert create(api, kept, "yes", "k").json in new


def test_without_batches(own_stack):
    """--post-batch=1: each post has a transaction."""
    stack = own_stack(gateway_settings={"post_batch": 1}, **NO_EVENTS_WORKED_OFF)
    api, authors = api_of(stack.gateway), authors_of(stack, 4)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda n: api.post(authors[n % 4], str(n)), range(80)))
    assert stored(stack) == {id: (authors[n % 4].id, str(n)) for n, id in enumerate(ids)}
    assert metric(stack.gateway, "post_transactions_total") >= 80


def flood(apis, senders, each, ask):
    """What ask(api, sender, turn) answered, of many senders at once through all gateways."""
    barrier, answers = threading.Barrier(senders), [[] for _ in range(senders)]

    def send(sender):
        barrier.wait(60)
        for turn in range(each):
            answers[sender].append(ask(apis[sender % len(apis)], sender, turn))

    with concurrent.futures.ThreadPoolExecutor(senders) as pool:
        list(pool.map(send, range(senders)))
    return answers


def test_flood_of_many_authors(own_stack):
    """Two gateways, the same authors on both, keys among them, and one text that the server does not take."""
    stack = own_stack(gateways=2, **NO_EVENTS_WORKED_OFF)
    apis, authors = [api_of(gateway) for gateway in stack.gateways], authors_of(stack, 7)
    stack.sql("ALTER TABLE posts ADD CONSTRAINT refused CHECK (body NOT LIKE '%%refused') NOT VALID")
    senders, each = 24, 25

    def what(sender, turn):
        text = f"{sender} {turn}" + (" refused" if (sender + turn) % 50 == 0 else "")
        return authors[(sender + turn) % len(authors)], text, f"{sender}-{turn}" if sender % 3 == 0 else None

    answers = flood(apis, senders, each, lambda api, sender, turn: create(api, *what(sender, turn)))
    accepted = {}
    for sender, row in enumerate(answers):
        for turn, answer in enumerate(row):
            author, text, _ = what(sender, turn)
            assert answer.status == (500 if text.endswith("refused") else 200), f"{sender} {turn}: {answer}"
            if answer.status == 200:
                assert answer.json not in accepted
                accepted[answer.json] = (author.id, text)
    assert stored(stack) == accepted
    assert sorted(told(stack)) == sorted(accepted)
    assert sum(metric(gateway, "posts_stored_total") for gateway in stack.gateways) == len(accepted)


def test_flood_for_one_author(own_stack):
    """Loops and gateways cross each other all the time; nobody is told that a clock is behind."""
    stack = own_stack(gateways=2, **NO_EVENTS_WORKED_OFF)
    apis, author = [api_of(gateway) for gateway in stack.gateways], authors_of(stack, 1)[0]
    answers = flood(apis, 16, 40, lambda api, sender, turn: create(api, author, f"{sender} {turn}"))
    assert {answer.status for row in answers for answer in row} == {200}
    accepted = {answer.json: (author.id, f"{sender} {turn}") for sender, row in enumerate(answers) for turn, answer in enumerate(row)}
    assert stored(stack) == accepted
    # Each sender's next post came after the answer to the one before.
    assert all(ids == sorted(ids) for ids in ([int(answer.json) for answer in row] for row in answers))
    ids = [int(id) for id in told(stack)]
    assert ids == sorted(ids)
