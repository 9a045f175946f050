"""CLIENT: lists, kills, pauses, replies."""

from __future__ import annotations

import time

import pytest

from tests.commands.wire import Peers, Wire


def fields(line: bytes) -> dict[str, str]:
    """A line of CLIENT LIST as a dictionary."""
    return dict(part.split("=", 1) for part in line.decode().split())


def test_every_field_of_redis_is_there(peers: Peers) -> None:
    redis = fields(bytes(peers.redis("CLIENT", "INFO")))
    ours = fields(bytes(peers.garrison("CLIENT", "INFO")))
    assert list(redis) == [name for name in ours if name in redis]
    for name in (
        "name",
        "flags",
        "db",
        "sub",
        "psub",
        "ssub",
        "multi",
        "cmd",
        "user",
        "redir",
        "resp",
    ):
        assert ours[name] == redis[name], name


def test_age_and_idle_time_are_whole_seconds(r: Wire) -> None:
    began = time.monotonic()
    shown = fields(bytes(r.another()("CLIENT", "INFO")))
    passed = time.monotonic() - began
    assert 0 <= int(shown["idle"]) <= int(shown["age"]) <= passed + 1


def test_states_are_shown(r: Wire) -> None:
    other = r.another()
    number = other("CLIENT", "ID")

    def shown() -> dict[str, str]:
        return fields(bytes(r("CLIENT", "LIST", "ID", number)))

    assert shown()["flags"] == "N"
    other("SELECT", "3")
    other("MULTI")
    other("GET", "a")
    assert (shown()["db"], shown()["multi"], shown()["flags"]) == ("3", "1", "x")
    other("DISCARD")
    other("CLIENT", "NO-EVICT", "ON")
    assert shown()["flags"] == "e"
    other("CLIENT", "NO-EVICT", "OFF")
    other("SUBSCRIBE", "a")
    assert (shown()["flags"], shown()["sub"]) == ("P", "1")
    assert f"id={number} ".encode() in bytes(r("CLIENT", "LIST", "TYPE", "PUBSUB"))
    assert bytes(r("CLIENT", "LIST", "TYPE", "MASTER")) == b""


@pytest.mark.parametrize(
    "words",
    [
        "LIST TYPE nothing",
        "LIST ID a",
        "LIST ID",
        "LIST NOTHING",
        "KILL",
        "KILL 1.2.3.4:5",
        "KILL ID a",
        "KILL ID 0",
        "KILL ID 999999",
        "KILL TYPE nothing",
        "KILL USER nobody",
        "KILL SKIPME nothing",
        "KILL ADDR a LADDR",
        "KILL NOTHING x",
        "PAUSE a",
        "PAUSE -1",
        "PAUSE 1 NOTHING",
        "PAUSE 99999999999999999999",
        "PAUSE 0",
        "UNPAUSE",
        "REPLY NOTHING",
        "NO-EVICT nothing",
        "UNBLOCK a",
        "UNBLOCK 999999",
        "UNBLOCK 999999 nothing",
        "TRACKING nothing",
        "TRACKING OFF",
        "TRACKINGINFO",
        "GETREDIR",
        "CACHING nothing",
        "CACHING YES",
        "CACHING NO",
        "SETNAME",
        "NOTHING",
        "GETNAME x",
    ],
)
def test_the_same_replies(peers: Peers, words: str) -> None:
    peers.same("CLIENT", *words.split())


def test_killing_by_filters(r: Wire) -> None:
    victim, listener = r.another(), r.another()
    listener("SUBSCRIBE", "a")
    address = fields(bytes(victim("CLIENT", "INFO")))["addr"]
    assert r("CLIENT", "KILL", "ADDR", address, "TYPE", "PUBSUB") == 0
    assert r("CLIENT", "KILL", "ADDR", address, "TYPE", "NORMAL") == 1
    assert victim.is_closed()
    assert r("CLIENT", "KILL", "TYPE", "PUBSUB", "USER", "default") == 1
    assert listener.is_closed()


def test_killing_by_age(r: Wire) -> None:
    if not r.is_garrison:
        pytest.skip("MAXAGE came with Redis 7.4")
    assert r("CLIENT", "KILL", "MAXAGE", 1000, "SKIPME", "no") == 0
    assert r.error("CLIENT", "KILL", "MAXAGE", 0) == "ERR maxage should be greater than 0"
    assert r.error("CLIENT", "KILL", "MAXAGE", "x") == "ERR maxage is not an integer or out of range"


def test_killing_by_address(r: Wire) -> None:
    victim = r.another()
    address = fields(bytes(victim("CLIENT", "INFO")))["addr"]
    assert r("CLIENT", "KILL", address) == "OK"
    assert victim.is_closed()


def test_killing_oneself(r: Wire) -> None:
    assert r("CLIENT", "KILL", "ID", r("CLIENT", "ID"), "SKIPME", "NO") == 1
    assert r.is_closed()


def test_replies_off_and_on(r: Wire) -> None:
    r.send("CLIENT", "REPLY", "OFF")
    r.send("PING")
    r.send("CONFIG", "GET", "hz")
    assert r("CLIENT", "REPLY", "ON") == "OK"
    r.send("CLIENT", "REPLY", "SKIP")
    r.send("SET", "a", "1")
    assert r("GET", "a") == b"1"


@pytest.mark.parametrize("mode", ["OFF", "SKIP"])
def test_subscriptions_are_confirmed_without_replies(r: Wire, mode: str) -> None:
    r.send("CLIENT", "REPLY", mode)
    r.send("SUBSCRIBE", "news")
    assert list(r.read()) == [b"subscribe", b"news", 1]


def test_reset_ends_silence_and_a_skipped_reply_is_its_own(r: Wire) -> None:
    other = r.another(protocol=2)
    other.send("CLIENT", "REPLY", "OFF")
    assert other("RESET") == "RESET"
    other.send("CLIENT", "REPLY", "SKIP")
    other.send("RESET")
    assert other("PING") == "PONG"


def test_pausing_writes(r: Wire) -> None:
    other = r.another()
    started = time.monotonic()
    r("CLIENT", "PAUSE", "200", "WRITE")
    assert other("GET", "a") is None
    assert other("SET", "a", "1") == "OK"
    assert time.monotonic() - started >= 0.19


def test_unpausing(r: Wire) -> None:
    other = r.another()
    r("CLIENT", "PAUSE", "100000", "WRITE")
    other.send("SET", "a", "1")
    r.expect(b"flags=b", "CLIENT", "LIST")
    assert r("CLIENT", "UNPAUSE") == "OK"
    assert other.read() == "OK"


def test_a_paused_transaction_waits_at_exec(r: Wire) -> None:
    other = r.another()
    other("MULTI")
    other("GET", "a")
    r("CLIENT", "PAUSE", "100000", "WRITE")
    assert other("EXEC") == [None]
    r("CLIENT", "UNPAUSE")


def test_library_names(r: Wire) -> None:
    if not r.is_garrison:
        pytest.skip("CLIENT SETINFO came with Redis 7.2")
    assert r("CLIENT", "SETINFO", "LIB-NAME", "mine") == "OK"
    assert r("CLIENT", "SETINFO", "lib-ver", "1.2") == "OK"
    assert b"lib-name=mine lib-ver=1.2" in bytes(r("CLIENT", "INFO"))
    assert r.error("CLIENT", "SETINFO", "x", "y") == "ERR Unrecognized option 'x'"
    assert "cannot contain spaces" in r.error("CLIENT", "SETINFO", "LIB-NAME", "a b")
