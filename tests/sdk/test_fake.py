"""The live feed of an SDK against a gateway that says what the real one seldom says, or does not say yet."""

import time

import pytest

import messages
from fake import UNKNOWN, FakeGateway, answer, envelope, problem
from harness import eventually


@pytest.fixture
def fake():
    made = FakeGateway()
    yield made
    made.close()


@pytest.fixture
def listen(drive, fake):
    """listen(…): a feed of user 7 at the fake gateway."""
    driver = drive()

    def make(client=None, **options):
        return driver.client(fake.port, **(client or {"token": "a.token"})).feed(**options)

    return make


@pytest.fixture
def refuse(fake, sdk):
    """refuse(answer): to the next attempt at a live connection. Who opens a WebSocket is not told why it was refused, and asks
    the stream."""
    return lambda said: fake.refuse_next(*[said] * (2 if sdk.name == "node-websocket" else 1))


def post(number, text="text", edited=0, **more):
    return {"id": number, "text": text, "author_user_id": 8, "created_at_ms": 1000 + number, "edited_at_ms": edited, **more}


def token(text):
    return answer(messages.api().Token(token=text, expires_at_ms=2 ** 42))


def bearer(request):
    return request.headers.get("authorization")


# ---- the future ----

def test_types_and_fields_of_the_future_are_skipped(fake, listen, sdk):
    feed = listen()
    live = fake.wait_feed().begin()
    feed.wait_live()
    live.send_bytes(envelope(77, cursor="c-of-the-unknown", text="a new kind of thing"))
    live.send_bytes(envelope("post", unknown=UNKNOWN, cursor="c1", **post(1)))
    live.send_bytes(envelope(78))
    live.send_bytes(UNKNOWN)
    edit = envelope("edit", unknown=UNKNOWN, cursor="c2", **post(1, "better", edited=5))
    live.send_bytes(edit)
    live.send("delete", cursor="c3", id=1, author_user_id=8)
    feed.wait_told("delete", "1")
    assert feed.changes == [("post", "1"), ("edit", "1"), ("delete", "1")]
    assert [event["type"] for event in feed.events] == ["ready", "reset", "snapshot_end", "post", "edit", "delete"]
    assert feed.states == ["connecting", "live"], "and the connection goes on"
    if sdk.name.startswith("c"):
        assert feed.of("edit")[0]["wire"] == edit.hex(), "whole, for who passes it on"


def test_the_cursor_of_an_unknown_type_counts(fake, listen):
    feed = listen()
    live = fake.wait_feed().begin(cursor="c1")
    feed.wait_live()
    live.send_bytes(envelope(77, cursor="c2"))
    live.send("bye", code=1001, reason="on its way", reconnect_after_ms=0)
    live.end()
    assert fake.wait_feed(2).cursor == "c2"


def test_a_place_alone(fake, listen):
    """An envelope `cursor` is the place from which the feed goes on; the program is told nothing."""
    feed = listen()
    live = fake.wait_feed().begin(cursor="c1")
    feed.wait_live()
    live.send("cursor", cursor="c2")
    live.drop()
    assert fake.wait_feed(2).cursor == "c2"
    assert [event["type"] for event in feed.events] == ["ready", "reset", "snapshot_end"]


@pytest.mark.parametrize("said", [b"\xff\xff\xff\xff", b"\x0a\x50short"], ids=["noise", "cut"])
def test_what_is_no_envelope_ends_the_connection_not_the_feed(fake, listen, said):
    feed = listen()
    live = fake.wait_feed().begin(cursor="c1")
    feed.wait_live()
    live.send("post", cursor="c2", **post(1))
    feed.wait_told("post", "1")
    live.send_bytes(said)
    again = fake.wait_feed(2)
    assert again.cursor == "c2"
    again.begin(resumed=True, cursor="c2")
    again.send("post", cursor="c3", **post(2))
    feed.wait_told("post", "2")
    assert feed.posts == ["1", "2"]


# ---- when it is over for a while ----

def test_it_comes_back_when_it_was_asked_to(fake, listen):
    feed = listen()
    live = fake.wait_feed().begin(cursor="c1")
    feed.wait_live()
    asked = time.monotonic()
    live.send("bye", code=1001, reason="draining", reconnect_after_ms=1500)
    live.end()
    again = fake.wait_feed(2)
    assert time.monotonic() - asked >= 1.4, "not before it was asked to"
    assert again.cursor == "c1"
    again.begin(resumed=True, cursor="c1")
    feed.wait_live(2)
    assert feed.states[:3] == ["connecting", "live", "resuming"] and feed.states[-1] == "live"


def test_it_heeds_retry_after(fake, listen, refuse):
    refuse(problem(503, 2100, retry_after=2))
    feed = listen()
    eventually(lambda: not fake.refusals, what="its first attempt")
    refused = time.monotonic()
    fake.wait_feed().begin()
    assert time.monotonic() - refused >= 1.5, "not before it was asked to"
    feed.wait_live()
    assert "closed" not in feed.states


