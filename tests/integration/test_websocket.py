"""The WebSocket protocol, byte by byte (RFC 6455): a table of what a server must do, walked against the echo of the admin
listener and against the live feed, which have the connection in common; and what the live feed adds."""

import base64
import json
import os
import socket
import struct
import threading

import pytest

from api import Api
from harness import RawWebSocket, Stack, eventually
from harness.process import Process
from harness.raw_websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close, frame, header

MESSAGE_MAX = 16 * 1024 * 1024  # of the echo
FEED_MESSAGE_MAX = 64 * 1024    # of a connection that takes none


@pytest.fixture(scope="module")
def system():
    with Stack(gateway_settings={"debug_echo": "on"}) as made:
        made.user, = made.make_users(1)
        made.token = made.mint(made.user)
        yield made


def echo(system, **options):
    return RawWebSocket(system.gateway.admin_port, "/debug/echo", **options)


def feed(system, **options):
    return RawWebSocket(system.gateway.port, token=system.token, **options)


def feed_over_tls(system, **options):
    return RawWebSocket(system.gateway.tls_port, token=system.token, tls=True, **options)


# ---- the table ----

class Row:
    """What is sent, and the frames that come back: (opcode, payload), or a close code with whatever reason. Behind a close
    frame the connection ends; a row without one ends with a ping and a proper close, which show that it still works.
    `feed`: what the live feed answers, where that is not the same."""

    def __init__(self, section, comment, sent, expected, feed=None):
        self.section, self.comment = section, comment
        self.sent = sent if isinstance(sent, list) else [sent]
        self.echo, self.feed = expected, expected if feed is None else feed

    def __repr__(self):
        return f"{self.section}: {self.comment}"


POLICY = [1008]  # the feed takes no messages


def message(section, comment, sent, opcode, payload, feed=None):
    """A row that is a message, which the echo sends back."""
    return Row(section, comment, sent, [(opcode, payload)], POLICY if feed is None else feed)


def fragments(opcode, *payloads):
    last = len(payloads) - 1
    return b"".join(frame(CONTINUATION if i else opcode, payload, fin=i == last) for i, payload in enumerate(payloads))


def with_reason(code, reason=b""):
    return struct.pack(">H", code) + reason


SECTION = "5.2 framing"
FRAMING = [
    message(SECTION, "the example of section 5.7", bytes.fromhex("818537fa213d7f9f4d5158"), TEXT, b"Hello"),
    message(SECTION, "an empty text", frame(TEXT), TEXT, b""),
    message(SECTION, "an empty binary message", frame(BINARY), BINARY, b""),
    message(SECTION, "a mask of zeros", frame(TEXT, b"plain", key=bytes(4)), TEXT, b"plain"),
    message(SECTION, "all byte values", frame(BINARY, bytes(range(256))), BINARY, bytes(range(256))),
    message(SECTION, "a NUL in a text", frame(TEXT, b"a\0b"), TEXT, b"a\0b"),
    Row(SECTION, "a text that is not masked", frame(TEXT, b"x", key=None), [1002]),
    Row(SECTION, "an empty text that is not masked", frame(TEXT, key=None), [1002]),
    Row(SECTION, "a ping that is not masked", frame(PING, b"x", key=None), [1002]),
    Row(SECTION, "a close that is not masked", frame(CLOSE, with_reason(1000), key=None), [1002]),
    Row(SECTION, "refused before the rest of the frame", header(0x81, 125, masked=False), [1002]),
    Row(SECTION, "125 in two bytes", frame(BINARY, bytes(125), form=2), [1002]),
    Row(SECTION, "0 in two bytes", frame(BINARY, form=2), [1002]),
    Row(SECTION, "125 in eight bytes", frame(BINARY, bytes(125), form=8), [1002]),
    Row(SECTION, "126 in eight bytes", frame(BINARY, bytes(126), form=8), [1002]),
    Row(SECTION, "65535 in eight bytes", frame(BINARY, bytes(65535), form=8), [1002]),
    Row(SECTION, "a length with its highest bit set", b"\x82\xff" + b"\x80" + bytes(7) + bytes(4), [1002]),
    Row(SECTION, "a length of all ones", b"\x82\xff" + b"\xff" * 8 + bytes(4), [1002]),
]

SECTION = "5.2 reserved bits"
RESERVED = [
    Row(SECTION, "RSV1 on a text", frame(TEXT, b"x", reserved=4), [1002]),
    Row(SECTION, "RSV2 on a text", frame(TEXT, b"x", reserved=2), [1002]),
    Row(SECTION, "RSV3 on a text", frame(TEXT, b"x", reserved=1), [1002]),
    Row(SECTION, "all on a binary message", frame(BINARY, b"x", reserved=7), [1002]),
    Row(SECTION, "on an empty frame", frame(TEXT, reserved=4), [1002]),
    Row(SECTION, "on a ping", frame(PING, b"x", reserved=1), [1002]),
    Row(SECTION, "on a pong", frame(PONG, b"x", reserved=2), [1002]),
    Row(SECTION, "on a close", frame(CLOSE, with_reason(1000), reserved=4), [1002]),
    Row(SECTION, "on a continuation", frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b", reserved=4), [1002], POLICY),
    Row(SECTION, "after a good ping", frame(PING, b"good") + frame(PING, reserved=4), [(PONG, b"good"), 1002]),
]

SECTION = "5.2 opcodes"
OPCODES = [Row(SECTION, f"{opcode:#x} is none", frame(opcode, b"x"), [1002]) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)]
OPCODES += [
    Row(SECTION, "0x3 without a payload", frame(3), [1002]),
    Row(SECTION, "0xb behind a ping", frame(PING) + frame(11), [(PONG, b""), 1002]),
    Row(SECTION, "0x5 within a message", frame(TEXT, b"a", fin=False) + frame(5, b"b"), [1002], POLICY),
]

