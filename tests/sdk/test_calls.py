"""Every call of an SDK against the gateway, each compared with what plain HTTP says, and how errors look."""

import time
import urllib.parse

import pytest

from drivers import Failed
from fake import FakeGateway, answer, problem
from harness import eventually, free_port
import messages

SDKS = ["c", "node"]  # calls know nothing of feeds
UNKNOWN = "999999999999"
PASSWORD = "correct horse"
FORM = {"first_name": "Ада", "second_name": "Лавлейс", "birthdate": "1815-12-10", "biography": "Notes.", "city": "London",
        "password": PASSWORD}


@pytest.fixture
def open_client(drive, system):
    """Of nobody."""
    return drive().client(system.gateway.port)


@pytest.fixture
def signed_in(drive, system, people):
    """signed_in(person): the client of that user."""
    driver = drive()
    return lambda person: driver.client(system.gateway.port, token=person.token)


def ids(found):
    return [one["id"] for one in found["items"]]


def pages(client, call, **given):
    """The ids of each page, to the last."""
    found, cursor = [], None
    while True:
        page = client.call(call, **given, **({"cursor": cursor} if cursor else {}))
        found.append(ids(page))
        cursor = page["next"]
        if cursor is None:
            return found
        assert len(found) < 100, "the pages never end"


def same_user(got, wanted):
    return got == {**wanted, "birthdate": wanted["birthdate"] or ""}


# ---- the account ----

def test_from_register_to_the_end(open_client, people):
    me = open_client.call("register", **FORM)
    user = open_client.call("user_get", id=me)
    assert user == {"id": me, **{name: value for name, value in FORM.items() if name != "password"}}
    assert same_user(user, people.api.good("GET", f"/user/get/{me}").json)
    signed = open_client.call("login", id=me, password=PASSWORD)
    assert signed["expires_at_ms"] > time.time() * 1000 + 60000 and signed["text"]
    open_client.call("post_create", text="signed in by login")
    before = signed["text"]
    fresh = open_client.call("token_refresh")
    assert fresh["text"] != before and fresh["expires_at_ms"] >= signed["expires_at_ms"]
    ticket = open_client.call("ticket_create")
    assert ticket["text"] and ticket["expires_at_ms"] > time.time() * 1000
    with pytest.raises(Failed) as failed:
        open_client.call("account_delete", password="wrong horse")
    assert (failed.value.kind, failed.value.code, failed.value.field) == ("problem", 1002, "password")
    open_client.call("account_delete", password=PASSWORD)
    with pytest.raises(Failed) as failed:
        open_client.call("user_get", id=me)
    assert failed.value.code == 1302


def test_after_the_logout_the_token_is_dead(open_client, people):
    me = open_client.call("register", **FORM)
    token = open_client.call("login", id=me, password=PASSWORD)["text"]
    open_client.call("logout")
    assert people.api.call("POST", "/token/ticket", token).status == 401
    with pytest.raises(Failed) as failed:
        open_client.call("post_create", text="nobody's")
    assert failed.value.kind == "unauthenticated"


@pytest.mark.parametrize("given, status, code", [
    ({"password": "wrong horse"}, 400, 1002),
    ({"id": UNKNOWN}, 404, 1302),
])
def test_login_refused(open_client, given, status, code):
    me = open_client.call("register", **FORM)
    with pytest.raises(Failed) as failed:
        open_client.call("login", **{"id": me, "password": PASSWORD, **given})
    assert (failed.value.kind, failed.value.status, failed.value.code) == ("problem", status, code)


# ---- people ----

def test_people(signed_in, people):
    me, other, third = people.some(3)
    client = signed_in(me)
    client.call("follow", id=other.id)
    client.call("follow", id=other.id)
    client.call("follow", id=third.id)
    assert sorted(ids(client.call("user_following", id=me.id))) == sorted([other.id, third.id])
    assert ids(client.call("user_followers", id=other.id)) == [me.id]
    client.call("unfollow", id=third.id)
    assert ids(client.call("user_following", id=me.id)) == [other.id]
    assert ids(client.call("user_list", ids=[other.id, UNKNOWN, me.id])) == [other.id, me.id], "in the order asked for"
    profile = client.call("user_profile", id=other.id)
    assert (profile["id"], profile["follower_count"], profile["following_count"]) == (other.id, 1, 0)
    assert profile["celebrity"] is False and profile["followed"] is True
    assert client.call("user_profile", id=third.id)["followed"] is False


