#!/usr/bin/python3
"""Golden bytes: for every message of proto/ what it says, as JSON, and what it is on the wire, byte by byte.

    tests/interop/goldens.py           whether goldens/ is as this file and Python's protobuf would write it
    tests/interop/goldens.py --write   writes what is missing or differs; look at the difference before you commit it: the bytes of what
                                       was released never change

A file has cases:

    name     what the case is there for
    json     the message, with the names of the proto files; what is 0, empty or false is left out
    bytes    what every writer writes: fields in order, numbers as short as they go
    also     bytes that mean the same, and why somebody may send them; every reader takes them
    later    the bytes with fields of a later version behind them; readers skip those, and who passes the message on keeps them
"""

import json
import pathlib
import sys

import schema

FOLDER = pathlib.Path(__file__).resolve().parent / "goldens"
INT64_MAX, INT64_MIN, INT32_MAX = 2**63 - 1, -2**63, 2**31 - 1
TIME_MAX_MS = 253402300799999  # the last millisecond of the year 9999

# Latin, Cyrillic, Chinese, a character beyond 16 bits, one of several code points, and what JSON must escape.
TEXT = 'Doch, "да"! 你好 \U0001f600 \U0001f469\u200d\U0001f680 \\ \x01\t\n\x7f\u2028'
LONGEST_TEXT = "й" * 2048  # 4,096 bytes
LONG = {"room": 64, "client_id": 64, "task_id": 36, "result_of": 36, "request_id": 64, "field": 64, "ticket": 108, "traceparent": 55}
# Of characters that need no escape, as the contract has them.
PLAIN = {
    "id": 178412309504000001, "user_id": 178412309504000002, "author_user_id": 178412309504000003, "author_id": 178412309504000003,
    "post_id": 178412309504000004, "follower_id": 178412309504000005, "from_user_id": 178412309504000006, "to_user_id": 178412309504000007,
    "birthdate": "1815-12-10", "password": "correct horse", "first_name": "Ада", "second_name": "Лавлейс", "city": "London",
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl", "auth_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl", "ticket": "dGlja2V0_-" * 12,
    "expires_at_ms": 1767225600123, "created_at_ms": 1767225600000, "edited_at_ms": 1767225601500, "at_ms": 1767225602000,
    "type": "urn:freshet:problem:invalid-field", "title": "Invalid field", "status": 400, "detail": "text must not be empty",
    "message": "text must not be empty", "code": 1001, "field": "text", "request_id": "3f0c9a5be4d94b7c8f1d2e3a4b5c6d7e",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "revision": 1, "cursor": "AQG2m0umMPNOBuqJ", "reason": "stopping",
    "reconnect_after_ms": 1730, "follower_count": 501, "following_count": 3, "room": "dm_1_2", "seq": 300, "client_id": "c-1", "unread": 2, "total": 128,
    "task_id": "7d444840-9dc0-11d1-b245-5ffdce74fad2", "result_of": "7d444840-9dc0-11d1-b245-5ffdce74fad2", "number": 5, "path": "/feed/export/1",
    "error_text": "Unknown task",
}

