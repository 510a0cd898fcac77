"""Everybody writes the same bytes and reads the same from them: golden bytes, those who wrote the SDKs apart, and the gateway."""

import pytest

import goldens
import schema
from speakers import GENERAL, HOMES, Refused, says, told, typescript_is_built

GOLDENS = goldens.load()
ALL = sorted(schema.messages())
OF_CLIENTS = {name for name, kind in schema.messages().items() if kind.DESCRIPTOR.file.name in ("freshet/v1/api.proto", "freshet/v1/envelope.proto")}
REQUESTS = {name for name in OF_CLIENTS if name.endswith("Request")}
ASKED = [(speaker, name) for speaker in GENERAL for name in ALL] + [(speaker, name) for speaker in HOMES for name in sorted(OF_CLIENTS)]


def same(name, got, wanted):
    return schema.from_json(name, got) == schema.from_json(name, wanted)


# ---- the goldens themselves ----

def test_every_message_has_goldens():
    assert set(GOLDENS) == set(ALL)


def test_python_writes_them():
    differ = [name for name in ALL if goldens.path_of(name).read_text(encoding="utf-8") != goldens.written(goldens.made_of(name))]
    assert not differ, "tests/interop/goldens.py --write writes them anew; bytes of what was released must not change"


# ---- who knows what ----

def test_the_typescript_sdk_is_built():
    assert typescript_is_built(), "cd web && npm ci --ignore-scripts && npm run build"


@pytest.mark.parametrize("speaker", GENERAL)
def test_libraries_know_every_message(ask, speaker):
    assert ask(speaker).reads == ask(speaker).writes == ask(speaker).passes == set(ALL)


def test_the_gateway_knows_every_message_of_its_calls(ask):
    wire = ask("wire")
    assert wire.reads == REQUESTS | {"freshet.v1.ClientMessage", "freshet.v1.Event"}
    assert wire.writes == OF_CLIENTS - REQUESTS - {"freshet.v1.ClientMessage"} | {"freshet.v1.Event"}


@pytest.mark.parametrize("speaker", ["libfreshet", "typescript-sdk"])
def test_sdks_know_every_message_of_the_calls(ask, speaker):
    assert ask(speaker).writes == REQUESTS
    assert ask(speaker).reads == OF_CLIENTS - REQUESTS - {"freshet.v1.ClientMessage"}


# ---- writing and reading ----

@pytest.mark.parametrize("speaker, name", ASKED)
def test_golden_bytes_are_written(ask, speaker, name):
    it = ask(speaker)
    if name not in it.writes:
        return
    asked = [case for case in GOLDENS[name] if says(speaker, name, case["json"])]
    assert asked
    for case in asked:
        got = it.write(name, case["json"])
        in_pieces = case["also"].get("in two pieces") if speaker == "wire" else None
        assert got == (in_pieces or case["bytes"]), f"{name}, {case['name']}: {speaker} wrote {got.hex()}"


@pytest.mark.parametrize("speaker, name", ASKED)
def test_golden_bytes_are_read(ask, speaker, name):
    it = ask(speaker)
    if name not in it.reads or speaker == "wire":  # whose rules are below
        return
    asked = 0
    for case in GOLDENS[name]:
        wanted = told(speaker, name, case["json"])
        if wanted is None:
            continue
        writings = {"as it is": case["bytes"], **case["also"], **({"later": case["later"]} if case["later"] else {})}
        for why, data in writings.items():
            got = it.read(name, data)
            assert same(name, got, wanted), f"{name}, {case['name']}, {why}: {speaker} read {got}, wanted {wanted}"
            asked += 1
    assert asked


def test_libfreshet_passes_envelopes_on(ask):
    assert ask("libfreshet").passes == {"freshet.v1.Envelope"}


@pytest.mark.parametrize("speaker", [*GENERAL, "libfreshet"])
def test_unknown_fields_are_passed_on(ask, speaker):
    for name in sorted(ask(speaker).passes):
        for case in GOLDENS[name]:
            if case["later"]:
                assert ask(speaker).pass_on(name, case["later"]) == case["later"], f"{name}: {speaker} changed it"


@pytest.mark.parametrize("speaker", GENERAL)
def test_damaged_bytes_are_refused(ask, speaker):
    """Each length of a message that ends within a field; and a group that does not end."""
    for name in ALL:
        data = next(case["bytes"] for case in GOLDENS[name] if case["name"] == "plain")
        ends, at = {0}, 0
        for field in schema.split(data):
            at += len(schema.join([field]))
            ends.add(at)
        for length in set(range(len(data))) - ends:
            with pytest.raises(Refused):
                ask(speaker).read(name, data[:length])
        with pytest.raises(Refused):
            ask(speaker).read(name, data + schema.varint(1000 << 3 | 3))


# ---- the gateway's rules about requests ----

# (message, case): the field at fault; all other cases of requests are taken. "": no one field.
REFUSED = {
    ("LoginRequest", "empty"): "id", ("LoginRequest", "negative"): "id",
    ("RegisterRequest", "empty"): "first_name", ("DeleteAccountRequest", "empty"): "password",
    ("PostCreateRequest", "empty"): "text", ("PostUpdateRequest", "empty"): "id", ("PostUpdateRequest", "negative"): "id",
    ("ClientMessage", "empty"): "",
    ("Event", "empty"): "kind", ("Event", "plain"): "follower_id", ("Event", "largest"): "post_id", ("Event", "negative"): "kind",
    ("Event", "of a later version"): "kind",
}


@pytest.mark.parametrize("name", sorted(REQUESTS | {"freshet.v1.ClientMessage", "freshet.v1.Event"}))
def test_the_gateway_takes_what_keeps_the_rules(ask, name):
    for case in GOLDENS[name]:
        field = REFUSED.get((name.removeprefix("freshet.v1."), case["name"]))
        for data in [case["bytes"], *case["also"].values(), *([case["later"]] if case["later"] else [])]:
            if field is None:
                got = ask("wire").read(name, data)
                assert same(name, got, case["json"]), f"{name}, {case['name']}: read {got}"
                continue
            with pytest.raises(Refused) as refused:
                ask("wire").read(name, data)
            assert refused.value.field == field, f"{name}, {case['name']}: {refused.value}"
