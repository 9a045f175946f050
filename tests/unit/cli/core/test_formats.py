"""Forms of output: the real redis-cli's bytes for random replies of all types, and what is our own."""

from __future__ import annotations

import json
import shutil
from random import Random

import hiredis
import pytest

from garrison.cli.core.formats import Format, Formatter, as_json, is_text_command
from garrison.cli.core.replies import BigNumber, Double, Map, Set, Status, TypedReader
from garrison.client.errors import ReplyError
from tests.unit.cli.conftest import ScriptedServer, redis_cli

REPLIES = 300
_SCALARS = ("+", "-", ":", "$", "_", "#", ",", "=")


def random_reply(random: Random, depth: int = 0) -> bytes:
    """A reply of RESP3 as it is sent."""
    kind = random.choice((*_SCALARS, "*", "~", "%") if depth < 4 else _SCALARS)
    if depth == 0 and random.random() < 0.5:
        kind = random.choice("*~%")
    if kind in "*~%":
        count = random.choice((0, 1, 2, 3, 11) if depth == 0 else (0, 1, 2, 3))
        parts = [random_reply(random, depth + 1) for _ in range(count * (2 if kind == "%" else 1))]
        return kind.encode() + b"%d\r\n" % count + b"".join(parts)
    line = bytes(random.choice(b"abc XYZ\t") for _ in range(random.randint(1, 6)))
    data = bytes(random.choice(b'ab \n\r"\\\x01\xc3\xa9') for _ in range(random.randint(0, 6)))
    return {
        "+": b"+%b\r\n" % line,
        "-": b"-ERR %b\r\n" % line,
        ":": b":%d\r\n" % random.randint(-5, 1000),
        "$": b"$%d\r\n%b\r\n" % (len(data), data),
        "_": b"_\r\n",
        "#": random.choice((b"#t\r\n", b"#f\r\n")),
        ",": random.choice((b",1.5\r\n", b",2\r\n", b",inf\r\n", b",-0.10\r\n")),
        "=": b"=%d\r\ntxt:%b\r\n" % (len(data) + 4, data),
    }[kind]


def read(data: bytes) -> object:
    reader = TypedReader(...)
    reader.feed(data)
    return reader.gets()


@pytest.mark.parametrize("form", [Format.STANDARD, Format.RAW, Format.CSV])
def test_random_replies_are_shown_as_by_redis_cli(scripted: ScriptedServer, form: Format) -> None:
    if shutil.which("redis-cli") is None:
        pytest.skip("redis-cli is not installed: this test needs the real one")
    random = Random(7)
    replies = [random_reply(random) for _ in range(REPLIES)]
    others = {b"HELLO": b"%1\r\n+proto\r\n:3\r\n"}
    scripted.script = lambda command: (
        replies[int(command[1])] if command[0] == b"GET" else others.get(command[0], b"-ERR what?\r\n")
    )
    option = {Format.STANDARD: "--no-raw", Format.RAW: "--raw", Format.CSV: "--csv"}[form]
    lines = b"".join(b"GET %d\n" % number for number in range(REPLIES))
    _, theirs, _ = redis_cli("-p", scripted.port, "-3", option, stdin=lines)
    shown = [Formatter(form).show(read(reply)) for reply in replies]
    at = 0
    for reply, ours in zip(replies, shown, strict=True):
        assert theirs[at : at + len(ours)] == ours, reply
        at += len(ours)
    assert len(theirs) == at


def test_big_numbers_and_attributes_are_shown() -> None:
    assert Formatter(Format.STANDARD).show(BigNumber(b"123")) == b"(big number) 123\n"
    attributed = read(b"|1\r\n+ttl\r\n:5\r\n$1\r\nv\r\n")
    assert Formatter(Format.STANDARD).show(attributed) == b'(attributes)\n1# ttl => (integer) 5\n"v"\n'
    assert Formatter(Format.RAW).show(attributed) == b"v\n"


def test_json_is_valid_whatever_the_reply() -> None:
    random = Random(11)
    for _ in range(REPLIES):
        reply = read(random_reply(random))
        for ascii_only in (False, True):
            text = as_json(reply, ascii_only=ascii_only)
            json.loads(text)
            assert text.count(b"\n") == 1
            assert text.isascii() or not ascii_only


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Map([(b"f", b"v"), (2, [True, None])]), b'{"f":"v","2":[true,null]}'),
        (Set([Double(b"1.50"), Double(b"2"), Double(b"inf")]), b'[1.5,2,"inf"]'),
        (ReplyError("WRONGTYPE x"), b'{"error":"WRONGTYPE x"}'),
        (b"caf\xc3\xa9 \xff", b'"caf\xc3\xa9 \\\\xff"'),
        (BigNumber(b"12345678901234567890"), b"12345678901234567890"),
    ],
)
def test_json_of_each_type(reply: object, expected: bytes) -> None:
    assert as_json(reply) == expected + b"\n"


def test_colours_are_around_values_only_when_asked_for() -> None:
    plain, coloured = Formatter(Format.STANDARD), Formatter(Format.STANDARD, colour=True)
    assert coloured.show(Status(b"OK")) == b"\x1b[32mOK\x1b[0m\n"
    assert coloured.show(hiredis.PushNotification([1])).startswith(b"\x1b[35m1)")
    assert b"\x1b" not in plain.show([1, b"a", None, ReplyError("ERR x")])


def test_delimiters_of_raw_output() -> None:
    formatter = Formatter(Format.RAW, between=b", ", after=b";")
    assert formatter.show([1, [b"a", None]]) == b"1, a, ;"


def test_text_for_a_person_is_shown_as_it_is() -> None:
    assert is_text_command([b"info", b"server"])
    assert is_text_command([b"CLIENT", b"list"])
    assert not is_text_command([b"CLIENT", b"ID"])
    formatter = Formatter(Format.STANDARD)
    assert formatter.show(b"a:1\r\n", is_text=True) == b"a:1\r\n"
    assert formatter.show(b"a", is_text=True) == b"a\n"
