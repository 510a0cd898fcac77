"""A client of the HTTP API for tests, which holds every answer against docs/openapi.yaml."""

import http.client
import json
import pathlib
import re
import urllib.parse

import yaml

OPENAPI = pathlib.Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
ABSENT = object()


class Contract:
    """docs/openapi.yaml: finds the operation of a request and checks an answer against it."""

    def __init__(self, path=OPENAPI):
        self.document = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.routes = [(re.compile(re.sub(r"\{[^}]*\}", "[^/]+", template) + r"\Z"), template)
                       for template in self.document["paths"]]

    def resolve(self, node):
        while "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def operation(self, method, path):
        """The operation, or None for a path or verb that the document does not have."""
        verb = "get" if method == "HEAD" else method.lower()
        found = [template for pattern, template in self.routes if pattern.match(path)]
        return self.document["paths"][found[0]].get(verb) if found else None

    def check(self, method, path, answer):
        problem = answer.status >= 400
        assert answer.headers.get_all("Cache-Control") == ["no-store"], f"{method} {path}: a cache may keep {answer}"
        operation = self.operation(method, path)
        if operation is None:
            assert answer.status in (204, 404, 405, 413, 414), f"{method} {path} is not in the document: {answer}"
            if problem and answer.is_json:
                self.check_schema(answer.json, self.document["components"]["schemas"]["Problem"], "problem")
            return
        described = operation["responses"].get(str(answer.status))
        if described is None and answer.status in self.resolve(operation["responses"]["default"])["x-statuses"]:
            described = operation["responses"]["default"]
        assert described is not None, f"{method} {path}: {answer.status} is not described: {answer}"
        described = self.resolve(described)
        for name, header in described.get("headers", {}).items():
            header = self.resolve(header)
            value = answer.headers.get(name)
            assert value is not None or not header.get("required"), f"{method} {path}: no header {name}"
            if value is not None:
                self.check_schema(value, header["schema"], f"header {name}")
        content = described.get("content")
        if content is None:
            assert answer.data == b"", f"{method} {path}: the body should be empty: {answer}"
            return
        assert answer.headers.get_content_type() in content, \
            f"{method} {path}: {answer.headers['Content-Type']} is none of {list(content)}"
        if method != "HEAD" and answer.is_json:
            self.check_schema(answer.json, content[answer.headers.get_content_type()]["schema"], "body")

    def check_schema(self, value, schema, where):
        """The part of JSON Schema that the document uses."""
        schema = self.resolve(schema)
        if "const" in schema:
            assert value == schema["const"], f"{where}: {value!r} is not {schema['const']!r}"
        kinds = schema.get("type", [])
        kinds = kinds if isinstance(kinds, list) else [kinds]
        python = {"string": str, "integer": int, "object": dict, "array": list, "boolean": bool, "null": type(None)}
        assert not kinds or any(type(value) is python[kind] for kind in kinds), f"{where}: {value!r} is no {kinds}"
        if isinstance(value, str):
            assert len(value) >= schema.get("minLength", 0), f"{where}: {value!r} is too short"
            assert re.search(schema.get("pattern", ""), value), f"{where}: {value!r} is not {schema['pattern']}"
        if isinstance(value, int):
            assert schema.get("minimum", value) <= value <= schema.get("maximum", value), f"{where}: {value}"
        if isinstance(value, dict):
            missing = set(schema.get("required", [])) - set(value)
            assert not missing, f"{where}: {missing} missing in {value}"
            for name, member in value.items():
                assert name in schema.get("properties", {}), f"{where}: {name} is not described"
                self.check_schema(member, schema["properties"][name], f"{where}.{name}")
        if isinstance(value, list):
            assert len(value) <= schema.get("maxItems", len(value)), f"{where}: {len(value)} items"
            for number, item in enumerate(value):
                self.check_schema(item, schema["items"], f"{where}[{number}]")


class Answer:
    def __init__(self, status, headers, data):
        self.status, self.headers, self.data = status, headers, data

    @property
    def is_json(self):
        return self.headers.get_content_type() in ("application/json", "application/problem+json")

    @property
    def json(self):
        return json.loads(self.data.decode("utf-8"))

    @property
    def next(self):
        """The path of Link: <…>; rel="next", or None."""
        link = self.headers.get("Link")
        if link is None:
            return None
        found = re.fullmatch(r'<([^>]*)>;\s*rel="next"', link)
        assert found, f"not a link to the next page: {link}"
        return found.group(1)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.data[:500]!r}"


class User:
    def __init__(self, id, password=None, token=None):
        self.id, self.password, self.token = id, password, token


class Api:
    """`base` such as http://127.0.0.1:8080. Each call has a connection of its own."""

    def __init__(self, base, timeout=30):
        parts = urllib.parse.urlsplit(base)
        self.host, self.port, self.timeout = parts.hostname, parts.port, timeout
        self.contract = Contract()
        self.numbered = 0

    def call(self, method, path, user=None, json_body=ABSENT, body=None, headers=None):
        """`user`: a User, a token as text, or None. The answer is checked against the contract."""
        sent = dict(headers or {})
        if user is not None and not any(name.lower() in ("authorization", "x-auth") for name in sent):
            sent["Authorization"] = "Bearer " + (user.token if isinstance(user, User) else user)
        if json_body is not ABSENT:
            body = json.dumps(json_body, ensure_ascii=False).encode("utf-8")
        if body is not None and not any(name.lower() == "content-type" for name in sent):
            sent["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        self.contract.check(method, urllib.parse.urlsplit(path).path, answer)
        return answer

    def good(self, *args, **kwargs):
        answer = self.call(*args, **kwargs)
        assert answer.status == 200, f"{args}: expected 200, got {answer}"
        return answer

    def register(self, first_name="Ann", second_name="Lee", password="correct horse", **more):
        """A new user, signed in."""
        form = {"first_name": first_name, "second_name": second_name, "password": password, **more}
        id = self.good("POST", "/user/register", json_body=form).json["user_id"]
        token = self.good("POST", "/login", json_body={"id": id, "password": password}).json["token"]
        return User(id, password, token)

    def follow(self, follower, followed):
        self.good("PUT", f"/friend/set/{followed.id}", follower)

    def unfollow(self, follower, followed):
        self.good("PUT", f"/friend/delete/{followed.id}", follower)

    def post(self, author, text):
        return self.good("POST", "/post/create", author, json_body={"text": text}).json

    def feed(self, user, query="limit=100"):
        return self.good("GET", f"/post/feed?{query}", user).json

    def feed_ids(self, user, query="limit=100"):
        return [post["id"] for post in self.feed(user, query)]

    def feed_by_links(self, user, limit):
        """The whole feed, page by page as the links say."""
        posts, path = [], f"/post/feed?limit={limit}"
        while path is not None:
            answer = self.good("GET", path, user)
            posts += answer.json
            path = answer.next
        return posts
