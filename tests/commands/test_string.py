"""Strings, reply by reply with a real Redis."""

from __future__ import annotations

import pytest

from tests.commands.wire import Peers, Wire

SCRIPTS: dict[str, str] = {
    "set and get": """
        GET k | SET k v | GET k | SET k | SET k v extra | SET k 12 | GET k | STRLEN k | STRLEN none | GET
        SET k v NX | SET new v NX | GET new | SET k w XX | SET none w XX | GET none | SET k v NX XX
        SET k v GET | SET fresh v GET | SET k w NX GET | SET fresh2 w XX GET | SET k w XX GET | GET k
        SET k v KEEPTTL EX 5 | SET k v EX 5 KEEPTTL | SET k v EX 5 PX 5 | SET k v EX | SET k v EX a
        SET k v EX 0
        SET k v PX -1 | SET k v EX 9223372036854775807 | SET k v PX 9223372036854775807 | SET k v EXAT 0
        SET k v EX 100 EX 200 | TTL k | SET k v | TTL k | SET k v EX 100 | SET k w KEEPTTL | TTL k | GET k
        SET k v EXAT 99999999999 | EXPIRETIME k | SET k v PXAT 99999999999999 | PEXPIRETIME k
        SET k v PERSIST
        SET k v ex 100 xx get | TTL k | SET k v NX EX 100 | SET q v NX PX 100000 | TTL q""",
    "relatives of set": """
        SETNX k v | SETNX k w | GET k | SETEX e 100 v | TTL e | SETEX e 0 v | SETEX e -1 v | SETEX e x v
        SETEX e 9223372036854775807 v | PSETEX e 100000 w | TTL e | PSETEX e 0 w | GET e | GETSET e x
        TTL e
        GETSET none y | GET none | GETDEL none | GETDEL none | EXISTS none | HSET h f v | GETSET h v
        GETDEL h
        SET h v GET | SETNX h v | TYPE h | SET h v | TYPE h | GET h""",
    "getex": """
        GETEX none | SET k v | GETEX k | TTL k | GETEX k EX 100 | TTL k | GETEX k PERSIST | TTL k
        GETEX k PX 100000
        TTL k | GETEX k EXAT 99999999999 | EXPIRETIME k | GETEX k PXAT 1 | EXISTS k | SET k v | GETEX k EX 0
        GETEX k EX x | GETEX k EX | GETEX k PERSIST EX 5 | GETEX k KEEPTTL | GETEX k NX | GETEX none EX 0
        HSET h f v | GETEX h | GETEX h EX 10 | GETEX k EX 5 EX 6 | GETEX k EXAT 1 | GET k""",
    "many": """
        MSET a 1 b 2 | MGET a b c | MSET a | MSET a 1 b | MSETNX a 5 z 6 | MGET a z | MSETNX y 5 z 6
        MGET y z
        MSETNX a | MSETNX a 1 b | HSET h f v | MGET h a | MSET h 1 | TYPE h | MSET s 1 s 2 | GET s
        MGET""",
    "numbers": """
        INCR n | INCR n | DECR n | INCRBY n 40 | DECRBY n 50 | INCRBY n x | INCRBY n 1.5 | INCRBY n | GET n
        SET n 9223372036854775807 | INCR n | DECR n | DECRBY n -9223372036854775808
        INCRBY n -9223372036854775808
        SET n -9223372036854775808 | DECR n | INCR n | SET n abc | INCR n | SET n 007 | INCR n
        SET n -0 | INCR n
        SET n 1 | APPEND n 2 | INCR n | OBJECT ENCODING n | HSET h f v | INCR h | SET t 5 EX 100
        INCR t | TTL t""",
    "floats": """
        INCRBYFLOAT f 0.1 | INCRBYFLOAT f 0.2 | INCRBYFLOAT f -0.3 | INCRBYFLOAT f 5e3 | INCRBYFLOAT f 1e-5
        SET f 3.0e3 | INCRBYFLOAT f 200 | INCRBYFLOAT f x | INCRBYFLOAT f inf | INCRBYFLOAT f nan | GET f
        SET f abc | INCRBYFLOAT f 1 | SET f 10000.5 | INCRBYFLOAT f 0.1 | SET f 1e300 | INCRBYFLOAT f 1
        SET f 0.1 | INCRBYFLOAT f 1e17 | SET f 1.5 EX 100 | INCRBYFLOAT f 1 | TTL f | OBJECT ENCODING f
        SET f 3 | INCRBYFLOAT f 1 | OBJECT ENCODING f | HSET h f v | INCRBYFLOAT h 1 | SET f 1.7e308
        INCRBYFLOAT f 1.7e308 | SET f 123456789.123456789 | INCRBYFLOAT f 0.000000001 | SET f -1.5
        INCRBYFLOAT f 1.25 | INCRBYFLOAT f 0.25 | INCRBYFLOAT f -3 | INCRBYFLOAT f 1e4000 | INCRBYFLOAT f .5
        INCRBYFLOAT f 5. | INCRBYFLOAT f +1 | INCRBYFLOAT f 1e | INCRBYFLOAT f 1e400""",
    "edits": """
        APPEND a foo | APPEND a bar | GET a | OBJECT ENCODING a | APPEND n 12 | OBJECT ENCODING n
        APPEND n 3 | GET n
        APPEND e '' | EXISTS e | APPEND e '' | STRLEN e | SETRANGE a 1 XX | GET a | SETRANGE a 10 YY | GET a
        SETRANGE none 0 '' | EXISTS none | SETRANGE none 3 x | GET none | SETRANGE a -1 x | SETRANGE a x y
        SETRANGE a 0 '' | SETRANGE a 536870912 x | SETRANGE a 9223372036854775807 x | SETRANGE fresh 0 ''
        SET i 123 | SETRANGE i 1 9 | GET i | OBJECT ENCODING i | HSET h f v | APPEND h x | SETRANGE h 0 x
        SET t v EX 100 | APPEND t w | TTL t | SETRANGE t 0 x | TTL t""",
    "ranges": """
        SET k Hello | GETRANGE k 0 -1 | GETRANGE k 1 3 | GETRANGE k -3 -1 | GETRANGE k 3 1
        GETRANGE k -1 -3
        GETRANGE k 0 100 | GETRANGE k 100 200 | GETRANGE k -100 100 | GETRANGE k -100 -90
        GETRANGE none 0 -1
        GETRANGE k a 1 | GETRANGE k 0 b | SUBSTR k 1 2 | SET k '' | GETRANGE k 0 0 | SET n 12345
        GETRANGE n 1 3
        GETRANGE n 0 -9223372036854775808 | GETRANGE n -9223372036854775808 9223372036854775807
        HSET h f v | GETRANGE h 0 1 | STRLEN h | STRLEN n""",
    "lcs": """
        SET a ohmytext | SET b mynewtext | LCS a b | LCS a b LEN | LCS a b IDX | LCS a b IDX MINMATCHLEN 4
        LCS a b IDX WITHMATCHLEN | LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN | LCS a b LEN IDX | LCS a none
        LCS none1 none2 IDX | LCS none1 none2 LEN | LCS a b FOO | LCS a b MINMATCHLEN
        LCS a b MINMATCHLEN x
        LCS a b IDX MINMATCHLEN -5 | HSET h f v | LCS a h | SET n 12345 | SET m 2245 | LCS n m IDX | LCS n m
        SET x aaabbbaaa | SET y abababab | LCS x y IDX WITHMATCHLEN | LCS x y | LCS x x IDX | LCS a""",
    "encodings": """
        SET k 1 | OBJECT ENCODING k | SET k 1.5 | OBJECT ENCODING k | SET k 9223372036854775808
        OBJECT ENCODING k
        SET k 00 | OBJECT ENCODING k | SET k aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        OBJECT ENCODING k
        SET k aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | OBJECT ENCODING k | OBJECT ENCODING none
        OBJECT REFCOUNT none | OBJECT FREQ k | OBJECT IDLETIME k | OBJECT FREQ none | OBJECT FOO k
        OBJECT""",
}


