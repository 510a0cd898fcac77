"""The API in protobuf: the same calls, rules and problems as in JSON, in either direction."""

import http.client
import random

import pytest

import messages
from api import ABSENT
from messages import TYPE, bytes_field, number_field
from test_api import FORM, LOGIN, MALFORMED, NEED_NONE, NEED_TOKEN, PASSWORD, TAKE_BODY, UNKNOWN, UPDATE

REQUESTS = {"/login": "LoginRequest", "/user/register": "RegisterRequest", "/post/create": "PostCreateRequest",
            "/post/update": "PostUpdateRequest", "/user/me": "DeleteAccountRequest"}


def packed(path, members):
    """The request as bytes, whatever is wrong with its members: field by field."""
    fields = messages.kind(REQUESTS[path]).DESCRIPTOR.fields_by_name
    out = b""
    for name, value in members.items():
        field = fields[name]
        if field.type == field.TYPE_INT64 and isinstance(value, str) and value.lstrip("-").isdigit():
            out += number_field(field.number, int(value))
        else:
            out += bytes_field(field.number, value)
    return out


def call(api, method, path, user=None, members=None, answer=None, body=None, **headers):
    """The answer in protobuf, decoded; its status."""
    if members is not None:
        body = packed(path, members)
    sent = {"Accept": TYPE, **({"Content-Type": TYPE} if body is not None else {}), **headers}
    got = api.call(method, path, user, body=body, headers=sent)
    if got.status >= 400:
        answer = "Problem"
    if answer is None:
        assert got.data == b"" and got.headers["Content-Type"] is None, got
        return got.status, None
    assert got.headers.get_content_type() == TYPE, got
    return got.status, messages.kind(answer).FromString(got.data)


def assert_problem(got, status, code, field=None):
    assert got[0] == status, got
    problem = got[1]
    assert (problem.status, problem.code, problem.field) == (status, code, field or ""), problem
    assert problem.type.startswith("urn:freshet:problem:") and problem.title and problem.request_id
    assert problem.detail and problem.message == problem.detail


@pytest.fixture(scope="module")
def people(api):
    return [api.register("Мария", "Кюри", birthdate="1867-11-07", city="Paris"), api.register("Lise", "Meitner")]


# ---- each call ----

def test_a_session_in_protobuf(api):
    """From register to delete, and at each step the JSON says the same."""
    form = {"first_name": "Ада", "second_name": "Лавлейс", "birthdate": "1815-12-10", "biography": "Notes.",
            "city": "London", "password": "correct horse"}
    status, made = call(api, "POST", "/user/register", members=form, answer="RegisterResponse")
    assert status == 200
    id = str(made.user_id)
    status, user = call(api, "GET", f"/user/get/{id}", answer="User")
    assert messages.written(user) == api.good("GET", f"/user/get/{id}").json
    assert messages.written(user) == {"id": id, **{key: form[key] for key in form if key != "password"}}

    status, token = call(api, "POST", "/login", members={"id": id, "password": "correct horse"}, answer="Token")
    assert status == 200 and token.expires_at_ms > 0
    me = token.token
    status, fresh = call(api, "POST", "/token/refresh", me, answer="Token")
    assert status == 200 and fresh.token and fresh.expires_at_ms >= token.expires_at_ms
    assert call(api, "POST", "/logout", fresh.token) == (200, None)
    assert_problem(call(api, "POST", "/token/refresh", fresh.token), 401, 1100)
    status, ticket = call(api, "POST", "/token/ticket", me, answer="Ticket")
    assert status == 200 and ticket.ticket and token.expires_at_ms > ticket.expires_at_ms > 0
    friend = api.register("Ben", "Zed")
    assert call(api, "PUT", f"/friend/set/{friend.id}", me) == (200, None)
    assert messages.written(call(api, "GET", f"/user/{id}/following", answer="UserList")[1]) == [
        api.good("GET", f"/user/get/{friend.id}").json]
    assert messages.written(call(api, "GET", f"/user/{friend.id}/followers", answer="UserList")[1]) == [
        messages.written(user)]
    for asking, told in ((me, True), (friend, False), (None, None)):
        profile = call(api, "GET", f"/user/{friend.id}/profile", asking, answer="Profile")[1]
        assert messages.written(profile) == api.good("GET", f"/user/{friend.id}/profile", asking).json
        assert (profile.follower_count, profile.following_count) == (1, 0)
        assert (profile.followed if profile.HasField("followed") else None) is told
    assert call(api, "PUT", f"/friend/delete/{friend.id}", me) == (200, None)
    assert call(api, "GET", f"/user/{id}/following", answer="UserList")[1] == messages.kind("UserList")()

    status, post = call(api, "POST", "/post/create", me, {"text": "Первый \U0001f600"}, "PostId")
    assert status == 200
    assert call(api, "PUT", "/post/update", me, {"id": str(post.id), "text": "Второй"}) == (200, None)
    read = call(api, "GET", f"/post/get/{post.id}", answer="Post")[1]
    assert messages.written(read) == api.good("GET", f"/post/get/{post.id}").json
    assert read.text == "Второй" and read.edited_at_ms >= read.created_at_ms > 0
    assert call(api, "PUT", f"/post/delete/{post.id}", me) == (200, None)
    assert_problem(call(api, "GET", f"/post/get/{post.id}"), 404, 1303, "id")
    assert_problem(call(api, "DELETE", "/user/me", me, {"password": "wrong horse"}), 400, 1002, "password")
    assert call(api, "DELETE", "/user/me", me, {"password": "correct horse"}) == (200, None)
    assert_problem(call(api, "GET", f"/user/get/{id}"), 404, 1302, "id")