def test_repeats_are_dropped(fake, listen):
    """After a fault something may come twice."""
    feed = listen()
    live = fake.wait_feed().begin(cursor="c1")
    feed.wait_live()
    live.send("post", cursor="c2", **post(1))
    live.send("edit", cursor="c3", **post(1, "better", edited=5))
    live.send("edit", cursor="c4", **post(1, "best", edited=6))
    live.drop()
    again = fake.wait_feed(2).begin(resumed=True, cursor="c4")
    again.send("post", cursor="c2", **post(1))
    again.send("edit", cursor="c3", **post(1, "better", edited=5))
    again.send("post", cursor="c5", **post(2))
    again.send("delete", cursor="c6", id=1, author_user_id=8)
    again.send("delete", cursor="c6", id=1, author_user_id=8)
    again.send("post", cursor="c7", **post(3))
    feed.wait_told("post", "3")
    assert feed.changes == [("post", "1"), ("edit", "1"), ("edit", "1"), ("post", "2"), ("delete", "1"), ("post", "3")]
    assert [event["text"] for event in feed.of("edit")] == ["better", "best"]


def test_lost_within_a_snapshot(fake, listen):
    """The old cursor is forgotten with what was shown by it; the next connection begins anew."""
    feed = listen()
    live = fake.wait_feed().begin(cursor="c1")
    feed.wait_live()
    live.send("reset")
    live.send("post", snapshot=True, **post(1))
    feed.wait_told("post", "1")
    live.drop()
    again = fake.wait_feed(2)
    assert again.cursor is None
    again.begin(cursor="c5")
    feed.wait(lambda: len(feed.of("snapshot_end")) == 2, "the end of the second snapshot")
    assert feed.cursor == "c5"


def test_a_refused_cursor_is_forgotten(fake, listen, refuse):
    body = messages.api().Problem(type="urn:freshet:problem:invalid-field", title="Invalid field", status=400, code=1001,
                                  detail="the cursor is another user's", message="the cursor is another user's",
                                  field="cursor", request_id="r")
    refused = answer(body, 400)
    refuse(refused)
    feed = listen(cursor="of-another")
    live = fake.wait_feed()
    assert live.cursor is None
    live.begin()
    feed.wait_live()
    assert "closed" not in feed.states


def test_a_cursor_that_is_too_old(fake, listen):
    feed = listen(cursor="old")
    live = fake.wait_feed()
    assert live.cursor == "old"
    live.send("bye", code=4004, reason="too old", reconnect_after_ms=0)
    live.end(4004)
    again = fake.wait_feed(2)
    assert again.cursor is None
    again.begin()
    feed.wait_live()


def test_silence_is_no_end(fake, listen):
    """Heartbeats are no events."""
    feed = listen()
    live = fake.wait_feed().begin()
    feed.wait_live()
    if live.request.path == "/post/feed/stream":
        live.send_bytes(b"")
        live.send_bytes(b"")
    live.send("post", cursor="c2", **post(1))
    feed.wait_told("post", "1")
    assert feed.states == ["connecting", "live"]


# ---- who listens ----

def test_the_token_is_in_no_address(fake, listen):
    feed = listen()
    live = fake.wait_feed().begin()
    feed.wait_live()
    assert "token" not in live.request.query
    if live.request.path == "/post/feed/posted":
        assert live.request.query["ticket"] == "t.t"
        assert bearer(fake.wait_call("POST", "/token/ticket")) == "Bearer a.token"
        assert live.request.headers["sec-websocket-protocol"] == "freshet.v1.protobuf"
    else:
        assert bearer(live.request) == "Bearer a.token"
        assert messages.TYPE in live.request.headers["accept"]
    assert all("a.token" not in str(call.query) for call in fake.calls)


def test_an_ended_token_is_replaced(fake, listen):
    """4001, and the password gives another one."""
    fake.say("POST", "/login", token("first.token"), token("second.token"))
    feed = listen(client={"id": "7", "password": "correct horse"})
    live = fake.wait_feed().begin(cursor="c1")
    feed.wait_live()
    fake.bad_tokens.add("first.token")
    live.send("bye", code=4001, reason="revoked", reconnect_after_ms=0)
    live.end(4001)
    again = fake.wait_feed(2)
    assert again.cursor == "c1"
    asking = fake.called("POST", "/token/ticket")[-1] if again.request.path == "/post/feed/posted" else again.request
    assert bearer(asking) == "Bearer second.token"
    again.begin(resumed=True, cursor="c1")
    feed.wait_live(2)


def test_forbidden_is_the_end(fake, listen, refuse):
    refuse(problem(403, 1201, "not from here"))
    error = listen().wait_ended()
    assert (error.kind, error.status, error.code) == ("problem", 403, 1201) and "not from here" in error.detail


def test_unauthenticated_is_the_end_when_there_is_no_other_token(fake, listen):
    fake.bad_tokens.add("a.token")
    error = listen().wait_ended()
    assert (error.kind, error.status) == ("unauthenticated", 401) and error.detail


def test_a_refused_password_is_the_end(fake, listen):
    fake.say("POST", "/login", problem(400, 1002, "wrong password"))
    error = listen(client={"id": "7", "password": "wrong horse"}).wait_ended()
    assert error.kind in ("unauthenticated", "problem") and error.code == 1002 and "wrong password" in error.detail


@pytest.mark.parametrize("said", [problem(500, 2000), problem(502, 0), problem(429, 1700, retry_after=1)],
                         ids=["defect", "proxy", "limited"])
def test_other_refusals_pass(fake, listen, refuse, said):
    refuse(said)
    feed = listen()
    fake.wait_feed().begin()
    feed.wait_live()
    assert "offline" in feed.states and "closed" not in feed.states
