"""The course API, call by call: good, unauthenticated, malformed, oversized, somebody else's, unknown. Every answer of
every test is also held against docs/openapi.yaml (api.py)."""

import json
import re
import socket
import time
import urllib.parse

import pytest

from api import ABSENT

UNKNOWN = "999999999999999999"  # an id that nobody has
BAD_IDS = ["0", "-1", "+1", "01", "1x", "x", "9223372036854775808", "12345678901234567890", "1.0", "%20", "%31%00",
           "me"]


@pytest.fixture(scope="module")
def people(api):
    """Three users who write and follow as the tests please; what a test needs untouched it registers itself."""
    return [api.register("Мария", "Кюри"), api.register("Lise", "Meitner"), api.register("Emmy", "Noether")]


@pytest.fixture(scope="module")
def post(api, people):
    """A post of the first of them."""
    return api.post(people[0], "a post")


def quoted(text):
    return urllib.parse.quote(text, safe="")


def assert_problem(answer, status, code, field=None):
    """RFC 9457 and the public API's members, as docs/errors.md has them."""
    assert answer.status == status, answer
    assert answer.headers.get_content_type() == "application/problem+json", answer
    problem = answer.json
    assert problem["code"] == code, answer
    assert problem["status"] == status
    assert problem["type"].startswith("urn:freshet:problem:")
    assert problem["title"] and problem["detail"]
    assert problem["message"] == problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert problem.get("field") == field, answer
    if status >= 500:
        assert answer.headers["Retry-After"].isdigit()


# ---- every call, without a token and with bad ones ----

NEED_TOKEN = [
    ("DELETE", "/user/me", {"password": "x"}),
    ("PUT", "/friend/set/1", ABSENT),
    ("PUT", "/friend/delete/1", ABSENT),
    ("POST", "/post/create", {"text": "x"}),
    ("PUT", "/post/update", {"id": "1", "text": "x"}),
    ("PUT", "/post/delete/1", ABSENT),
    ("GET", "/post/feed", ABSENT),
    ("GET", "/post/feed/posted", ABSENT),
    ("GET", "/users?ids=1", ABSENT),
    ("GET", "/post/feed/stream", ABSENT),
    ("POST", "/logout", ABSENT),
    ("POST", "/token/refresh", ABSENT),
    ("POST", "/token/ticket", ABSENT),
]
NEED_NONE = [
    ("POST", "/login", {"id": "1", "password": "x"}),
    ("POST", "/user/register", {}),
    ("GET", "/user/get/1", ABSENT),
    ("GET", "/user/search?first_name=a&last_name=b", ABSENT),
    ("GET", "/post/get/1", ABSENT),
    ("GET", "/user/1/profile", ABSENT),
    ("GET", "/user/1/posts", ABSENT),
    ("GET", "/user/1/followers", ABSENT),
    ("GET", "/user/1/following", ABSENT),
]


def test_the_tables_name_every_call(api):
    """But the operators', which no user's token opens: test_ops_metrics.py."""
    described = {(verb.upper(), re.sub(r"\{[^}]*\}", "1", path)) for path, item in api.contract.document["paths"].items()
                 for verb, operation in item.items() if operation["tags"] != ["operations"]}
    assert described == {(method, path.split("?")[0]) for method, path, _ in NEED_TOKEN + NEED_NONE}


@pytest.mark.parametrize("method, path, body", NEED_TOKEN)
def test_without_token(api, method, path, body):
    answer = api.call(method, path, json_body=body)
    assert_problem(answer, 401, 1100)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("method, path, body", NEED_TOKEN + NEED_NONE)
@pytest.mark.parametrize("value", [
    "Bearer",
    "Bearer ",
    "Bearer x",
    "Bearer a.b.c",
    "Basic dXNlcjpwYXNz",
    # {"alg":"none"} {"sub":"1","exp":9999999999}
    "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIiwiZXhwIjo5OTk5OTk5OTk5fQ.",
])
def test_bad_token(api, method, path, body, value):
    answer = api.call(method, path, json_body=body, headers={"Authorization": value})
    assert_problem(answer, 401, 1100)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_damaged_token(api, people):
    """Each part of a good token is looked at."""
    parts = people[0].token.split(".")
    assert len(parts) == 3
    for number, part in enumerate(parts):
        middle = len(part) // 2
        changed = part[:middle] + ("A" if part[middle] != "A" else "B") + part[middle + 1:]
        token = ".".join(parts[:number] + [changed] + parts[number + 1:])
        assert_problem(api.call("GET", "/post/feed", token), 401, 1100)
    api.good("GET", "/post/feed", people[0])


