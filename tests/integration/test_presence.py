"""The row that says that a user is online: there before the first consumer, renewed while connected, never removed; and
what happens when it was not there for a while."""

import threading

import pytest

from harness import Refused, Stack, eventually
from publisher import Publisher

WINDOW = 10  # s, the least that the setting takes


@pytest.fixture(scope="module")
def shared():
    """Two gateways without a materializer."""
    with Stack(gateways=2, materializers=0, resume_window=f"{WINDOW}s") as made:
        made.publisher = Publisher(made.nats.url)
        yield made
        made.publisher.close()


@pytest.fixture
def stack(shared):
    yield shared
    shared.close_clients()


def row(stack, user):
    """since, until, and how many seconds are left of it; None if there is no row."""
    rows = stack.sql("SELECT since, until, extract(epoch FROM until - now())::float FROM online WHERE user_id = %s", user)
    return rows[0] if rows else None


def end_presence(stack, user):
    stack.sql("UPDATE online SET until = now() - interval '1 second' WHERE user_id = %s", user)


def test_row_lasts_for_the_window_after_the_connection(stack):
    user, = stack.make_users(1)
    assert row(stack, user) is None
    socket = stack.live(user)
    since, until, left = row(stack, user)
    assert WINDOW < left <= 1.5 * WINDOW
    socket.close()
    again = row(stack, user)
    assert again[0] == since and again[1] >= until, "it ends by itself"


def test_no_consumer_before_the_row_is_committed(stack):
    """Somebody else holds the row: the upsert waits, and so does all that has to come after it."""
    user, = stack.make_users(1)
    token = stack.mint(user)
    before = stack.publisher.consumers(user)
    connection = stack.postgres.connect()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO online (user_id, since, until) VALUES (%s, now(), now())", (user,))
    opened = []
    thread = threading.Thread(target=lambda: opened.append(stack.connect(token)))
    thread.start()
    eventually(lambda: stack.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                                 "AND query LIKE '%%INTO online%%'")[0][0], what="the upsert to wait")
    assert stack.publisher.consumers(user) == before
    assert not opened
    connection.rollback()
    connection.close()
    thread.join()
    assert opened
    assert stack.publisher.consumers(user) == before + 1


def test_renewed_as_long_as_connected(stack):
    user, = stack.make_users(1)
    socket = stack.live(user)
    since, first, _ = row(stack, user)
    eventually(lambda: row(stack, user)[1] > first, what="the first renewal")
    second = row(stack, user)[1]
    eventually(lambda: row(stack, user)[1] > second, what="the second renewal")
    assert row(stack, user)[0] == since
    assert row(stack, user)[2] > WINDOW, "at no moment less than the window is left"
    assert not socket.closed
    # With the last connection it ends.
    socket.close()
    metrics = stack.gateway.metrics()
    assert metrics["freshet_presence_renewed_total"] > 0


def test_broken_presence_ends_the_connection(stack):
    user, other = stack.make_users(2)
    sockets, untouched = [stack.live(user), stack.live(user)], stack.live(other)
    since = row(stack, user)[0]
    end_presence(stack, user)
    for socket in sockets:
        assert socket.wait_closed() == 4004
    assert row(stack, user)[0] > since
    again = stack.live(user)
    post = stack.publisher.feed_post(user, 1)
    again.wait_for_post(post)
    assert not untouched.closed


def test_one_user_on_two_gateways(stack):
    user, = stack.make_users(1)
    sockets = [stack.live(user, gateway=gateway) for gateway in stack.gateways]
    since = row(stack, user)[0]
    sockets[0].close()
    until = row(stack, user)[1]
    eventually(lambda: row(stack, user)[1] > until, what="the other gateway's renewal")
    assert row(stack, user)[0] == since
    sockets[0] = stack.live(user, gateway=stack.gateways[0])
    assert row(stack, user)[0] == since, "unbroken: the other one kept it"
    end_presence(stack, user)
    for socket in sockets:
        assert socket.wait_closed() == 4004


def test_many_users_come_to_both_at_once(stack):
    """Their rows are written in one order: nobody is refused for a deadlock."""
    users = stack.make_users(60)
    tokens = {user: stack.mint(user) for user in users}
    problems = []

    def come(gateway, order):
        try:
            for user in order:
                stack.connect(tokens[user], gateway)
        except (Refused, OSError) as problem:
            problems.append(problem)

    threads = [threading.Thread(target=come, args=(gateway, order[part::3]))
               for gateway, order in zip(stack.gateways, (users, users[::-1])) for part in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert stack.sql("SELECT count(*) FROM online WHERE user_id = ANY (%s)", users) == [(60,)]


def test_database_away(own_stack):
    """Who comes is refused, and does not wait for ever; who is there stays, and is renewed when it is back."""
    stack = own_stack(materializers=0, resume_window=f"{WINDOW}s")
    user, other = stack.make_users(2)
    token = stack.mint(other)
    socket = stack.live(user)
    since, until, _ = row(stack, user)
    stack.postgres.stop()
    with pytest.raises(Refused) as refused:
        stack.connect(token)
    assert refused.value.status == 503
    assert not {"Upgrade", "Sec-WebSocket-Accept"} & set(refused.value.headers), "no handshake with a refusal"
    stack.postgres.start()
    # On a machine so busy that the restart takes longer than the row lasts there is nobody left to renew it for.
    eventually(lambda: socket.closed or row(stack, user)[1] > until, what="a renewal")
    if not socket.closed:
        assert row(stack, user)[0] == since
    else:
        assert socket.wait_closed() == 4004
    stack.gateway.wait_ready()
    stack.connect(token)


def test_database_away_for_longer_than_the_row_lasts(own_stack):
    """Nobody can say what was published meanwhile."""
    stack = own_stack(materializers=0, resume_window=f"{WINDOW}s")
    user, = stack.make_users(1)
    socket = stack.live(user)
    stack.postgres.stop()
    assert socket.wait_closed() == 4004
    stack.postgres.start()


def test_stalled_gateway_finds_its_presence_broken(own_stack):
    """Stopped for longer than its rows last, as a machine that is suspended."""
    import signal
    stack = own_stack(gateways=1, materializers=0, resume_window=f"{WINDOW}s")
    user, = stack.make_users(1)
    socket = stack.live(user)
    stack.gateway.signal(signal.SIGSTOP)
    try:
        eventually(lambda: row(stack, user)[2] < 0, what="the end of the row")
    finally:
        stack.gateway.signal(signal.SIGCONT)
    assert socket.wait_closed() == 4004
