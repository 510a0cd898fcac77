"""docs/openapi.yaml held against a running gateway: its paths are the router's, and each call, asked as the document's own examples say, in either
encoding, gives an answer that the document describes."""

import base64
import http.client
import json
import os
import pathlib
import re
import urllib.parse

import jsonschema
import pytest
import yaml

import messages
from api import Contract
from harness import Stack

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
# Who and what the document's examples are about.
USER, POST, OTHER = 178412309504000001, 178412309504000002, 178412309504000003
PASSWORD = "correct horse"
UNKNOWN = "999999999999999999"
ENDLESS = "text/event-stream"
ADMIN_TOKEN = "correct-horse-battery"

OPERATIONS = [pytest.param(path, verb.upper(), operation, id=operation["operationId"])
              for path, item in DOCUMENT["paths"].items() for verb, operation in item.items()]


def resolve(node):
    while "$ref" in node:
        target = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def routes():
    """The router's table: (method, pattern): flags. What is there with --debug-echo alone is no part of the contract."""
    text = (ROOT / "pkg" / "http" / "routes.c").read_text(encoding="utf-8")
    rows = re.findall(r'^    \{"([A-Z]+)", "([^"]+)", ([^,]+), fr_handle_\w+\},$', text, re.MULTILINE)
    assert len(rows) == len(re.findall(r"fr_handle_", text)), "a line of the table has another form"
    return {(method, pattern): flags for method, pattern, flags in rows if not pattern.startswith("/debug/")}


def needs(operation):
    """The security schemes of which one must be met; none for an open call."""
    return {name for item in operation.get("security", DOCUMENT["security"]) for name in item}


def secured(operation):
    return needs(operation) != set()


# ---- the document and the router ----

def test_paths_are_the_routers():
    assert {(verb.upper(), path) for path, item in DOCUMENT["paths"].items() for verb in item} == set(routes())


@pytest.mark.parametrize("path, verb, operation", OPERATIONS)
def test_needs_are_the_routers(path, verb, operation):
    flags = routes()[(verb, path)]
    assert needs(operation) == ({"bearer", "xAuth"} if "FR_ROUTE_AUTH" in flags else {"adminToken"} if "FR_ROUTE_NO_USER" in flags else set())
    assert ("requestBody" in operation) == ("FR_ROUTE_BODY" in flags)
    names = {resolve(parameter)["name"] for parameter in operation["parameters"]}
    assert ({"token", "ticket"} <= names) == ("FR_ROUTE_TOKEN_IN_QUERY" in flags)


# ---- the document and its answers ----