def test_token_in_x_auth(api, people):
    api.good("GET", "/post/feed", headers={"X-Auth": people[0].token})
    assert_problem(api.call("GET", "/post/feed", headers={"X-Auth": people[0].token + "x"}), 401, 1100)


def test_token_in_query_is_for_sockets_only(api, people):
    assert_problem(api.call("GET", "/post/feed?token=" + people[0].token), 401, 1100)


# ---- paths and verbs ----

@pytest.mark.parametrize("method, path", [
    ("GET", "/"), ("GET", "/nothing"), ("POST", "/post"), ("GET", "/user/get"), ("GET", "/user/get/"),
    ("GET", "/user/get/1/2"), ("GET", "//login"), ("POST", "/login/"), ("POST", "/Login"), ("PUT", "/friend/set"),
    ("GET", "/post/feed/"), ("GET", "/../login"),
])
def test_unknown_path(api, method, path):
    assert_problem(api.call(method, path), 404, 1301)


@pytest.mark.parametrize("path, allowed", [
    ("/login", {"POST"}), ("/user/register", {"POST"}), ("/user/get/1", {"GET", "HEAD"}),
    ("/user/search", {"GET", "HEAD"}), ("/friend/set/1", {"PUT"}), ("/friend/delete/1", {"PUT"}),
    ("/post/create", {"POST"}), ("/post/update", {"PUT"}), ("/post/delete/1", {"PUT"}),
    ("/post/get/1", {"GET", "HEAD"}), ("/post/feed", {"GET", "HEAD"}),
    ("/post/feed/posted", {"GET", "HEAD"}), ("/users", {"GET", "HEAD"}), ("/user/1/posts", {"GET", "HEAD"}),
    ("/user/1/profile", {"GET", "HEAD"}),
    ("/user/1/followers", {"GET", "HEAD"}), ("/user/1/following", {"GET", "HEAD"}), ("/user/me", {"DELETE"}),
    ("/post/feed/stream", {"GET", "HEAD"}), ("/logout", {"POST"}), ("/token/refresh", {"POST"}), ("/token/ticket", {"POST"}),
])
def test_wrong_verb(api, path, allowed):
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "BREW"} - allowed:
        answer = api.call(method, path)
        assert_problem(answer, 405, 1400)
        told = {verb.strip() for verb in answer.headers["Allow"].split(",")}
        assert told - {"OPTIONS"} == allowed, method


def test_live_feed_without_a_handshake(api, people):
    """Sockets themselves have tests of their own."""
    answer = api.call("GET", "/post/feed/posted", people[0])
    assert_problem(answer, 426, 1604)
    assert_problem(api.call("GET", "/post/feed/posted?token=" + people[0].token), 426, 1604)
    assert_problem(api.call("GET", "/post/feed/posted?token=x"), 401, 1100)


def test_head(api, people):
    body = api.good("GET", f"/user/get/{people[0].id}").data
    answer = api.good("HEAD", f"/user/get/{people[0].id}")
    assert answer.data == b"" and int(answer.headers["Content-Length"]) == len(body)


# ---- request ids and the shape of problems ----

@pytest.mark.parametrize("given", ["a", "req-7", "x" * 64, "!#~"])
def test_request_id_is_echoed(api, people, given):
    answer = api.good("GET", f"/user/get/{people[0].id}", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == given
    problem = api.call("GET", f"/user/get/{UNKNOWN}", headers={"X-Request-ID": given})
    assert problem.headers["X-Request-ID"] == problem.json["request_id"] == given


@pytest.mark.parametrize("given", [None, "x" * 65, "a b", "caf\xe9", ""])
def test_request_id_is_made(api, people, given):
    headers = {} if given is None else {"X-Request-ID": given}
    ids = {api.good("GET", f"/user/get/{people[0].id}", headers=headers).headers["X-Request-ID"] for _ in range(2)}
    assert len(ids) == 2 and given not in ids


def test_problem_as_json_for_those_who_want_it(api):
    answer = api.call("GET", f"/user/get/{UNKNOWN}", headers={"Accept": "application/json"})
    assert answer.status == 404 and answer.headers.get_content_type() == "application/json"
    for accept in ("*/*", "application/problem+json", "application/json, application/problem+json;q=0.5"):
        assert_problem(api.call("GET", f"/user/get/{UNKNOWN}", headers={"Accept": accept}), 404, 1302, "id")


# ---- bodies that are wrong, whatever the call ----

TAKE_BODY = [("POST", "/login"), ("POST", "/user/register"), ("POST", "/post/create"), ("PUT", "/post/update"),
             ("DELETE", "/user/me")]


@pytest.mark.parametrize("method, path", TAKE_BODY)
@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"text"', b"1", b"{}{}", b"{'text':'x'}", b'{"text":"x",}', b"\xff", b"\x00",
    b'{"text":"x"} y', b"[" * 10000, b'{"a":' * 10000,
])
def test_body_is_no_json_object(api, people, method, path, body):
    assert_problem(api.call(method, path, people[0], body=body), 400, 1001, "body")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"1", b"true"])
