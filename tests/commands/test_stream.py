"""Streams: entries, groups, pending entries, and the random sequences that compare all of it."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import pytest

from tests.commands.wire import Peers, Wire, Word

MAX_SEQ = 18446744073709551615
NEWER_FIELDS = (b"inactive", b"active-time")
"""What Redis 7.2 tells beside what 7.0 does."""
UNSTEADY_FIELDS = (b"radix-tree-nodes", b"idle", b"seen-time")


def filled(r: Wire, count: int = 10, key: str = "s") -> None:
    for ms in range(1, count + 1):
        assert r("XADD", key, f"{ms}-0", "n", ms) == f"{ms}-0".encode()


def ids(entries: list[Any]) -> list[bytes]:
    return [entry[0] for entry in entries]


def steady(reply: Any) -> Any:
    """A reply of XINFO without what only newer versions tell, and without what is by time or by chance."""
    if isinstance(reply, dict):
        pairs = [(key, value) for key, value in reply.items()]
        return {
            key: steady(value) for key, value in pairs if key not in NEWER_FIELDS and key not in UNSTEADY_FIELDS
        }
    if not isinstance(reply, list):
        return "<time>" if isinstance(reply, int) and reply > 1_600_000_000_000 else reply
    kept, rest = [], list(reply)
    while rest:
        item = rest.pop(0)
        if item in NEWER_FIELDS or item in UNSTEADY_FIELDS:
            rest.pop(0)
        else:
            kept.append(steady(item))
    return kept


def test_add_and_look(r: Wire) -> None:
    filled(r)
    assert r("TYPE", "s") == "stream"
    assert r("OBJECT", "ENCODING", "s") == b"stream"
    assert r("XLEN", "s") == 10
    assert r("XLEN", "none") == 0
    assert r("XRANGE", "s", "3", "4") == [[b"3-0", [b"n", b"3"]], [b"4-0", [b"n", b"4"]]]
    assert ids(r("XRANGE", "s", "(3", "(6")) == [b"4-0", b"5-0", b"6-0"]
    assert ids(r("XRANGE", "s", "(3-0", "(6-0")) == [b"4-0", b"5-0"]
    assert ids(r("XREVRANGE", "s", "+", "-", "COUNT", 2)) == [b"10-0", b"9-0"]
    assert ids(r("XREVRANGE", "s", "(5", "(2-0")) == [b"5-0", b"4-0", b"3-0"]
    assert r("XRANGE", "none", "-", "+") == []
    assert r("XRANGE", "s", "9", "1") == []
    assert r("XRANGE", "s", "-", "+", "COUNT", 0) is None
    assert r("XRANGE", "s", "-", "+", "COUNT", -5) is None


def test_ids_of_new_entries(peers: Peers) -> None:
    for words in (
        ("XADD", "s", "5-*", "a", "b"),
        ("XADD", "s", "5-*", "a", "b"),
        ("XADD", "s", "4-*", "a", "b"),
        ("XADD", "s", "5-1", "a", "b"),
        ("XADD", "s", "7", "a", "b"),
        ("XADD", "s", f"9-{MAX_SEQ}", "a", "b"),
        ("XADD", "s", "9-*", "a", "b"),
        ("XADD", "s", f"{MAX_SEQ}-*", "a", "b"),
        ("XADD", "s", f"{MAX_SEQ}-{MAX_SEQ}", "a", "b"),
        ("XADD", "s", "*", "a", "b"),
        ("XADD", "s", f"{MAX_SEQ}-*", "a", "b"),
        ("XADD", "s", f"{MAX_SEQ + 1}", "a", "b"),
        ("XADD", "new", "0-0", "a", "b"),
        ("XADD", "new", "0", "a", "b"),
        ("XADD", "new", "0-*", "a", "b"),
        ("XADD", "new", "-", "a", "b"),
        ("XADD", "new", "1-*x", "a", "b"),
        ("XADD", "new", "1-1-1", "a", "b"),
        ("XADD", "new", " 1-+1", "a", "b"),
        ("XADD", "new", "2", "a"),
        ("XADD", "new", "2", "a", "b", "c"),
        ("XADD", "new", "NOMKSTREAM", "2", "a", "b"),
        ("XADD", "none", "NOMKSTREAM", "2", "a", "b"),
        ("XADD", "none", "NOMKSTREAM", "*", "a"),
        ("EXISTS", "none"),
        ("XRANGE", "s", "-", "+"),
        ("XRANGE", "new", "-", "+"),
        ("XRANGE", "new", "(-", "+"),
        ("XRANGE", "new", "-", "(+"),
        ("XRANGE", "new", f"({MAX_SEQ}-{MAX_SEQ}", "+"),
        ("XRANGE", "new", "-", "(0-0"),
        ("XRANGE", "new", "(", "+"),
        ("XRANGE", "new", "-", "+", "COUNT"),
        ("XRANGE", "new", "-", "+", "COUNT", "x"),
        ("XRANGE", "new", "-", "+", "LIMIT", "1"),
    ):
        peers.same(*words)


def test_time_gives_the_id(r: Wire) -> None:
    before = int(time.time() * 1000) - 1
    first, second = r("XADD", "s", "*", "a", 1), r("XADD", "s", "*", "a", 2)
    assert before <= int(first.split(b"-")[0]) <= int(second.split(b"-")[0]) <= int(time.time() * 1000) + 1
    r("XADD", "ahead", f"{2**62}-5", "a", 1)
    assert r("XADD", "ahead", "*", "a", 2) == f"{2**62}-6".encode()


TRIMS: tuple[tuple[Word, ...], ...] = (
    ("MAXLEN", 12),
    ("MAXLEN", "=", 7),
    ("MAXLEN", "~", 7),
    ("MAXLEN", "~", 4, "LIMIT", 3),
    ("MAXLEN", "~", 4, "LIMIT", 8),
    ("MAXLEN", "~", 0, "LIMIT", 0),
    ("MAXLEN", 0),
    ("MINID", "8"),
    ("MINID", "=", "15-0"),
    ("MINID", "~", "15-0"),
    ("MINID", "~", "17", "LIMIT", 5),
    ("MINID", "100"),
    ("MAXLEN", 5, "LIMIT", 3),
    ("LIMIT", 3),
    ("MAXLEN", 5, "MINID", 3),
    ("MAXLEN", -1),
    ("MAXLEN", "x"),
    ("MAXLEN", "~"),
    ("MAXLEN", "~", 5, "LIMIT", -1),
    ("MINID", "-"),
    ("NOMKSTREAM", "MAXLEN", 5),
    (),
)


@pytest.mark.parametrize("options", TRIMS, ids=lambda options: " ".join(map(str, options)) or "none")
def test_trimming(peers: Peers, options: tuple[Word, ...]) -> None:
    for wire in (peers.redis, peers.garrison):
        wire("CONFIG", "SET", "stream-node-max-entries", "5")
    try:
        for key in ("trimmed", "added"):
            for ms in range(1, 21):
                peers.same("XADD", key, f"{ms}-0", "n", ms)
            peers.same("XDEL", key, "7-0", "9-0", "10-0", "16-0")
        peers.same("XTRIM", "trimmed", *options)
        peers.same("XADD", "added", *options, "30-0", "n", 30)
        peers.same("XTRIM", "none", *options)
        for key in ("trimmed", "added"):
            peers.same("XRANGE", key, "-", "+")
            peers.same("XREVRANGE", key, "+", "-")
            peers.same("DEBUG", "DIGEST-VALUE", key)
            infos = [steady(wire("XINFO", "STREAM", key)) for wire in (peers.redis, peers.garrison)]
            assert infos[0] == infos[1]
    finally:
        for wire in (peers.redis, peers.garrison):
            wire("CONFIG", "SET", "stream-node-max-entries", "100")


def test_delete_and_what_is_remembered(peers: Peers) -> None:
    for ms in range(1, 6):
        peers.same("XADD", "s", f"{ms}-0", "n", ms)
    for words in (
        ("XDEL", "s", "3-0", "9-0", "3-0"),
        ("XDEL", "s", "1", "x"),
        ("XDEL", "s", "1"),
        ("XDEL", "none", "x"),
        ("XDEL", "none", "1"),
        ("XINFO", "STREAM", "s"),
        ("XDEL", "s", "2", "4", "5"),
        ("XLEN", "s"),
        ("EXISTS", "s"),
        ("XRANGE", "s", "-", "+"),
        ("XADD", "s", "5-0", "a", "b"),
        ("XSETID", "s", "4-0"),
        ("XSETID", "s", "9-5", "ENTRIESADDED", 77, "MAXDELETEDID", "9-4"),
        ("XSETID", "s", "9-4", "MAXDELETEDID", "9-5"),
        ("XSETID", "s", "9-3"),
        ("XSETID", "s", "9-6", "ENTRIESADDED", -1),
        ("XSETID", "s", "9-6", "ENTRIESADDED"),
        ("XSETID", "s", "x"),
        ("XSETID", "none", "1-1"),
        ("XADD", "s", "9-*", "a", "b"),
        ("XSETID", "s", "9-5"),
        ("XSETID", "s", "10-5", "ENTRIESADDED", 0),
        ("XINFO", "STREAM", "s"),
        ("XINFO", "STREAM", "s", "FULL"),
        ("XINFO", "STREAM", "none"),
        ("XINFO", "STREAM", "s", "FULL", "COUNT"),
        ("XINFO", "STREAM", "s", "FULL", "COUNT", "x"),
        ("XINFO", "STREAM", "s", "HALF"),
    ):
        peers.same(*words)


def test_read_several(r: Wire) -> None:
    filled(r, 3, "a")
    filled(r, 5, "b")
    assert r.map("XREAD", "COUNT", 1, "STREAMS", "a", "none", "b", "0", "0", "3-0") == {
        b"a": [[b"1-0", [b"n", b"1"]]],
        b"b": [[b"4-0", [b"n", b"4"]]],
    } if r.protocol == 3 else dict(r("XREAD", "COUNT", 1, "STREAMS", "a", "none", "b", "0", "0", "3-0"))
    assert r("XREAD", "STREAMS", "a", "3-0") is None
    assert r("XREAD", "STREAMS", "a", "$") is None
    assert r("XREAD", "BLOCK", 10, "STREAMS", "a", "$") is None
    assert r("XREAD", "BLOCK", 10, "STREAMS", "none", "0") is None


def test_errors_of_reading(peers: Peers) -> None:
    peers.same("XADD", "s", "1-0", "a", "b")
    peers.same("SET", "text", "v")
    for words in (
        ("XREAD", "STREAMS", "s"),
        ("XREAD", "STREAMS", "s", "s", "0"),
        ("XREAD", "COUNT", "1", "BLOCK", "0"),
        ("XREAD", "COUNT", "x", "STREAMS", "s", "0"),
        ("XREAD", "COUNT", "-1", "STREAMS", "s", "0"),
        ("XREAD", "BLOCK", "x", "STREAMS", "s", "0"),
        ("XREAD", "BLOCK", "-1", "STREAMS", "s", "0"),
        ("XREAD", "BLOCK", "9223372036854775807", "STREAMS", "s", "$"),
        ("XREAD", "STREAMS", "s", ">"),
        ("XREAD", "STREAMS", "s", "x"),
        ("XREAD", "STREAMS", "text", "0"),
        ("XREAD", "NOACK", "STREAMS", "s", "0"),
        ("XREAD", "GROUP", "g", "c", "STREAMS", "s", "0"),
        ("XREADGROUP", "STREAMS", "s", "0", "a", "b", "c"),
        ("XREADGROUP", "COUNT", "1", "STREAMS", "a", "s", "0", "0"),
        ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"),
        ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "none", ">"),
        ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "s", "0"),
        ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "text", ">"),
        ("XADD", "text", "*", "a", "b"),
        ("XLEN", "text"),
        ("XRANGE", "text", "-", "+"),
        ("XDEL", "text", "1"),
        ("XTRIM", "text", "MAXLEN", "1"),
        ("XSETID", "text", "1-1"),
        ("XACK", "text", "g", "1"),
        ("XPENDING", "text", "g"),
        ("XCLAIM", "text", "g", "c", "0", "1"),
        ("XAUTOCLAIM", "text", "g", "c", "0", "1"),
        ("XINFO", "STREAM", "text"),
        ("XINFO", "GROUPS", "text"),
        ("XGROUP", "CREATE", "text", "g", "0", "MKSTREAM"),
    ):
        peers.same(*words)
    peers.same("XGROUP", "CREATE", "s", "g", "0")
    peers.same("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "$")
    peers.same("XREADGROUP", "GROUP", "g", "c", "BLOCK", "x", "STREAMS", "s", ">")


def test_groups(peers: Peers) -> None:
    peers.same("XADD", "s", "1-0", "a", "b")
    for words in (
        ("XGROUP", "CREATE", "none", "g", "0"),
        ("XGROUP", "CREATE", "new", "g", "$", "MKSTREAM"),
        ("XGROUP", "CREATE", "new", "g", "0"),
        ("XGROUP", "CREATE", "s", "g", "0", "ENTRIESREAD", "5"),
        ("XGROUP", "CREATE", "s", "h", "$", "ENTRIESREAD", "-1"),
        ("XGROUP", "CREATE", "s", "i", "x"),
        ("XGROUP", "CREATE", "none", "i", "x", "MKSTREAM"),
        ("EXISTS", "none"),
        ("XGROUP", "CREATE", "s", "i", "0", "ENTRIESREAD", "-2"),
        ("XGROUP", "CREATE", "s", "i", "0", "ENTRIESREAD"),
        ("XGROUP", "CREATE", "s", "i", "0", "FOO"),
        ("XGROUP", "create", "s", "i", "0", "FOO"),
        ("XGROUP", "SETID", "s", "g", "0-5"),
        ("XGROUP", "SETID", "s", "h", "+", "ENTRIESREAD", "3"),
        ("XGROUP", "SETID", "s", "h", "$"),
        ("XGROUP", "SETID", "s", "h", "0", "MKSTREAM"),
        ("XGROUP", "SETID", "s", "none", "0"),
        ("XGROUP", "SETID", "none", "g", "0"),
        ("XGROUP", "CREATECONSUMER", "s", "g", "c"),
        ("XGROUP", "CREATECONSUMER", "s", "g", "c"),
        ("XGROUP", "CREATECONSUMER", "s", "none", "c"),
        ("XGROUP", "DELCONSUMER", "s", "g", "c"),
        ("XGROUP", "DELCONSUMER", "s", "g", "c"),
        ("XGROUP", "DELCONSUMER", "none", "g", "c"),
        ("XINFO", "GROUPS", "s"),
        ("XINFO", "GROUPS", "new"),
        ("XINFO", "GROUPS", "none"),
        ("XINFO", "CONSUMERS", "s", "none"),
        ("XINFO", "CONSUMERS", "none", "g"),
        ("XGROUP", "DESTROY", "s", "h"),
        ("XGROUP", "DESTROY", "s", "h"),
        ("XGROUP", "DESTROY", "none", "h"),
        ("XGROUP", "FOO", "s"),
        ("XGROUP",),
        ("XINFO", "FOO"),
    ):
        peers.same(*words)


def test_read_acknowledge_claim(r: Wire) -> None:
    filled(r, 6)
    r("XGROUP", "CREATE", "s", "g", "0")
    read = r("XREADGROUP", "GROUP", "g", "ann", "COUNT", 4, "STREAMS", "s", ">")
    entries = read[b"s"] if r.protocol == 3 else read[0][1]
    assert ids(entries) == [b"1-0", b"2-0", b"3-0", b"4-0"]
    assert r("XPENDING", "s", "g") == [4, b"1-0", b"4-0", [[b"ann", b"4"]]]
    assert r("XACK", "s", "g", "1-0", "9-0") == 1
    assert r("XACK", "s", "none", "1-0") == 0
    assert r("XCLAIM", "s", "g", "bob", 0, "2-0", "5-0") == [[b"2-0", [b"n", b"2"]]]
    assert r("XCLAIM", "s", "g", "bob", 3_600_000, "3-0") == []
    assert r("XCLAIM", "s", "g", "bob", 0, "5-0", "FORCE", "JUSTID") == [b"5-0"]
    pending = r("XPENDING", "s", "g", "-", "+", 10)
    assert [(entry[0], entry[1], entry[3]) for entry in pending] == [
        (b"2-0", b"bob", 2),
        (b"3-0", b"ann", 1),
        (b"4-0", b"ann", 1),
        (b"5-0", b"bob", 1),
    ]
    assert ids(r("XPENDING", "s", "g", "(2-0", "+", 1, "ann")) == [b"3-0"]
    assert r("XPENDING", "s", "g", "IDLE", 3_600_000, "-", "+", 10) == []
    r("XDEL", "s", "3-0")
    assert r("XAUTOCLAIM", "s", "g", "eve", 0, "-", "COUNT", 2) == [b"4-0", [[b"2-0", [b"n", b"2"]]], [b"3-0"]]
    assert r("XAUTOCLAIM", "s", "g", "eve", 0, "4", "JUSTID") == [b"0-0", [b"4-0", b"5-0"], []]
    assert r("XGROUP", "DELCONSUMER", "s", "g", "eve") == 3
    assert r("XPENDING", "s", "g") == [0, None, None, None]


def test_history_of_a_consumer(r: Wire) -> None:
    filled(r, 3)
    r("XGROUP", "CREATE", "s", "g", "0")
    r("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
    r("XDEL", "s", "2-0")
    read = r("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "s", "0")
    entries = read[b"s"] if r.protocol == 3 else read[0][1]
    assert entries == [[b"1-0", [b"n", b"1"]], [b"2-0", None], [b"3-0", [b"n", b"3"]]]
    assert [entry[3] for entry in r("XPENDING", "s", "g", "-", "+", 9)] == [2, 1, 2]
    read = r("XREADGROUP", "GROUP", "g", "other", "STREAMS", "s", "0")
    assert (read[b"s"] if r.protocol == 3 else read[0][1]) == []


def test_errors_of_claiming(peers: Peers) -> None:
    for words in (
        ("XADD", "s", "1-0", "a", "b"),
        ("XGROUP", "CREATE", "s", "g", "0"),
        ("XCLAIM", "s", "g", "c", "x", "1"),
        ("XCLAIM", "s", "g", "c", "0", "x"),
        ("XCLAIM", "s", "g", "c", "0", "1", "FOO"),
        ("XCLAIM", "s", "g", "c", "0", "1", "IDLE"),
        ("XCLAIM", "s", "g", "c", "0", "1", "IDLE", "x"),
        ("XCLAIM", "s", "g", "c", "0", "1", "TIME", "x"),
        ("XCLAIM", "s", "g", "c", "0", "1", "RETRYCOUNT", "x"),
        ("XCLAIM", "s", "g", "c", "0", "1", "LASTID", "x"),
        ("XCLAIM", "s", "none", "c", "0", "1"),
        ("XCLAIM", "none", "g", "c", "x", "1"),
        ("XCLAIM", "s", "g", "c", "-7", "1", "FORCE"),
        ("XCLAIM", "s", "g", "c", "0", "1", "RETRYCOUNT", "-5"),
        ("XAUTOCLAIM", "s", "g", "c", "x", "0"),
        ("XAUTOCLAIM", "s", "g", "c", "0", "x"),
        ("XAUTOCLAIM", "s", "g", "c", "0", "0", "COUNT", "0"),
        ("XAUTOCLAIM", "s", "g", "c", "0", "0", "COUNT", "9223372036854775807"),
        ("XAUTOCLAIM", "s", "g", "c", "0", "0", "COUNT"),
        ("XAUTOCLAIM", "s", "g", "c", "0", "(" + f"{MAX_SEQ}-{MAX_SEQ}"),
        ("XAUTOCLAIM", "s", "none", "c", "0", "0"),
        ("XAUTOCLAIM", "none", "g", "c", "0", "0"),
        ("XPENDING", "s", "g", "-"),
        ("XPENDING", "s", "g", "-", "+", "x"),
        ("XPENDING", "s", "g", "x", "+", "1"),
        ("XPENDING", "s", "g", "IDLE", "1", "-", "+"),
        ("XPENDING", "s", "g", "IDLE", "x", "-", "+", "1"),
        ("XPENDING", "s", "g", "-", "+", "1", "nobody"),
        ("XPENDING", "s", "none"),
        ("XPENDING", "none", "g"),
        ("XACK", "s", "g", "x"),
        ("XACK", "none", "g", "x"),
    ):
        peers.same(*words)


def test_blocked_readers(r: Wire) -> None:
    reader = r.another()
    reader.send("XREAD", "BLOCK", 0, "STREAMS", "a", "b", "$", "$")
    r.expect(b"blocked_clients:1", "INFO", "clients")
    r("XADD", "b", "1-0", "n", 1)
    read = reader.read()
    assert (list(read.items()) if r.protocol == 3 else read) in (
        [(b"b", [[b"1-0", [b"n", b"1"]]])],
        [[b"b", [[b"1-0", [b"n", b"1"]]]]],
    )
    r("XGROUP", "CREATE", "b", "g", "$")
    reader.send("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "b", ">")
    r.expect(b"blocked_clients:1", "INFO", "clients")
    r("MULTI")
    r("XADD", "b", "2-0", "n", 2)
    r("XADD", "b", "3-0", "n", 3)
    r("EXEC")
    read = reader.read()
    assert ids(read[b"b"] if r.protocol == 3 else read[0][1]) == [b"2-0", b"3-0"]
    for end, text in (
        (("XGROUP", "DESTROY", "b", "g"), "NOGROUP the consumer group this client was blocked on no longer exists"),
        (("DEL", "c"), "UNBLOCKED the stream key no longer exists"),
    ):
        key = end[-2] if end[0] == "XGROUP" else "c"
        if key == "c":
            r("XGROUP", "CREATE", "c", "g", "$", "MKSTREAM")
        reader.send("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", key, ">")
        r.expect(b"blocked_clients:1", "INFO", "clients")
        r(*end)
        assert reader.read() == text


def test_notifications(r: Wire) -> None:
    listener = r.another(2)
    r("CONFIG", "SET", "notify-keyspace-events", "Et")
    listener("PSUBSCRIBE", "*")
    r("XADD", "s", "MAXLEN", 1, "1-0", "a", "b")
    r("XADD", "s", "MAXLEN", 1, "2-0", "a", "b")
    r("XGROUP", "CREATE", "s", "g", "0")
    r("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
    r("XCLAIM", "s", "g", "d", 0, "2-0")
    r("XACK", "s", "g", "2-0")
    r("XGROUP", "CREATECONSUMER", "s", "g", "e")
    r("XGROUP", "DELCONSUMER", "s", "g", "e")
    r("XGROUP", "SETID", "s", "g", "0")
    r("XGROUP", "DESTROY", "s", "g")
    r("XSETID", "s", "9-9")
    r("XDEL", "s", "2-0")
    r("XADD", "s", "10-0", "a", "b")
    r("XTRIM", "s", "MAXLEN", 0)
    r("CONFIG", "SET", "notify-keyspace-events", "")
    r("PUBLISH", "end", "")
    events = []
    while (message := listener.read())[2] != b"end":
        events.append(message[2].partition(b":")[2])
    assert events == [
        b"xadd",
        b"xadd",
        b"xtrim",
        b"xgroup-create",
        b"xgroup-createconsumer",
        b"xgroup-createconsumer",
        b"xgroup-createconsumer",
        b"xgroup-delconsumer",
        b"xgroup-setid",
        b"xgroup-destroy",
        b"xsetid",
        b"xdel",
        b"xadd",
        b"xtrim",
    ]


def random_command(rng: random.Random) -> tuple[Word, ...]:
    """A command on few keys, groups, consumers and ids, so that they meet."""
    key, group, consumer = rng.choice("ab"), rng.choice("gh"), rng.choice("cde")
    some_id = f"{rng.randint(0, 60)}-{rng.randint(0, 2)}"
    bound = rng.choice(["-", "+", some_id, f"({some_id}", str(rng.randint(0, 60))])
    count = rng.choice([1, 2, 5, 100])
    trim = rng.choice([("MAXLEN",), ("MINID",)]) + rng.choice([(), ("=",), ("~",)]) + (rng.randint(0, 50),)
    fields = rng.choice([("a", 1), ("a", "x"), ("a", 1, "b", -5), ("long", "v" * 90)])
    return rng.choice(
        [
            ("XADD", key, "*" if rng.random() < 0.02 else f"{rng.randint(0, 60)}-*", *fields),
            ("XADD", key, f"{rng.randint(0, 60)}-*", *fields),
            ("XADD", key, some_id, *fields),
            ("XADD", key, *trim, f"{rng.randint(20, 60)}-*", *fields),
            ("XTRIM", key, *trim),
            ("XDEL", key, some_id, f"{rng.randint(0, 60)}-0"),
            ("XLEN", key),
            ("XRANGE", key, bound, "+", "COUNT", count),
            ("XREVRANGE", key, "+", bound, "COUNT", count),
            ("XREAD", "COUNT", count, "STREAMS", "a", "b", some_id, "0"),
            ("XGROUP", "CREATE", key, group, rng.choice(["0", "$", some_id]), *rng.choice([(), ("MKSTREAM",)])),
            ("XGROUP", "CREATE", key, group, "0", "ENTRIESREAD", rng.randint(-1, 20)),
            ("XGROUP", "SETID", key, group, rng.choice(["0", "$", some_id])),
            ("XGROUP", "DESTROY", key, group) if rng.random() < 0.1 else ("XLEN", key),
            ("XGROUP", "CREATECONSUMER", key, group, consumer),
            ("XGROUP", "DELCONSUMER", key, group, consumer) if rng.random() < 0.3 else ("XLEN", key),
            ("XREADGROUP", "GROUP", group, consumer, "COUNT", count, "STREAMS", key, ">"),
            ("XREADGROUP", "GROUP", group, consumer, "COUNT", count, "STREAMS", "a", "b", ">", ">"),
            ("XREADGROUP", "GROUP", group, consumer, "NOACK", "COUNT", count, "STREAMS", key, ">"),
            ("XREADGROUP", "GROUP", group, consumer, "COUNT", count, "STREAMS", key, some_id),
            ("XACK", key, group, some_id, f"{rng.randint(0, 60)}-0"),
            ("XPENDING", key, group),
            ("XCLAIM", key, group, consumer, 0, some_id, f"{rng.randint(0, 60)}-0", *rng.choice([(), ("JUSTID",)])),
            ("XCLAIM", key, group, consumer, 0, some_id, "FORCE", *rng.choice([(), ("RETRYCOUNT", 7)])),
            ("XCLAIM", key, group, consumer, 0, some_id, "LASTID", some_id),
            ("XAUTOCLAIM", key, group, consumer, 0, bound if bound != "+" else "-", "COUNT", count),
            ("XAUTOCLAIM", key, group, consumer, 0, "-", "JUSTID"),
            ("XSETID", key, f"{rng.randint(0, 60)}-5"),
            ("DEL", key) if rng.random() < 0.1 else ("XLEN", key),
        ]
    )


@pytest.mark.parametrize("seed", range(6))
def test_random_commands(peers: Peers, seed: int) -> None:
    rng = random.Random(seed)
    wires = (peers.redis, peers.garrison)
    for wire in wires:
        wire("CONFIG", "SET", "stream-node-max-entries", str(rng.choice([3, 100])) if seed % 2 else "4")
    done: list[tuple[Word, ...]] = []
    try:
        for _ in range(1500):
            command = random_command(rng)
            if "*" in command:
                continue
            done.append(command)
            theirs, ours = (wire(*command) for wire in wires)
            assert ours == theirs, done[-30:]
            if rng.random() < 0.1:
                for info in (("GROUPS", "a"), ("STREAM", "b", "FULL"), ("STREAM", "a"), ("CONSUMERS", "a", "g")):
                    theirs, ours = (steady(wire("XINFO", *info)) for wire in wires)
                    assert ours == theirs, (info, done[-30:])
                for key in ("a", "b"):
                    theirs, ours = (wire("XPENDING", key, "g", "-", "+", 100) for wire in wires)
                    strip = lambda reply: [[*e[:2], e[3]] for e in reply] if isinstance(reply, list) else reply  # noqa: E731
                    assert strip(ours) == strip(theirs), done[-30:]
                    theirs, ours = (wire("DEBUG", "DIGEST-VALUE", key) for wire in wires)
                    assert ours == theirs
            if rng.random() < 0.02:
                exchange(peers, rng.choice("ab"))
    finally:
        for wire in wires:
            wire("CONFIG", "SET", "stream-node-max-entries", "100")


def exchange(peers: Peers, key: str) -> None:
    """Each server gets the other one's stream, by DUMP and RESTORE."""
    dumps = [wire("DUMP", key) for wire in (peers.redis, peers.garrison)]
    if dumps[0] is None:
        assert dumps[1] is None
        return
    for wire, payload in zip((peers.garrison, peers.redis), dumps, strict=True):
        assert wire("RESTORE", key, 0, payload, "REPLACE") == "OK"


