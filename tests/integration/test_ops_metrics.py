"""GET /ops/metrics: who may ask, what it tells, and that neither many who ask nor a database that hangs do any harm."""

import concurrent.futures
import http.client
import json
import threading
import time

import psycopg2
import pytest

from harness import Stack, eventually
from harness.waiting import PATIENCE

ADMIN_TOKEN = "correct-horse-battery"
PATH = "/ops/metrics"
FAMILIES = ("freshet_partition_pending", "freshet_partition_committed", "freshet_partition_oldest_seconds")


@pytest.fixture(scope="module")
def stack():
    """No materializer: events stay where they are."""
    with Stack(materializers=0, log_level="debug", gateway_settings={"admin_token": ADMIN_TOKEN, "revocation_poll": "60s"}) as made:
        yield made


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.text = response.status, response.headers, response.read().decode()

    @property
    def values(self):
        lines = (line.rsplit(" ", 1) for line in self.text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    def lag(self, family):
        """By partition."""
        return [self.values[f'{family}{{partition="{partition}"}}'] for partition in range(16)]


def ask(gateway, token=ADMIN_TOKEN, path=PATH, headers=None, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
    try:
        connection.request(method, path, headers={**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})})
        return Answer(connection.getresponse())
    finally:
        connection.close()


# ---- who may ask ----

@pytest.mark.parametrize("comment, token, headers, path", [
    ("nothing", None, {}, PATH),
    ("wrong", ADMIN_TOKEN[:-1] + "x", {}, PATH),
    ("the beginning", ADMIN_TOKEN[:-1], {}, PATH),
    ("one more", ADMIN_TOKEN + "x", {}, PATH),
    ("another scheme", None, {"Authorization": f"Basic {ADMIN_TOKEN}"}, PATH),
    ("the token alone", None, {"Authorization": ADMIN_TOKEN}, PATH),
    ("in the header of users' tokens", None, {"X-Auth": ADMIN_TOKEN}, PATH),
    ("in the address", None, {}, f"{PATH}?token={ADMIN_TOKEN}"),
])
def test_refused(stack, comment, token, headers, path):
    answer = ask(stack.gateway, token, path, headers)
    assert answer.status == 401 and json.loads(answer.text)["code"] == 1100, comment
    assert answer.headers["WWW-Authenticate"] == "Bearer" and answer.headers["Cache-Control"] == "no-store"
    assert "freshet_" not in answer.text


def test_a_users_token_is_not_enough(stack):
    user, = stack.make_users(1)
    assert ask(stack.gateway, stack.mint(user)).status == 401


def test_the_admin_token_is_nobodys_elsewhere(stack):
    assert ask(stack.gateway, path="/post/feed").status == 401


def test_off_without_a_token(stack):
    off = stack.add_gateway().start()
    for token in (None, ADMIN_TOKEN, ""):
        answer = ask(off, token)
        assert answer.status == 404 and json.loads(answer.text)["code"] == 1301
    off.stop()
    stack.gateways.remove(off)


@pytest.mark.parametrize("comment, token, word", [
    ("too short", "fifteen-bytes-x", "16 bytes"), ("blanks", "correct horse battery", "visible"), ("not ASCII", "ключ-от-квартиры-17", "visible"),
])
def test_bad_tokens_end_the_start(stack, comment, token, word):
    refused = stack.add_gateway(admin_token=token).start(wait=False)
    assert refused.child.wait(PATIENCE) == 1, comment
    assert "FRESHET_ADMIN_TOKEN" in refused.logs() and word in refused.logs() and token not in refused.logs()
    stack.gateways.remove(refused)


def test_no_flag(stack):
    """A command line is for all eyes."""
    refused = stack.add_gateway()
    refused.command = [*refused.command, f"--admin-token={ADMIN_TOKEN}"]
    refused.start(wait=False)
    assert refused.child.wait(PATIENCE) != 0 and ADMIN_TOKEN not in refused.logs()
    stack.gateways.remove(refused)


def test_tries_are_limited(stack):
    """By address, each as many requests: also for who knows the token, and not for users."""
    limited = stack.add_gateway(admin_token=ADMIN_TOKEN, rate_limits="on", rate_address=1, rate_address_burst=200).start()
    answers = [ask(limited, "x" * 20) for _ in range(8)]
    assert [answer.status for answer in answers[:4]] == [401] * 4
    assert answers[-1].status == 429 and int(answers[-1].headers["Retry-After"]) >= 1
    assert ask(limited).status == 429
    user, = stack.make_users(1)
    assert ask(limited, stack.mint(user), "/post/feed").status == 200
    limited.stop()
    stack.gateways.remove(limited)


def test_tokens_never_reach_the_log(stack):
    wrong = "a-wrong-token-of-somebody"
    assert (ask(stack.gateway).status, ask(stack.gateway, wrong).status) == (200, 401)
    assert ask(stack.gateway, None, f"{PATH}?token={wrong}").status == 401
    eventually(lambda: PATH in stack.gateway.logs())
    assert ADMIN_TOKEN not in stack.gateway.logs() and wrong not in stack.gateway.logs()


# ---- what it tells ----