# People of other runs live in the same database: names bear the SDK's.

def test_search(open_client, people, sdk):
    made = sorted((open_client.call("register", **{**FORM, "first_name": f"{sdk}: Пошук", "second_name": name})
                   for name in ("Раз&два", "Раз=три", "Розы")), key=int)
    first = f"{sdk}: пош"
    found = open_client.call("user_search", first_name=first, last_name="раз")
    assert ids(found) == made[:2] and found["next"] is None
    path = "/user/search?" + urllib.parse.urlencode({"first_name": first, "last_name": "раз&"})
    assert ids(open_client.call("user_search", first_name=first, last_name="раз&")) == \
        [user["id"] for user in people.api.good("GET", path).json] == made[:1]


def test_search_pages(open_client, people, system, sdk):
    first = system.make_users(230)[0]
    system.sql("UPDATE users SET first_name = %s, second_name = 'Found' WHERE id >= %s AND id < %s", f"Pagewise {sdk}", first, first + 230)
    found = pages(open_client, "user_search", first_name=f"pagewise {sdk}", last_name="found")
    assert [len(page) for page in found] == [100, 100, 30]
    assert sum(found, []) == [str(id) for id in range(first, first + 230)]


def test_lists_page_by_page(signed_in, people):
    author, *crowd = people.some(8)
    for one in crowd:
        people.follow(one, author)
    client = signed_in(author)
    found = pages(client, "user_followers", id=author.id, limit=3)
    assert [len(page) for page in found] == [3, 3, 1]
    assert sorted(sum(found, []), key=int) == [one.id for one in crowd]
    posts = [people.post(author, f"number {number}") for number in range(7)]
    assert pages(client, "user_posts", id=author.id, limit=3) == [posts[:3:-1], posts[3:0:-1], posts[:1]]


# ---- posts ----

@pytest.mark.parametrize("text", ["x", "Привет, \U0001f600!\n\t\"quoted\" \\", "й" * 2048], ids=["one byte", "any", "longest"])
def test_a_post(signed_in, people, text):
    author, = people.some(1)
    client = signed_in(author)
    id = client.call("post_create", text=text)
    post = client.call("post_get", id=id)
    assert (post["id"], post["text"], post["author_user_id"], post["edited_at_ms"]) == (id, text, author.id, 0)
    assert abs(post["created_at_ms"] - time.time() * 1000) < 60000
    client.call("post_update", id=id, text="better")
    post = client.call("post_get", id=id)
    assert post["text"] == "better" and post["edited_at_ms"] >= post["created_at_ms"]
    client.call("post_delete", id=id)
    with pytest.raises(Failed) as failed:
        client.call("post_get", id=id)
    assert (failed.value.status, failed.value.code, failed.value.field) == (404, 1303, "id")


def test_a_repeated_post_is_one(signed_in, people):
    author, = people.some(1)
    client = signed_in(author)
    first = client.call("post_create", text="once", idempotency_key="key-of-a-test")
    assert client.call("post_create", text="once", idempotency_key="key-of-a-test") == first
    with pytest.raises(Failed) as failed:
        client.call("post_create", text="twice", idempotency_key="key-of-a-test")
    assert (failed.value.status, failed.value.code) == (409, 1501)
    assert [post["id"] for post in people.api.good("GET", f"/user/{author.id}/posts").json] == [first]


def test_the_feed_page_by_page(signed_in, people):
    author, = people.some(1)
    reader = people.reader_of(author)
    posts = [people.post(author, f"number {number}") for number in range(23)]
    people.stack.settled()
    client = signed_in(reader)
    assert pages(client, "feed_page", limit=10) == [posts[:12:-1], posts[12:2:-1], posts[2::-1]]
    assert ids(client.call("feed_page", limit=5, offset=3)) == posts[19:14:-1]
    assert ids(client.call("feed_page")) == posts[:12:-1], "ten, if it is not said how many"


