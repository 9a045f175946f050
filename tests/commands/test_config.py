"""CONFIG, reply by reply with a real Redis."""

from __future__ import annotations

import pytest

from tests.commands.wire import Peers, Wire

REFUSED = [
    ("maxclients", "abc"),
    ("maxclients", "0"),
    ("maxclients", "-1"),
    ("maxclients", "5000000000"),
    ("databases", "4"),
    ("dir", "/tmp"),
    ("dbfilename", "a/b"),
    ("maxmemory", "10zb"),
    ("maxmemory", "1.5mb"),
    ("maxmemory", "-1"),
    ("maxmemory-clients", "500%"),
    ("maxmemory-clients", "x"),
    ("maxmemory-policy", "foo"),
    ("appendonly", "maybe"),
    ("save", "3600 1 60"),
    ("save", "a b"),
    ("save", "0 5"),
    ("client-output-buffer-limit", "normal 1mb 2mb"),
    ("client-output-buffer-limit", "foo 1mb 2mb 3"),
    ("client-output-buffer-limit", "replica 1x 2mb 3"),
    ("notify-keyspace-events", "KEq"),
    ("oom-score-adj-values", "1 2"),
    ("oom-score-adj-values", "1 2 5000"),
    ("latency-tracking-info-percentiles", "50 99.5 101"),
    ("latency-tracking-info-percentiles", "50 x"),
    ("unixsocketperm", "755"),
    ("port", "70000"),
    ("replicaof", "a 1"),
    ("slaveof", "a 1"),
    ("active-defrag-cycle-min", "0"),
    ("shutdown-on-sigterm", "nosave save"),
    ("shutdown-on-sigterm", "bla"),
    ("loglevel", "foo"),
    ("hz", "+5"),
    ("hz", " 5"),
    ("hz", "0x10"),
    ("repl-backlog-size", "0"),
    ("proto-max-bulk-len", "5"),
    ("list-max-listpack-size", "-99999999999"),
    ("cluster-announce-hostname", "bad host"),
    ("cluster-announce-hostname", "a" * 256),
    ("slowlog-log-slower-than", "-5"),
    ("enable-debug-command", "no"),
]

BUFFER_LIMITS = "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 2097152 3"

TAKEN = [
    ("timeout", "17", "17"),
    ("maxmemory-clients", "5%", "5%"),
    ("maxmemory-policy", "ALLKEYS-LRU", "allkeys-lru"),
    ("save", "3600 1 60 2", "3600 1 60 2"),
    ("notify-keyspace-events", "KEA", "AKE"),
    ("notify-keyspace-events", "gKx$d", "g$xdK"),
    ("shutdown-on-sigterm", "force now", "now force"),
    ("latency-tracking-info-percentiles", "50.0 99.50", "50 99.5"),
    ("client-output-buffer-limit", "pubsub 1mb 2mb 3", BUFFER_LIMITS),
    ("hash-max-ziplist-entries", "99", "99"),
    ("slave-priority", "7", "7"),
    ("loglevel", "VERBOSE", "verbose"),
    ("hz", "5000", "500"),
    ("list-max-listpack-size", "-3", "-3"),
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_refusals_have_the_same_text(peers: Peers, name: str, value: str) -> None:
    kind, _ = peers.same("CONFIG", "SET", name, value)
    assert kind == "error"


@pytest.mark.parametrize(("name", "value", "shown"), TAKEN)
def test_values_are_shown_in_the_same_form(peers: Peers, name: str, value: str, shown: str) -> None:
    before = {wire: wire.map("CONFIG", "GET", name)[name.encode()] for wire in (peers.redis, peers.garrison)}
    try:
        assert peers.same("CONFIG", "SET", name, value) == "OK"
        reply = peers.same("CONFIG", "GET", name)
        assert shown.encode() in (reply.values() if isinstance(reply, dict) else reply)
    finally:
        for wire, old in before.items():
            assert wire("CONFIG", "SET", name, old) == "OK"


def test_the_same_directives_with_the_same_defaults(peers: Peers) -> None:
    theirs = peers.redis.map("CONFIG", "GET", "*")
    ours = peers.garrison.map("CONFIG", "GET", "*")
    assert set(theirs) <= set(ours)
    own = {b"dir", b"port", b"pidfile", b"logfile"}
    assert {name: ours[name] for name in theirs if name not in own} == {
        name: value for name, value in theirs.items() if name not in own
    }


@pytest.mark.parametrize(
    "words",
    [
        ("CONFIG",),
        ("CONFIG", "FOO"),
        ("CONFIG", "GET"),
        ("CONFIG", "SET", "hz"),
        ("CONFIG", "SET", "hz", "10", "timeout"),
        ("CONFIG", "SET", "hz", "10", "hz", "20"),
        ("CONFIG", "SET", "hz", "20", "maxclients", "x"),
        ("CONFIG", "SET", "nothing", "x"),
        ("CONFIG", "SET", "user", "x"),
        ("CONFIG", "RESETSTAT", "x"),
        ("CONFIG", "REWRITE"),
        ("CONFIG", "RESETSTAT"),
        ("CONFIG", "GET", "nothing"),
        ("CONFIG", "GET", "user"),
        ("CONFIG", "GET", "watchdog-*"),
        ("CONFIG", "GET", "watchdog-period"),
        ("CONFIG", "GET", "MAXmemory"),
        ("CONFIG", "GET", "slaveof"),
        ("CONFIG", "GET", "[h-i]z"),
        ("CONFIG", "GET", "maxmemory-policy", "maxmemory-policy"),
    ],
)
def test_the_same_reply(peers: Peers, words: tuple[str, ...]) -> None:
    peers.same(*words)


def test_several_at_once_are_all_or_nothing(r: Wire) -> None:
    text = r.error("CONFIG", "SET", "timeout", "55", "maxclients", "x")
    assert "possibly related to argument 'maxclients'" in text
    assert r.map("CONFIG", "GET", "timeout") == {b"timeout": b"0"}
    assert r("CONFIG", "SET", "timeout", "55", "hz", "11") == "OK"
    assert r.map("CONFIG", "GET", "timeout", "hz") == {b"timeout": b"55", b"hz": b"11"}
    assert r("CONFIG", "SET", "timeout", "0", "hz", "10") == "OK"


def test_a_password_holds_at_once(r: Wire) -> None:
    assert r("CONFIG", "SET", "requirepass", "secret") == "OK"
    try:
        other = r.another(protocol=2)
        assert other.error("GET", "k") == "NOAUTH Authentication required."
        assert other("AUTH", "secret") == "OK"
        assert other("GET", "k") is None
    finally:
        assert r("CONFIG", "SET", "requirepass", "") == "OK"
