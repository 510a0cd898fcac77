"""Whatever one writes the others read as it was meant: messages of a seeded generator, from everybody to everybody. The seed is in the test's
name; FRESHET_TEST_FULL takes more of them, FRESHET_TEST_SEED another first one."""

import json
import os
import random

import pytest

import schema
from speakers import GENERAL, HOMES, OF_ENVELOPE, OF_EVENT, Refused, told

FIRST = int(os.environ.get("FRESHET_TEST_SEED", "1"))
SEEDS = range(FIRST, FIRST + (20 if os.environ.get("FRESHET_TEST_FULL") else 2))
ROUNDS = 20  # messages of each type for one seed
ALL = sorted(schema.messages())

# From each plane and each length of UTF-8, and what JSON and C like to trip over. U+0000 is in no text, surrogates are no characters.
CHARACTERS = "a Z~\"\\/\x01\t\n\r\x1f\x7f\x80éßйЖא‏ا\u07ff\u0800你\u2028\ud7ff\ue000\ufeff\ufffd\uffff\U00010000\U0001f600\U0001f469\u200d\U000e0001\U0010ffff"
ASCII = "".join(map(chr, range(0x21, 0x7f)))


def some_text(rng, least, most, characters=CHARACTERS):
    """`least` to `most` bytes of UTF-8."""
    wanted, made, size = rng.choice([least, most, rng.randint(least, most), rng.randint(least, min(most, least + 20))]), [], 0
    while size < wanted:
        it = rng.choice(characters)
        length = len(it.encode())
        it, length = (it, length) if size + length <= wanted else ("x", 1)
        made.append(it)
        size += length
    return "".join(made)


def some_number(rng, bits):
    """Of any length, of either sign."""
    number = rng.getrandbits(rng.randint(0, bits - 1))
    return rng.choice([number, -number - 1])


# ---- any message at all ----

def anything(rng, name, depth=0):
    message = schema.messages()[name]()
    for field in message.DESCRIPTOR.fields:
        if rng.random() < 0.3:
            continue
        if field.type == field.TYPE_MESSAGE:
            made = [anything(rng, field.message_type.full_name, depth + 1) for _ in range(rng.randint(0, 4) if field.label == field.LABEL_REPEATED else 1)]
            if field.label == field.LABEL_REPEATED:
                getattr(message, field.name).extend(made)
            else:
                getattr(message, field.name).CopyFrom(made[0])
        else:
            setattr(message, field.name, any_value(rng, field))
    return message


def any_value(rng, field):
    if field.type == field.TYPE_STRING:
        return some_text(rng, 0, 4096 if rng.random() < 0.05 else 60)
    if field.type == field.TYPE_BOOL:
        return rng.random() < 0.5
    if field.type == field.TYPE_ENUM:
        return rng.choice([rng.choice(field.enum_type.values).number, some_number(rng, 32)])
    return some_number(rng, {field.TYPE_INT64: 64, field.TYPE_INT32: 32}[field.type])


# ---- messages as the contract has them ----

TEXTS = {  # bytes, characters
    "text": (1, 4096, CHARACTERS), "first_name": (1, 128, "Ёж\U0001f600"), "second_name": (1, 128, "Ёж\U0001f600"), "biography": (0, 4096, CHARACTERS),
    "city": (0, 128, CHARACTERS), "password": (8, 128, CHARACTERS), "token": (1, 512, ASCII), "auth_token": (1, 512, ASCII), "ticket": (108, 108, ASCII),
    "cursor": (1, 128, ASCII), "reason": (1, 120, CHARACTERS), "type": (1, 60, ASCII), "title": (1, 63, ASCII), "detail": (1, 255, ASCII), "message": (0, 0, ""), "field": (0, 40, ASCII),
    "request_id": (1, 64, ASCII), "traceparent": (55, 55, ASCII),
}


def proper_value(rng, field):
    if field.type == field.TYPE_BOOL:
        return rng.random() < 0.5
    if field.name == "birthdate":
        return rng.choice(["", f"{rng.randint(1800, 2100)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"])
    if field.type == field.TYPE_STRING:
        return some_text(rng, *TEXTS[field.name])
    if field.name.endswith("_at_ms"):
        return rng.randint(1, 253402300799999)
    if field.name.endswith("_count"):
        return rng.getrandbits(rng.randint(0, 53))
    if field.type == field.TYPE_INT32:
        return rng.randint(400, 599) if field.name == "status" else 1 + rng.getrandbits(rng.randint(1, 30))
    return 1 + rng.getrandbits(rng.randint(1, 62))


