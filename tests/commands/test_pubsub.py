"""SUBSCRIBE and its kin, PUBLISH, PUBSUB, keyspace notifications."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.commands.wire import Peers, Wire

KINDS = [("", ""), ("P", "p"), ("S", "s")]


@pytest.mark.parametrize(("prefix", "word"), KINDS)
def test_subscribing_is_confirmed(r: Wire, prefix: str, word: str) -> None:
    r.send(f"{prefix}SUBSCRIBE", "a", "b", "a")
    verb = f"{word}subscribe".encode()
    assert [r.read() for _ in range(3)] == [[verb, b"a", 1], [verb, b"b", 2], [verb, b"a", 2]]
    r.send(f"{prefix}UNSUBSCRIBE", "a", "z")
    verb = f"{word}unsubscribe".encode()
    assert [r.read() for _ in range(2)] == [[verb, b"a", 1], [verb, b"z", 1]]
    assert r(f"{prefix}UNSUBSCRIBE") == [verb, b"b", 0]
    assert r(f"{prefix}UNSUBSCRIBE") == [verb, None, 0]


def test_messages(r: Wire) -> None:
    listener = r.another()
    listener("SUBSCRIBE", "news")
    listener("PSUBSCRIBE", "n*")
    assert r("PUBLISH", "news", "hi") == 2
    assert listener.read() == [b"message", b"news", b"hi"]
    assert listener.read() == [b"pmessage", b"n*", b"news", b"hi"]
    assert r("PUBLISH", "other", "hi") == 0
    listener("SSUBSCRIBE", "news")
    assert r("SPUBLISH", "news", "hi") == 1
    assert listener.read() == [b"smessage", b"news", b"hi"]


def test_who_listens(r: Wire) -> None:
    listener = r.another()
    listener("SUBSCRIBE", "a")
    listener("PSUBSCRIBE", "b*")
    listener("SSUBSCRIBE", "c")
    assert r("PUBSUB", "CHANNELS") == [b"a"]
    assert r("PUBSUB", "CHANNELS", "x*") == []
    assert r("PUBSUB", "NUMSUB", "a", "b") == [b"a", 1, b"b", 0]
    assert r("PUBSUB", "NUMSUB") == []
    assert r("PUBSUB", "NUMPAT") == 1
    assert r("PUBSUB", "SHARDCHANNELS") == [b"c"]
    assert r("PUBSUB", "SHARDNUMSUB", "c", "d") == [b"c", 1, b"d", 0]
    listener.close()
    r.until(0, "PUBSUB", "NUMPAT")
    assert r("PUBSUB", "CHANNELS") == []


def test_what_a_listener_may_say(peers: Peers) -> None:
    peers.same("SUBSCRIBE", "a")
    for words in [("PING",), ("PING", "x"), ("GET", "a"), ("NOTHING",), ("MULTI",), ("EXEC",), ("HELLO",)]:
        if words[0] == "HELLO" and peers.redis.protocol == 3:
            continue
        peers.same(*words)
    peers.same("RESET")
    peers.same("PING")


@pytest.mark.parametrize(
    "words",
    [("PUBSUB",), ("PUBSUB", "NOTHING"), ("PUBLISH", "a"), ("SUBSCRIBE",), ("PUBSUB", "NUMPAT", "x")],
)
def test_errors(peers: Peers, words: tuple[str, ...]) -> None:
    assert peers.same(*words)[0] == "error"


@pytest.fixture
def listener(r: Wire) -> Iterator[Wire]:
    """Hears every notification."""
    r("CONFIG", "SET", "notify-keyspace-events", "KEA")
    other = r.another()
    other("PSUBSCRIBE", "__key*__:*")
    yield other
    r("CONFIG", "SET", "notify-keyspace-events", "")


@pytest.mark.parametrize(
    ("words", "events"),
    [
        (("SET", "k", "v"), ["set"]),
        (("SET", "k", "v", "EX", "100"), ["set", "expire"]),
        (("GET", "nokey"), []),
        (("SETNX", "here", "v"), []),
        (("GETDEL", "here"), ["del"]),
        (("GETEX", "here", "EX", "10"), ["expire"]),
        (("INCR", "k"), ["incrby"]),
        (("INCRBYFLOAT", "k", "1"), ["incrbyfloat"]),
        (("APPEND", "k", "v"), ["append"]),
        (("SETRANGE", "k", "1", "v"), ["setrange"]),
        (("DEL", "here"), ["del"]),
        (("UNLINK", "here"), ["del"]),
        (("EXPIRE", "here", "100"), ["expire"]),
        (("EXPIRE", "here", "-1"), ["del"]),
        (("PERSIST", "here"), []),
        (("HSET", "h", "f", "v"), ["hset"]),
        (("HSETNX", "h", "f", "v"), ["hset"]),
        (("HINCRBY", "h", "f", "1"), ["hincrby"]),
        (("HINCRBYFLOAT", "h", "f", "1"), ["hincrbyfloat"]),
        (("HDEL", "hash", "f"), ["hdel", "del"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_notifications(r: Wire, words: tuple[str, ...], events: list[str]) -> None:
    r("SET", "here", "1")
    r("HSET", "hash", "f", "v")
    r("CONFIG", "SET", "notify-keyspace-events", "KEA")
    other = r.another()
    other("PSUBSCRIBE", "__key*__:*")
    r(*words)
    r("PUBLISH", "__key__:end", "")
    key = words[1].encode()
    expected: list[Any] = []
    for event in events:
        expected.append([b"__keyspace@0__:" + key, event.encode()])
        expected.append([b"__keyevent@0__:" + event.encode(), key])
    received = []
    while (message := other.read())[2] != b"__key__:end":
        received.append(message[2:])
    r("CONFIG", "SET", "notify-keyspace-events", "")
    assert received == expected


def test_notifications_of_two_keys(r: Wire, listener: Wire) -> None:
    r("SET", "a", "1")
    r("RENAME", "a", "b")
    r("COPY", "b", "c")
    r("MSET", "x", "1", "y", "2")
    expected = [
        ("set", "a"),
        ("rename_from", "a"),
        ("rename_to", "b"),
        ("copy_to", "c"),
        ("set", "x"),
        ("set", "y"),
    ]
    received = [listener.read() for _ in range(2 * len(expected))]
    assert [(event[2], event[3]) for event in received[1::2]] == [
        (f"__keyevent@0__:{event}".encode(), key.encode()) for event, key in expected
    ]


def test_expiry_is_told(r: Wire, listener: Wire) -> None:
    r("SET", "k", "v", "PX", "20")
    received = [listener.read() for _ in range(6)]
    assert [message[3] for message in received] == [b"set", b"k", b"expire", b"k", b"expired", b"k"]


def test_classes_choose(r: Wire) -> None:
    r("CONFIG", "SET", "notify-keyspace-events", "Eh")
    other = r.another()
    other("PSUBSCRIBE", "__key*__:*")
    r("SET", "k", "v")
    r("HSET", "h", "f", "v")
    assert other.read()[2:] == [b"__keyevent@0__:hset", b"h"]
    r("CONFIG", "SET", "notify-keyspace-events", "")
