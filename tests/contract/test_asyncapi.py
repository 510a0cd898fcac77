"""docs/asyncapi.yaml held against a running gateway: every message of every channel is provoked, and each that comes is of a declared type and
fits its schema."""

import http.client
import json
import pathlib
import signal

import jsonschema
import pytest
import yaml

from harness import LiveClient, Stack

ASYNCAPI = pathlib.Path(__file__).resolve().parents[2] / "docs" / "asyncapi.yaml"
READER, AUTHOR = 1, 2


class Contract:
    """The document: what a channel may send."""

    def __init__(self):
        self.document = yaml.safe_load(ASYNCAPI.read_text(encoding="utf-8"))
        self.resolver = jsonschema.RefResolver("", self.document)

    def channel(self, address, name):
        """The messages that clients of this channel may get, by their `type`."""
        channel = self.document["channels"][name]
        assert channel["address"] == address
        sent = set()
        for operation in self.document["operations"].values():
            if operation["action"] == "send" and operation["channel"]["$ref"] == f"#/channels/{name}":
                sent |= {message["$ref"].rsplit("/", 1)[1] for message in operation["messages"]}
        messages = self.document["components"]["messages"]
        return {messages[name]["name"]: messages[name] for name in sent}

    def check(self, message, payload):
        jsonschema.Draft7Validator(message["payload"], resolver=self.resolver).validate(payload)


@pytest.fixture(scope="module")
def contract():
    return Contract()


@pytest.fixture
def system():
    """A reader who follows an author; the window is so short that cursors are told soon."""
    with Stack(resume_window="10s") as stack:
        stack.make_users(2, first=READER)
        stack.make_follows([(READER, AUTHOR)])
        yield stack


def call(stack, method, path, user_id, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", stack.gateway.port, timeout=20)
    headers = {"Authorization": f"Bearer {stack.mint(user_id)}", "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    assert answer.status == 200, (method, path, answer.status, data)
    return json.loads(data) if data else None


def everything_happens(stack):
    """A post that stays, one that is edited, and one that is deleted."""
    ids = [call(stack, "POST", "/post/create", AUTHOR, {"text": text}) for text in ("stays", "changes", "goes")]
    call(stack, "PUT", "/post/update", AUTHOR, {"id": ids[1], "text": "changed"})
    call(stack, "PUT", f"/post/delete/{ids[2]}", AUTHOR)
    return ids


def test_plain_sends_posts_and_nothing_else(contract, system):
    messages = contract.channel("/post/feed/posted", "posted")
    assert list(messages) == ["post"]
    with LiveClient(system.gateway.port, system.mint(READER)) as client:
        ids = everything_happens(system)
        client.wait_for(lambda all_: {one["postId"] for one in all_} >= {ids[0], ids[1]})
        system.settled()
        for one in client.messages:
            contract.check(messages["post"], one)


def check_all(contract, messages, got):
    for one in got:
        assert one["type"] in messages, f"{one['type']} is not declared"
        contract.check(messages[one["type"]], one)
    assert {one["type"] for one in got} == set(messages), "each declared message was seen"


def test_envelopes(contract, system):
    messages = contract.channel("/post/feed/posted", "enveloped")
    call(system, "POST", "/post/create", AUTHOR, {"text": "of the snapshot"})
    system.settled()
    client = LiveClient(system.gateway.port, system.mint(READER), subprotocols=["freshet.v1.json"])
    client.wait_for(lambda all_: any(one["type"] == "snapshot_end" for one in all_))
    assert any(one.get("snapshot") for one in client.messages)
    ids = everything_happens(system)
    client.send(json.dumps({"type": "auth", "token": system.mint(READER)}))
    client.wait_for(lambda all_: {("edit", ids[1]), ("delete", ids[2])} <= {(one["type"], one.get("id")) for one in all_})
    client.wait_for(lambda all_: any(one["type"] == "cursor" for one in all_))
    system.gateway.signal(signal.SIGTERM)
    assert client.wait_closed() == 1001
    check_all(contract, messages, client.messages)


def test_event_stream(contract, system):
    messages = contract.channel("/post/feed/stream", "stream")
    connection = http.client.HTTPConnection("127.0.0.1", system.gateway.port, timeout=20)
    connection.request("GET", "/post/feed/stream", headers={"Authorization": f"Bearer {system.mint(READER)}",
                                                            "Accept": "text/event-stream"})
    answer = connection.getresponse()
    assert (answer.status, answer.headers.get_content_type()) == (200, "text/event-stream")
    got = []

    def read_until(kind):
        for line in answer:
            if line.startswith(b"data:"):
                got.append(json.loads(line[5:]))
            if got and got[-1]["type"] == kind:
                return

    read_until("snapshot_end")
    everything_happens(system)
    read_until("delete")
    read_until("cursor")
    system.gateway.signal(signal.SIGTERM)
    read_until("bye")
    connection.close()
    check_all(contract, messages, got)
