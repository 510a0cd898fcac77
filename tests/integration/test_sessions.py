"""Tokens and what becomes of them: refresh, logout, tickets, revocation on all gateways, and live connections that end with
their token. Two gateways over one database."""

import base64
import json
import threading
import time

import pytest

from api import Api
from harness import Refused, Stack, eventually

JSON = ["freshet.v1.json"]
PROTOBUF = ["freshet.v1.protobuf"]
LIMIT = 3


@pytest.fixture(scope="module")
def pair():
    """Two gateways, with few connections for each user."""
    stack = Stack(gateways=2, gateway_settings={"connections_per_user": LIMIT, "log_level": "debug"})
    yield stack
    stack.close()


@pytest.fixture
def here(pair):
    yield Api(f"http://127.0.0.1:{pair.gateways[0].port}")
    pair.close_clients()


@pytest.fixture
def there(pair):
    return Api(f"http://127.0.0.1:{pair.gateways[1].port}")


def ticket_of(api, user):
    return api.good("POST", "/token/ticket", user).json["ticket"]


def status_at(api, token):
    return api.call("GET", "/post/feed", token).status


def with_ticket(stack, ticket, gateway=0, **options):
    return stack.connect(None, stack.gateways[gateway], query={"ticket": ticket}, **options)


def refused(stack, gateway=0, **options):
    with pytest.raises(Refused) as refusal:
        stack.connect(None, stack.gateways[gateway], **options)
    return refusal.value


def bye_of(client):
    """The last message of a connection that speaks envelopes in JSON."""
    last = client.messages[-1]
    assert last["type"] == "bye", f"the last words should be a bye: {client.messages}"
    return last


def metric(gateway, name):
    return gateway.metrics().get(name, 0)


# ---- refresh ----

def test_refresh_gives_another_good_token(here, there):
    user = here.register()
    answer = here.good("POST", "/token/refresh", user)
    fresh = answer.json["token"]
    assert fresh != user.token
    assert answer.headers["Cache-Control"] == "no-store"
    for api in here, there:
        assert status_at(api, fresh) == 200
        assert status_at(api, user.token) == 200, "the old one is good until its end"


def test_refresh_needs_a_good_token(here):
    for token in None, "x.y.z":
        assert here.call("POST", "/token/refresh", token).status == 401


def test_refreshed_token_outlives_a_logout_of_the_old_one(here, there):
    user = here.register()
    fresh = here.good("POST", "/token/refresh", user).json["token"]
    here.good("POST", "/logout", user)
    assert here.call("POST", "/token/refresh", user).status == 401
    eventually(lambda: status_at(there, user.token) == 401)
    for api in here, there:
        assert status_at(api, fresh) == 200


# ---- logout ----

def test_logout_kills_the_token_here_at_once_and_there_soon(here, there):
    user = here.register()
    other = here.good("POST", "/login", json_body={"id": user.id, "password": user.password}).json["token"]
    assert here.good("POST", "/logout", user).data == b""
    again = here.call("POST", "/logout", user)
    assert again.status == 401 and again.headers["WWW-Authenticate"] == "Bearer"
    assert status_at(here, user.token) == 401
    assert here.call("GET", f"/user/get/{user.id}", user).status == 401, "on open calls too"
    eventually(lambda: status_at(there, user.token) == 401)
    for api in here, there:
        assert status_at(api, other) == 200, "another token of the same user"


@pytest.mark.parametrize("protocols", [None, JSON, PROTOBUF], ids=["plain", "json", "protobuf"])
def test_logout_ends_live_connections_on_all_gateways(pair, here, protocols):
    user = here.register()
    other = here.good("POST", "/token/refresh", user).json["token"]
    gone = [pair.connect(user.token, gateway, subprotocols=protocols) for gateway in pair.gateways]
    stays = pair.connect(other, pair.gateways[1], subprotocols=protocols)
    before = [metric(gateway, "freshet_live_revoked_total") for gateway in pair.gateways]
    here.good("POST", "/logout", user)
    for client in gone:
        assert client.wait_closed() == 4001
        if protocols == JSON:
            bye = bye_of(client)
            assert (bye["code"], bye["reconnect_after_ms"]) == (4001, 0)
        if protocols == PROTOBUF:
            assert isinstance(client.frames[-1], bytes) and b"token revoked" in client.frames[-1]
    assert [metric(gateway, "freshet_live_revoked_total") for gateway in pair.gateways] == [one + 1 for one in before]
    stays.ping()
    assert not stays.closed


