"""Those who read and write messages, each with the same questions: what do these bytes say, which bytes say this, read it and pass it on.

    python           Python's protobuf                     all messages; the third that has no part in either SDK
    protobuf-c       what both C sides stand on            all messages
    typescript       protobuf-es, what web/sdk stands on   all messages
    wire             pkg/wire: the gateway                 reads requests, writes answers and envelopes
    libfreshet       pkg/client: the C SDK's codec         writes requests, reads answers and envelopes
    typescript-sdk   web/sdk: a Client, as programs use it the same

The last three turn messages into structs of their own. What those can't tell is in `told()`."""

import json
import os
import pathlib
import select
import shutil
import subprocess

import schema

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FRESHET_TEST_BIN") or ROOT / "build" / "dev" / "bin")
WEB = ROOT / "web"
PATIENCE = 60  # seconds for one answer
GENERAL = ("python", "protobuf-c", "typescript")
HOMES = ("wire", "libfreshet", "typescript-sdk")


class Refused(Exception):
    """A message that was not taken; `field` at fault, if one is."""

    def __init__(self, text, field=""):
        super().__init__(text)
        self.field = field


class Python:
    def __init__(self):
        self.reads = self.writes = self.passes = set(schema.messages())

    def read(self, name, data):
        try:
            return schema.json_of(schema.read(name, data))
        except Exception as error:  # its own class differs by implementation
            raise Refused(str(error)) from error

    def write(self, name, members):
        return schema.from_json(name, members).SerializeToString()

    def pass_on(self, name, data):
        return schema.read(name, data).SerializeToString()

    def end(self):
        pass


class Program:
    """A program that answers questions line by line; voices/main.c says how."""

    def __init__(self, *command):
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        able = self._ask({"do": "list"})
        self.reads, self.writes, self.passes = (set(able[verb]) for verb in ("reads", "writes", "passes"))

    def _ask(self, question):
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.process.kill()
            raise AssertionError(f"{' '.join(self.command)} {'ended' if ready else 'was silent'} at {json.dumps(question)[:500]}")
        said = json.loads(line)
        if "error" in said:
            raise Refused(said["error"], said.get("field", ""))
        return said

    def read(self, name, data):
        return self._ask({"do": "read", "message": name, "bytes": data.hex()})["json"]

    def write(self, name, members):
        return bytes.fromhex(self._ask({"do": "write", "message": name, "json": members})["bytes"])

    def pass_on(self, name, data):
        return bytes.fromhex(self._ask({"do": "pass", "message": name, "bytes": data.hex()})["bytes"])

    def end(self):
        """A program that ends otherwise than well has found something on its way (a sanitizer does)."""
        self.process.stdin.close()
        code = self.process.wait(PATIENCE)
        self.process.stdout.close()
        assert code == 0, f"{' '.join(self.command)} ended with {code}"


def typescript_is_built():
    return shutil.which("node") is not None and (WEB / "sdk" / "dist" / "index.js").exists()


def speaker(name):
    if name == "python":
        return Python()
    if name in ("protobuf-c", "wire", "libfreshet"):
        program = BIN / "interop_voice"
        assert program.exists(), f"{program} is not built: ./dev build, or set FRESHET_TEST_BIN"
        return Program(str(program), name)
    return Program("node", str(pathlib.Path(__file__).parent / "voices" / "typescript.mjs"), str(WEB), name)


# ---- what those with structs of their own don't tell ----