SECTION = "5.5 control frames"
CONTROL = [
    Row(SECTION, "a ping", frame(PING, b"ping"), [(PONG, b"ping")]),
    Row(SECTION, "a ping without a payload", frame(PING), [(PONG, b"")]),
    Row(SECTION, "a ping of 125 bytes", frame(PING, b"\xfe" * 125), [(PONG, b"\xfe" * 125)]),
    Row(SECTION, "a ping of all byte values, in two", frame(PING, bytes(range(125))) + frame(PING, bytes(range(131, 256))),
        [(PONG, bytes(range(125))), (PONG, bytes(range(131, 256)))]),
    Row(SECTION, "a ping of 126 bytes", frame(PING, bytes(126)), [1002]),
    Row(SECTION, "a ping whose length is in two bytes", frame(PING, b"x", form=2), [1002]),
    Row(SECTION, "a ping whose length is in eight bytes", frame(PING, b"x", form=8), [1002]),
    Row(SECTION, "a pong of 126 bytes", frame(PONG, bytes(126)), [1002]),
    Row(SECTION, "a close of 126 bytes", frame(CLOSE, with_reason(1000, bytes(124))), [1002]),
    Row(SECTION, "a ping in fragments", frame(PING, b"x", fin=False), [1002]),
    Row(SECTION, "a pong in fragments", frame(PONG, b"x", fin=False), [1002]),
    Row(SECTION, "a close in fragments", frame(CLOSE, with_reason(1000), fin=False), [1002]),
    Row(SECTION, "a pong that nobody asked for", frame(PONG, b"unasked"), []),
    Row(SECTION, "an empty pong", frame(PONG), []),
    Row(SECTION, "pongs between pings", frame(PONG) + frame(PING, b"1") + frame(PONG, b"1") + frame(PING, b"2"),
        [(PONG, b"1"), (PONG, b"2")]),
    Row(SECTION, "ten pings at once are answered in order", b"".join(frame(PING, b"%d" % i) for i in range(10)),
        [(PONG, b"%d" % i) for i in range(10)]),
]

SECTION = "5.4 fragmentation"
FRAGMENTATION = [
    message(SECTION, "a text in two", fragments(TEXT, b"Hel", b"lo"), TEXT, b"Hello"),
    message(SECTION, "a binary message in four", fragments(BINARY, b"a", b"b", b"c", b"d"), BINARY, b"abcd"),
    message(SECTION, "an empty first one", fragments(TEXT, b"", b"x"), TEXT, b"x"),
    message(SECTION, "an empty last one", fragments(TEXT, b"x", b""), TEXT, b"x"),
    message(SECTION, "an empty one in between", fragments(BINARY, b"x", b"", b"y"), BINARY, b"xy"),
    message(SECTION, "all empty", fragments(TEXT, b"", b"", b""), TEXT, b""),
    message(SECTION, "of 127 and 65536 bytes", fragments(BINARY, bytes(127), b"x" * 65536), BINARY,
            bytes(127) + b"x" * 65536),
    Row(SECTION, "two messages, one after the other", fragments(TEXT, b"a", b"b") + fragments(BINARY, b"c", b"d"),
        [(TEXT, b"ab"), (BINARY, b"cd")], POLICY),
    Row(SECTION, "a ping in between is answered at once",
        frame(TEXT, b"a", fin=False) + frame(PING, b"now") + frame(CONTINUATION, b"b"), [(PONG, b"now"), (TEXT, b"ab")], POLICY),
    Row(SECTION, "a pong in between", frame(TEXT, b"a", fin=False) + frame(PONG, b"?") + frame(CONTINUATION, b"b"),
        [(TEXT, b"ab")], POLICY),
    Row(SECTION, "pings between all",
        frame(TEXT, b"a", fin=False) + frame(PING, b"1") + frame(CONTINUATION, b"b", fin=False) + frame(PING, b"2") +
        frame(PONG) + frame(CONTINUATION, b"c"), [(PONG, b"1"), (PONG, b"2"), (TEXT, b"abc")], POLICY),
    Row(SECTION, "a close in between ends it", frame(TEXT, b"a", fin=False) + close(1000), [1000], POLICY),
    Row(SECTION, "a continuation of nothing", frame(CONTINUATION, b"x"), [1002]),
    Row(SECTION, "a continuation of nothing, not the last", frame(CONTINUATION, b"x", fin=False), [1002]),
    Row(SECTION, "a continuation behind a whole message", frame(TEXT, b"a") + frame(CONTINUATION, b"b"),
        [(TEXT, b"a"), 1002], POLICY),
    Row(SECTION, "a continuation behind the last one", fragments(TEXT, b"a", b"b") + frame(CONTINUATION, b"c"),
        [(TEXT, b"ab"), 1002], POLICY),
    Row(SECTION, "a text within a text", frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), [1002], POLICY),
    Row(SECTION, "a binary message within a text", frame(TEXT, b"a", fin=False) + frame(BINARY, b"b"), [1002], POLICY),
    Row(SECTION, "the beginning of one within another", frame(BINARY, b"a", fin=False) + frame(BINARY, b"b", fin=False),
        [1002], POLICY),
]