def test_json_that_is_no_object_is_not_called_no_json(api, people, body):
    answer = api.call("POST", "/post/create", people[0], body=body)
    assert answer.json["detail"] == "body must be a JSON object"


@pytest.mark.parametrize("method, path", TAKE_BODY)
def test_body_too_large(api, people, method, path):
    # Valid but for its size.
    large = json.dumps({"text": "x", "id": "1", "password": "wrong horse", "more": "y" * 65536}).encode()
    assert_problem(api.call(method, path, people[0], body=large), 413, 1600)


def test_body_of_the_largest_size(api, people):
    frame = len(json.dumps({"text": "x", "more": ""}))
    body = json.dumps({"text": "x", "more": "y" * (65536 - frame)}).encode()
    assert len(body) == 65536
    api.good("POST", "/post/create", people[0], body=body)


@pytest.mark.parametrize("method, path", TAKE_BODY)
def test_body_of_another_type(api, people, method, path):
    answer = api.call(method, path, people[0], body=b"x", headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert_problem(answer, 415, 1602)


# ---- members that are wrong ----

LOGIN = {"id": "1", "password": "correct horse"}
FORM = {"first_name": "Ann", "second_name": "Lee", "birthdate": "2017-02-01", "biography": "b", "city": "c",
        "password": "correct horse"}
UPDATE = {"id": "1", "text": "x"}
PASSWORD = {"password": "wrong horse"}

BAD_TEXTS = [None, 1, 1.5, True, [], ["x"], {}, "nul \u0000 inside"]
MALFORMED = (
    [("POST", "/login", LOGIN, "id", value) for value in
     [ABSENT, None, 1, True, [], "", "x", "0", "-1", "01", " 1", "1 ", "9223372036854775808", "1" * 20, "1\u0000"]]
    + [("POST", "/login", LOGIN, "password", value) for value in [ABSENT, "", "x" * 129, "й" * 65] + BAD_TEXTS]
    + [("DELETE", "/user/me", PASSWORD, "password", value) for value in [ABSENT, "", "x" * 129, "й" * 65] + BAD_TEXTS]
    + [("POST", "/user/register", FORM, name, value) for name in ("first_name", "second_name")
       for value in [ABSENT, "", " ", "\t\n", "x" * 129, "й" * 65] + BAD_TEXTS]
    + [("POST", "/user/register", FORM, "password", value) for value in
       [ABSENT, "", "x" * 7, "x" * 129, "й" * 65] + BAD_TEXTS]
    + [("POST", "/user/register", FORM, "birthdate", value) for value in
       ["", "x", "2017-02-29", "2017-13-01", "2017-00-01", "2017-2-1", "17-02-01", "0000-01-01", "2017-02-01T00:00:00Z",
        " 2017-02-01", 20170201, True, [], {}]]
    + [("POST", "/user/register", FORM, "biography", value) for value in ["x" * 4097, 1, [], "\u0000"]]
    + [("POST", "/user/register", FORM, "city", value) for value in ["x" * 129, 1, [], "\u0000"]]
    + [("POST", "/post/create", {"text": "x"}, "text", value) for value in
       [ABSENT, "", "x" * 4097, "й" * 2049] + BAD_TEXTS]
    + [("PUT", "/post/update", UPDATE, "text", value) for value in [ABSENT, "", "x" * 4097, "й" * 2049] + BAD_TEXTS]
    + [("PUT", "/post/update", UPDATE, "id", value) for value in
       [ABSENT, None, 1, "", "x", "0", "-1", "01", "9223372036854775808", "1\u0000"]]
)


@pytest.mark.parametrize("method, path, good, name, value", MALFORMED)
def test_malformed_member(api, people, method, path, good, name, value):
    body = {key: member for key, member in good.items() if key != name}
    if value is not ABSENT:
        body[name] = value
    assert_problem(api.call(method, path, people[0], json_body=body), 400, 1001, name)


@pytest.mark.parametrize("method, path, good", [
    ("POST", "/login", LOGIN), ("POST", "/user/register", FORM), ("POST", "/post/create", {"text": "x"}),
    ("PUT", "/post/update", UPDATE), ("DELETE", "/user/me", PASSWORD)])
@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"])
def test_member_is_no_utf8(api, people, method, path, good, bad):
    for name in good:
        body = json.dumps({**good, name: "BAD"}).encode().replace(b"BAD", b"x" + bad + b"y")
        assert_problem(api.call(method, path, people[0], body=body), 400, 1001, name)


@pytest.mark.parametrize("escape", ["\\ud800", "\\udc00", "\\ud800\\u0041"])
def test_member_is_half_a_surrogate_pair(api, people, escape):
    body = ('{"text":"' + escape + '"}').encode()
    answer = api.call("POST", "/post/create", people[0], body=body)
    assert answer.status == 400 and answer.json["field"] in ("text", "body"), answer


@pytest.mark.parametrize("id", BAD_IDS)
@pytest.mark.parametrize("method, path, field", [
    ("GET", "/user/get/", "id"), ("GET", "/post/get/", "id"), ("PUT", "/post/delete/", "id"),
    ("PUT", "/friend/set/", "user_id"), ("PUT", "/friend/delete/", "user_id")])
def test_bad_id_in_path(api, people, method, path, field, id):
    assert_problem(api.call(method, path + id, people[0]), 400, 1001, field)


@pytest.mark.parametrize("body, field", [
    (b'{"text":"x","more":1e999}', "body"), (b'{"text":"x","more":' + b"9" * 400 + b"}", "body"),
    (b'{"text":"x","more":1.7976931348623157e308}', None), (b'{"text":"x","more":-0.0e-999}', None),
    (b'{"text":"","text":"x"}', None), (b'{"text":"x","text":""}', "text"), (b'{"text":"x","text":null}', "text"),
    (b'{"text":"x","more":' + b"[" * 100 + b"]" * 100 + b"}", None),
    (b'{"text":"x","more":' + b"[" * 5000 + b"]" * 5000 + b"}", "body"),
])
def test_strange_but_json(api, people, body, field):
    """Numbers of any size, members given twice (the last counts), depth."""
    answer = api.call("POST", "/post/create", people[0], body=body)
    if field is None:
        assert answer.status == 200, answer
    else:
        assert_problem(answer, 400, 1001, field)


def test_unknown_members_are_ignored(api, people):
    id = api.good("POST", "/post/create", people[0], json_body={"text": "x", "textt": 1, "id": "7"}).json
    assert id != "7"
    api.good("PUT", "/post/update", people[0], json_body={"id": id, "text": "y", "author_user_id": "1"})


# ---- register, login, get ----

def test_register_and_get(api):
    form = {**FORM, "first_name": "Ада", "second_name": "O'Brien \"\\ \U0001f600", "biography": "line\nline\t\u0001"}
    user = api.register(**form)
    assert api.good("GET", f"/user/get/{user.id}").json == {
        "id": user.id, **{key: value for key, value in form.items() if key != "password"}}


@pytest.mark.parametrize("form, shown", [
    ({}, {"birthdate": None, "biography": "", "city": ""}),
    ({"birthdate": None, "biography": None, "city": None}, {"birthdate": None, "biography": "", "city": ""}),
    ({"birthdate": "0001-01-01"}, {"birthdate": "0001-01-01"}),
    ({"birthdate": "9999-12-31"}, {"birthdate": "9999-12-31"}),
    ({"birthdate": "2016-02-29"}, {"birthdate": "2016-02-29"}),
    ({"biography": "x" * 4096, "city": "й" * 64}, {"biography": "x" * 4096, "city": "й" * 64}),
    ({"first_name": "й" * 64, "second_name": "x"}, {"first_name": "й" * 64, "second_name": "x"}),
])
def test_register_edges(api, form, shown):
    id = api.good("POST", "/user/register", json_body={
        "first_name": "A", "second_name": "B", "password": "x" * 8, **form}).json["user_id"]
    got = api.good("GET", f"/user/get/{id}").json
    assert {key: got[key] for key in shown} == shown


def test_user_ids_differ_and_rise(api):
    ids = [int(api.good("POST", "/user/register", json_body=FORM).json["user_id"]) for _ in range(3)]
    assert ids == sorted(set(ids))


def test_login(api):
    user = api.register(password="пароль 123")
    answer = api.good("POST", "/login", json_body={"id": user.id, "password": "пароль 123"})
    assert answer.headers["Cache-Control"] == "no-store"
    ends = time.strptime(answer.json["expires_at"][:19], "%Y-%m-%dT%H:%M:%S")
    assert time.gmtime() < ends
    api.good("GET", "/post/feed", answer.json["token"])


def test_login_refused(api, database):
    user = api.register(password="correct horse")
    for password in ("correct hors", "correct horse ", "Correct horse", "x"):
        answer = api.call("POST", "/login", json_body={"id": user.id, "password": password})
        assert_problem(answer, 400, 1002, "password")
    assert_problem(api.call("POST", "/login", json_body={"id": UNKNOWN, "password": "correct horse"}), 404, 1302, "id")
    # Imported people have no password: nobody gets in as them.
    database("INSERT INTO users (id, first_name, second_name) VALUES (77, 'Im', 'Ported')")
    answer = api.call("POST", "/login", json_body={"id": "77", "password": "correct horse"})
    assert_problem(answer, 400, 1002, "password")


def test_get_unknown(api):
    assert_problem(api.call("GET", f"/user/get/{UNKNOWN}"), 404, 1302, "id")
    assert_problem(api.call("GET", f"/post/get/{UNKNOWN}"), 404, 1303, "id")


def test_account_deletion_wants_the_password(api, database):
    user = api.register(password="correct horse")
    answer = api.call("DELETE", "/user/me", user, json_body={"password": "correct hors"})
    assert_problem(answer, 400, 1002, "password")
    api.good("GET", f"/user/get/{user.id}")
    api.good("DELETE", "/user/me", user, json_body={"password": "correct horse"})
    assert_problem(api.call("DELETE", "/user/me", user, json_body={"password": "correct horse"}), 401, 1100)


def test_deleted_user(api):
    """Somebody whose account is gone is unknown to all, and their token opens nothing that writes."""
    gone, other = api.register("Gone", "Away"), api.register()
    api.good("DELETE", "/user/me", gone, json_body={"password": gone.password})
    assert_problem(api.call("GET", f"/user/get/{gone.id}"), 404, 1302, "id")
    assert_problem(api.call("POST", "/login", json_body={"id": gone.id, "password": gone.password}), 404, 1302, "id")
    assert_problem(api.call("PUT", f"/friend/set/{gone.id}", other), 404, 1302, "user_id")
    assert_problem(api.call("PUT", f"/friend/set/{other.id}", gone), 401, 1100)
    assert_problem(api.call("PUT", f"/friend/delete/{other.id}", gone), 401, 1100)
    assert_problem(api.call("POST", "/post/create", gone, json_body={"text": "x"}), 401, 1100)
    assert api.good("GET", "/user/search?first_name=Gone&last_name=Away").json == []


# ---- search ----

@pytest.fixture(scope="module")
def searched(api, database):
    """People to be found, by the names under which they are found."""
    names = ["Ёлка Ъ", "ёжик ъ", "Ёлочка Ы", "Straße Z", "STRASSE Z", "Zo% Q", "Zo_ Q", "Zoo Q", "Zo' Q", "Zo\\ Q",
             "Zo\U0010ffff Q"]
    rows = ",".join("({}, '{}', '{}')".format(1000 + n, *(part.replace("'", "''") for part in name.split()))
                    for n, name in enumerate(names))
    database(f"INSERT INTO users (id, first_name, second_name) VALUES {rows}")
    return {name: str(1000 + n) for n, name in enumerate(names)}


@pytest.mark.parametrize("first, last, found", [
    ("Ёл", "Ъ", ["Ёлка Ъ"]),
    ("ёл", "ъ", ["Ёлка Ъ"]),
    ("ЁЛ", "ъ", ["Ёлка Ъ"]),
    ("Ё", "ъ", ["Ёлка Ъ", "ёжик ъ"]),
    ("ёЛкА", "Ъ", ["Ёлка Ъ"]),
    ("лка", "Ъ", []),
    ("Ёлка ", "Ъ", []),
    ("stra", "z", ["Straße Z", "STRASSE Z"]),
    ("straß", "z", ["Straße Z"]),
    ("zo", "q", ["Zo% Q", "Zo_ Q", "Zoo Q", "Zo' Q", "Zo\\ Q", "Zo\U0010ffff Q"]),
    ("zo%", "q", ["Zo% Q"]),
    ("zo_", "q", ["Zo_ Q"]),
    ("zo'", "q", ["Zo' Q"]),
    ("zo\\", "q", ["Zo\\ Q"]),
    ("%", "%", []),
    ("_", "_", []),
    ("' OR '1'='1", "' OR '1'='1", []),
    ("'; DROP TABLE users; --", "x", []),
    ("zoo", "qq", []),
])
def test_search(api, searched, first, last, found):
    answer = api.good("GET", f"/user/search?first_name={quoted(first)}&last_name={quoted(last)}")
    assert [user["id"] for user in answer.json] == sorted((searched[name] for name in found), key=int)
    assert answer.next is None


def test_search_understands_forms(api, searched):
    """A plus is a space, as clients' libraries write it."""
    user = api.register("Jean Paul", "Sartre+Plus")
    for path in ("?first_name=jean+p&last_name=sartre%2Bp", "?last_name=sartre%2bp&other=&first_name=jean%20p"):
        assert user.id in [found["id"] for found in api.good("GET", "/user/search" + path).json]
    assert api.good("GET", "/user/search?first_name=jean%2Bp&last_name=sartre").json == []


def test_search_pages(api, database):
    first, last = 500000, 500249
    database("INSERT INTO users (id, first_name, second_name) "
             f"SELECT id, 'Ямной «&=+%»' || id, 'Пейджинг' FROM generate_series({first}, {last}) AS id")
    path, pages = f"/user/search?first_name={quoted('ямной «&=+%»')}&last_name={quoted('пейдж')}", []
    while path is not None:
        answer = api.good("GET", path)
        pages.append([int(user["id"]) for user in answer.json])
        path = answer.next
    assert [len(page) for page in pages] == [100, 100, 50]
    assert sum(pages, []) == list(range(first, last + 1))
    some = api.good("GET", f"/user/search?first_name={quoted('ямной')}&last_name={quoted('пейдж')}&limit=7")
    assert [int(user["id"]) for user in some.json] == list(range(first, first + 7))
    assert [int(user["id"]) for user in api.good("GET", some.next).json] == list(range(first + 7, first + 14))


def test_search_page_that_is_just_full(api, database):
    database("INSERT INTO users (id, first_name, second_name) "
             "SELECT id, 'Justfull', 'Page' FROM generate_series(600000, 600099) AS id")
    answer = api.good("GET", "/user/search?first_name=justfull&last_name=page")
    assert len(answer.json) == 100 and answer.next is None


@pytest.mark.parametrize("query, field", [
    ("", "first_name"),
    ("?first_name=a", "last_name"),
    ("?last_name=a", "first_name"),
    ("?first_name=&last_name=a", "first_name"),
    ("?first_name=a&last_name=", "last_name"),
    ("?first_name&last_name=a", "first_name"),
    ("?first_name=%ff&last_name=a", "first_name"),
    ("?first_name=a&last_name=%00", "last_name"),
    ("?first_name=%4&last_name=a", "first_name"),
    ("?first_name=a&last_name=%zz", "last_name"),
    ("?first_name=" + "x" * 129 + "&last_name=a", "first_name"),
    ("?first_name=a&last_name=" + "%D0%B9" * 65, "last_name"),
    ("?first_name=a&last_name=b&cursor=x", "cursor"),
    ("?first_name=a&last_name=b&cursor=1", "cursor"),
    ("?first_name=a&last_name=b&cursor=", "cursor"),
    ("?first_name=a&last_name=b&cursor=%ff", "cursor"),
    ("?first_name=a&last_name=b&limit=0", "limit"),
    ("?first_name=a&last_name=b&limit=-1", "limit"),
    ("?first_name=a&last_name=b&limit=x", "limit"),
    ("?first_name=a&last_name=b&limit=", "limit"),
])
def test_search_malformed(api, query, field):
    assert_problem(api.call("GET", "/user/search" + query), 400, 1001, field)


# ---- friends ----

def test_follow_is_idempotent(api, database):
    follower, followed = api.register(), api.register()
    edge = f"follower_id = {follower.id} AND followed_id = {followed.id}"
    edges = f"SELECT (SELECT count(*) FROM followees WHERE {edge}), (SELECT count(*) FROM followers WHERE {edge})"
    for verb, there in (("set", 1), ("set", 1), ("delete", 0), ("delete", 0), ("set", 1)):
        answer = api.good("PUT", f"/friend/{verb}/{followed.id}", follower)
        assert answer.data == b""
        assert database(edges) == [(there, there)], verb


def test_follow_oneself(api, people):
    assert_problem(api.call("PUT", f"/friend/set/{people[0].id}", people[0]), 400, 1003, "user_id")
    api.good("PUT", f"/friend/delete/{people[0].id}", people[0])  # there is no such edge: nothing to do


@pytest.mark.parametrize("verb", ["set", "delete"])
def test_follow_unknown(api, people, verb):
    assert_problem(api.call("PUT", f"/friend/{verb}/{UNKNOWN}", people[0]), 404, 1302, "user_id")


def test_follow_limit(api, database):
    follower, one_more, known = api.register(), api.register(), "700000"
    database("INSERT INTO users (id, first_name, second_name) "
             "SELECT id, 'Crowd', 'Member' FROM generate_series(700000, 709998) AS id")
    for table, columns in (("followees", "follower_id, followed_id"), ("followers", "follower_id, followed_id")):
        database(f"INSERT INTO {table} ({columns}) SELECT {follower.id}, id FROM generate_series(700000, 709998) AS id")
    last = api.register()
    api.follow(follower, last)  # the 10,000th
    assert_problem(api.call("PUT", f"/friend/set/{one_more.id}", follower), 400, 1004, "user_id")
    api.good("PUT", f"/friend/set/{known}", follower)  # followed already: no change, so no limit
    assert_problem(api.call("PUT", f"/friend/set/{UNKNOWN}", follower), 404, 1302, "user_id")
    api.good("PUT", f"/friend/delete/{known}", follower)
    api.follow(follower, one_more)
    assert database(f"SELECT count(*) FROM followees WHERE follower_id = {follower.id}") == [(10000,)]


# ---- posts ----

@pytest.mark.parametrize("text", [
    "x", "  ", "\n", "x" * 4096, "й" * 2048, "\U0001f600" * 1024, "\"\\/\b\f\n\r\t\u0001\u001f\u007f\u2028",
    "</script><b>", "%s %n $1 :x ' '' \" ; --", "e\u0301",
])
def test_post_round_trip(api, people, text):
    id = api.post(people[0], text)
    post = api.good("GET", f"/post/get/{id}").json
    assert post["text"] == text and post["id"] == id and post["author_user_id"] == people[0].id
    assert "edited_at" not in post


def test_post_ids_rise(api, people):
    ids = [int(api.post(people[0], "x")) for _ in range(5)]
    assert ids == sorted(set(ids))


def test_posts_of_one_author_at_once(api, database):
    """Many connections, several loops: no post is lost or written twice, and events come in the order of the ids."""
    import concurrent.futures
    author = api.register()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda n: api.post(author, f"text {n}"), range(40)))
    assert len(set(ids)) == 40
    rows = database(f"SELECT id, body FROM posts WHERE author_id = {author.id}")
    assert {(id, text) for id, text in rows} == {(int(id), f"text {n}") for n, id in enumerate(ids)}
    assert database(f"SELECT last_post_id FROM users WHERE id = {author.id}") == [(max(map(int, ids)),)]