def test_dump_is_that_of_the_peer(peers: Peers) -> None:
    for command in (
        ("XADD", "s", "1-1", "a", "1", "b", "text"),
        ("XADD", "s", "2-1", "a", "2", "b", "70000"),
        ("XADD", "s", "2-2", "other", "x" * 100),
        ("XADD", "s", "2-3", "a", "2", "b", "-1"),
        ("XDEL", "s", "2-1"),
        ("XGROUP", "CREATE", "s", "g", "0"),
    ):
        peers.same(*command)
    assert peers.garrison("DUMP", "s") == peers.redis("DUMP", "s")


def test_hostile_payloads_are_refused(r: Wire) -> None:
    filled(r, 3)
    r("XGROUP", "CREATE", "s", "g", "0")
    r("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
    payload = r("DUMP", "s")
    for at in range(1, len(payload) - 10):
        damaged = payload[:at] + bytes([payload[at] ^ 0x41]) + payload[at + 1 :]
        assert isinstance(r("RESTORE", "t", 0, damaged), str)
    assert r("PING") == "PONG"


def test_one_group_shared_by_threads(r: Wire) -> None:
    """Every entry is delivered once, however many wait for it."""
    r("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    seen: list[bytes] = []
    wires = [r.another(2) for _ in range(4)]

    def work(wire: Wire, name: str) -> None:
        while reply := wire("XREADGROUP", "GROUP", "g", name, "COUNT", 3, "BLOCK", 500, "STREAMS", "s", ">"):
            seen.extend(ids(reply[0][1]))

    threads = [threading.Thread(target=work, args=(wire, f"c{index}")) for index, wire in enumerate(wires)]
    for thread in threads:
        thread.start()
    added = [r("XADD", "s", "*", "n", number) for number in range(200)]
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted(added)
