"""The messages of proto/ as Python's protobuf has them, made of protoc's descriptors: nothing of ours writes or reads their bytes here. And
bytes by hand, for what a library would not write."""

import functools
import pathlib
import subprocess
import tempfile
import warnings

from google.protobuf import descriptor_pb2, json_format, message_factory

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


@functools.lru_cache(maxsize=None)
def messages():
    """Every message by its full name, as a class."""
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    with tempfile.NamedTemporaryFile(prefix="freshet-proto.") as made:
        subprocess.run(["protoc", f"--proto_path={PROTO}", "--include_imports", f"--descriptor_set_out={made.name}", *files], check=True)
        described = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(made.name).read_bytes())
    return {name: kind for name, kind in message_factory.GetMessages(described.file).items() if not name.startswith("google.")}


def read(name, data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an end of a group where none began is taken for the end of the message, with a warning
        return messages()[name].FromString(data)


def json_of(message):
    """As the JSON of protobuf, with the names of the proto files; what is 0, empty or false is left out."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def from_json(name, members):
    return json_format.ParseDict(members, messages()[name]())


# ---- bytes ----

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def varint(number, padding=0):
    """`padding`: so many bytes more than it needs."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number | 0x80] + [0x80] * (padding - 1) + [0] if padding else [number]))


def read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def split(data):
    """[(field, wire type, the bytes behind the tag)] of a message."""
    fields, at = [], 0
    while at < len(data):
        tag, begin = read_varint(data, at)
        if tag & 7 == VARINT:
            at = read_varint(data, begin)[1]
        elif tag & 7 == BYTES:
            length, at = read_varint(data, begin)
            at += length
        else:
            at = begin + {FIXED64: 8, FIXED32: 4}[tag & 7]
        fields.append((tag >> 3, tag & 7, data[begin:at]))
    return fields


def join(fields):
    return b"".join(varint(number << 3 | kind) + value for number, kind, value in fields)


# What a later version might say too: a field of each wire type.
UNKNOWN = [(1000, VARINT, varint(-1)), (1001, FIXED64, bytes(range(8))), (1002, BYTES, varint(6) + "ещё".encode()), (1003, FIXED32, b"\xff\0\xff\0"),
           (536870911, VARINT, varint(5))]