def test_logout_finds_all_connections_of_the_token(own_stack):
    """On one loop: the first that came and one in the middle have left, one went on with another token."""
    stack = own_stack(gateway_settings={"threads": 1})
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    user = api.register()
    other = api.good("POST", "/token/refresh", user).json["token"]
    clients = [stack.connect(user.token, subprotocols=JSON) for _ in range(7)]
    for number in 3, 0:
        clients.pop(number).close()
    moved = clients.pop(2)
    moved.send(auth(other))
    moved.ping()
    clients += [with_ticket(stack, ticket_of(api, user), subprotocols=JSON)]
    api.good("POST", "/logout", user)
    for client in clients:
        assert client.wait_closed() == 4001
    assert metric(stack.gateway, "freshet_live_revoked_total") == len(clients) == 5
    moved.ping()
    api.good("POST", "/logout", other)
    assert moved.wait_closed() == 4001


def test_logouts_are_known_to_a_gateway_that_starts_later(pair, here):
    user = here.register()
    here.good("POST", "/logout", user)
    late = pair.add_gateway()
    try:
        late.start()
        assert status_at(Api(f"http://127.0.0.1:{late.port}"), user.token) == 401
        assert metric(late, "freshet_revocations") >= 1
    finally:
        late.stop()
        pair.gateways.remove(late)


def test_many_revocations_are_read_in_pages(pair, here):
    """More than fit into one page, some of the same moment."""
    user = here.register()
    tokens = [here.good("POST", "/token/refresh", user).json["token"] for _ in range(3)]
    ids = [jti_of(token) for token in tokens]
    pair.sql("INSERT INTO revocations (token_id, until, revoked_at) "
             "SELECT md5(n::text), now() + interval '1 hour', date_trunc('second', now()) FROM generate_series(1, 2500) n")
    pair.sql("INSERT INTO revocations (token_id, until) SELECT unnest(%s::text[]), now() + interval '1 hour'", ids)
    late = pair.add_gateway()
    try:
        late.start()
        api = Api(f"http://127.0.0.1:{late.port}")
        assert [status_at(api, token) for token in tokens] == [401] * 3
        assert metric(late, "freshet_revocations") >= 2503
        for gateway in pair.gateways:
            eventually(lambda: metric(gateway, "freshet_revocations") >= 2503)
    finally:
        late.stop()
        pair.gateways.remove(late)


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def jti_of(token):
    return claims_of(token)["jti"]


# ---- tickets ----

def test_ticket_opens_one_connection_on_any_gateway(pair, here):
    user = here.register()
    ticket = ticket_of(here, user)
    client = with_ticket(pair, ticket, gateway=1, subprotocols=JSON)
    assert client.wait_for_count(1)[0]["user_id"] == user.id
    for gateway in 0, 1:
        refusal = refused(pair, gateway, query={"ticket": ticket})
        assert refusal.status == 401 and refusal.headers["WWW-Authenticate"].startswith("Bearer")
    client.ping()