SECTION = "8.1 UTF-8"
VALID_TEXTS = [
    ("two bytes, lowest and highest", b"\xc2\x80\xdf\xbf"),
    ("three bytes, lowest and highest", b"\xe0\xa0\x80\xef\xbf\xbf"),
    ("below and above the surrogates", b"\xed\x9f\xbf\xee\x80\x80"),
    ("four bytes, lowest and highest", b"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
    ("U+FFFD and a byte order mark", b"\xef\xbf\xbd\xef\xbb\xbf"),
    ("no characters", b"\xef\xb7\x90\xf0\x9f\xbf\xbe"),
    ("words", "Grüße, κόσμε, 日本語, 🦉".encode()),
]
INVALID_TEXTS = [
    ("a continuation byte alone", b"\x80"),
    ("the last continuation byte alone", b"\xbf"),
    ("a lead byte and a letter", b"\xc3("),
    ("two bytes for a letter", b"\xc1\xbf"),
    ("two bytes for NUL", b"\xc0\x80"),
    ("three bytes where two do", b"\xe0\x9f\xbf"),
    ("four bytes where three do", b"\xf0\x8f\xbf\xbf"),
    ("a high surrogate", b"\xed\xa0\x80"),
    ("a low surrogate", b"\xed\xbf\xbf"),
    ("a pair of surrogates", b"\xed\xa0\x80\xed\xb0\x80"),
    ("past U+10FFFF", b"\xf4\x90\x80\x80"),
    ("a lead byte of five", b"\xf8\x88\x80\x80\x80"),
    ("a lead byte of six", b"\xfc\x84\x80\x80\x80\x80"),
    ("0xfe", b"\xfe"),
    ("0xff", b"\xff"),
    ("two of three bytes and a letter", b"\xe2\x82x"),
    ("good, then bad", "κόσμε".encode() + b"\xed\xa0\x80edited"),
]
CUT_TEXTS = [
    ("one of two bytes", b"\xc3"),
    ("two of three bytes", b"\xe2\x82"),
    ("three of four bytes", b"\xf0\x9f\xa6"),
    ("good, then a half", b"good\xe2"),
]
UTF8 = [message(SECTION, f"{comment}", frame(TEXT, text), TEXT, text) for comment, text in VALID_TEXTS]
UTF8 += [message(SECTION, f"{comment}, a byte a frame", fragments(TEXT, *[text[i:i + 1] for i in range(len(text))]), TEXT, text)
         for comment, text in VALID_TEXTS]
UTF8 += [Row(SECTION, f"{comment}: refused", frame(TEXT, text), [1007]) for comment, text in INVALID_TEXTS]
# On the feed the first fragment that is good so far is a message too many already.
UTF8 += [Row(SECTION, f"{comment}, a byte a frame: refused", fragments(TEXT, *[text[i:i + 1] for i in range(len(text))]), [1007],
             [1007] if text[0] in b"\x80\xbf\xc1\xc0\xf8\xfc\xfe\xff" else POLICY) for comment, text in INVALID_TEXTS]
UTF8 += [Row(SECTION, f"{comment}, at the end: refused", frame(TEXT, text), [1007]) for comment, text in CUT_TEXTS]
UTF8 += [
    message(SECTION, "no UTF-8 in a binary message", frame(BINARY, b"\xff\xfe\xc0"), BINARY, b"\xff\xfe\xc0"),
    Row(SECTION, "refused before the rest of the frame", header(0x81, 100) + bytes(4) + b"abc\xff", [1007]),
    Row(SECTION, "refused before the message is complete", frame(TEXT, b"\xf4\x90", fin=False), [1007]),
    Row(SECTION, "a character over two frames, a ping between its bytes",
        frame(TEXT, b"\xe2\x82", fin=False) + frame(PING, b"\xff") + frame(CONTINUATION, b"\xac"),
        [(PONG, b"\xff"), (TEXT, "€".encode())], POLICY),
    Row(SECTION, "a half in the last fragment, an empty one behind it",
        frame(TEXT, b"\xe2\x82", fin=False) + frame(CONTINUATION), [1007], POLICY),
    Row(SECTION, "a half in one message is not completed by the next",
        frame(BINARY, b"\xe2\x82") + frame(TEXT, b"\xac"), [(BINARY, b"\xe2\x82"), 1007], POLICY),
]

SECTION = "7 closing"
CLOSING = [
    Row(SECTION, "without a code", close(), [(CLOSE, b"")]),
    Row(SECTION, "with a code and a reason", close(1000, b"bye"), [1000]),
    Row(SECTION, "with a reason of 123 bytes", close(1000, b"x" * 123), [1000]),
    Row(SECTION, "with a reason in UTF-8", close(4321, "tschüß".encode()), [4321]),
    Row(SECTION, "with half a code", frame(CLOSE, b"\x03"), [1002]),
    Row(SECTION, "with a reason that is no UTF-8", close(1000, b"\xed\xa0\x80"), [1007]),
    Row(SECTION, "with a reason that is cut in a character", close(1000, b"ab\xe2\x82"), [1007]),
    Row(SECTION, "what comes behind it is ignored", close(1000) + frame(PING, b"late") + frame(TEXT, b"late"), [1000]),
    Row(SECTION, "even if it is no protocol", close(1000) + b"\xff" * 1000, [1000]),
    Row(SECTION, "twice", close(1001) + close(1000), [1001]),
    Row(SECTION, "behind a ping", frame(PING, b"first") + close(1000), [(PONG, b"first"), 1000]),
    Row(SECTION, "behind a message", frame(TEXT, b"first") + close(1000), [(TEXT, b"first"), 1000], POLICY),
    Row(SECTION, "in a write of its own for each byte", [bytes([byte]) for byte in close(1000, b"slow")], [1000]),
]
CLOSING += [Row(SECTION, f"with {code}, which is echoed", close(code), [code])
            for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)]