def proper(rng, name):
    message = schema.messages()[name]()
    wanted = {field.name for field in message.DESCRIPTOR.fields}
    for kind, of_kind in (("type", OF_ENVELOPE), ("kind", OF_EVENT)):
        field = message.DESCRIPTOR.fields_by_name.get(kind)
        if field is not None and field.type == field.TYPE_ENUM:
            value = rng.choice(field.enum_type.values[1:])
            setattr(message, kind, value.number)
            wanted = of_kind[value.name.rsplit(f"_{kind.upper()}_", 1)[1]]
    for field in message.DESCRIPTOR.fields:
        if field.name not in wanted or field.name == "cursor" and rng.random() < 0.3:
            continue
        if field.label == field.LABEL_REPEATED:
            getattr(message, field.name).extend(proper(rng, field.message_type.full_name) for _ in range(rng.randint(0, 5)))
        elif field.containing_oneof is None or rng.random() < 0.7:
            setattr(message, field.name, proper_value(rng, field))
    if name == "freshet.v1.Problem":
        message.message = message.detail
    return message


# ---- from everybody to everybody ----

PAIRS = [(writer, reader) for writer in GENERAL + HOMES for reader in GENERAL + HOMES if (writer, reader) not in
         [(home, home) for home in HOMES] and not {writer, reader} <= {"libfreshet", "typescript-sdk"}]  # clients don't talk to each other


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("writer, reader", PAIRS)
def test_what_one_writes_the_other_reads(ask, writer, reader, seed):
    rng = random.Random(f"{seed} {writer} {reader}")
    names = sorted(ask(writer).writes & ask(reader).reads)
    asked = 0
    for name in names:
        for _ in range(ROUNDS):
            make = anything if {writer, reader} <= set(GENERAL) else proper
            message = make(rng, name)
            members = schema.json_of(message)
            wanted = told(reader, name, members)
            if wanted is None:
                continue
            data = ask(writer).write(name, members)
            got = ask(reader).read(name, data)
            assert schema.from_json(name, got) == schema.from_json(name, wanted), f"{name}: {writer} wrote {data.hex()} for {members}; {reader} read {got}"
            asked += 1
    assert asked


def shuffled(rng, data):
    """The same fields and some unknown ones, in any order but for those of the same number; numbers longer than they need."""
    fields = schema.split(data) + rng.sample(schema.UNKNOWN, rng.randint(0, len(schema.UNKNOWN)))
    numbers = [number for number, _, _ in fields]
    rng.shuffle(numbers)
    waiting = {number: [field for field in fields if field[0] == number] for number in numbers}
    mixed = [waiting[number].pop(0) for number in numbers]
    return schema.join([(number, kind, schema.varint(schema.read_varint(value, 0)[0], rng.randint(0, 10 - len(value))) if kind == schema.VARINT else value)
                        for number, kind, value in mixed])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("reader", [name for name in GENERAL + HOMES if name != "python"])
def test_the_order_of_fields_and_unknown_ones_do_not_count(ask, reader, seed):
    rng = random.Random(f"{seed} {reader}")
    for name in sorted(ask(reader).reads):
        for _ in range(ROUNDS):
            message = (anything if reader in GENERAL else proper)(rng, name)
            wanted = told(reader, name, schema.json_of(message))
            if wanted is None:
                continue
            data = shuffled(rng, message.SerializeToString())
            got = ask(reader).read(name, data)
            assert schema.from_json(name, got) == schema.from_json(name, wanted), f"{name}: {reader} read {got} from {data.hex()}"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("speaker", [name for name in GENERAL if name != "python"])
def test_any_bytes_are_read_alike_or_refused(ask, speaker, seed):
    """Bytes of real messages with some changed: where both Python and this one read them, they read the same."""
    rng = random.Random(f"{seed} {speaker}")
    both = 0
    for name in ALL:
        for _ in range(ROUNDS):
            data = bytearray(anything(rng, name).SerializeToString())
            for _ in range(rng.randint(1, 3)):
                if data:
                    data[rng.randrange(len(data))] = rng.getrandbits(8)
            try:
                wanted = ask("python").read(name, bytes(data))
                got = ask(speaker).read(name, bytes(data))
            except Refused:
                continue
            wanted = told(speaker, name, wanted)
            if speaker == "protobuf-c" and r"\u0000" in json.dumps(wanted):
                continue  # its texts end there
            assert schema.from_json(name, got) == schema.from_json(name, wanted), f"{name}: {bytes(data).hex()}"
            both += 1
    assert both > 0
