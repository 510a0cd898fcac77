"""The messages of proto/freshet/v1 in Python, made by protoc when first asked for: messages.api().User, …

`written(message)` says what the HTTP API writes in JSON for an answer's message."""

import atexit
import datetime
import functools
import importlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
TYPE = "application/x-protobuf"
FROM_EPOCH = datetime.datetime(1970, 1, 1)


@functools.lru_cache(maxsize=None)
def _made():
    folder = tempfile.mkdtemp(prefix="freshet-proto.")
    atexit.register(shutil.rmtree, folder, True)
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    subprocess.run(["protoc", f"--proto_path={PROTO}", f"--python_out={folder}", *files], check=True)
    sys.path.insert(0, folder)
    return folder


@functools.lru_cache(maxsize=None)
def api():
    _made()
    return importlib.import_module("freshet.v1.api_pb2")


def kind(name):
    """A message class by its full name, as x-message in docs/openapi.yaml has it."""
    return getattr(api(), name.removeprefix("freshet.v1."))


def _time(ms):
    return (FROM_EPOCH + datetime.timedelta(milliseconds=ms)).isoformat(timespec="milliseconds") + "Z"


def _user(user):
    return {"id": str(user.id), "first_name": user.first_name, "second_name": user.second_name,
            "birthdate": user.birthdate or None, "biography": user.biography, "city": user.city}


def _profile(profile):
    made = {**_user(profile), "follower_count": profile.follower_count, "following_count": profile.following_count,
            "celebrity": profile.celebrity}
    return {**made, "followed": profile.followed} if profile.HasField("followed") else made


def _post(post):
    made = {"id": str(post.id), "text": post.text, "author_user_id": str(post.author_user_id),
            "created_at": _time(post.created_at_ms)}
    return {**made, "edited_at": _time(post.edited_at_ms)} if post.edited_at_ms else made


_WRITTEN = {
    "Token": lambda it: {"token": it.token, "expires_at": _time(it.expires_at_ms)},
    "Ticket": lambda it: {"ticket": it.ticket, "expires_at": _time(it.expires_at_ms)},
    "RegisterResponse": lambda it: {"user_id": str(it.user_id)},
    "PostId": lambda it: str(it.id),
    "User": _user,
    "Profile": _profile,
    "UserList": lambda it: [_user(user) for user in it.users],
    "Post": _post,
    "PostList": lambda it: [_post(post) for post in it.posts],
    "Problem": lambda it: {name: getattr(it, name) for name in
                           ("type", "title", "status", "detail", "message", "request_id", "code", "field")
                           if name != "field" or it.field},
}


def written(message):
    return _WRITTEN[message.DESCRIPTOR.name](message)


# ---- bytes by hand, for what a library would not write ----

def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def number_field(field, value):
    return varint(field << 3) + varint(value)


def bytes_field(field, value):
    value = value.encode("utf-8") if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value
