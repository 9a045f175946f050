"""Lists in RESTORE: the forms of all versions, and damaged ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.commands.test_dump import sealed
from tests.commands.test_list import all_of
from tests.commands.wire import Wire


def ziplist(*texts: bytes) -> bytes:
    """What peers before 7.0 kept short lists in."""
    body, before, last = b"", 0, 10
    for text in texts:
        entry = bytes([before, len(text)]) + text
        last, before, body = 10 + len(body), len(entry), body + entry
    total = 10 + len(body) + 1
    head = total.to_bytes(4, "little") + last.to_bytes(4, "little") + len(texts).to_bytes(2, "little")
    return head + body + b"\xff"


def listpack(*texts: bytes) -> bytes:
    """A packed list of short strings."""
    body = b"".join(bytes([0x80 | len(text)]) + text + bytes([1 + len(text)]) for text in texts)
    return (7 + len(body)).to_bytes(4, "little") + len(texts).to_bytes(2, "little") + body + b"\xff"


def text(data: bytes) -> bytes:
    """A string of fewer than 64 bytes in RDB."""
    return bytes([len(data)]) + data


READABLE = {
    "strings": b"\x01\x03" + text(b"a") + text(b"b") + text(b"c"),
    "strings as integers": b"\x01\x03\x01a\xc0\x07" + text(b"c"),
    "ziplist": b"\x0a" + text(ziplist(b"a", b"b", b"c")),
    "ziplists": b"\x0e\x02" + text(ziplist(b"a")) + text(ziplist(b"b", b"c")),
    "packed lists": b"\x12\x02\x02" + text(listpack(b"a", b"b")) + b"\x02" + text(listpack(b"c")),
    "plain nodes": b"\x12\x02\x01\x01a\x02" + text(listpack(b"b", b"c")),
    "an empty node": b"\x12\x02\x02" + text(listpack()) + b"\x02" + text(listpack(b"a", b"b", b"c")),
}


@pytest.mark.parametrize("body", READABLE.values(), ids=READABLE.keys())
def test_forms_of_all_versions_are_read(r: Wire, body: bytes) -> None:
    assert r("RESTORE", "l", 0, sealed(body)) == "OK"
    middle = b"7" if body == READABLE["strings as integers"] else b"b"
    assert all_of(r) == [b"a", middle, b"c"]
    assert r("RPUSH", "l", "d") == 4


DAMAGED_LISTS = {
    "no nodes": b"\x12\0",
    "no strings": b"\x01\0",
    "cut off": b"\x01\x02\x01a",
    "many promised": b"\x01\x81" + b"\xff" * 8 + b"\x01a",
    "many nodes promised": b"\x12\x81" + b"\xff" * 8 + b"\x02" + text(listpack(b"a")),
    "no packed list": b"\x12\x01\x02\x01x",
    "unknown node": b"\x12\x01\x03" + text(listpack(b"a")),
    "empty nodes only": b"\x12\x01\x02" + text(listpack()),
    "wrong total": b"\x12\x01\x02" + text(b"\x0b\0\0\0\x01\0\x81a\x02\xff"),
    "no ziplist": b"\x0a\x01x",
    "empty ziplist": b"\x0a" + text(ziplist()),
    "long string promised": b"\x12\x01\x01\x81\x7f" + b"\xff" * 7 + b"a",
}


@pytest.mark.parametrize("body", DAMAGED_LISTS.values(), ids=DAMAGED_LISTS.keys())
def test_damaged_lists_are_refused(r: Wire, body: bytes) -> None:
    assert r.error("RESTORE", "l", 0, sealed(body)).startswith("ERR Bad data format")
    assert r("EXISTS", "l") == 0
    assert r("PING") == "PONG"


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda packed: packed[:4] + b"\x05" + packed[5:], id="wrong number of entries"),
        pytest.param(lambda packed: packed[:-2] + b"\x09\xff", id="wrong length backwards"),
        pytest.param(lambda packed: packed[:-1] + b"\0", id="no end"),
        pytest.param(lambda packed: packed[:6] + b"\xbf" + packed[7:], id="entry beyond the end"),
        pytest.param(lambda packed: packed[:6] + b"\xf0\xff\xff\xff\xff" + packed[11:], id="4 GiB entry"),
    ],
)
def test_damaged_nodes_are_refused(r: Wire, damage: Callable[[bytes], bytes]) -> None:
    if not r.is_garrison:
        pytest.skip("Redis looks at the inside of nodes only with sanitize-dump-payload")
    body = b"\x12\x01\x02" + text(damage(listpack(b"first", b"second", b"third")))
    assert r.error("RESTORE", "l", 0, sealed(body)).startswith("ERR Bad data format")
    assert r("EXISTS", "l") == 0