def test_lists(api, people, settled):
    author, reader = people
    api.follow(reader, author)
    settled()
    for number in range(12):
        api.post(author, f"number {number}")
    settled()
    for path, kind in (("/post/feed?limit=5", "PostList"), (f"/user/{author.id}/posts?limit=5", "PostList"),
                       (f"/user/{author.id}/followers", "UserList"), (f"/user/{reader.id}/following", "UserList"),
                       (f"/users?ids={reader.id},{author.id}", "UserList"),
                       ("/user/search?first_name=%D0%BC%D0%B0&last_name=%D0%BA", "UserList")):
        wanted = api.good("GET", path, reader)
        assert wanted.json, path
        assert messages.written(call(api, "GET", path, reader, answer=kind)[1]) == wanted.json, path
        # The links are the same, and lead to the same.
        got = api.good("GET", path, reader, headers={"Accept": TYPE})
        assert got.next == wanted.next, path
        if wanted.next:
            assert messages.written(call(api, "GET", wanted.next, reader, answer=kind)[1]) == \
                api.good("GET", wanted.next, reader).json


def test_empty_list_is_an_empty_message(api, people):
    answer = api.good("GET", f"/users?ids={UNKNOWN}", people[0], headers={"Accept": TYPE})
    assert answer.data == b"" and answer.headers.get_content_type() == TYPE
    assert answer.headers["Content-Length"] == "0"


def test_large_texts(api, people):
    text = "й" * 2048
    id = call(api, "POST", "/post/create", people[0], {"text": text}, "PostId")[1].id
    assert call(api, "GET", f"/post/get/{id}", answer="Post")[1].text == text


# ---- who gets what ----

@pytest.mark.parametrize("accept, wanted, problem", [
    (None, "application/json", "application/problem+json"),
    ("*/*", "application/json", "application/problem+json"),
    ("application/json", "application/json", "application/json"),
    ("application/problem+json", "application/json", "application/problem+json"),
    ("text/html", "application/json", "application/problem+json"),
    (TYPE, TYPE, TYPE),
    (TYPE + ", */*;q=0.1", TYPE, TYPE),
    (TYPE + ";q=0.4, application/json;q=0.5", "application/json", "application/json"),
    (TYPE + ";q=0.5, application/json;q=0.4", TYPE, TYPE),
    (TYPE + ";q=0, */*", "application/json", "application/problem+json"),
])
def test_accept(api, people, accept, wanted, problem):
    headers = {} if accept is None else {"Accept": accept}
    assert api.good("GET", f"/user/get/{people[0].id}", headers=headers).headers.get_content_type() == wanted
    assert api.call("GET", f"/user/get/{UNKNOWN}", headers=headers).headers.get_content_type() == problem


def test_body_and_answer_do_not_depend_on_each_other(api, people):
    body = packed("/post/create", {"text": "x"})
    assert api.good("POST", "/post/create", people[0], body=body, headers={"Content-Type": TYPE}).json.isdigit()
    answer = api.good("POST", "/post/create", people[0], json_body={"text": "x"}, headers={"Accept": TYPE})
    assert messages.kind("PostId").FromString(answer.data).id > 0
    for kind in (TYPE + "; charset=x", TYPE.upper(), " " + TYPE + " "):
        api.good("POST", "/post/create", people[0], body=body, headers={"Content-Type": kind})


def test_head(api, people):
    path = f"/user/get/{people[0].id}"
    whole = api.good("GET", path, headers={"Accept": TYPE})
    head = api.good("HEAD", path, headers={"Accept": TYPE})
    assert head.data == b"" and head.headers["Content-Length"] == str(len(whole.data))
    assert head.headers.get_content_type() == TYPE


# ---- problems ----

@pytest.mark.parametrize("method, path, body", NEED_TOKEN)
def test_without_token(api, method, path, body):
    sent = {"Accept": TYPE}
    answer = api.call(method, path, json_body=body, headers=sent)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert_problem((answer.status, messages.kind("Problem").FromString(answer.data)), 401, 1100)


@pytest.mark.parametrize("method, path, body", NEED_TOKEN + NEED_NONE)
def test_bad_token(api, method, path, body):
    answer = api.call(method, path, json_body=body, headers={"Accept": TYPE, "Authorization": "Bearer x"})
    assert_problem((answer.status, messages.kind("Problem").FromString(answer.data)), 401, 1100)