class Gateway:
    """One call at a time, each held against the document. No materializer: nothing changes in the background."""

    def __init__(self, stack):
        self.stack, self.others = stack, 1000
        self.contract = Contract()
        registered = self.call("POST", "/user/register", body=json.dumps(
            {"first_name": "A", "second_name": "B", "password": PASSWORD}).encode(), headers={"Content-Type": "application/json"})
        self.hash, = stack.sql(f"SELECT password_hash FROM users WHERE id = {registered[1]['user_id']}")[0]

    def scene(self):
        """The examples' world: two users with the examples' password, a post of the first."""
        for table, column in (("posts", "author_id"), ("followers", "followed_id"), ("followees", "follower_id"), ("departed", "id"),
                              ("idempotency", "user_id"), ("users", "id")):
            self.stack.sql(f"DELETE FROM {table} WHERE {column} IN ({USER}, {OTHER})")
        self.stack.sql("DELETE FROM revocations")
        self.stack.sql("INSERT INTO users (id, first_name, second_name, password_hash) VALUES (%s, 'Ада', 'Лавлейс', %s), (%s, 'Ада', 'Бета', %s)",
                       USER, self.hash, OTHER, self.hash)
        self.stack.sql("INSERT INTO posts (author_id, id, body, created_at) VALUES (%s, %s, 'Hello.', '2026-01-02T03:04:05.678Z')", USER, POST)
        return self.stack.mint(USER)

    def somebody(self):
        """The token of a user who may be deleted: deleting revokes for good."""
        self.others += 1
        self.stack.sql("INSERT INTO users (id, first_name, second_name, password_hash) VALUES (%s, 'C', 'D', %s)", self.others, self.hash)
        return self.stack.mint(self.others)

    def call(self, method, path, body=None, headers=None):
        """Status and what the body says; the answer has been checked."""
        connection = http.client.HTTPConnection("127.0.0.1", self.stack.gateway.port, timeout=30)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        operation = self.contract.operation(method, urllib.parse.urlsplit(path).path)
        described = operation["responses"].get(str(answer.status))
        if described is None:
            assert answer.status in resolve(operation["responses"]["default"])["x-statuses"], \
                f"{method} {path}: {answer.status} is not described: {answer.read(2000)}"
            described = operation["responses"]["default"]
        said = self.check(f"{method} {path}: {answer.status}", answer, resolve(described))
        connection.close()
        return answer.status, said

    def check(self, where, answer, described):
        for name, header in described.get("headers", {}).items():
            header, value = resolve(header), answer.headers[name]
            assert value is not None or not header.get("required"), f"{where}: no {name}"
            if value is not None:
                self.validate(value, header["schema"])
        if answer.status == 101 or answer.headers.get_content_type() == ENDLESS or \
                (answer.status == 200 and ENDLESS in described.get("content", {})):
            return None
        data = answer.read()
        content = described.get("content")
        if content is None:
            assert data == b"" and answer.headers["Content-Type"] is None, f"{where}: the body should be empty: {data[:200]}"
            return None
        kind = answer.headers.get_content_type()
        assert kind in content, f"{where}: {kind} is none of {list(content)}"
        if kind == messages.TYPE:
            said = messages.written(messages.kind(content[kind]["x-message"]).FromString(data))
            alike = content.get("application/json")
        elif kind == "text/plain":
            said, alike = data.decode("utf-8"), content[kind]
        else:
            said, alike = json.loads(data), content[kind]
        if alike is not None:
            self.validate(said, alike["schema"])
        return said

    def validate(self, value, schema):
        resolver = jsonschema.RefResolver("", DOCUMENT)
        jsonschema.Draft202012Validator(schema, resolver=resolver).validate(value)


@pytest.fixture(scope="module")
def gateway():
    with Stack(materializers=0, gateway_settings={"admin_token": ADMIN_TOKEN}) as stack:
        yield Gateway(stack)


def example_path(path, operation):
    """The path with the examples of its parameters and of those of the query that are required."""
    query = {}
    for parameter in operation["parameters"]:
        parameter = resolve(parameter)
        if parameter["in"] == "path":
            about = OTHER if path.startswith("/friend/") else POST if path.startswith("/post/") else USER
            path = path.replace("{" + parameter["name"] + "}", str(about))
        elif parameter["in"] == "query" and parameter.get("required"):
            example = parameter["example"]
            query[parameter["name"]] = ",".join(example) if isinstance(example, list) else example
    return path + ("?" + urllib.parse.urlencode(query) if query else "")


def example_bodies(operation):
    """The body of the example as JSON and as a message; (content type, None) without one."""
    if "requestBody" not in operation:
        return [(None, None)]
    content = operation["requestBody"]["content"]
    example = content["application/json"]["example"]
    message = messages.kind(content[messages.TYPE]["x-message"])
    fields = message.DESCRIPTOR.fields_by_name
    made = message(**{name: int(value) if fields[name].type == fields[name].TYPE_INT64 else value for name, value in example.items()})
    return [("application/json", json.dumps(example).encode()), (messages.TYPE, made.SerializeToString())]


def handshake():
    return {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()}


@pytest.mark.parametrize("path, verb, operation", OPERATIONS)
def test_examples_are_answered(gateway, path, verb, operation):
    """As the document asks, in each encoding of body and answer; also with HEAD."""
    said = []
    endless = ENDLESS in resolve(operation["responses"].get("200", {})).get("content", {})
    for kind, body in example_bodies(operation):
        for accept in (ENDLESS, messages.TYPE) if endless else ("application/json", messages.TYPE):
            token = gateway.scene() if path != "/user/me" else gateway.somebody()
            token = ADMIN_TOKEN if "adminToken" in needs(operation) else token
            headers = {"Accept": accept, **({"Authorization": f"Bearer {token}"} if secured(operation) else {}),
                       **({"Content-Type": kind} if kind else {}), **(handshake() if "101" in operation["responses"] else {})}
            status, what = gateway.call(verb, example_path(path, operation), body, headers)
            assert status == (101 if "101" in operation["responses"] else 200), f"{kind}, {accept}: {status} {what}"
            said.append(what)
            if verb == "GET" and "101" not in operation["responses"] and not endless:
                connection = http.client.HTTPConnection("127.0.0.1", gateway.stack.gateway.port, timeout=30)
                connection.request("HEAD", example_path(path, operation), headers=headers)
                head = connection.getresponse()
                assert (head.status, head.read()) == (200, b"")
                connection.close()
    if verb == "GET" and "adminToken" not in needs(operation):
        assert all(what == said[0] for what in said), "JSON and protobuf say the same"


