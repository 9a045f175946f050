"""Keys of any type, reply by reply with a real Redis."""

from __future__ import annotations

import time

import pytest

from tests.commands.test_string import words_of
from tests.commands.wire import Peers, Wire

SCRIPTS: dict[str, str] = {
    "existence": """
        SET a 1 | SET b 2 | EXISTS a | EXISTS a a b none | EXISTS none | DEL a none | DEL a
        UNLINK b | DEL | UNLINK
        EXISTS | SET a 1 | TOUCH a none a | TYPE a | TYPE none | HSET h f v | TYPE h | DEL h a
        DBSIZE | TYPE""",
    "expire": """
        EXPIRE none 10 | SET k v | TTL k | PTTL none | EXPIRE k 100 | TTL k | PERSIST k | PERSIST k | TTL k
        PERSIST none | EXPIRE k 0 | EXISTS k | SET k v | EXPIRE k -5 | EXISTS k | SET k v | EXPIRE k abc
        EXPIRE k 9223372036854775807 | EXPIRE k -9223372036854775808 | EXPIRE k 9223372036854775 | EXPIRE k
        PEXPIRE k 9223372036854775807 | PEXPIRE k 9223370000000000000 | EXPIREAT k 99999999999
        EXPIRETIME k
        PEXPIREAT k 99999999999999 | PEXPIRETIME k | EXPIRETIME none | PEXPIRETIME none | SET k v
        EXPIRETIME k
        EXPIREAT k 1 | EXISTS k | SET k v | PEXPIREAT k 1 | EXISTS k | EXPIREAT k 9223372036854775807""",
    "expire conditions": """
        SET k v | EXPIRE k 100 XX | EXPIRE k 100 GT | EXPIRE k 100 NX | EXPIRE k 200 NX
        EXPIRE k 200 GT | TTL k
        EXPIRE k 100 GT | EXPIRE k 100 LT | TTL k | EXPIRE k 300 LT | EXPIRE k 300 XX | TTL k | PERSIST k
        EXPIRE k 50 LT | TTL k | EXPIRE k 10 NX XX | EXPIRE k 10 NX GT | EXPIRE k 10 GT LT | EXPIRE k 10 FOO
        EXPIRE k 10 XX GT | EXPIRE k 1000 XX GT | TTL k | EXPIRE k 10 XX LT | TTL k | EXPIRE none 10 FOO
        EXPIRE k x NX XX | EXPIRE k -1 GT | EXISTS k | EXPIRE k -1 LT | EXISTS k""",
    "rename": """
        RENAME none x | RENAME none none | SET a 1 EX 100 | RENAME a b | EXISTS a | GET b | TTL b
        SET c 2 | RENAME b c
        GET c | TTL c | RENAME c c | RENAMENX c c | RENAMENX none x | SET d 3 | RENAMENX c d | GET d
        RENAMENX c e
        GET e | HSET h f v | RENAME h d | TYPE d | RENAME d | SET x 1 | SET y 2 EX 50 | RENAME x y
        TTL y""",
    "copy": """
        COPY none x | SET a 1 EX 100 | COPY a b | GET b | TTL b | COPY a b | SET a 2
        COPY a b REPLACE | GET b | TTL b
        COPY a a | COPY a b DB 1 | COPY a b DB 1 | COPY a b DB 1 REPLACE | COPY a b DB 99
        COPY a b DB x | COPY a b DB
        COPY a b FOO | COPY a a DB 1 | COPY none none | HSET h f v | COPY h g | HGET g f | HSET g f w
        HGET h f
        SELECT 1 | GET b | GET a | SELECT 0 | COPY a b DB -1""",
    "move": """
        SET a 1 EX 100 | MOVE a 1 | EXISTS a | SELECT 1 | GET a | TTL a | MOVE a 0 | SELECT 0 | GET a
        SELECT 1 | SET a 5
        SELECT 0 | MOVE a 1 | MOVE a 0 | MOVE a 99 | MOVE a x | MOVE none 1 | MOVE a -1 | GET a | MOVE a""",
    "databases": """
        SET a 1 | SELECT 1 | SET b 2 | SWAPDB 0 1 | GET a | DBSIZE | SELECT 0 | GET b | SWAPDB 0 99
        SWAPDB x 1
        SWAPDB 0 x | SWAPDB 0 0 | DBSIZE | FLUSHDB | DBSIZE | SELECT 1 | DBSIZE | FLUSHDB SYNC
        FLUSHDB ASYNC
        FLUSHDB FOO | FLUSHDB SYNC ASYNC | SET a 1 | SELECT 0 | FLUSHALL ASYNC | SELECT 1 | DBSIZE
        FLUSHALL X
        FLUSHALL SYNC | SELECT 99 | SELECT x | SELECT -1""",
    "looking": """
        RANDOMKEY | SET a 1 | RANDOMKEY | KEYS * | KEYS b* | SCAN 0 | SCAN 0 MATCH b*
        SCAN 0 COUNT 0 | SCAN 0 COUNT x
        SCAN x | SCAN 0 FOO | SCAN 0 FOO 1 | SCAN 0 TYPE string | SCAN 0 TYPE hash
        SCAN 0 TYPE foo
        SCAN 0 MATCH a COUNT 100 TYPE string | SCAN 0 COUNT | SCAN 99999999999999999999
        SCAN 0 MATCH | KEYS
        SCAN 0 COUNT -1 | KEYS [a-c] | KEYS [^a] | KEYS \\a | KEYS ? | KEYS ??""",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(peers: Peers, name: str) -> None:
    for line in SCRIPTS[name].strip().splitlines():
        for command in line.split("|"):
            peers.same(*words_of(command))


def test_keys_expire_when_read(r: Wire) -> None:
    r("SET", "k", "v", "PX", 100_000)
    assert r("GET", "k") == b"v"
    r("PEXPIRE", "k", 10)
    r("SET", "gone", "v", "PX", 10)
    time.sleep(0.02)
    assert r("GET", "k") is None
    assert r("EXISTS", "k") == 0
    assert r("TTL", "k") == -2
    assert r("DEL", "gone") == 0
    assert r("SET", "gone", "w", "NX") == "OK"


def test_keys_expire_by_themselves(r: Wire) -> None:
    r.many(*[("SET", f"k{i}", "v", "PX", 10 + i % 40) for i in range(500)])
    r("SET", "stays", "v")
    r.until(1, "DBSIZE")


def test_counts_of_keys_and_expiries(r: Wire) -> None:
    r.many(
        *[("SET", f"k{i}", "v", "EX", 1000) for i in range(10)], *[("SET", f"p{i}", "v") for i in range(5)]
    )
    info = r("INFO", "keyspace")
    assert b"db0:keys=15,expires=10,avg_ttl=" in (info if isinstance(info, bytes) else bytes(info))


def test_a_scan_finds_every_key_that_stays(r: Wire) -> None:
    keep = {f"keep:{i}".encode() for i in range(700)}
    r.many(*[("SET", key, "v") for key in keep])
    found: set[bytes] = set()
    cursor, step = b"0", 0
    while True:
        cursor, names = r("SCAN", cursor, "COUNT", 7)
        found.update(names)
        if cursor == b"0":
            break
        step += 1
        # The table grows during the first half of the scan and shrinks during the second.
        if step < 40:
            r.many(*[("SET", f"more:{step}:{i}", "v") for i in range(100)])
        else:
            r.many(*[("DEL", f"more:{step - 40}:{i}") for i in range(100)])
    assert keep <= found


def test_cursors_are_read_as_c_does(r: Wire) -> None:
    for cursor in ("", "-1", "+5", "18446744073709551615", "007"):
        assert r("SCAN", cursor)[0] == b"0"
    for cursor in (" 1", "1 ", "-", "0x10", "18446744073709551616"):
        assert r.error("SCAN", cursor) == "ERR invalid cursor"


def test_scan_filters(r: Wire) -> None:
    r.many(*[("SET", f"a:{i}", "v") for i in range(50)], *[("HSET", f"b:{i}", "f", "v") for i in range(50)])

    def scan(*options: str | int) -> list[bytes]:
        cursor, found = b"0", []
        while True:
            cursor, names = r("SCAN", cursor, *options)
            found += names
            if cursor == b"0":
                return sorted(found)

    assert scan("COUNT", 10) == sorted(r("KEYS", "*"))
    assert scan("MATCH", "a:*") == sorted(r("KEYS", "a:*"))
    assert len(scan("TYPE", "hash", "COUNT", 1)) == 50
    assert scan("TYPE", "string", "MATCH", "a:1?") == sorted(r("KEYS", "a:1?"))
    assert scan("MATCH", "none") == []


NOTIFIED = """
    SET k v | SET k v EX 100 | SETNX k w | SETNX n 1 | GETSET k x | APPEND k y | SETRANGE k 0 z
    INCR c | INCRBYFLOAT c 1.5
    MSET a 1 b 2 | EXPIRE a 100 | EXPIRE a -1 | PERSIST b | EXPIRE b 10 | PERSIST b | RENAME b d
    RENAME k d
    COPY d e | COPY d f DB 1 | MOVE e 1 | GETEX d EX 50 | GETEX d PERSIST | GETEX d PXAT 1 | SET g 1
    GETDEL g
    SET h 1 PX 1 | GET none | DEL c n | UNLINK none | MSETNX p 1 q 2 | DEL p | SETEX r 10 v
    RENAMENX r q | LCS q none
    GETEX none | TTL none | EXISTS none | TOUCH none | MGET none q | STRLEN none
    OBJECT ENCODING none | COPY none x
"""


def test_notifications(peers: Peers) -> None:
    received = []
    for wire in (peers.redis, peers.garrison):
        assert wire("CONFIG", "SET", "notify-keyspace-events", "KEg$xemn") == "OK"
        listener = wire.another()
        listener("PSUBSCRIBE", "__key*__:*")
        for command in NOTIFIED.replace("\n", "|").split("|"):
            if command.strip():
                wire(*words_of(command))
        # The expired key is deleted by whoever comes first; wait until it is, and mark the end.
        wire.until(0, "EXISTS", "h")
        wire("PUBLISH", "__key-end__:", "end")
        messages = []
        while (message := listener.read())[-1] != b"end":
            messages.append(tuple(message[-2:]))
        messages = [message for message in messages if message[1] != b"h" and not message[0].endswith(b":h")]
        received.append(messages)
        wire("CONFIG", "SET", "notify-keyspace-events", "")
    theirs, ours = received
    assert ours == theirs
    assert len(theirs) > 60


def test_watched_keys_that_expire_or_change(r: Wire) -> None:
    other = r.another()
    for change in (
        ("SET", "k", "w"),
        ("DEL", "k"),
        ("EXPIRE", "k", "10"),
        ("RENAME", "k", "l"),
        ("FLUSHALL",),
    ):
        r("SET", "k", "v")
        r("WATCH", "k")
        other(*change)
        r("MULTI")
        r("GET", "k")
        assert r("EXEC") is None, change