# ---- errors ----

@pytest.mark.parametrize("call, given, status, code, field", [
    ("user_get", {"id": UNKNOWN}, 404, 1302, "id"),
    ("user_profile", {"id": UNKNOWN}, 404, 1302, "id"),
    ("follow", {"id": UNKNOWN}, 404, 1302, "user_id"),
    ("unfollow", {"id": UNKNOWN}, 404, 1302, "user_id"),
    ("post_get", {"id": UNKNOWN}, 404, 1303, "id"),
    ("post_create", {"text": ""}, 400, 1001, "text"),
    ("post_create", {"text": "x" * 4097}, 400, 1001, "text"),
    ("post_create", {"text": "x" * 70000}, 413, 1600, None),
    ("post_update", {"id": UNKNOWN, "text": "x"}, 404, 1303, "id"),
    ("post_update", {"id": "somebody's", "text": "x"}, 403, 1200, "id"),
    ("post_delete", {"id": UNKNOWN}, 404, 1303, "id"),
    ("post_delete", {"id": "somebody's"}, 403, 1200, "id"),
    ("feed_page", {"cursor": "forged"}, 400, 1001, "cursor"),
    ("user_posts", {"id": UNKNOWN}, 404, 1302, "id"),
    ("user_followers", {"id": UNKNOWN}, 404, 1302, "id"),
    ("user_following", {"id": UNKNOWN}, 404, 1302, "id"),
    ("user_search", {"first_name": "x", "last_name": ""}, 400, 1001, "last_name"),
    ("register", {**FORM, "password": "short"}, 400, 1001, "password"),
    ("register", {**FORM, "birthdate": "1815-13-10"}, 400, 1001, "birthdate"),
])
def test_what_the_server_refuses(signed_in, people, call, given, status, code, field):
    me, other = people.some(2)
    if given.get("id") == "somebody's":
        given = {**given, "id": people.post(other)}
    with pytest.raises(Failed) as failed:
        signed_in(me).call(call, **given)
    error = failed.value
    assert (error.kind, error.status, error.code, error.field or None) == ("problem", status, code, field), error
    assert error.detail and error.request_id


@pytest.mark.parametrize("call, given", [
    ("post_create", {"text": "x"}), ("post_update", {"id": "1", "text": "x"}), ("post_delete", {"id": "1"}),
    ("follow", {"id": "1"}), ("unfollow", {"id": "1"}), ("feed_page", {}), ("user_list", {"ids": ["1"]}),
    ("token_refresh", {}), ("ticket_create", {}), ("account_delete", {"password": PASSWORD}),
])
@pytest.mark.parametrize("token", [None, "not.a.token"])
def test_without_a_good_token(drive, system, token, call, given):
    client = drive().client(system.gateway.port, **({"token": token} if token else {}))
    with pytest.raises(Failed) as failed:
        client.call(call, **given)
    assert failed.value.kind == "unauthenticated", failed.value


def test_nobody_can_log_out(open_client):
    """It has nothing to do, and is done."""
    assert open_client.call("logout") is None


def test_nobody_listens(drive):
    client = drive().client(free_port(), timeout_ms=1500)
    with pytest.raises(Failed) as failed:
        client.call("user_get", id="1")
    assert (failed.value.kind, failed.value.status) == ("network", None) and failed.value.detail


def test_many_calls_at_once(drive, system, people):
    """Of one client, and each gets its own answer."""
    author, = people.some(1)
    driver = drive()
    client = driver.client(system.gateway.port, token=author.token)
    asked = {driver.send("call", client=client.name, call="post_create", **{"with": {"text": f"number {number}"}}): number
             for number in range(60)}
    driver.wait(lambda: set(asked) <= set(driver.answers), 60, "60 answers")
    got = {driver.answers[n]["value"]: f"number {number}" for n, number in asked.items()}
    assert len(got) == 60
    for id, text in got.items():
        assert client.call("post_get", id=id)["text"] == text