@pytest.mark.parametrize("path, verb, operation", OPERATIONS)
def test_what_is_wrong_is_answered(gateway, path, verb, operation):
    """What can be wrong with any call: each status that the document has for it, by its own example spoilt."""
    token = ADMIN_TOKEN if "adminToken" in needs(operation) else gateway.scene()
    good = example_path(path, operation)
    headers = {"Authorization": f"Bearer {token}"} if secured(operation) else {}
    tried = set()

    def wrong(status, *args, **more):
        got, problem = gateway.call(verb, *args, **more)
        assert got == status, f"expected {status}, got {got} {problem}"
        tried.add(str(status))

    wrong(401, good, headers={"Authorization": "Bearer x"})
    for accept in ("application/json", messages.TYPE):
        wrong(401, good, headers={"X-Auth": "x", "Accept": accept})
    wrong(414, good + ("&" if "?" in good else "?") + "x" * 9000, headers=headers)
    if "requestBody" in operation:
        wrong(400, good, b"{", {**headers, "Content-Type": "application/json"})
        wrong(400, good, b"\xff", {**headers, "Content-Type": messages.TYPE})
        wrong(413, good, b"x" * 65537, {**headers, "Content-Type": "application/json"})
        wrong(415, good, b"x", {**headers, "Content-Type": "multipart/form-data; boundary=x"})
    for number in (str(USER), str(POST), str(OTHER)):
        if "{" in path and number in good:
            wrong(400, good.replace(number, "x"), headers=headers)
            wrong(404, good.replace(number, UNKNOWN), headers=headers)
    for parameter in (resolve(parameter) for parameter in operation["parameters"]):
        if parameter["in"] == "query" and parameter.get("required"):
            wrong(400, path, headers=headers)
        if parameter["in"] == "query" and parameter["schema"].get("type") == "integer":
            more = handshake() if "101" in operation["responses"] else {}
            wrong(400, good + ("&" if "?" in good else "?") + parameter["name"] + "=x", headers={**headers, **more})
        if parameter["name"] == "Idempotency-Key":
            wrong(400, good, example_bodies(operation)[0][1], {**headers, "Idempotency-Key": "x" * 65, "Content-Type": "application/json"})
            assert gateway.call(verb, good, b'{"text":"one"}', {**headers, "Idempotency-Key": "key"})[0] == 200
            wrong(409, good, b'{"text":"two"}', {**headers, "Idempotency-Key": "key"})
    if "406" in operation["responses"]:
        wrong(406, good, headers={**headers, "Accept": "text/html"})
    if "426" in operation["responses"]:
        wrong(426, good, headers=headers)
    if "403" in operation["responses"] and path.startswith("/post/") and "101" not in operation["responses"]:
        other = {"Authorization": f"Bearer {gateway.stack.mint(OTHER)}"}
        for kind, body in example_bodies(operation):
            wrong(403, good, body, {**other, **({"Content-Type": kind} if kind else {})})
    if "403" in operation["responses"] and "101" in operation["responses"]:
        wrong(403, good, headers={**headers, **handshake(), "Origin": "https://elsewhere.example"})
    if "404" in operation["responses"] and "requestBody" in operation:
        kind, body = example_bodies(operation)[0]
        wrong(404, good, body.replace(str(USER).encode(), UNKNOWN.encode()).replace(str(POST).encode(), UNKNOWN.encode()),
              {**headers, "Content-Type": kind})
    # What needs a fault, or many calls, has tests of its own.
    left = {status for status in operation["responses"] if status >= "400"} - tried - {"default", "429", "500", "503"}
    assert not left, f"the document has {left} for this call, and nothing here makes them"