def test_post_when_the_clock_is_behind(api, database):
    """Another gateway gave this author an id from the future: told as what it is, and over once the clock is there."""
    author = api.register()
    database(f"UPDATE users SET last_post_id = 9000000000000000000 WHERE id = {author.id}")
    answer = api.call("POST", "/post/create", author, json_body={"text": "x"})
    assert_problem(answer, 503, 2100)
    assert database(f"SELECT count(*) FROM posts WHERE author_id = {author.id}") == [(0,)]
    database(f"UPDATE users SET last_post_id = 0 WHERE id = {author.id}")
    api.post(author, "x")


def test_update(api, people):
    id = api.post(people[0], "first")
    before = api.good("GET", f"/post/get/{id}").json
    assert api.good("PUT", "/post/update", people[0], json_body={"id": id, "text": "second"}).data == b""
    after = api.good("GET", f"/post/get/{id}").json
    assert after["text"] == "second" and after["created_at"] == before["created_at"]
    assert after["edited_at"] >= after["created_at"]
    # The same text is no edit.
    api.good("PUT", "/post/update", people[0], json_body={"id": id, "text": "second"})
    assert api.good("GET", f"/post/get/{id}").json == after


def test_delete(api, people):
    id = api.post(people[0], "soon gone")
    assert api.good("PUT", f"/post/delete/{id}", people[0]).data == b""
    assert_problem(api.call("GET", f"/post/get/{id}"), 404, 1303, "id")
    assert_problem(api.call("PUT", f"/post/delete/{id}", people[0]), 404, 1303, "id")
    assert_problem(api.call("PUT", "/post/update", people[0], json_body={"id": id, "text": "back"}), 404, 1303, "id")
    # Also to others it is unknown now, not somebody else's.
    assert_problem(api.call("PUT", f"/post/delete/{id}", people[1]), 404, 1303, "id")


