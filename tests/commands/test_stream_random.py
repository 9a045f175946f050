"""Streams: random sequences of commands that compare everything, and payloads of the other server."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.commands.test_stream import filled, steady
from tests.commands.wire import Peers, Wire, Word


def random_command(rng: random.Random) -> tuple[Word, ...]:
    """A command on few keys, groups, consumers and ids, so that they meet."""
    key, group, consumer = rng.choice("ab"), rng.choice("gh"), rng.choice("cde")
    some_id = f"{rng.randint(0, 60)}-{rng.randint(0, 2)}"
    bound = rng.choice(["-", "+", some_id, f"({some_id}", str(rng.randint(0, 60))])
    count = rng.choice([1, 2, 5, 100])
    trim: list[Word] = [rng.choice(["MAXLEN", "MINID"])]
    trim += rng.choice([(), ("=",), ("~",)])
    trim.append(rng.randint(0, 50))
    fields: tuple[Word, ...] = rng.choice([("a", 1), ("a", "x"), ("a", 1, "b", -5), ("long", "v" * 90)])
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
            (
                "XGROUP",
                "CREATE",
                key,
                group,
                rng.choice(["0", "$", some_id]),
                *rng.choice([(), ("MKSTREAM",)]),
            ),
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
            (
                "XCLAIM",
                key,
                group,
                consumer,
                0,
                some_id,
                f"{rng.randint(0, 60)}-0",
                *rng.choice([(), ("JUSTID",)]),
            ),
            ("XCLAIM", key, group, consumer, 0, some_id, "FORCE", *rng.choice([(), ("RETRYCOUNT", 7)])),
            ("XCLAIM", key, group, consumer, 0, some_id, "LASTID", some_id),
            ("XAUTOCLAIM", key, group, consumer, 0, bound if bound != "+" else "-", "COUNT", count),
            ("XAUTOCLAIM", key, group, consumer, 0, "-", "JUSTID"),
            ("XSETID", key, f"{rng.randint(0, 60)}-5"),
            ("DEL", key) if rng.random() < 0.1 else ("XLEN", key),
        ]
    )


INFOS = (("GROUPS", "a"), ("STREAM", "b", "FULL"), ("STREAM", "a"), ("CONSUMERS", "a", "g"))


def timeless(pending: Any) -> Any:
    """Pending entries without how long they are."""
    return [[*entry[:2], entry[3]] for entry in pending] if isinstance(pending, list) else pending


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
                for info in (
                    ("GROUPS", "a"),
                    ("STREAM", "b", "FULL"),
                    ("STREAM", "a"),
                    ("CONSUMERS", "a", "g"),
                ):
                    theirs, ours = (steady(wire("XINFO", *info)) for wire in wires)
                    assert ours == theirs, (info, done[-30:])
                for key in ("a", "b"):
                    theirs, ours = (wire("XPENDING", key, "g", "-", "+", 100) for wire in wires)
                    assert timeless(ours) == timeless(theirs), done[-30:]
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
    dumps = []
    for wire in (peers.garrison, peers.redis):
        wire("CONFIG", "SET", "rdbcompression", "no")
        dumps.append(wire("DUMP", "s"))
        wire("CONFIG", "SET", "rdbcompression", "yes")
    assert dumps[0] == dumps[1]


def test_hostile_payloads_are_refused(r: Wire) -> None:
    filled(r, 3)
    r("XGROUP", "CREATE", "s", "g", "0")
    r("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
    payload = r("DUMP", "s")
    for at in range(1, len(payload) - 10):
        damaged = payload[:at] + bytes([payload[at] ^ 0x41]) + payload[at + 1 :]
        assert isinstance(r("RESTORE", "t", 0, damaged), str)
    assert r("PING") == "PONG"
