"""SORT and SORT_RO."""

from __future__ import annotations

import random

import pytest

from tests.commands.test_list import events_of
from tests.commands.wire import Peers, Wire, Word


@pytest.fixture
def data(r: Wire) -> Wire:
    """The connection, with a list `l` of 3 1 2, weights and objects of each."""
    r("RPUSH", "l", "3", "1", "2")
    r("MSET", "w_1", "30", "w_2", "-2.5", "w_3", "7")
    r("MSET", "t_1", "b", "t_2", "c", "t_3", "a")
    r("HSET", "h_1", "f", "x", "n", "3")
    r("HSET", "h_2", "f", "y", "n", "1")
    return r


def test_by_number_and_text(data: Wire) -> None:
    assert data("SORT", "l") == [b"1", b"2", b"3"]
    assert data("SORT", "l", "DESC") == [b"3", b"2", b"1"]
    data("RPUSH", "l", "10", "-5", "2.5")
    assert data("SORT", "l") == [b"-5", b"1", b"2", b"2.5", b"3", b"10"]
    assert data("SORT", "l", "ALPHA") == [b"-5", b"1", b"10", b"2", b"2.5", b"3"]
    assert data("SORT", "none") == []
    data("RPUSH", "l", "text")
    assert data.error("SORT", "l") == "ERR One or more scores can't be converted into double"
    assert data("SORT_RO", "l", "LIMIT", 0, 1, "ALPHA", "DESC") == [b"text"]


def test_by_weights_of_other_keys(data: Wire) -> None:
    assert data("SORT", "l", "BY", "w_*") == [b"2", b"3", b"1"]
    assert data("SORT", "l", "BY", "w_*", "DESC", "LIMIT", 0, 2) == [b"1", b"3"]
    assert data("SORT", "l", "BY", "t_*", "ALPHA") == [b"3", b"1", b"2"]
    assert data("SORT", "l", "BY", "h_*->n") == [b"3", b"2", b"1"]
    assert data("SORT", "l", "BY", "nosort") == [b"3", b"1", b"2"]
    assert data("SORT", "l", "BY", "nosort", "DESC", "LIMIT", 1, 5) == [b"1", b"3"]
    assert data.error("SORT", "l", "BY", "t_*") == "ERR One or more scores can't be converted into double"


def test_get(data: Wire) -> None:
    assert data("SORT", "l", "GET", "#", "GET", "t_*", "GET", "h_*->f") == [
        *(b"1", b"b", b"x"),
        *(b"2", b"c", b"y"),
        *(b"3", b"a", None),
    ]
    assert data("SORT", "l", "BY", "w_*", "GET", "nothing") == [None] * 3
    assert data("SORT", "l", "GET", "h_*") == [None] * 3


def test_store(data: Wire) -> None:
    data("SET", "out", "text", "EX", 100)
    assert data("SORT", "l", "STORE", "out") == 3
    assert data("LRANGE", "out", 0, -1) == [b"1", b"2", b"3"]
    assert data("TTL", "out") == -1
    assert data("SORT", "l", "GET", "h_*->f", "STORE", "out") == 3
    assert data("LRANGE", "out", 0, -1) == [b"x", b"y", b""]
    assert data("SORT", "l", "STORE", "l") == 3
    assert data("LRANGE", "l", 0, -1) == [b"1", b"2", b"3"]
    assert data("SORT", "none", "STORE", "out") == 0
    assert data("EXISTS", "out") == 0
    assert data("SORT", "l", "LIMIT", 5, 5, "STORE", "out") == 0


def test_events(data: Wire) -> None:
    found = events_of(
        data,
        ("SORT", "l", "STORE", "out"),
        ("SORT", "l"),
        ("SORT", "none", "STORE", "out"),
        ("SORT", "none", "STORE", "out"),
    )
    assert found == [(b"out", b"sortstore"), (b"out", b"del")]


SAME = [
    "l LIMIT x 1",
    "l LIMIT 1",
    "l LIMIT -5 2",
    "l LIMIT 1 -1",
    "l LIMIT 1 -7",
    "l LIMIT 9 1",
    f"l LIMIT {2**63 - 1} {2**63 - 1}",
    f"l LIMIT 1 {2**63 - 1}",
    f"l LIMIT {-(2**63)} {-(2**63)}",
    "l BY",
    "l GET",
    "l STORE",
    "l NOTHING",
    "l ASC DESC ALPHA ASC",
    "l BY w_* BY nosort",
    "l BY nosort BY w_*",
    "l BY a->*->b",
    "l BY *",
    "l GET *->",
    "l GET w_*->x->y",
    "s",
    "s BY nosort",
    "empty",
    "empty ALPHA GET #",
    "equal BY k_* ALPHA DESC",
    "equal BY h_*->missing",
    "spaces",
    "hex",
    "infinite",
    "infinite DESC",
    "nan",
    "huge",
    "tiny",
]


@pytest.mark.parametrize("line", SAME)
@pytest.mark.parametrize("command", ["SORT", "SORT_RO"])
def test_same_replies_and_refusals(peers: Peers, command: str, line: str) -> None:
    lists: dict[str, list[Word]] = {
        "l": ["3", "1", "2"],
        "empty": ["", "-1", "1"],
        "equal": ["b", "a", "d", "c"],
        "spaces": [" 1", "0"],
        "infinite": ["inf", "-inf", "1e308", "-Infinity"],
        "nan": ["nan", "1"],
        "huge": ["1e400"],
        "tiny": ["1e-400"],
    }
    for name, elements in lists.items():
        peers.same("RPUSH", name, *elements)
    peers.same("MSET", "w_1", "30", "w_2", "-2.5", "w_3", "7", "s", "text", "k_a", "x")
    peers.same("HSET", "h_1", "f", "x")
    peers.same(command, *line.split())


def test_sort_ro_stores_nothing(r: Wire) -> None:
    r("RPUSH", "l", "1")
    assert r.error("SORT_RO", "l", "STORE", "out") == "ERR syntax error"


@pytest.mark.parametrize("seed", range(3))
def test_random_sorts_are_the_same(peers: Peers, seed: int) -> None:
    draw = random.Random(seed)
    elements = [str(draw.randint(-500, 500)) for _ in range(300)]
    peers.same("RPUSH", "l", *elements)
    for element in set(elements):
        if draw.random() < 0.8:
            peers.same("SET", f"w_{element}", draw.randint(0, 50))
            peers.same("HSET", f"h_{element}", "f", draw.random())
    for _ in range(60):
        options: list[Word] = []
        if draw.random() < 0.6:
            options += ["BY", draw.choice(["w_*", "h_*->f", "nosort", "missing_*"])]
        if draw.random() < 0.5:
            options += ["GET", draw.choice(["#", "w_*", "h_*->f", "nothing"])]
        if draw.random() < 0.5:
            options += ["LIMIT", draw.randint(-5, 310), draw.randint(-2, 100)]
        options += draw.sample(["DESC", "ASC"], draw.randint(0, 1))
        peers.same("SORT", "l", *options)
        peers.same("SORT", "l", *options, "STORE", "out")
        peers.same("LRANGE", "out", 0, -1)
    peers.same("SORT", "l", "ALPHA")


@pytest.mark.parametrize(
    "line", ["SORT l STORE a STORE b", "SORT l BY store GET store STORE d", "SORT l", "SORT_RO l GET store"]
)
def test_keys_of_the_command(peers: Peers, line: str) -> None:
    peers.same("COMMAND", "GETKEYS", *line.split())
    peers.same("COMMAND", "GETKEYSANDFLAGS", *line.split())