def test_over_tls(drive, system, people):
    author, = people.some(1)
    url = f"https://127.0.0.1:{system.gateway.tls_port}"
    certificate = system.gateway.environment["FRESHET_TLS_CERTIFICATE"]
    trusting = drive(environment={"NODE_EXTRA_CA_CERTS": certificate})
    client = trusting.client(url, token=author.token, ca_file=certificate)
    post = client.call("post_create", text="in private")
    assert client.call("post_get", id=post)["text"] == "in private"
    with pytest.raises(Failed) as failed:
        drive().client(url, token=author.token, timeout_ms=1500).call("post_get", id=post)
    assert failed.value.kind == "network", "a certificate that nobody vouches for"


# ---- what the real gateway says too seldom ----

@pytest.fixture
def fake():
    made = FakeGateway()
    yield made
    made.close()


def test_answers_of_the_future(drive, fake):
    """Fields that nobody knows yet harm nobody."""
    made = messages.api()
    post = made.Post(id=5, text="x", author_user_id=7, created_at_ms=1000).SerializeToString()
    status, headers, _ = answer(made.Post())
    fake.say("GET", "/post/get/5", (status, headers, post + messages.bytes_field(900, "new") + messages.number_field(901, 1)))
    assert drive().client(fake.port).call("post_get", id="5") == {
        "id": "5", "text": "x", "author_user_id": "7", "created_at_ms": 1000, "edited_at_ms": 0}


@pytest.mark.parametrize("said, kind, status", [
    (problem(503, 2100, retry_after=7), "problem", 503),
    (problem(429, 1700, retry_after=1), "problem", 429),
    ((502, {"content-type": "text/html"}, b"<h1>a proxy</h1>"), "problem", 502),
    ((503, {"content-type": messages.TYPE}, b"\xff\xff\xff"), "problem", 503),
    ((200, {"content-type": messages.TYPE}, b"\xff\xff\xff"), "network", None),
    ((200, {"content-type": "text/html"}, b"<h1>a proxy</h1>"), "network", None),
], ids=["unavailable", "limited", "a proxy", "broken problem", "broken answer", "no answer at all"])
def test_strange_answers(drive, fake, said, kind, status):
    fake.say("GET", "/post/get/5", said)
    with pytest.raises(Failed) as failed:
        drive().client(fake.port, timeout_ms=2000).call("post_get", id="5")
    assert failed.value.kind == kind and failed.value.detail, failed.value
    assert kind != "problem" or failed.value.status == status, failed.value


def test_a_refused_token_is_replaced_and_the_call_made_again(drive, fake):
    """401, another token by the password, and the same request with it: the caller sees the answer alone."""
    made = messages.api()
    fake.say("POST", "/login", *(answer(made.Token(token=text, expires_at_ms=2 ** 42)) for text in ("first.token", "second.token")))
    fake.say("POST", "/post/create", answer(made.PostId(id=9)))
    client = drive().client(fake.port, id="7", password=PASSWORD)
    client.call("post_create", text="before")
    fake.bad_tokens.add("first.token")
    assert client.call("post_create", text="x") == "9"
    _, refused, repeated = fake.called("POST", "/post/create")
    assert refused.headers["authorization"] == "Bearer first.token"
    assert repeated.headers["authorization"] == "Bearer second.token"
    assert repeated.body == refused.body and repeated.headers["idempotency-key"] == refused.headers["idempotency-key"]


def test_a_request_says_its_key_and_nothing_secret_in_its_address(drive, fake):
    made = messages.api()
    fake.say("POST", "/post/create", answer(made.PostId(id=9)))
    drive().client(fake.port, token="a.token").call("post_create", text="x", idempotency_key="k-1")
    sent = fake.wait_call("POST", "/post/create")
    assert sent.headers["idempotency-key"] == "k-1" and sent.headers["content-type"] == messages.TYPE
    assert sent.headers["accept"].startswith(messages.TYPE) and sent.query == {}
    assert made.PostCreateRequest.FromString(sent.body).text == "x"
    eventually(lambda: all("token" not in one.query for one in fake.calls))