# What the gateway says on a live connection, type by type; fields that a type does not have are not set.
ENVELOPES = {
    "ready": {"type": "READY", "cursor": "c1", "resumed": True, "user_id": 7},
    "ready, not resumed": {"type": "READY", "user_id": 7},
    "post": {"type": "POST", "cursor": "c2", "id": 101, "text": TEXT, "author_user_id": 42, "created_at_ms": 1767225600000},
    "post of a snapshot": {"type": "POST", "id": 101, "text": "a", "author_user_id": 42, "created_at_ms": 1767225600000, "snapshot": True},
    "edit": {"type": "EDIT", "cursor": "c3", "id": 101, "text": "b", "author_user_id": 42, "created_at_ms": 1767225600000, "edited_at_ms": 1767225601500},
    "delete": {"type": "DELETE", "cursor": "c4", "id": 101, "author_user_id": 42},
    "reset": {"type": "RESET"},
    "snapshot_end": {"type": "SNAPSHOT_END", "cursor": "c5"},
    "bye": {"type": "BYE", "code": 1001, "reason": "stopping", "reconnect_after_ms": 1730},
    "cursor": {"type": "CURSOR", "cursor": "c6"},
    "largest post": {"type": "POST", "cursor": "x" * 128, "id": INT64_MAX, "text": LONGEST_TEXT, "author_user_id": INT64_MAX,
                     "created_at_ms": TIME_MAX_MS, "edited_at_ms": TIME_MAX_MS, "snapshot": True},
}
EVENTS = {
    "post": {"kind": "POST", "post_id": 101, "author_id": 42, "text": TEXT, "revision": 1, "created_at_ms": 1767225600000, "request_id": "r-1"},
    "edit": {"kind": "EDIT", "post_id": 101, "author_id": 42, "text": "b", "revision": 2, "created_at_ms": 1767225600000, "edited_at_ms": 1767225601500},
    "delete": {"kind": "DELETE", "post_id": 101, "author_id": 42, "revision": 3},
    "follow": {"kind": "FOLLOW", "author_id": 42, "follower_id": 7},
    "account": {"kind": "ACCOUNT", "author_id": 42},
    "largest post": {"kind": "POST", "post_id": INT64_MAX, "author_id": INT64_MAX, "text": LONGEST_TEXT, "revision": INT32_MAX, "created_at_ms": TIME_MAX_MS,
                     "edited_at_ms": TIME_MAX_MS, "request_id": "r" * 64, "traceparent": "t" * 55},
}
# By hand, beside those that every message has: what its fields can't say on their own.
MORE = {
    "freshet.v1.Envelope": {name: {**it, "type": f"ENVELOPE_TYPE_{it['type']}"} for name, it in ENVELOPES.items()},
    "freshet.v1.Event": {name: {**it, "kind": f"EVENT_KIND_{it['kind']}"} for name, it in EVENTS.items()},
    "freshet.v1.User": {"nothing but names": {"id": "7", "first_name": "A", "second_name": "B"}},
    "freshet.v1.Profile": {"nobody asks": {"id": "7", "first_name": "A", "second_name": "B", "follower_count": "3"},
                           "not followed": {"id": "7", "first_name": "A", "second_name": "B", "followed": False}},
    "freshet.v1.Post": {"never edited": {"id": "7", "text": "hi", "author_user_id": "8", "created_at_ms": "1"}},
    "freshet.v1.RegisterRequest": {"nothing but what is needed": {"first_name": "A", "second_name": "B", "password": "12345678"}},
    "freshet.v1.Problem": {"without a field": {"type": "urn:freshet:problem:not-found", "title": "Not found", "status": 404, "detail": "there is no such path",
                                               "message": "there is no such path", "request_id": "r", "code": 1301}},
    "freshet.v1.JobAnswer": {"a factorial": {"type": "JOB_ANSWER_TYPE_SUCCESS", "task_id": PLAIN["task_id"], "number": "93326215443944152681699238856266700"
                                             "490715968264381621468592963895217599993229915608941463976156518286253697920827223758251185210916864000000000000000000000000"}},
}


# ---- what every message has ----

def last_value(field):
    return max(value.number for value in field.enum_type.values)


def plain(field):
    if field.type == field.TYPE_ENUM:
        return 1
    if field.type == field.TYPE_BOOL:
        return True
    value = PLAIN.get(field.name)
    if field.type == field.TYPE_STRING:
        return str(value) if value is not None else TEXT
    return value if isinstance(value, int) else 150


def largest(field):
    if field.type == field.TYPE_ENUM:
        return last_value(field)
    if field.type == field.TYPE_BOOL:
        return True
    if field.type == field.TYPE_STRING:
        return "9999-12-31" if field.name == "birthdate" else LONGEST_TEXT if field.name in ("text", "biography") else "z" * LONG.get(field.name, 128)
    if field.name.endswith("_at_ms") or field.name == "at_ms":
        return TIME_MAX_MS
    if field.name.endswith("_count"):
        return 2**53 - 1  # what JavaScript counts exactly
    return INT64_MAX if field.type == field.TYPE_INT64 else INT32_MAX


def negative(field):
    return {field.TYPE_INT64: INT64_MIN, field.TYPE_INT32: -1}.get(field.type)


def of_a_later_version(field):
    return 1000 if field.type == field.TYPE_ENUM else None


