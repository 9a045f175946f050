"""INFO, SLOWLOG, LATENCY, MEMORY, DEBUG, ACL, TIME: what describes the server."""

from __future__ import annotations

import pytest

from tests.commands.wire import Peers, Server, Wire

NOT_OURS = {"gcc_version", "atomicvar_api"}
"""Fields about Redis's build that mean nothing here."""

SAME = {
    "redis_mode",
    "arch_bits",
    "hz",
    "maxclients",
    "maxmemory",
    "maxmemory_human",
    "maxmemory_policy",
    "role",
    "connected_slaves",
    "master_replid2",
    "second_repl_offset",
    "repl_backlog_active",
    "cluster_enabled",
    "tracking_clients",
    "blocked_clients",
    "aof_enabled",
    "loading",
    "connected_clients",
    "pubsub_channels",
    "db0",
}
"""Fields that must have the same value on both servers."""


def sections(text: bytes) -> dict[str, dict[str, str]]:
    """INFO's text as section -> field -> value."""
    found: dict[str, dict[str, str]] = {}
    for line in text.decode().splitlines():
        if line.startswith("# "):
            found[line[2:]] = {}
        elif line:
            field, value = line.split(":", 1)
            found[list(found)[-1]][field] = value
    return found


def test_every_field_of_redis_is_there(own_servers: dict[str, Server]) -> None:
    peers = [Wire(own_servers[name]) for name in ("redis", "garrison")]
    for peer in peers:
        peer("SET", "k", "v")
    redis, ours = (sections(bytes(peer("INFO", "everything"))) for peer in peers)
    for peer in peers:
        peer.close_all()
    assert list(ours) == list(redis)
    for section, fields in redis.items():
        if section in ("Commandstats", "Errorstats", "Latencystats"):
            continue
        assert set(fields) - set(ours[section]) - NOT_OURS == set(), section
        for field in SAME & set(fields):
            assert ours[section][field] == fields[field], field


@pytest.mark.parametrize(
    "words", [[], ["default"], ["all"], ["everything"], ["server", "KEYSPACE"], ["nothing"]]
)
def test_the_same_sections(peers: Peers, words: list[str]) -> None:
    redis, ours = (sections(bytes(peer("INFO", *words))) for peer in (peers.redis, peers.garrison))
    assert list(ours) == list(redis)


def test_command_statistics(r: Wire) -> None:
    r("CONFIG", "RESETSTAT")
    for words in [("SET", "k", "v"), ("GET", "k"), ("GET", "k"), ("INCR", "k"), ("SET", "k")]:
        r(*words)
    stats = sections(bytes(r("INFO", "commandstats")))["Commandstats"]
    assert stats["cmdstat_get"].startswith("calls=2,usec=")
    assert stats["cmdstat_get"].endswith(",rejected_calls=0,failed_calls=0")
    assert stats["cmdstat_incr"].endswith(",rejected_calls=0,failed_calls=1")
    assert stats["cmdstat_set"].endswith(",rejected_calls=1,failed_calls=0")
    errors = sections(bytes(r("INFO", "errorstats")))["Errorstats"]
    assert errors == {"errorstat_ERR": "count=2"}
    latency = sections(bytes(r("INFO", "latencystats")))["Latencystats"]
    assert latency["latency_percentiles_usec_get"].startswith("p50=")


def test_hits_and_misses(r: Wire) -> None:
    r("SET", "k", "v")
    r("CONFIG", "RESETSTAT")
    r.many(("GET", "k"), ("GET", "nokey"), ("MGET", "k", "nokey"), ("EXISTS", "k"), ("TTL", "nokey"))
    stats = sections(bytes(r("INFO", "stats")))["Stats"]
    assert (stats["keyspace_hits"], stats["keyspace_misses"]) == ("3", "3")


def test_slowlog(r: Wire) -> None:
    r("SLOWLOG", "RESET")
    r("CONFIG", "SET", "slowlog-log-slower-than", "0")
    r("CLIENT", "SETNAME", "someone")
    r("SET", "k", "x" * 200)
    r("CONFIG", "SET", "slowlog-log-slower-than", "-1")
    entries = r("SLOWLOG", "GET", "-1")
    _, _, _, args, address, name = next(entry for entry in entries if entry[3][0] == b"SET")
    assert args == [b"SET", b"k", b"x" * 128 + b"... (72 more bytes)"]
    assert b":" in address
    assert name == b"someone"
    assert r("SLOWLOG", "LEN") == len(entries)
    assert r("SLOWLOG", "RESET") == "OK"
    assert r("SLOWLOG", "GET") == []


