"""Lists: pushes, pops, ranges, moves, in small and in many nodes, and commands that wait."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.commands.wire import Peers, Wire, Word

WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"


@contextmanager
def node_size(r: Wire, size: int) -> Iterator[None]:
    """Lists are made of nodes of this size while it lasts."""
    before = r.map("CONFIG", "GET", "list-max-listpack-size")[b"list-max-listpack-size"]
    r("CONFIG", "SET", "list-max-listpack-size", size)
    try:
        yield
    finally:
        r("CONFIG", "SET", "list-max-listpack-size", before)


@pytest.fixture(params=[-2, 2], ids=["one node", "many nodes"])
def li(request: pytest.FixtureRequest, r: Wire) -> Iterator[Wire]:
    """The connection, with a list `l` of a b c a 5 -6 a, in one node or in several."""
    with node_size(r, request.param):
        r("RPUSH", "l", "a", "b", "c", "a", "5", "-6", "a")
        yield r


def all_of(r: Wire, key: str = "l") -> list[bytes]:
    reply: list[bytes] = r("LRANGE", key, 0, -1)
    return reply


def test_push(r: Wire) -> None:
    assert r("LPUSH", "l", "a", "b") == 2
    assert r("RPUSH", "l", "c", "") == 4
    assert all_of(r) == [b"b", b"a", b"c", b""]
    assert r("LPUSHX", "l", "x", "y") == 6
    assert r("RPUSHX", "l", "z") == 7
    assert all_of(r) == [b"y", b"x", b"b", b"a", b"c", b"", b"z"]
    assert r("LPUSHX", "none", "x") == 0
    assert r("RPUSHX", "none", "x") == 0
    assert r("EXISTS", "none") == 0
    assert r("TYPE", "l") == "list"
    assert r("OBJECT", "ENCODING", "l") == b"quicklist"
    assert r("LLEN", "l") == 7
    assert r("LLEN", "none") == 0


def test_pop(li: Wire) -> None:
    assert li("LPOP", "l") == b"a"
    assert li("RPOP", "l") == b"a"
    assert li("LPOP", "l", 2) == [b"b", b"c"]
    assert li("RPOP", "l", 2) == [b"-6", b"5"]
    assert li("LPOP", "l", 0) == []
    assert li("RPOP", "l", 10) == [b"a"]
    assert li("EXISTS", "l") == 0
    assert li("LPOP", "l") is None
    assert li("LPOP", "l", 2) is None
    assert li("RPOP", "l", 0) is None


def test_index(li: Wire) -> None:
    expected = [b"a", b"b", b"c", b"a", b"5", b"-6", b"a"]
    assert [li("LINDEX", "l", index) for index in range(7)] == expected
    assert [li("LINDEX", "l", index) for index in range(-7, 0)] == expected
    assert li("LINDEX", "l", 7) is None
    assert li("LINDEX", "l", -8) is None
    assert li("LINDEX", "l", -(2**63)) is None
    assert li("LINDEX", "none", "x") is None
    assert li.error("LINDEX", "l", "x") == "ERR value is not an integer or out of range"


@pytest.mark.parametrize("first", [0, 2, 6, 7, 100, -1, -7, -100, 2**63 - 1, -(2**63)])
def test_range(li: Wire, first: int) -> None:
    expected = [b"a", b"b", b"c", b"a", b"5", b"-6", b"a"]
    for last in (0, 3, 6, 7, 100, -1, -7, -8, 2**63 - 1, -(2**63)):
        start = max(first + 7 if first < 0 else first, 0)
        end = last + 7 if last < 0 else last
        assert li("LRANGE", "l", first, last) == expected[start : max(end + 1, 0)]
    assert li("LRANGE", "none", first, -1) == []


def test_insert(li: Wire) -> None:
    assert li("LINSERT", "l", "BEFORE", "a", "new") == 8
    assert li("LINSERT", "l", "after", "5", "6") == 9
    assert li("LINSERT", "l", "BEFORE", "-6", "x" * 9000) == 10
    assert all_of(li) == [b"new", b"a", b"b", b"c", b"a", b"5", b"6", b"x" * 9000, b"-6", b"a"]
    assert li("LINSERT", "l", "AFTER", "nothing", "x") == -1
    assert li("LINSERT", "none", "AFTER", "a", "x") == 0
    assert li.error("LINSERT", "l", "BESIDE", "a", "x") == "ERR syntax error"


def test_set(li: Wire) -> None:
    assert li("LSET", "l", 0, "x" * 9000) == "OK"
    assert li("LSET", "l", -1, "") == "OK"
    assert li("LSET", "l", 3, "12") == "OK"
    assert all_of(li) == [b"x" * 9000, b"b", b"c", b"12", b"5", b"-6", b""]
    assert li.error("LSET", "l", 7, "x") == "ERR index out of range"
    assert li.error("LSET", "l", "x", "x") == "ERR value is not an integer or out of range"
    assert li.error("LSET", "none", "x", "x") == "ERR no such key"


def test_remove(li: Wire) -> None:
    assert li("LREM", "l", -2, "a") == 2
    assert all_of(li) == [b"a", b"b", b"c", b"5", b"-6"]
    assert li("LREM", "l", 1, "nothing") == 0
    assert li("LREM", "l", 0, "5") == 1
    assert li("LREM", "l", 2**63 - 1, "-6") == 1
    assert li("LREM", "l", -(2**63) + 1, "a") == 1
    assert all_of(li) == [b"b", b"c"]
    assert li("LREM", "none", 0, "a") == 0
    assert li("LREM", "l", 0, "b") == 1
    assert li("LREM", "l", 5, "c") == 1
    assert li("EXISTS", "l") == 0


def test_trim(li: Wire) -> None:
    assert li("LTRIM", "l", 1, -2) == "OK"
    assert all_of(li) == [b"b", b"c", b"a", b"5", b"-6"]
    assert li("LTRIM", "l", 0, 100) == "OK"
    assert li("LTRIM", "l", -3, 2**63 - 1) == "OK"
    assert all_of(li) == [b"a", b"5", b"-6"]
    assert li("LTRIM", "none", 0, 1) == "OK"
    assert li("LTRIM", "l", 2, 1) == "OK"
    assert li("EXISTS", "l") == 0


def test_position(li: Wire) -> None:
    assert li("LPOS", "l", "a") == 0
    assert li("LPOS", "l", "-6") == 5
    assert li("LPOS", "l", "x") is None
    assert li("LPOS", "none", "x") is None
    assert li("LPOS", "none", "x", "COUNT", 1) == []
    assert li("LPOS", "l", "a", "RANK", 2) == 3
    assert li("LPOS", "l", "a", "RANK", -1) == 6
    assert li("LPOS", "l", "a", "RANK", -2, "COUNT", 0) == [3, 0]
    assert li("LPOS", "l", "a", "COUNT", 2) == [0, 3]
    assert li("LPOS", "l", "a", "COUNT", 0, "MAXLEN", 4) == [0, 3]
    assert li("LPOS", "l", "a", "RANK", -1, "COUNT", 0, "MAXLEN", 4) == [6, 3]
    assert li("LPOS", "l", "a", "RANK", 9) is None


def test_rank_without_a_positive_counterpart_is_refused(r: Wire) -> None:
    if r.is_garrison:  # Redis 7.0 negates it, which gives the same number again.
        assert r.error("LPOS", "l", "a", "RANK", -(2**63)).startswith("ERR value is out of range")


def test_move(li: Wire) -> None:
    assert li("LMOVE", "l", "other", "LEFT", "RIGHT") == b"a"
    assert li("LMOVE", "l", "other", "right", "left") == b"a"
    assert li("RPOPLPUSH", "l", "other") == b"-6"
    assert all_of(li) == [b"b", b"c", b"a", b"5"]
    assert all_of(li, "other") == [b"-6", b"a", b"a"]
    assert li("LMOVE", "l", "l", "LEFT", "RIGHT") == b"b"
    assert li("RPOPLPUSH", "l", "l") == b"b"
    assert li("LMOVE", "l", "l", "LEFT", "LEFT") == b"b"
    assert all_of(li) == [b"b", b"c", b"a", b"5"]
    assert li("LMOVE", "none", "other", "LEFT", "LEFT") is None
    li("RPUSH", "single", "x")
    assert li("RPOPLPUSH", "single", "single") == b"x"
    assert li("LMOVE", "single", "other", "LEFT", "LEFT") == b"x"
    assert li("EXISTS", "single") == 0
    li("SET", "s", "text")
    assert li.error("RPOPLPUSH", "l", "s") == WRONG_TYPE
    assert li.error("RPOPLPUSH", "s", "l") == WRONG_TYPE
    assert li("RPOPLPUSH", "none", "s") is None
    assert all_of(li) == [b"b", b"c", b"a", b"5"]


def test_pop_from_several(li: Wire) -> None:
    assert li("LMPOP", 2, "none", "l", "LEFT") == [b"l", [b"a"]]
    assert li("LMPOP", 1, "l", "RIGHT", "COUNT", 2) == [b"l", [b"a", b"-6"]]
    assert li("LMPOP", 1, "none", "LEFT") is None
    assert li("LMPOP", 1, "l", "LEFT", "count", 100) == [b"l", [b"b", b"c", b"a", b"5"]]
    assert li("EXISTS", "l") == 0


SAME: list[tuple[Word, ...]] = [
    ("LPOP", "l", "-1"),
    ("LPOP", "l", "x"),
    ("LPOP", "none", "x"),
    ("LPOP", "l", "1", "2"),
    ("LPOP", "l", str(2**63)),
    ("RPOP", "s", "0"),
    ("LPOS", "l", "a", "RANK", "0"),
    ("LPOS", "l", "a", "RANK", "x"),
    ("LPOS", "l", "a", "RANK", str(-(2**63) + 1)),
    ("LPOS", "l", "a", "COUNT", "-1"),
    ("LPOS", "l", "a", "COUNT", "x"),
    ("LPOS", "l", "a", "MAXLEN", "-1"),
    ("LPOS", "l", "a", "RANK"),
    ("LPOS", "l", "a", "NOTHING", "1"),
    ("LRANGE", "l", "x", "1"),
    ("LRANGE", "s", "0", "x"),
    ("LTRIM", "l", "0", "x"),
    ("LREM", "l", "x", "a"),
    ("LREM", "l", str(-(2**63)), "a"),
    ("LMOVE", "l", "o", "UP", "LEFT"),
    ("LMOVE", "l", "o", "LEFT", "DOWN"),
    ("LMPOP", "0", "l", "LEFT"),
    ("LMPOP", "x", "l", "LEFT"),
    ("LMPOP", "2", "l", "LEFT"),
    ("LMPOP", str(2**63 - 1), "l", "LEFT"),
    ("LMPOP", "1", "l", "UP"),
    ("LMPOP", "1", "l", "LEFT", "COUNT", "0"),
    ("LMPOP", "1", "l", "LEFT", "COUNT"),
    ("LMPOP", "1", "l", "LEFT", "COUNT", "1", "COUNT", "1"),
    ("LMPOP", "1", "s", "LEFT"),
    ("LSET", "s", "0", "x"),
    ("LINSERT", "s", "BESIDE", "a", "b"),
    ("BLPOP", "l", "x"),
    ("BLPOP", "l", "-1"),
    ("BLPOP", "l", "nan"),
    ("BLPOP", "l", "1e-400"),
    ("BLPOP", "s", "1"),
    ("BRPOP", "none", "l", "0"),
    ("BLMOVE", "none", "o", "LEFT", "UP", "x"),
    ("BLMOVE", "l", "o", "LEFT", "RIGHT", "x"),
    ("BLMOVE", "l", "s", "LEFT", "RIGHT", "1"),
    ("BLMOVE", "l", "o", "LEFT", "RIGHT", "1"),
    ("BRPOPLPUSH", "l", "o", "-1"),
    ("BRPOPLPUSH", "l", "o", "0"),
    ("BLMPOP", "x", "1", "l", "LEFT"),
    ("BLMPOP", "1", "0", "l", "LEFT"),
    ("BLMPOP", "1", "1", "l", "LEFT", "COUNT", "9"),
    *(
        (command, "s", *rest)
        for command, *rest in (
            ("LPUSH", "a"),
            ("RPUSHX", "a"),
            ("LLEN",),
            ("LINDEX", "0"),
            ("LPOS", "a"),
            ("LPOP",),
            ("LTRIM", "0", "1"),
            ("LREM", "0", "a"),
            ("LINSERT", "BEFORE", "a", "b"),
        )
    ),
]


@pytest.mark.parametrize("words", SAME, ids=" ".join)
def test_same_replies_and_refusals(peers: Peers, words: tuple[Word, ...]) -> None:
    peers.same("RPUSH", "l", "a", "b", "a")
    peers.same("SET", "s", "text")
    peers.same(*words)
    for key in ("l", "o"):
        peers.same("LRANGE", key, 0, -1)


@pytest.mark.parametrize("size", [-2, -1, 1, 3])
@pytest.mark.parametrize("seed", range(2))
def test_random_changes_are_the_same(peers: Peers, size: int, seed: int) -> None:
    draw = random.Random(seed)
    texts = ["a", "b", "7", "-300", "70000", str(2**40), "", "x" * 70, "y" * 5000, "ab" * 6000]

    def command() -> list[Word]:
        text, other, number = draw.choice(texts), draw.choice(texts), draw.randint(-40, 40)
        commands: list[list[Word]] = [
            [draw.choice(["LPUSH", "RPUSH"]), "l", *draw.choices(texts, k=draw.randint(1, 4))],
            [draw.choice(["LPUSHX", "RPUSHX"]), "l", text],
            [draw.choice(["LPOP", "RPOP"]), "l", *([] if number < 0 else [number % 4])],
            ["LINSERT", "l", draw.choice(["BEFORE", "AFTER"]), text, other],
            ["LSET", "l", number, text],
            ["LREM", "l", number % 5 - 2, text],
            ["LTRIM", "l", number % 6 - 2, -1 - number % 3],
            ["LINDEX", "l", number],
            ["LRANGE", "l", number, number + 20],
            ["LPOS", "l", text, "RANK", number or 1, "COUNT", 3],
            ["LMOVE", "l", draw.choice(["l", "o"]), "LEFT", "RIGHT"],
            ["RPOPLPUSH", draw.choice(["l", "o"]), "l"],
            ["LMPOP", 2, "o", "l", "RIGHT", "COUNT", 2],
        ]
        return draw.choice(commands)

    for wire in (peers.redis, peers.garrison):
        wire("CONFIG", "SET", "list-max-listpack-size", size)
    try:
        for turn in range(700):
            peers.same(*command())
            if turn % 50 == 0:
                peers.same("LRANGE", "l", 0, -1)
                peers.same("DEBUG", "DIGEST-VALUE", "l", "o")
    finally:
        for wire in (peers.redis, peers.garrison):
            wire("CONFIG", "SET", "list-max-listpack-size", -2)


@pytest.mark.parametrize("command", ["LPUSH", "RPUSH"])
@pytest.mark.parametrize("length", [1, 16, 5000, 9000])
def test_dump_of_pushed_list_is_the_same_bytes(peers: Peers, command: str, length: int) -> None:
    for wire in (peers.redis, peers.garrison):
        wire("CONFIG", "SET", "rdbcompression", "no")
    try:
        for start in range(0, 900, 100):
            peers.same(command, "l", *(f"{n:03}" + "x" * length for n in range(start, start + 100)))
            peers.same("DUMP", "l")
        peers.same(command, "numbers", *(str(n * n * n - 1000) for n in range(3000)))
        peers.same("DUMP", "numbers")
    finally:
        for wire in (peers.redis, peers.garrison):
            wire("CONFIG", "SET", "rdbcompression", "yes")


def test_the_servers_restore_each_others_lists(peers: Peers) -> None:
    for texts in (["a"], ["1", "", "x" * 70], [str(n) for n in range(5000)], ["y" * 20_000, "b"] * 10):
        for wire in (peers.redis, peers.garrison):
            wire("DEL", "l", "copy")
            wire("RPUSH", "l", *texts)
        for giver, taker in ((peers.redis, peers.garrison), (peers.garrison, peers.redis)):
            assert taker("RESTORE", "copy", 0, giver("DUMP", "l"), "REPLACE") == "OK"
            assert taker("LRANGE", "copy", 0, -1) == [text.encode() for text in texts]
        peers.same("DEBUG", "DIGEST-VALUE", "l", "copy")


def test_a_copy_is_a_list_of_its_own(li: Wire) -> None:
    assert li("COPY", "l", "copy") == 1
    li("LPUSH", "copy", "more")
    assert li("LLEN", "l") == 7
    assert all_of(li, "copy") == [b"more", *all_of(li)]


def events_of(r: Wire, *commands: tuple[Word, ...]) -> list[tuple[bytes, bytes]]:
    """The events that commands cause, each as its key and its name."""
    before = r.map("CONFIG", "GET", "notify-keyspace-events")[b"notify-keyspace-events"]
    r("CONFIG", "SET", "notify-keyspace-events", "KEA")
    try:
        listener = r.another(protocol=2)
        listener("PSUBSCRIBE", "__keyspace@0__:*")
        for command in commands:
            r(*command)
        r("SET", "the-end", "1")
        events = []
        while (message := listener.read())[2] != b"__keyspace@0__:the-end":
            events.append((message[2].split(b":", 1)[1], message[3]))
        return events
    finally:
        r("CONFIG", "SET", "notify-keyspace-events", before)


def test_events(r: Wire) -> None:
    found = events_of(
        r,
        ("RPUSH", "l", "a", "b", "c", "d"),
        ("LPUSHX", "l", "x"),
        ("LPUSHX", "none", "x"),
        ("LINSERT", "l", "BEFORE", "a", "y"),
        ("LSET", "l", 0, "z"),
        ("LREM", "l", 0, "nothing"),
        ("LREM", "l", 0, "y"),
        ("LTRIM", "l", 0, 10),
        ("LMOVE", "l", "o", "LEFT", "RIGHT"),
        ("LMOVE", "l", "l", "LEFT", "RIGHT"),
        ("RPOPLPUSH", "o", "l"),
        ("LPOP", "l", 0),
        ("LPOP", "l", 2),
        ("LMPOP", 1, "l", "RIGHT"),
        ("BLPOP", "l", 0),
        ("LTRIM", "l", 1, 0),
        ("RPUSH", "l", "a"),
        ("LREM", "l", 0, "a"),
    )
    l_events = b"rpush lpush linsert lset lrem ltrim".split()
    moves = [(b"o", b"rpush"), (b"l", b"lpop"), (b"l", b"rpush"), (b"l", b"lpop")]
    moves += [(b"l", b"lpush"), (b"o", b"rpop"), (b"o", b"del")]
    rest = b"lpop rpop lpop ltrim del rpush lrem del".split()
    assert found == [*((b"l", e) for e in l_events), *moves, *((b"l", e) for e in rest)]


def test_a_trim_that_removes_nothing_is_seen_by_watchers(r: Wire) -> None:
    other = r.another()
    r("RPUSH", "l", "a")
    r("WATCH", "l")
    other("LTRIM", "l", 0, -1)
    r("MULTI")
    r("LLEN", "l")
    assert r("EXEC") is None
    r("WATCH", "l")
    assert other("LREM", "l", 0, "b") == 0
    assert other("LPOP", "l", 0) == []
    r("MULTI")
    r("LLEN", "l")
    assert r("EXEC") == [1]


def test_big_list_goes_in_the_background(r: Wire) -> None:
    for _ in range(20):
        r("RPUSH", "l", *(f"element:{n}" for n in range(5000)))
    assert r("LLEN", "l") == 100_000
    assert r("LINDEX", "l", 54_321) == b"element:4321"
    assert r("UNLINK", "l") == 1
    assert r("EXISTS", "l") == 0