def filled(name, value, chosen=()):
    """The message with value(field) in each field for which there is one. Of a oneof the field that is `chosen`, or the first."""
    message = schema.messages()[name]()
    for field in message.DESCRIPTOR.fields:
        among = field.containing_oneof
        if among is not None and field.name != next((other.name for other in among.fields if other.name in chosen), among.fields[0].name):
            continue
        if field.type == field.TYPE_MESSAGE:
            made = filled(field.message_type.full_name, value)
            if field.label == field.LABEL_REPEATED:
                getattr(message, field.name).extend([made, type(made)()] + [made] * (value is plain))  # one with nothing in it amidst
            else:
                getattr(message, field.name).CopyFrom(made)
        elif field.label == field.LABEL_REPEATED:
            raise NotImplementedError(f"{field.full_name}: a list of numbers or texts; say what a plain one is")
        elif value(field) is not None:
            setattr(message, field.name, value(field))
    return message


def cases_of(name):
    """[(name, message)]"""
    kind = schema.messages()[name]
    made = [("empty", kind()), ("plain", filled(name, plain)), ("largest", filled(name, largest)), ("negative", filled(name, negative)),
            ("of a later version", filled(name, of_a_later_version))]
    for among in kind.DESCRIPTOR.oneofs:
        made += [(f"{field.name} instead", filled(name, plain, {field.name})) for field in among.fields[1:]]
        for field in among.fields:  # set, though to what is left out elsewhere
            nothing = kind()
            if field.type == field.TYPE_MESSAGE:
                getattr(nothing, field.name).SetInParent()
            else:
                setattr(nothing, field.name, field.default_value)
            made.append((f"{field.name}: set, to nothing", nothing))
    made += [(case, schema.from_json(name, members)) for case, members in MORE.get(name, {}).items()]
    seen, different = [], []
    for case, message in made:
        if message not in seen:
            seen.append(message)
            different.append((case, message))
    return different


def other_writings(name, data):
    """{why: bytes} that mean the same."""
    fields = schema.split(data)
    described = schema.messages()[name].DESCRIPTOR.fields_by_number
    backwards = sorted(fields, key=lambda it: -it[0])  # those of a list stay in order
    padded = [(number, kind, schema.varint(schema.read_varint(value, 0)[0], 1) if kind == schema.VARINT and len(value) < 10 else value)
              for number, kind, value in fields]
    twice = []
    for number, kind, value in fields:
        if described[number].type != described[number].TYPE_MESSAGE:
            twice.append((number, kind, schema.varint(1) if kind == schema.VARINT else schema.varint(3) + b"old"))
        twice.append((number, kind, value))
    made = {"backwards": schema.join(backwards), "numbers longer than they need": schema.join(padded), "older values before": schema.join(twice)}
    return {why: other for why, other in made.items() if other != data}


def made_of(name):
    cases = []
    for case, message in cases_of(name):
        data = message.SerializeToString()
        made = {"name": case, "json": schema.json_of(message), "bytes": data.hex()}
        if case == "plain":
            also = other_writings(name, data)
            if also:
                made["also"] = {why: other.hex() for why, other in also.items()}
            made["later"] = (data + schema.join(schema.UNKNOWN)).hex()
        elif name == "freshet.v1.Envelope" and message.snapshot:
            # The gateway writes what is the connection's own before what is everybody's.
            own = [it for it in schema.split(data) if it[0] in (1, 2, 8)]
            made["also"] = {"in two pieces": schema.join(own + [it for it in schema.split(data) if it not in own]).hex()}
        cases.append(made)
    return {"message": name, "cases": cases}


def path_of(name):
    return FOLDER / f"{name.rsplit('.', 1)[1]}.json"


def written(golden):
    text = json.dumps(golden, indent=1, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f").replace("\u2028", "\\u2028") + "\n"  # what editors take for something else


def load():
    """{message: [case]} as committed; bytes are bytes, and every case has them all."""
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        golden = json.loads(path.read_text(encoding="utf-8"))
        found[golden["message"]] = [
            {**case, "bytes": bytes.fromhex(case["bytes"]), "also": {why: bytes.fromhex(text) for why, text in case.get("also", {}).items()},
             "later": bytes.fromhex(case["later"]) if "later" in case else None} for case in golden["cases"]]
    return found


def main():
    wanted = {path_of(name): written(made_of(name)) for name in schema.messages()}
    differ = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    stale = sorted(set(FOLDER.glob("*.json")) - set(wanted))
    if sys.argv[1:] == ["--write"]:
        for path in differ:
            path.write_text(wanted[path], encoding="utf-8")
        for path in stale:
            path.unlink()
        return 0
    for path in differ + stale:
        print(f"{path.name} is not what {pathlib.Path(__file__).name} would write", file=sys.stderr)
    return 1 if differ or stale else 0


if __name__ == "__main__":
    sys.exit(main())