@pytest.mark.parametrize(
    "words",
    [
        "SLOWLOG GET a",
        "SLOWLOG GET -2",
        "SLOWLOG NOTHING",
        "MEMORY USAGE nokey",
        "MEMORY USAGE k SAMPLES",
        "MEMORY USAGE k SAMPLES -1",
        "MEMORY USAGE k NOTHING 1",
        "MEMORY PURGE",
        "MEMORY NOTHING",
        "LATENCY LATEST",
        "LATENCY HISTORY nothing",
        "LATENCY RESET",
        "LATENCY GRAPH nothing",
        "LATENCY HISTOGRAM nothing",
        "DEBUG NOTHING",
        "DEBUG OBJECT nokey",
        "DEBUG SET-ACTIVE-EXPIRE 1",
        "DEBUG PROTOCOL map",
        "DEBUG PROTOCOL string",
        "DEBUG PROTOCOL bignum",
        "DEBUG PROTOCOL verbatim",
        "DEBUG PROTOCOL null",
        "DEBUG PROTOCOL true",
        "ACL WHOAMI",
        "ACL CAT nothing",
        "ACL LIST",
        "ACL USERS",
        "ACL GETUSER default",
        "ACL GETUSER nobody",
        "ACL LOG",
        "MODULE LIST",
        "CLUSTER INFO",
        "CLUSTER KEYSLOT a",
        "READONLY",
        "READWRITE",
        "ASKING",
        "LATENCY",
        "TIME x",
    ],
)
def test_the_same_replies(peers: Peers, words: str) -> None:
    peers.same(*words.split())


def test_categories_are_those_of_redis_and_one_of_redis_8(peers: Peers) -> None:
    assert peers.garrison("ACL", "CAT") == [*peers.redis("ACL", "CAT"), b"bloom"]


def test_digests_agree(peers: Peers) -> None:
    for words in [
        ("SET", "a", "1"),
        ("SET", "b", "x" * 1000, "EX", "1000"),
        ("HSET", "h", "f", "v", "g", "2"),
        ("HSET", "big", *[word for n in range(300) for word in (f"f{n}", f"v{n}" * 10)]),
        ("SELECT", "3"),
        ("SET", "c", "\u00e9"),
    ]:
        peers.same(*words)
    assert len(peers.same("DEBUG", "DIGEST")) == 40
    peers.same("SELECT", "0")
    peers.same("DEBUG", "DIGEST-VALUE", "a", "b", "h", "big", "nokey")


@pytest.mark.parametrize(
    "container",
    [
        "CLIENT",
        "COMMAND",
        "CONFIG",
        "MEMORY",
        "SLOWLOG",
        "PUBSUB",
        "LATENCY",
        "OBJECT",
        "ACL",
        "MODULE",
        "DEBUG",
    ],
)
def test_help_has_redis_shape(peers: Peers, container: str) -> None:
    """The first line is Redis's; all of its subcommands that we have are named, in our words."""
    redis, ours = peers.redis(container, "HELP"), peers.garrison(container, "HELP")
    assert ours[0] == redis[0]
    explained = {line for line in ours if line.startswith("    ")}
    assert explained.isdisjoint(line for line in redis if line.startswith("    "))


def test_monitor(r: Wire) -> None:
    watcher = r.another()
    assert watcher("MONITOR") == "OK"
    r("SET", "k", 'a"b\n')
    r("CONFIG", "GET", "hz")
    r("GET", "k")
    first, second = watcher.read(), watcher.read()
    assert first.split("] ", 1)[1] == '"SET" "k" "a\\"b\\n"'
    assert second.endswith('] "GET" "k"')
    assert first.split()[1] == "[0"


def test_time_and_debug_object(r: Wire) -> None:
    seconds, micros = (int(part) for part in r("TIME"))
    assert seconds > 1_700_000_000
    assert 0 <= micros < 1_000_000
    r("SET", "k", "value")
    described = r("DEBUG", "OBJECT", "k")
    assert "encoding:embstr serializedlength:6 " in described
    assert r("MEMORY", "USAGE", "k") > 20