KNOWN_ENVELOPES = {"READY", "POST", "EDIT", "DELETE", "RESET", "SNAPSHOT_END", "BYE", "CURSOR"}
# Fields of each type of envelope, and of each kind of event, beside the type.
OF_ENVELOPE = {
    "READY": {"cursor", "resumed", "user_id"}, "POST": {"cursor", "id", "text", "author_user_id", "created_at_ms", "edited_at_ms", "snapshot"},
    "EDIT": {"cursor", "id", "text", "author_user_id", "created_at_ms", "edited_at_ms"}, "DELETE": {"cursor", "id", "author_user_id"}, "RESET": set(),
    "SNAPSHOT_END": {"cursor"}, "BYE": {"code", "reason", "reconnect_after_ms"}, "CURSOR": {"cursor"},
}
OF_EVENT = {
    "POST": {"post_id", "author_id", "text", "revision", "created_at_ms", "request_id", "traceparent"},
    "EDIT": {"post_id", "author_id", "text", "revision", "created_at_ms", "edited_at_ms", "request_id", "traceparent"},
    "DELETE": {"post_id", "author_id", "revision", "request_id", "traceparent"}, "FOLLOW": {"author_id", "follower_id"},
    "UNFOLLOW": {"author_id", "follower_id"}, "CELEBRITY": {"author_id"}, "ORDINARY": {"author_id"}, "ACCOUNT": {"author_id"},
}


def fits(members, kind, fields):
    """Whether the message has the fields of its kind and no other."""
    short = str(members.get(kind, "")).rsplit("_KIND_", 1)[-1].rsplit("_TYPE_", 1)[-1]
    return short in fields and set(members) - {kind} <= fields[short]


def says(name, message, members):
    """Whether this speaker can be asked to write that."""
    if name in GENERAL:
        return True
    if message == "freshet.v1.Envelope":
        return fits(members, "type", OF_ENVELOPE)
    if name == "typescript-sdk" and message in ("freshet.v1.LoginRequest", "freshet.v1.PostUpdateRequest"):
        return int(members.get("id", 0)) >= 0  # what is no id it sends as 0
    return True


def told(name, message, members):
    """What this speaker tells of a message that it read; None if it can't be asked."""
    told_by = {"libfreshet": told_by_libfreshet, "typescript-sdk": told_by_typescript_sdk}.get(name)
    members = told_by(message.removeprefix("freshet.v1."), members) if told_by else members
    return without_marks(members) if name.startswith("typescript") else members


def without_marks(value):
    """A decoder of JavaScript takes U+FEFF at the beginning of a text for a byte order mark, and drops it."""
    if isinstance(value, dict):
        return {name: without_marks(item) for name, item in value.items()}
    if isinstance(value, list):
        return [without_marks(item) for item in value]
    return value.removeprefix("\ufeff") if isinstance(value, str) else value


def told_by_libfreshet(message, members):
    if message == "Profile" and not members.get("followed"):
        return without(members, "followed")  # no, and nobody asked: the same
    if message == "Problem":
        # Of fixed sizes; `type` is the code in words, `message` the detail.
        cut = {"title": 63, "detail": 255, "field": 63, "request_id": 67}
        return {key: value[:cut[key]] if key in cut else value for key, value in without(members, "type", "message").items()}
    if message == "Envelope" and str(members.get("type")).removeprefix("ENVELOPE_TYPE_") not in KNOWN_ENVELOPES:
        return without(members, "type")
    return members


def told_by_typescript_sdk(message, members):
    if any(key.endswith(("at_ms", "_count")) and int(value) < 0 for key, value in members.items()):
        return None  # no Date, no count
    if message in ("UserList", "PostList"):
        items = [told_by_typescript_sdk(message.removesuffix("List"), item) for items in members.values() for item in items]
        return None if None in items else members
    if message == "Problem":
        # The status is that of HTTP, 404 here; without words of its own it has others.
        return {**without(members, "message"), "status": 404} if members.get("type") and members.get("title") and members.get("detail") else None
    if message == "Envelope":
        if not fits(members, "type", OF_ENVELOPE):
            return None
        if members["type"] == "ENVELOPE_TYPE_BYE" or members == {"type": "ENVELOPE_TYPE_CURSOR"}:
            return None  # told as a state; says nothing
    return members


def without(members, *names):
    return {name: value for name, value in members.items() if name not in names}