def test_one_of_many_at_once_gets_the_ticket(pair, here):
    user = here.register()
    ticket = ticket_of(here, user)
    outcomes = []

    def take(gateway):
        try:
            with_ticket(pair, ticket, gateway)
            outcomes.append(101)
        except Refused as refusal:
            outcomes.append(refusal.status)

    takers = [threading.Thread(target=take, args=(number % 2,)) for number in range(10)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert sorted(outcomes) == [101] + [401] * 9


def test_bad_tickets_are_refused_before_the_upgrade(pair, here):
    user = here.register()
    good = ticket_of(here, user)
    bad = {"empty": "", "words": "not a ticket", "cut": good[:-1], "longer": good + "A", "a token": user.token,
           "damaged": ("A" if good[0] != "A" else "B") + good[1:]}
    for what, ticket in bad.items():
        assert refused(pair, query={"ticket": ticket}).status == 401, what
    with_ticket(pair, good)


def test_ticket_and_token_together(pair, here):
    user = here.register()
    ticket = ticket_of(here, user)
    assert refused(pair, query={"ticket": ticket, "token": user.token}).status == 400
    client = pair.connect(user.token, in_query=False, query={"ticket": ticket})
    client.ping()
    with_ticket(pair, ticket).ping()  # a header goes before it, and did not use it up


def test_ticket_is_no_token(here):
    """Only WebSockets and event streams take one."""
    user = here.register()
    ticket = ticket_of(here, user)
    assert here.call("GET", f"/post/feed?ticket={ticket}").status == 401
    assert here.call("GET", "/post/feed", ticket).status == 401
    assert here.call("POST", "/token/ticket").status == 401


def test_ticket_dies_with_its_token(pair, here, there):
    user = here.register()
    tickets = [ticket_of(here, user) for _ in range(2)]
    client = with_ticket(pair, tickets[0], gateway=1, subprotocols=JSON)
    here.good("POST", "/logout", user)
    assert client.wait_closed() == 4001
    for gateway in 0, 1:
        assert refused(pair, gateway, query={"ticket": tickets[1]}).status == 401


def test_tickets_stay_out_of_logs(pair, here):
    user = here.register()
    ticket = ticket_of(here, user)
    with_ticket(pair, ticket)
    refused(pair, query={"ticket": ticket})
    here.call("GET", f"/post/get/1?ticket={ticket}")
    eventually(lambda: "/post/get/1?ticket=***" in pair.gateway.logs())
    for gateway in pair.gateways:
        assert ticket not in gateway.logs() and user.token not in gateway.logs()


def test_ticket_ends_with_a_short_token(own_stack):
    stack = own_stack(token_ttl="3s")
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    user, = stack.make_users(1)
    token = stack.mint(user)
    tickets = [ticket_of(api, token) for _ in range(2)]
    client = with_ticket(stack, tickets[0], subprotocols=JSON)
    assert client.wait_closed() == 4001
    assert bye_of(client)["reason"] == "token expired"
    assert refused(stack, query={"ticket": tickets[1]}).status == 401
    assert metric(stack.gateway, "freshet_live_expired_total") == 1


# ---- the account's end ----

def test_deleting_the_account_ends_all_of_its_tokens(pair, here, there):
    user, bystander = here.register(), here.register()
    other = here.good("POST", "/token/refresh", user).json["token"]
    ticket = ticket_of(here, user)
    clients = [pair.connect(token, gateway, subprotocols=JSON)
               for token, gateway in zip((user.token, other), pair.gateways)]
    stays = pair.connect(bystander.token, pair.gateways[1])
    here.good("DELETE", "/user/me", user, json_body={"password": user.password})
    for token in user.token, other:
        assert here.call("GET", "/post/feed", token).status == 401
        assert here.call("POST", "/token/refresh", token).status == 401
    for client in clients:
        assert client.wait_closed() == 4001
        assert bye_of(client)["code"] == 4001
    eventually(lambda: all(status_at(there, token) == 401 for token in (user.token, other)))
    assert refused(pair, 1, query={"ticket": ticket}).status == 401
    stays.ping()
    assert pair.sql("SELECT count(*) FROM revocations WHERE token_id = %s", f"user:{user.id}") == [(1,)]


def test_account_that_is_gone_gets_no_new_token(pair, here):
    """Deleted in the database alone: nothing is revoked."""
    user = here.register()
    pair.sql("UPDATE users SET deleted_at = now() WHERE id = %s", int(user.id))
    assert here.call("POST", "/token/refresh", user).status == 401


def test_user_row_revokes_what_was_issued_before(pair, here, there):
    user = here.register()
    issued = claims_of(user.token)["iat"]
    pair.sql("INSERT INTO revocations (token_id, until, revoked_at) "
             "VALUES (%s, now() + interval '1 hour', clock_timestamp())", f"user:{user.id}")
    for api in here, there:
        eventually(lambda: status_at(api, user.token) == 401)
    # Whole seconds: a token of the same second is revoked too.
    eventually(lambda: claims_of(pair.mint(user.id))["iat"] > issued + 1)
    fresh = pair.mint(user.id)
    assert [status_at(api, fresh) for api in (here, there)] == [200, 200]


# ---- a new token for an open connection ----

def auth(token):
    return json.dumps({"type": "auth", "token": token})


def test_auth_message_extends_the_session(own_stack):
    stack = own_stack(token_ttl="4s")
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    user = api.register()
    clients = [stack.connect(user.token, subprotocols=JSON) for _ in range(2)]
    end = claims_of(user.token)["exp"]
    eventually(lambda: time.time() > end - 2)
    clients[0].send(auth(api.good("POST", "/token/refresh", user).json["token"]))
    assert clients[1].wait_closed() == 4001
    assert not clients[0].closed
    clients[0].ping()
    assert clients[0].wait_closed() == 4001, "with the new one's end"
    assert time.time() > end + 1


def test_auth_message_moves_to_the_new_token(pair, here):
    user = here.register()
    fresh = here.good("POST", "/token/refresh", user).json["token"]
    client = pair.connect(user.token, subprotocols=JSON)
    client.send(auth(fresh))
    client.ping()
    here.good("POST", "/logout", user)
    client.ping()
    assert not client.closed, "the old token is not its own any more"
    here.good("POST", "/logout", fresh)
    assert client.wait_closed() == 4001


@pytest.mark.parametrize("which, code", [("another user's", 1008), ("none of ours", 1008), ("revoked", 4001)])
def test_auth_message_with_a_bad_token(pair, here, which, code):
    user = here.register()
    client = pair.connect(user.token, subprotocols=JSON)
    if which == "another user's":
        token = here.register().token
    elif which == "revoked":
        token = here.good("POST", "/token/refresh", user).json["token"]
        here.good("POST", "/logout", token)
    else:
        token = user.token[:-4] + "AAAA"
    client.send(auth(token))
    assert client.wait_closed() == code
    assert bye_of(client)["code"] == code


# ---- how many connections ----

@pytest.mark.parametrize("protocols", [None, JSON], ids=["plain", "json"])
def test_connections_of_a_user_have_a_limit(pair, here, protocols):
    user, other = here.register(), here.register()
    clients = [pair.connect(user.token, subprotocols=protocols) for _ in range(LIMIT)]
    before = metric(pair.gateway, "freshet_live_too_many_total")
    many = pair.connect(user.token, subprotocols=protocols)
    assert many.wait_closed() == 4003, "the handshake succeeds, so that it can be told"
    if protocols:
        bye = bye_of(many)
        assert bye["code"] == 4003 and bye["reconnect_after_ms"] > 1000
        assert len(many.messages) == 1
    assert metric(pair.gateway, "freshet_live_too_many_total") == before + 1
    pair.connect(other.token, subprotocols=protocols).ping()
    pair.connect(user.token, pair.gateways[1], subprotocols=protocols).ping()
    for client in clients:
        client.ping()
    clients[0].close()

    def one_more():
        return not closed_soon(pair.connect(user.token, subprotocols=protocols))

    eventually(one_more)


def closed_soon(client):
    """A pong comes, or the connection ends."""
    try:
        client.ping()
        return client.closed
    except Exception:  # whatever the library calls a closed connection
        return True


# ---- the database ----

def test_gateway_without_revocations_lets_nobody_in(own_stack):
    """Not ready, 503 for tokens, until it has read them; then it knows them."""
    stack = own_stack(gateways=1)
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    user = api.register()
    api.good("POST", "/logout", user)
    stack.sql("ALTER TABLE revocations RENAME TO revocations_away")
    late = stack.add_gateway().start(wait=False)
    api = Api(f"http://127.0.0.1:{late.port}")
    eventually(lambda: late.readiness()[0] == 503 and "revocations" in late.readiness()[1])
    assert api.call("GET", "/post/feed", stack.mint(user.id)).status == 503
    assert api.call("GET", "/post/feed", "x.y.z").status == 401
    assert api.call("GET", f"/user/get/{user.id}").status == 200, "an open call without a token"
    assert metric(late, "freshet_revocation_polls_failed_total") > 0
    stack.sql("ALTER TABLE revocations_away RENAME TO revocations")
    late.wait_ready()
    assert api.call("GET", "/post/feed", user).status == 401
    assert api.call("GET", "/post/feed", stack.mint(user.id)).status == 200


def test_polling_survives_the_database(own_stack):
    """What was known stays known while the database is away; what was revoked meanwhile comes when it is back."""
    stack = own_stack(gateways=2)
    here, there = (Api(f"http://127.0.0.1:{gateway.port}") for gateway in stack.gateways)
    user = here.register()
    later = here.good("POST", "/token/refresh", user).json["token"]
    client = stack.connect(later, stack.gateways[1], subprotocols=JSON)
    here.good("POST", "/logout", user)
    eventually(lambda: status_at(there, user.token) == 401)
    stack.postgres.stop()
    eventually(lambda: metric(stack.gateways[1], "freshet_revocation_polls_failed_total") > 0)
    assert there.call("GET", "/post/feed", user).status == 401
    client.ping()
    stack.postgres.start()
    eventually(lambda: here.call("POST", "/logout", later).status in (200, 401))
    assert client.wait_closed() == 4001