def words_of(command: str) -> list[str]:
    return ["" if word == "''" else word for word in command.split()]


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(peers: Peers, name: str) -> None:
    for line in SCRIPTS[name].strip().splitlines():
        for command in line.split("|"):
            peers.same(*words_of(command))


def test_binary_values_of_all_sizes(r: Wire) -> None:
    for size in (
        0,
        1,
        43,
        44,
        45,
        127,
        128,
        129,
        254,
        255,
        256,
        1023,
        1024,
        1025,
        4079,
        4081,
        65_536,
        3_000_000,
    ):
        value = bytes(i * 7 % 256 for i in range(min(size, 1000))) * (size // 1000 + 1)
        value = value[:size]
        assert r("SET", "k", value) == "OK"
        assert r("GET", "k") == value
        assert r("APPEND", "k", "tail") == size + 4
        assert r("GETRANGE", "k", size, -1) == b"tail"
        assert r("SETRANGE", "k", size + 1, "XY") == size + 4
        assert r("GET", "k") == value + b"tXYl"


def test_long_keys(r: Wire) -> None:
    for size in (0, 1, 254, 255, 256, 4000, 5000, 100_000):
        key = b"k" * size
        assert r("SET", key, "v") == "OK"
        assert r("EXPIRE", key, 100) == 1
        assert r("APPEND", key, "w" * 100) == 101
        assert r("INCRBY", key + b"n", 5) == 5
        assert r("RENAME", key, key + b"2") == "OK"
        assert r("TTL", key + b"2") == 100
        assert r("GETDEL", key + b"2") == b"v" + b"w" * 100


def test_growing_by_appending(r: Wire) -> None:
    expected = b""
    for i in range(400):
        piece = b"x" * (i % 23)
        expected += piece
        assert r("APPEND", "k", piece) == len(expected)
    assert r("GET", "k") == expected


def test_several_keys_with_one_expiry(r: Wire) -> None:
    if not r.is_garrison:
        pytest.skip("Redis knows MSETEX from 8.4 on")
    assert r("MSETEX", 2, "a", "1", "b", "two", "EX", 1000) == 1
    assert r("MGET", "a", "b") == [b"1", b"two"]
    assert [r("TTL", key) for key in "ab"] == [1000, 1000]
    assert r("MSETEX", 2, "a", "x", "c", "x", "NX") == 0
    assert r("MSETEX", 2, "a", "x", "c", "x", "XX") == 0
    assert r("MGET", "a", "c") == [b"1", None]
    assert r("MSETEX", 2, "a", "x", "b", "y", "XX", "KEEPTTL") == 1
    assert r("TTL", "a") > 990
    assert r("MSETEX", 1, "a", "z") == 1
    assert r("TTL", "a") == -1
    assert r("COMMAND", "GETKEYS", "MSETEX", 2, "a", "1", "b", "2", "EX", "5") == [b"a", b"b"]
    for numkeys in (0, -1, "x", 2**31):
        assert r.error("MSETEX", numkeys, "a", "1") == "ERR invalid numkeys value"
    assert r.error("MSETEX", 2, "a", "1", "b") == "ERR wrong number of key-value pairs"
    for options in (["NX", "XX"], ["EX", "1", "KEEPTTL"], ["GET"], ["EX"], ["x", "y"]):
        assert r.error("MSETEX", 1, "a", "1", *options) == "ERR syntax error"
    assert r.error("MSETEX", 1, "a", "1", "EX", "0") == "ERR invalid expire time in 'msetex' command"


def test_set_if_equal(r: Wire) -> None:
    if not r.is_garrison:
        pytest.skip("IFEQ came with Valkey 8.1 and Redis 8.4")
    assert r("SET", "k", "a", "IFEQ", "b") is None
    assert r("EXISTS", "k") == 0
    r("SET", "k", "5")
    assert r("SET", "k", "6", "IFEQ", "5", "EX", 100) == "OK"
    assert r("SET", "k", "7", "IFEQ", "6", "KEEPTTL", "GET") == b"6"
    assert r("SET", "k", "8", "IFEQ", "6", "GET") == b"7"
    assert r("GET", "k") == b"7"
    assert r("TTL", "k") > 0
    r("LPUSH", "l", "x")
    assert r.error("SET", "l", "v", "IFEQ", "x").startswith("WRONGTYPE")
    for words in (["IFEQ"], ["IFEQ", "a", "NX"], ["XX", "IFEQ", "a"], ["IFEQ", "a", "IFEQ", "a"]):
        assert r.error("SET", "k", "v", *words) == "ERR syntax error"
    assert r("COMMAND", "GETKEYSANDFLAGS", "SET", "k", "v", "IFEQ", "5") == [
        [b"k", ["RW", "access", "update"]]
    ]