def test_somebody_elses_post(api, people, post):
    assert_problem(api.call("PUT", "/post/update", people[1], json_body={"id": post, "text": "mine"}), 403, 1200, "id")
    assert_problem(api.call("PUT", f"/post/delete/{post}", people[1]), 403, 1200, "id")
    assert api.good("GET", f"/post/get/{post}").json["text"] == "a post"


def test_unknown_post(api, people):
    assert_problem(api.call("PUT", "/post/update", people[0], json_body={"id": UNKNOWN, "text": "x"}), 404, 1303, "id")
    assert_problem(api.call("PUT", f"/post/delete/{UNKNOWN}", people[0]), 404, 1303, "id")


# ---- the query of the feed; its contents are test_feed_page.py's ----

@pytest.mark.parametrize("query, field", [
    ("limit=0", "limit"), ("limit=-1", "limit"), ("limit=x", "limit"), ("limit=", "limit"), ("limit=1.5", "limit"),
    ("limit=%00", "limit"), ("limit=%ff", "limit"), ("limit=1%20", "limit"),
    ("offset=-1", "offset"), ("offset=10001", "offset"), ("offset=x", "offset"), ("offset=", "offset"),
    ("offset=99999999999999999999", "offset"),
    ("cursor=", "cursor"), ("cursor=x", "cursor"), ("cursor=AAAAAAAAAAAAAAAA", "cursor"), ("cursor=%00", "cursor"),
    ("cursor=AQAAAAAAAAAFU7yd", "cursor"),  # one bit from a good one
    ("cursor=AQAAAAAAAAAFU7yc&offset=0", "cursor"),
])
def test_feed_malformed(api, people, query, field):
    assert_problem(api.call("GET", f"/post/feed?{query}", people[0]), 400, 1001, field)