CLOSING += [Row(SECTION, f"with {code}, which may not travel", close(code, b"why"), [1002])
            for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)]

SECTION = "10.4 limits"
LIMITS = [
    Row(SECTION, "one byte more than a message may have", header(0x82, MESSAGE_MAX + 1) + bytes(4), [1009]),
    Row(SECTION, "the longest length there is", b"\x82\xff\x7f" + b"\xff" * 7 + bytes(4), [1009]),
    Row(SECTION, "the fragment that passes it",
        frame(BINARY, bytes(FEED_MESSAGE_MAX), fin=False) + header(0x80, MESSAGE_MAX - FEED_MESSAGE_MAX + 1) + bytes(4),
        [1009], POLICY),
]

TABLE = FRAMING + RESERVED + OPCODES + CONTROL + FRAGMENTATION + UTF8 + CLOSING + LIMITS


def told(frames):
    """Frames as rows write them: of a close frame with a code, the code."""
    return [struct.unpack(">H", payload[:2])[0] if opcode == CLOSE and payload else (opcode, payload)
            for opcode, payload in frames]


def is_close(expected):
    return isinstance(expected, int) or expected[0] == CLOSE


def walk(opened, row, expected, piece=None):
    for sent in row.sent:
        opened.send(sent, piece)
    if not expected or not is_close(expected[-1]):
        opened.send(frame(PING, b"the end") + close(1000))
        expected = expected + [(PONG, b"the end"), 1000]
    assert told(opened.read_to_close()) == expected, f"{row!r}: sent {b''.join(row.sent)[:200]!r}"
    opened.answer_close()
    assert opened.read_all() == [], f"{row!r}: the server ends the connection"


@pytest.mark.parametrize("row", TABLE, ids=repr)
def test_echo(system, row):
    with echo(system) as opened:
        walk(opened, row, row.echo)


@pytest.mark.parametrize("row", TABLE, ids=repr)
def test_feed(system, row):
    with feed(system) as opened:
        walk(opened, row, row.feed)


@pytest.mark.parametrize("section", ["5.2 framing", "5.5 control frames", "7 closing"])
def test_feed_over_tls(system, section):
    """The same code; but a TLS connection is ended in another way."""
    for row in TABLE:
        if row.section == section:
            with feed_over_tls(system) as opened:
                walk(opened, row, row.feed)


@pytest.mark.parametrize("piece", [1, 3])
def test_pieces_mean_nothing(system, piece):
    """The table in chopped writes, on connections side by side."""
    for row in TABLE:
        if sum(map(len, row.sent)) < 1000:
            with echo(system) as opened:
                walk(opened, row, row.echo, piece)


# ---- sizes and amounts ----