def test_problems_before_a_call_is_found(api, people):
    assert_problem(call(api, "GET", "/nothing"), 404, 1301)
    assert_problem(call(api, "PATCH", "/login"), 405, 1400)
    assert_problem(call(api, "GET", "/user/get/0"), 400, 1001, "id")
    assert_problem(call(api, "GET", "/post/feed?limit=0", people[0]), 400, 1001, "limit")
    assert_problem(call(api, "GET", "/user/search?first_name=a"), 400, 1001, "last_name")
    assert_problem(call(api, "POST", "/post/create", people[0], body=b"x" * 65537), 413, 1600)
    assert_problem(call(api, "GET", "/user/get/1?" + "x" * 9000), 414, 1601)
    assert_problem(call(api, "POST", "/login", members=LOGIN, Expect="nonsense"), 417, 1603)


def test_problem_says_what_the_json_says(api):
    same = {"X-Request-ID": "the-same"}
    wanted = api.call("GET", f"/user/get/{UNKNOWN}", headers=same).json
    assert messages.written(call(api, "GET", f"/user/get/{UNKNOWN}", **same)[1]) == wanted


# ---- members that are wrong: the same rules, from the same table ----

# A message has no other types, and does not tell an empty text from none.
IN_PROTOBUF = [row for row in MALFORMED
               if (row[4] is ABSENT or isinstance(row[4], str)) and not (row[3] == "id" and row[4] in ("01", " 1", "1 "))
               and not (row[3] == "birthdate" and row[4] == "")
               and not (row[3] == "id" and row[4] not in (ABSENT, "0", "-1"))]


@pytest.mark.parametrize("method, path, good, name, value", IN_PROTOBUF)
def test_malformed_member(api, people, method, path, good, name, value):
    members = {key: member for key, member in good.items() if key != name}
    if value is not ABSENT:
        members[name] = value
    assert_problem(call(api, method, path, people[0], members), 400, 1001, name)


GOOD = [("POST", "/login", LOGIN), ("POST", "/user/register", FORM), ("POST", "/post/create", {"text": "x"}),
        ("PUT", "/post/update", UPDATE), ("DELETE", "/user/me", PASSWORD)]


@pytest.mark.parametrize("method, path, good", GOOD)
@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\0"])
def test_member_is_no_text(api, people, method, path, good, bad):
    for name in set(good) - {"id", "birthdate"}:
        members = {**good, name: b"eight b" + bad + b"y"}
        assert_problem(call(api, method, path, people[0], members), 400, 1001, name)


@pytest.mark.parametrize("method, path, good", GOOD)
def test_damaged(api, people, method, path, good):
    whole = packed(path, good)
    fields = messages.kind(REQUESTS[path]).DESCRIPTOR.fields
    for body in (whole[:-1], whole + b"\x80", whole + b"\x0a\x7f", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
                 b"{}", b"\xff" * 50, b"\x0b" * 10000, number_field(0, 1), b"\x07",
                 *(number_field(field.number, 7) for field in fields if field.type == field.TYPE_STRING),
                 *(bytes_field(field.number, "7") for field in fields if field.type == field.TYPE_INT64)):
        assert_problem(call(api, method, path, people[0], body=body), 400, 1001, "body")


@pytest.mark.parametrize("method, path", TAKE_BODY)
def test_empty_body_is_an_empty_message(api, people, method, path):
    first = {"/user/register": "first_name", "/post/create": "text", "/user/me": "password"}.get(path, "id")
    assert_problem(call(api, method, path, people[0], body=b""), 400, 1001, first)


def test_unknown_fields_are_ignored(api, people):
    body = packed("/post/create", {"text": "x"}) + number_field(99, 1) + bytes_field(100, b"\xff\0") \
        + b"\xb9\x06" + b"8 bytes!" + b"\xc5\x06" + b"four"
    assert call(api, "POST", "/post/create", people[0], body=body, answer="PostId")[0] == 200


def test_field_given_twice_the_last_counts(api, people):
    body = packed("/post/create", {"text": "first"}) + packed("/post/create", {"text": "second"})
    id = call(api, "POST", "/post/create", people[0], body=body, answer="PostId")[1].id
    assert api.good("GET", f"/post/get/{id}").json["text"] == "second"


def test_bytes_at_random(api, people):
    """Whatever is sent, the answer is a good one or says what is wrong, and the gateway goes on."""
    chance = random.Random(20)
    connection = http.client.HTTPConnection(api.host, api.port, timeout=30)
    headers = {"Content-Type": TYPE, "Authorization": "Bearer " + people[0].token}
    for turn in range(600):
        method, path, good = GOOD[turn % 4]  # without the end of the account
        body = bytearray(packed(path, good) if turn % 3 else chance.randbytes(chance.randrange(40)))
        for _ in range(chance.randrange(1, 4)):
            if body:
                body[chance.randrange(len(body))] = chance.randrange(256)
        connection.request(method, path, bytes(body), headers)
        answer = connection.getresponse()
        assert answer.status < 500, f"turn {turn}: {path} {bytes(body)!r}: {answer.status} {answer.read()!r}"
        answer.read()
    connection.close()