@pytest.mark.parametrize("query", [
    "", "limit=1", "limit=100", "limit=101", "limit=99999999999999999999", "offset=0", "offset=10000",
    "limit=5&offset=5", "cursor=AQAAAAAAAAAFU7yc", "cursor=AQAAAAAAAAAFU7yc&limit=3", "unknown=1",
])
def test_feed_of_nobody_followed(api, query):
    answer = api.good("GET", f"/post/feed?{query}", api.register())
    assert answer.json == [] and answer.next is None


# ---- several requests on one connection ----

def test_pipelined_requests_are_answered_in_order(api, people):
    with socket.create_connection((api.host, api.port), timeout=30) as connection:
        ids = [people[0].id, UNKNOWN, people[1].id]
        for number, id in enumerate(ids):
            last = "Connection: close\r\n" if number == len(ids) - 1 else ""
            head = f"GET /user/get/{id} HTTP/1.1\r\nHost: x\r\nX-Request-ID: n{number}\r\n{last}\r\n"
            connection.sendall(head.encode())
        data = b""
        while piece := connection.recv(65536):
            data += piece
    assert re.findall(rb"HTTP/1.1 (\d+)", data) == [b"200", b"404", b"200"]
    assert re.findall(rb"(?i)x-request-id: (\w+)", data) == [b"n0", b"n1", b"n2"]