def test_exposition(stack):
    answer = ask(stack.gateway)
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert set(stack.gateway.metrics()) <= set(ask(stack.gateway).values), "all that the admin listener has"
    assert answer.values["freshet_partition_lag_read"] == 1 and answer.values["freshet_partition_lag_age_seconds"] >= 0
    for family in FAMILIES:
        assert all(value >= 0 for value in answer.lag(family)), "all partitions are there"
        assert answer.text.count(f"# TYPE {family} gauge\n") == answer.text.count(f"# HELP {family} ") == 1
    head = ask(stack.gateway, method="HEAD")
    assert (head.status, head.text) == (200, "")
    assert ask(stack.gateway, method="POST").status == 405


def test_lag_is_the_databases(own_stack):
    """Of every partition, whoever took the events, and whoever works on them."""
    stack = own_stack(gateways=2, materializers=0, gateway_settings={"admin_token": ADMIN_TOKEN})
    for number, token in enumerate(map(stack.mint, stack.make_users(8))):
        connection = http.client.HTTPConnection("127.0.0.1", stack.gateways[number % 2].port, timeout=PATIENCE)
        connection.request("POST", "/post/create", '{"text":"hello"}', {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        assert connection.getresponse().status == 200
        connection.close()
    expected = [float(count) for count, in stack.sql(
        "SELECT count(o.author_id) FROM generate_series(0, 15) AS p LEFT JOIN outbox o ON o.partition = p GROUP BY p ORDER BY p")]
    assert sum(expected) == 8
    for gateway in stack.gateways:
        eventually(lambda: ask(gateway).lag("freshet_partition_pending") == expected)
        assert ask(gateway).lag("freshet_partition_committed") == [0] * 16
        eventually(lambda: [age > 0 for age in ask(gateway).lag("freshet_partition_oldest_seconds")] == [count > 0 for count in expected])
    stack.sql("UPDATE outbox SET state = 1, accepted_at = accepted_at - interval '1 hour'")
    eventually(lambda: ask(stack.gateway).lag("freshet_partition_committed") == expected)
    answer = ask(stack.gateway)
    assert answer.lag("freshet_partition_pending") == [0] * 16 and max(answer.lag("freshet_partition_oldest_seconds")) >= 3600
    stack.sql("DELETE FROM outbox")
    eventually(lambda: ask(stack.gateway).lag("freshet_partition_committed") == [0] * 16)


def test_many_who_ask_share_a_reading(stack):
    """On all loops. Statements are counted; what else the gateway asks the database is little."""
    ask(stack.gateway)
    before, began = stack.gateway.metrics()["freshet_store_statements_total"], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(16) as crowd:
        answers = list(crowd.map(lambda _: ask(stack.gateway), range(400)))
    seconds = time.monotonic() - began
    statements = stack.gateway.metrics()["freshet_store_statements_total"] - before
    assert all(answer.status == 200 and answer.values["freshet_partition_lag_read"] == 1 for answer in answers)
    assert statements <= seconds + 4, f"{statements} statements in {seconds} s"


# ---- a database that is away, or hangs ----

def test_without_a_database(own_stack):
    """The gateway's own metrics are told anyway, and what is not known is not made up."""
    stack = own_stack(materializers=0, gateway_settings={"admin_token": ADMIN_TOKEN})
    eventually(lambda: ask(stack.gateway).values["freshet_partition_lag_read"] == 1)
    stack.postgres.stop()
    eventually(lambda: ask(stack.gateway).values["freshet_partition_lag_read"] == 0)
    answer = ask(stack.gateway)
    assert answer.status == 200 and "freshet_connections" in answer.values
    assert not [name for name in answer.values if name.startswith((*FAMILIES, "freshet_partition_lag_age"))]
    stack.postgres.start()
    eventually(lambda: ask(stack.gateway).values["freshet_partition_lag_read"] == 1)
    logs = stack.gateway.logs()
    assert logs.count("the lag of the partitions cannot be read") == logs.count("the lag of the partitions can be read again") >= 1


@pytest.fixture
def hanging(own_stack):
    """A system whose outbox nobody can read, until `let_go` is called."""
    stack = own_stack(materializers=0, gateway_settings={"admin_token": ADMIN_TOKEN, "threads": 3})
    blocker = psycopg2.connect(stack.postgres.url)
    blocker.cursor().execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
    stack.let_go = blocker.rollback
    yield stack
    blocker.close()


def test_a_reading_that_hangs_holds_up_nobody(hanging):
    gateway = hanging.gateway
    user, = hanging.make_users(1)
    with concurrent.futures.ThreadPoolExecutor(8) as crowd:
        waiting = [crowd.submit(ask, gateway) for _ in range(8)]
        while not all(one.done() for one in waiting):
            assert ask(gateway, None, f"/user/get/{user}").status == 200
        for one in waiting:
            assert one.result().status == 200 and one.result().values["freshet_partition_lag_read"] == 0
    hanging.let_go()
    eventually(lambda: ask(gateway).values["freshet_partition_lag_read"] == 1)


def test_a_stop_while_it_hangs(hanging):
    """Whoever waits is answered or let go; the process ends as ever."""
    outcome = []

    def wait():
        try:
            outcome.append(ask(hanging.gateway).status)
        except (OSError, http.client.HTTPException) as gone:
            outcome.append(gone)

    waiters = [threading.Thread(target=wait) for _ in range(6)]
    for waiter in waiters:
        waiter.start()
    eventually(lambda: hanging.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'freshet-gateway'")[0][0])
    hanging.gateway.stop()
    for waiter in waiters:
        waiter.join()
    assert len(outcome) == 6 and all(one == 200 or isinstance(one, Exception) for one in outcome), outcome