@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, MESSAGE_MAX])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_sizes(system, opcode, size):
    payload = (b"0123456789abcde\n" * (size // 16 + 1))[:size]
    data = frame(opcode, payload)
    pieces = [None, 997] if size > 65536 else [None, 997, 3, 1]
    with echo(system) as opened:
        for piece in pieces:
            opened.send(data, piece)
            got, back = opened.read()
            assert (got, len(back)) == (opcode, size), f"in pieces of {piece}"
            assert back == payload, f"in pieces of {piece}"


@pytest.mark.parametrize("size", [1, 997, 65536])
def test_largest_message_in_fragments(system, size):
    """With pings between them; the answer is one frame."""
    total = MESSAGE_MAX if size > 1 else 200_000
    payload = os.urandom(total)
    parts = [payload[at:at + size] for at in range(0, total, size)]
    pings = 0
    with echo(system) as opened:
        data = []
        for i, part in enumerate(parts):
            data.append(frame(CONTINUATION if i else BINARY, part, fin=i == len(parts) - 1))
            if i % 1000 == 500:
                data.append(frame(PING, b"%d" % pings))
                pings += 1
        sender = threading.Thread(target=opened.send, args=(b"".join(data),))
        sender.start()
        for number in range(pings):
            assert opened.read() == (PONG, b"%d" % number)
        opcode, back = opened.read()
        sender.join()
        assert opcode == BINARY and back == payload


def test_thousands_of_small_messages_at_once(system):
    count = 20_000
    with echo(system) as opened:
        sender = threading.Thread(target=opened.send, args=(b"".join(frame(TEXT, b"%d" % i) for i in range(count)),))
        sender.start()
        for i in range(count):
            assert opened.read() == (TEXT, b"%d" % i)
        sender.join()


@pytest.mark.parametrize("where", [echo, feed], ids=["echo", "feed"])
def test_thousands_of_pings_at_once(system, where):
    """More answers than may wait: the rest of the pings is left unread meanwhile."""
    count = 20_000
    with where(system) as opened:
        sender = threading.Thread(target=opened.send, args=(b"".join(frame(PING, b"%120d" % i) for i in range(count)),))
        sender.start()
        for i in range(count):
            assert opened.read() == (PONG, b"%120d" % i)
        sender.join()


def test_echo_stops_reading_while_nobody_reads(system):
    """Bounded memory instead of a close: the sender is stuck long before it has sent all; and then it all comes back."""
    message_size, most = 100_000, 64 * 1024 * 1024
    one = frame(BINARY, b"x" * message_size)
    with echo(system, receive_buffer=65536) as opened:
        opened.socket.settimeout(1)
        sent = 0
        try:
            while sent < most:
                sent += opened.socket.send(one[sent % len(one):])
        except TimeoutError:
            pass
        assert sent < most, "the server took it all"
        opened.socket.settimeout(60)
        rest = (one[sent % len(one):] if sent % len(one) else b"") + frame(PING, b"end")
        sender = threading.Thread(target=opened.send, args=(rest,))
        sender.start()
        for _ in range(-(-sent // len(one))):
            opcode, back = opened.read()
            assert opcode == BINARY and back == b"x" * message_size
        assert opened.read() == (PONG, b"end")
        sender.join()


def test_many_echoes_side_by_side(system):
    opened = [echo(system) for _ in range(200)]
    for i, one in enumerate(opened):
        one.send(frame(TEXT, b"%d" % i, fin=False))
    for i, one in enumerate(opened):
        one.send(frame(CONTINUATION, b" and on"))
    for i, one in enumerate(opened):
        assert one.read() == (TEXT, b"%d and on" % i)
        one.drop()


# ---- closing, from both sides ----

def test_half_closed_behind_a_close_frame(system):
    """The peer says that it is done, and stops sending: the answer still comes."""
    for where in echo, feed, feed_over_tls:
        with where(system) as opened:
            opened.send(frame(PING, b"last") + close(1000))
            if where is not feed_over_tls:
                opened.end_sending()
            assert told(opened.read_all()) == [(PONG, b"last"), 1000]


def test_half_closed_without_a_close_frame(system):
    """An end without a goodbye is a lost connection."""
    with feed(system) as opened:
        opened.end_sending()
        assert opened.read_all() == []


def test_lost_connections_are_noticed(system):
    def open_ones():
        return system.gateway.metrics().get('freshet_live_subscribers{carrier="websocket"}', 0)

    before = eventually(lambda: open_ones() == 0) and open_ones()
    opened = [feed(system) for _ in range(20)]
    eventually(lambda: open_ones() == before + 20)
    for i, one in enumerate(opened):
        if i % 2:  # a reset instead of an end
            one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.drop()
    eventually(lambda: open_ones() == before)


def test_a_stop_takes_echoes_along(own_stack):
    stack = own_stack(gateway_settings={"debug_echo": "on"})
    opened = [echo(stack) for _ in range(5)]
    opened[0].send(frame(TEXT, b"within a message", fin=False))
    stack.gateway.stop()
    for one in opened:
        assert one.read_all() == []


# ---- 4.2 the opening handshake ----

def key_of(size):
    return base64.b64encode(bytes(size)).decode()


WELCOME = [
    ("as it should be", {}, []),
    ("tokens in another case", {"Upgrade": "WebSocket", "Connection": "uPGRADE"}, []),
    ("Connection is a list", {"Connection": "keep-alive, Upgrade"}, []),
    ("Connection is a list, without blanks", {"Connection": "Upgrade,keep-alive"}, []),
    ("Upgrade is a list", {"Upgrade": "h2c-99, websocket"}, []),
    ("Connection twice, upgrade in the first", {}, ["Connection: keep-alive"]),
    ("Connection twice, upgrade in the second", {"Connection": "keep-alive"}, ["Connection: Upgrade"]),
    ("Upgrade twice, this one first", {}, ["Upgrade: something-else"]),
    ("Upgrade twice, this one second", {"Upgrade": "something-else"}, ["Upgrade: websocket"]),
    ("names of headers in another case", {"Sec-WebSocket-Version": None, "Upgrade": None},
     ["SEC-WEBSOCKET-VERSION: 13", "uPgRaDe: websocket"]),
    ("blanks around values", {"Sec-WebSocket-Version": " 13 ", "Upgrade": "\twebsocket  "}, []),
    ("extensions are not taken", {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}, []),
    ("extensions that are no such", {"Sec-WebSocket-Extensions": ";;=,"}, []),
    ("an unknown header", {"X-Whatever": "1"}, []),
]
REFUSED = [
    ("no Upgrade", 426, {"Upgrade": None}, []),
    ("no Connection", 426, {"Connection": None}, []),
    ("Connection without upgrade", 426, {"Connection": "keep-alive"}, []),
    ("Connection names something like it", 426, {"Connection": "upgrades, no-upgrade"}, []),
    ("an upgrade to something else", 426, {"Upgrade": "websockets"}, []),
    ("no version", 426, {"Sec-WebSocket-Version": None}, []),
    ("an older version", 426, {"Sec-WebSocket-Version": "8"}, []),
    ("a newer version", 426, {"Sec-WebSocket-Version": "14"}, []),
    ("version 13 otherwise written", 426, {"Sec-WebSocket-Version": "013"}, []),
    ("an empty version", 426, {"Sec-WebSocket-Version": ""}, []),
    ("several versions", 426, {"Sec-WebSocket-Version": "8, 13"}, []),
    ("the version twice", 426, {}, ["Sec-WebSocket-Version: 13"]),
    ("no key", 400, {"Sec-WebSocket-Key": None}, []),
    ("an empty key", 400, {"Sec-WebSocket-Key": ""}, []),
    ("a key of 15 bytes", 400, {"Sec-WebSocket-Key": key_of(15)}, []),
    ("a key of 17 bytes", 400, {"Sec-WebSocket-Key": key_of(17)}, []),
    ("a key that is no base64", 400, {"Sec-WebSocket-Key": "!" * 22 + "=="}, []),
    ("a key with loose bits", 400, {"Sec-WebSocket-Key": "A" * 21 + "B=="}, []),
    ("the key twice", 400, {}, [f"Sec-WebSocket-Key: {key_of(16)}"]),
    ("two keys in one", 400, {"Sec-WebSocket-Key": f"{key_of(16)}, {key_of(16)}"}, []),
    ("Host twice", 400, {}, ["Host: elsewhere"]),
    ("no Host", 400, {"Host": None}, []),
]


@pytest.mark.parametrize("where", [echo, feed], ids=["echo", "feed"])
@pytest.mark.parametrize("comment, changes, more", WELCOME, ids=[row[0] for row in WELCOME])
def test_handshake(system, where, comment, changes, more):
    with where(system, changes=changes, more=more) as opened:
        assert opened.status == 101, comment
        assert [value.lower() for value in opened.header("upgrade")] == ["websocket"]
        assert [value.lower() for value in opened.header("connection")] == ["upgrade"]
        assert opened.header("sec-websocket-accept") == [opened.expected_accept()]
        assert opened.header("sec-websocket-extensions") == [] and opened.header("sec-websocket-protocol") == []
        opened.send(frame(PING, b"open") + close(1000))
        assert told(opened.read_all()) == [(PONG, b"open"), 1000]


@pytest.mark.parametrize("where", [echo, feed], ids=["echo", "feed"])
@pytest.mark.parametrize("comment, status, changes, more", REFUSED, ids=[row[0] for row in REFUSED])
def test_handshake_refused(system, where, comment, status, changes, more):
    with where(system, changes=changes, more=more) as opened:
        assert opened.status == status, comment
        assert opened.header("sec-websocket-accept") == []
        if status == 426:
            assert opened.header("sec-websocket-version") == ["13"]


def test_only_get_over_http_1_1(system):
    for where, post in (echo, 405), (feed, 405):
        with where(system, method="POST", changes={"Content-Length": "0"}) as opened:
            assert opened.status == post
        with where(system, method="HEAD") as opened:
            assert opened.status == 426
        with where(system, version="HTTP/1.0") as opened:
            assert opened.status == 426 and opened.header("sec-websocket-accept") == []


def test_frames_right_behind_the_request(system):
    """A client that doesn't wait for the 101: what it sent is not lost."""
    eager = socket.create_connection(("127.0.0.1", system.gateway.admin_port), timeout=60)
    request = ("GET /debug/echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key_of(16)}\r\n\r\n").encode()
    eager.sendall(request + frame(TEXT, b"early") + close(1000))
    answer = b""
    while piece := eager.recv(4096):
        answer += piece
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert answer.partition(b"\r\n\r\n")[2] == b"\x81\x05early\x88\x02\x03\xe8"
    eager.close()


# ---- subprotocols and origins ----

@pytest.mark.parametrize("comment, offers, chosen", [
    ("none", [], None),
    ("JSON", ["freshet.v1.json"], "freshet.v1.json"),
    ("protobuf", ["freshet.v1.protobuf"], "freshet.v1.protobuf"),
    ("the client's first", ["freshet.v1.protobuf, freshet.v1.json"], "freshet.v1.protobuf"),
    ("the first that is known", ["chat, freshet.v9, freshet.v1.json,freshet.v1.protobuf"], "freshet.v1.json"),
    ("over several headers", ["chat", "freshet.v1.json", "freshet.v1.protobuf"], "freshet.v1.json"),
    ("only unknown ones", ["chat, graphql-ws"], None),
    ("another case is another name", ["Freshet.V1.JSON"], None),
    ("an empty list", [""], None),
], ids=lambda value: value if isinstance(value, str) else "-")
def test_subprotocol(system, comment, offers, chosen):
    with feed(system, more=[f"Sec-WebSocket-Protocol: {offer}" for offer in offers]) as opened:
        assert opened.status == 101, comment
        assert opened.header("sec-websocket-protocol") == ([chosen] if chosen else []), comment
        if chosen:
            opcode, payload = opened.read()
            assert opcode == (TEXT if chosen.endswith("json") else BINARY)
            assert chosen.endswith("protobuf") or json.loads(payload)["type"] == "ready"


@pytest.mark.parametrize("setting, rows", [
    ("", [("http://127.0.0.1:{port}", 101), ("https://127.0.0.1:{port}", 101), ("http://evil.example", 403), ("null", 403),
          (None, 101)]),
    ("https://app.example, http://localhost:3000",
     [("https://app.example", 101), ("https://APP.example:443", 101), ("http://localhost:3000", 101),
      ("http://127.0.0.1:{port}", 101), ("http://app.example", 403), ("https://sub.app.example", 403),
      ("http://localhost:3001", 403), (None, 101)]),
    ("*", [("https://whatever.example", 101), ("null", 101), (None, 101)]),
], ids=["the default", "a list", "any"])
def test_origin(system, setting, rows):
    gateway = system.add_gateway(allowed_origins=setting).start()
    try:
        for origin, status in rows:
            origin = origin and origin.format(port=gateway.port)
            with RawWebSocket(gateway.port, token=system.token, changes={"Origin": origin}) as opened:
                assert opened.status == status, origin
        own = f"http://127.0.0.1:{gateway.port}"
        with RawWebSocket(gateway.port, token=system.token, more=[f"Origin: {own}", f"Origin: {own}"]) as opened:
            assert opened.status == 403, "two origins are none"
    finally:
        gateway.stop()
        system.gateways.remove(gateway)


# ---- what a client may say on a live connection ----

def envelopes(system, token=None, protocol="freshet.v1.json"):
    return RawWebSocket(system.gateway.port, token=token or system.token, more=[f"Sec-WebSocket-Protocol: {protocol}"])


def read_close(opened):
    """The code, whatever came before it."""
    code = told(opened.read_to_close())[-1]
    opened.answer_close()
    assert opened.read_all() == []
    return code


def auth_message(token, protocol):
    if protocol.endswith("json"):
        return TEXT, json.dumps({"type": "auth", "token": token}).encode()
    return BINARY, b"\x0a" + bytes([len(token) & 0x7f | 0x80, len(token) >> 7]) + token.encode()


@pytest.mark.parametrize("protocol", ["freshet.v1.json", "freshet.v1.protobuf"])
def test_a_new_token_extends_the_session(system, protocol):
    short = system.ctl("token", "mint", system.user, "--token-ttl=3s").stdout.strip()
    with envelopes(system, short, protocol) as left, envelopes(system, short, protocol) as whole, \
            envelopes(system, short, protocol) as in_fragments:
        opcode, payload = auth_message(system.token, protocol)
        whole.send(frame(opcode, payload))
        in_fragments.send(fragments(opcode, payload[:5], payload[5:50], payload[50:]))
        assert read_close(left) == 4001
        for opened in whole, in_fragments:
            opened.send(frame(PING, b"still there"))
            while (got := opened.read())[0] != PONG:
                assert got[0] == opcode, got
            assert got == (PONG, b"still there")


@pytest.mark.parametrize("comment, protocol, sent, code", [
    ("no token", "freshet.v1.json", frame(TEXT, b'{"type":"auth","token":"none"}'), 1008),
    ("another type", "freshet.v1.json", frame(TEXT, b'{"type":"post","text":"x"}'), 1008),
    ("no JSON", "freshet.v1.json", frame(TEXT, b"hello"), 1008),
    ("an empty message", "freshet.v1.json", frame(TEXT), 1008),
    ("a binary message where JSON is spoken", "freshet.v1.json", frame(BINARY, b"{}"), 1008),
    ("a text where protobuf is spoken", "freshet.v1.protobuf", frame(TEXT, b"\x0a\x01x"), 1008),
    ("no protobuf", "freshet.v1.protobuf", frame(BINARY, b"\xff\xff"), 1008),
    ("an empty message", "freshet.v1.protobuf", frame(BINARY), 1008),
    ("more than a token", "freshet.v1.json", frame(TEXT, b" " * 4097), 1009),
    ("more than a token, in fragments", "freshet.v1.json", fragments(TEXT, b" " * 4000, b" " * 97), 1009),
    ("just as much, but no token", "freshet.v1.json", fragments(TEXT, b" " * 4000, b" " * 96), 1008),
    ("a token cut in a character", "freshet.v1.json", frame(TEXT, b'{"type":"auth","token":"\xe2'), 1007),
], ids=lambda value: value if isinstance(value, str) else "-")
def test_anything_else_closes(system, comment, protocol, sent, code):
    with envelopes(system, protocol=protocol) as opened:
        opened.send(sent)
        assert read_close(opened) == code, comment


def test_token_of_another_user_closes(system):
    other, = system.make_users(1)
    with envelopes(system) as opened:
        opened.send(frame(*auth_message(system.mint(other), "freshet.v1.json")))
        assert read_close(opened) == 1008


# ---- slow clients ----

class Crowd:
    """Readers of one author, some of whom never read."""

    def __init__(self, stack, fast, slow):
        self.stack = stack
        self.author, *readers = stack.make_users(1 + fast + slow)
        stack.make_follows([(reader, self.author) for reader in readers])
        self.api = Api(f"http://127.0.0.1:{stack.gateway.port}")
        self.token = stack.mint(self.author)
        self.slow = [RawWebSocket(stack.gateway.port, token=stack.mint(reader), receive_buffer=4096)
                     for reader in readers[fast:]]
        self.fast = [stack.live(reader) for reader in readers[:fast]]
        self.posts = []

    def post(self, count):
        for _ in range(count):
            self.posts.append(self.api.post(self.token, "x" * 4000))

    def all_fast_ones_have_all(self):
        for client in self.fast:
            client.wait_for_post(self.posts[-1])
            assert [message["postId"] for message in client.messages] == self.posts
            assert not client.closed

    def closed_slow(self, bound):
        return self.stack.gateway.metrics().get(f'freshet_live_slow_closed_total{{bound="{bound}"}}', 0)

    def check_slow(self):
        """Each got the beginning, in order, and was told why it ends."""
        for client in self.slow:
            *frames, (opcode, payload) = client.read_to_close()
            client.answer_close()
            got = [json.loads(body)["postId"] for kind, body in frames if kind == TEXT]
            assert got == self.posts[:len(got)] and len(got) < len(self.posts)
            assert opcode == CLOSE and payload.startswith(struct.pack(">H", 4002) + b"too slow")
            client.drop()


def test_who_never_reads_is_closed_and_harms_nobody(own_stack):
    stack = own_stack(gateway_settings={"threads": 1, "connection_queue": "128k", "connection_queue_soft": "128k"})
    crowd = Crowd(stack, fast=20, slow=10)
    # Less than is too much, though nobody takes it: they stay.
    crowd.post(30)
    crowd.all_fast_ones_have_all()
    assert crowd.closed_slow("hard") == 0
    # And now too much. The fast ones have had everything before and after the slow ones are told to go.
    eventually(lambda: crowd.post(10) or crowd.closed_slow("hard") == len(crowd.slow))
    crowd.all_fast_ones_have_all()
    crowd.check_slow()
    assert crowd.closed_slow("soft") == 0


def test_who_lets_much_wait_for_too_long_is_closed(own_stack):
    """Nothing more is posted to it: time alone decides."""
    stack = own_stack(gateway_settings={"threads": 1, "connection_queue": "16m", "connection_queue_soft": "8k",
                                        "slow_client_time": "500ms"})
    crowd = Crowd(stack, fast=5, slow=5)
    crowd.post(100)
    crowd.all_fast_ones_have_all()
    eventually(lambda: crowd.closed_slow("soft") == len(crowd.slow))
    crowd.check_slow()
    assert crowd.closed_slow("hard") == 0


@pytest.mark.parametrize("comment, settings, words", [
    ("soft above hard", {"connection_queue": "64k", "connection_queue_soft": "65537"},
     ["--connection-queue-soft", "--connection-queue"]),
    ("an origin that is none", {"allowed_origins": "example.org"}, ["--allowed-origins"]),
    ("any origin within a list", {"allowed_origins": "https://a.example,*"}, ["--allowed-origins"]),
], ids=lambda value: value if isinstance(value, str) else "-")
def test_refuses_at_the_start(system, comment, settings, words):
    gateway = system.add_gateway(**settings).start(wait=False)
    try:
        assert gateway.child.wait(60) not in (0, None), comment
        assert all(word in gateway.logs() for word in words), gateway.logs()
    finally:
        system.gateways.remove(gateway)


def test_what_the_system_takes_in_parts_comes_whole(own_stack):
    """Half of what is given to it each time: lone frames and those of one tick, short and long ones."""
    stack = own_stack(gateways=0)
    gateway = stack.add_gateway(threads=1)
    gateway.environment = {**gateway.environment, "FRESHET_FAULT": "websocket_short_writes"}
    gateway.start()
    author, reader = stack.make_users(2)
    stack.make_follows([(reader, author)])
    plain, envelopes = stack.live(reader), stack.live(reader, subprotocols=["freshet.v1.json"])
    api, token = Api(f"http://127.0.0.1:{gateway.port}"), stack.mint(author)
    texts = [chr(ord("a") + number % 26) * length for number, length in enumerate((1, 30, 120, 700, 1500, 4000) * 6)]
    posts = [(api.post(token, text), text) for text in texts]
    plain.wait_for_post(posts[-1][0])
    assert [(message["postId"], message["postText"]) for message in plain.messages] == posts
    told = envelopes.wait_for(lambda all_: [one for one in all_ if one["type"] == "post"] if all_[-1].get("id") == posts[-1][0] else None)
    assert [(message["id"], message["text"]) for message in told] == posts


# ---- pings ----

def test_silent_peers_are_pinged_and_closed(own_stack):
    """In a quarter of the time: pings every 6 s, an end after 15 s."""
    stack = own_stack(gateways=0)
    gateway = stack.add_gateway(debug_echo="on")
    gateway.environment = {**gateway.environment, "FRESHET_FAULT": "websocket_hurry"}
    gateway.start()
    user, = stack.make_users(1)
    token = stack.mint(user)
    answers = stack.connect(token)
    speaks = RawWebSocket(gateway.port, token=token)
    for opened in RawWebSocket(gateway.port, token=token), RawWebSocket(gateway.admin_port, "/debug/echo"):
        pings = 0
        while (got := opened.read(pings=True))[0] == PING:
            speaks.send(frame(PONG, b"any byte is a sign of life"))
            pings += 1
        assert pings >= 2 and got[0] == CLOSE and got[1][:2] == struct.pack(">H", 1008)
        assert opened.read_all() == [], "nobody waits for an answer"
        opened.drop()
    # Those who answer, or only speak, are there longer than any silent one.
    speaks.send(frame(PING, b"open"))
    assert speaks.read() == (PONG, b"open")
    answers.ping()
    assert stack.gateway.metrics()["freshet_live_silent_closed_total"] == 2


# ---- the echo's switch ----

def test_without_the_flag_there_is_no_echo(own_stack):
    stack = own_stack(gateways=0, materializers=0)
    off, bare, on = stack.add_gateway(), stack.add_gateway(), stack.add_gateway()
    bare.command = bare.command + ["--debug-echo"]
    on.command = on.command + ["--debug-echo=on"]
    for gateway, status in (off, 404), (bare, 101), (on, 101):
        gateway.start()
        with RawWebSocket(gateway.admin_port, "/debug/echo") as opened:
            assert opened.status == status, gateway.command
        with RawWebSocket(gateway.port, "/debug/echo") as opened:
            assert opened.status == 404, "clients do not see it"
