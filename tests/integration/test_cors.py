"""CORS: which pages may call from a browser (Fetch standard, section 3.2), as --allowed-origins says."""

import http.client

import hpack
import pytest

from api import Api
from harness import Http2Client
from harness.http2 import HEADERS

EXPOSED = {"Link", "X-Request-ID", "Location", "Retry-After", "RateLimit", "RateLimit-Policy"}
ALLOWED = "https://app.example"
PORTED = "http://localhost:3000"
OTHER = "https://evil.example"


@pytest.fixture(scope="module")
def listed(stack):
    """A gateway that two origins may call."""
    gateway = stack.add_gateway(allowed_origins=f"{ALLOWED}, {PORTED}").start()
    yield Api(f"http://127.0.0.1:{gateway.port}")
    stack.gateways.remove(gateway)
    gateway.stop()


@pytest.fixture(scope="module")
def open_to_all(stack):
    gateway = stack.add_gateway(allowed_origins="*").start()
    yield Api(f"http://127.0.0.1:{gateway.port}")
    stack.gateways.remove(gateway)
    gateway.stop()


def words(value):
    return {word.strip() for word in value.split(",")}


def assert_readable(answer, origin):
    assert answer.headers.get_all("Access-Control-Allow-Origin") == [origin], answer
    assert words(answer.headers["Access-Control-Expose-Headers"]) == EXPOSED
    assert "Origin" in words(answer.headers["Vary"])
    assert answer.headers["Access-Control-Allow-Credentials"] is None


def assert_not_readable(answer):
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")], answer


def preflight(api, path, origin, method="POST", names="authorization,content-type"):
    return api.call("OPTIONS", path, headers={"Origin": origin, "Access-Control-Request-Method": method,
                                              "Access-Control-Request-Headers": names})


@pytest.mark.parametrize("path, methods", [
    ("/login", {"POST"}), ("/post/create", {"POST"}), ("/post/feed", {"GET", "HEAD"}), ("/user/me", {"DELETE"}),
    ("/friend/set/1", {"PUT"}), ("/user/1/posts", {"GET", "HEAD"}),
])
@pytest.mark.parametrize("origin", [ALLOWED, PORTED])
def test_preflight(listed, path, methods, origin):
    """Needs no token, since browsers send none."""
    answer = preflight(listed, path, origin)
    assert answer.status == 204 and answer.data == b""
    assert_readable(answer, origin)
    assert words(answer.headers["Access-Control-Allow-Methods"]) - {"OPTIONS"} == methods
    assert {"authorization", "x-auth", "content-type", "idempotency-key", "x-request-id", "traceparent",
            "last-event-id"} <= words(answer.headers["Access-Control-Allow-Headers"].lower())
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert words(answer.headers["Allow"]) - {"OPTIONS"} == methods


@pytest.mark.parametrize("origin", [
    OTHER, "null", "http://app.example", "https://app.example:444", "https://app.example.evil.example",
    "https://notapp.example", "http://localhost:3001", "http://localhost", "https://app.example/", "x", "*",
    "https://app.example, https://evil.example",
])
def test_preflight_of_others(listed, origin):
    answer = preflight(listed, "/post/create", origin)
    assert answer.status == 204 and answer.headers["Allow"] == "POST, OPTIONS"
    assert_not_readable(answer)
    assert "Origin" in words(answer.headers["Vary"])


def test_options_without_origin(api):
    answer = api.call("OPTIONS", "/post/create")
    assert answer.status == 204 and answer.headers["Allow"] == "POST, OPTIONS"
    assert_not_readable(answer)


def test_options_of_an_unknown_path(listed):
    assert preflight(listed, "/nothing", ALLOWED).status == 404


def test_answers(listed):
    user = listed.register()
    for origin in (ALLOWED, PORTED):
        sent = {"Origin": origin}
        assert_readable(listed.good("GET", f"/user/get/{user.id}", headers=sent), origin)
        assert_readable(listed.good("POST", "/post/create", user, json_body={"text": "x"}, headers=sent), origin)
        assert_readable(listed.good("HEAD", "/post/feed", user, headers=sent), origin)
    answer = listed.good("GET", f"/user/get/{user.id}", headers={"Origin": OTHER})
    assert_not_readable(answer)
    assert "Origin" in words(answer.headers["Vary"])
    # Also without an Origin: a cache must not give this answer to a page.
    assert "Origin" in words(listed.good("GET", f"/user/get/{user.id}").headers["Vary"])


@pytest.mark.parametrize("method, path, more", [
    ("GET", "/nothing", {}), ("PATCH", "/login", {}), ("GET", "/post/feed", {}), ("GET", "/user/get/x", {}),
    ("GET", "/user/get/999999999999999999", {}), ("POST", "/login", {"body": b"{"}),
    ("POST", "/login", {"body": b"x" * 65537}), ("GET", "/user/get/1?" + "x" * 9000, {}),
])
def test_problems(listed, method, path, more):
    assert_readable(listed.call(method, path, headers={"Origin": ALLOWED}, **more), ALLOWED)
    assert_not_readable(listed.call(method, path, headers={"Origin": OTHER}, **more))


def test_problems_while_the_request_is_read(listed):
    """Those that are answered before it is whole."""
    for headers in ({"Expect": "nonsense"}, {"Content-Length": "999999999"}):
        for origin, readable in ((ALLOWED, True), (OTHER, False)):
            connection = http.client.HTTPConnection(listed.host, listed.port, timeout=30)
            connection.putrequest("POST", "/login")
            for name, value in {"Content-Length": "2", "Origin": origin, **headers}.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            assert answer.status in (413, 417)
            (assert_readable if readable else lambda it, _: assert_not_readable(it))(answer, origin)
            connection.close()


def test_default_is_the_same_origin(api):
    own = f"http://{api.host}:{api.port}"
    path = "/user/search?first_name=a&last_name=b"
    assert_readable(api.good("GET", path, headers={"Origin": own}), own)
    assert_readable(preflight(api, "/post/create", own), own)
    for origin in (ALLOWED, f"http://{api.host}:{api.port + 1}", "null"):
        assert_not_readable(api.good("GET", path, headers={"Origin": origin}))
        assert_not_readable(preflight(api, "/post/create", origin))
    answer = api.good("GET", path)
    assert_not_readable(answer)
    assert answer.headers["Vary"] is None


def test_origin_of_two_lines(open_to_all):
    """HTTP/2 carries it; a proxy that speaks HTTP/1.1 to its client would make a header of it."""
    client = Http2Client(open_to_all.port)
    stream = client.request(headers=[("origin", "http://x\r\nset-cookie: a=b")])
    head = next(one for one in iter(client.read, None) if one.kind == HEADERS and one.stream == stream)
    fields = dict(hpack.Decoder().decode(head.payload))
    assert "access-control-allow-origin" not in fields and fields[":status"] == "400", fields


def test_any_origin(open_to_all):
    for origin in (ALLOWED, OTHER, "null"):
        assert_readable(open_to_all.good("GET", "/user/search?first_name=a&last_name=b", headers={"Origin": origin}),
                        origin)
        assert preflight(open_to_all, "/post/create", origin).headers["Access-Control-Allow-Origin"] == origin
