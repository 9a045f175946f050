"""COMMAND: our table beside Redis's, command by command.

`DIFFERENCES` lists what differs, with the reason; a difference that is not in it fails, and so does one that
has gone: the list stays true.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.commands.wire import Peers, Wire

REDIS_7_2 = "as in Redis 7.2, whose behaviour we match"
OURS = "Garrison's own, see docs/compatibility.md"
REDIS_8 = "as in Redis 8, or its modules, and in Valkey 9"
WAITS = "it waits for the other server without stopping ours, which a transaction or a script cannot do"

SINCE_REDIS_7_4 = "hash fields that expire: Redis 7.4 and 8, Valkey 9"

DEPRECATED_SINCE_REDIS_7_2 = (b"psetex", b"quit", b"setex", b"setnx")

FIELD_EXPIRY = (
    "hexpire",
    "hexpireat",
    "hexpiretime",
    "hgetdel",
    "hgetex",
    "hpersist",
    "hpexpire",
    "hpexpireat",
    "hpexpiretime",
    "hpttl",
    "hsetex",
    "httl",
)

DIFFERENCES = {
    **{
        (f"bf.{name}", "missing"): REDIS_8
        for name in (
            "add",
            "card",
            "debug",
            "exists",
            "info",
            "insert",
            "loadchunk",
            "madd",
            "mexists",
            "reserve",
            "scandump",
        )
    },
    ("msetex", "missing"): REDIS_8,
    ("script|show", "missing"): REDIS_8,
    **{(name, "missing"): SINCE_REDIS_7_4 for name in FIELD_EXPIRY},
    ("client|no-touch", "missing"): REDIS_7_2,
    ("client|setinfo", "missing"): REDIS_7_2,
    ("cluster|myshardid", "missing"): REDIS_7_2,
    ("waitaof", "missing"): REDIS_7_2,
    ("cluster|slot-stats", "missing"): REDIS_8,
    **{
        (f"cluster|{name}", "flags"): REDIS_7_2
        for name in (
            "count-failure-reports",
            "info",
            "keyslot",
            "links",
            "myid",
            "nodes",
            "replicas",
            "shards",
            "slaves",
            "slots",
        )
    },
    ("cluster|ghost", "missing"): OURS,
    ("cluster|manager", "missing"): OURS,
    ("cluster|migration-link", "missing"): OURS,
    ("cluster|serve-empty", "missing"): OURS,
    ("command|getkeys", "arity"): REDIS_7_2,
    ("command|getkeysandflags", "arity"): REDIS_7_2,
    ("zrank", "arity"): REDIS_7_2,
    ("zrevrank", "arity"): REDIS_7_2,
    ("wait", "flags"): REDIS_7_2,
    ("wait", "categories"): REDIS_7_2,
    ("migrate", "flags"): WAITS,
}


def _described(raw: list[Any]) -> dict[str, dict[str, Any]]:
    """COMMAND INFO's reply by full name, in a form that can be compared."""
    found: dict[str, dict[str, Any]] = {}
    for name, arity, flags, first, last, step, categories, tips, keys, subcommands in raw:
        found[name.decode()] = {
            "arity": arity,
            "flags": sorted(flags),
            "range": (first, last, step),
            "categories": sorted(categories),
            "tips": sorted(tips),
            "keys": [_key_spec(spec) for spec in keys],
        }
        found |= _described(subcommands)
    return found


def _key_spec(spec: Any) -> dict[str, Any]:
    fields = spec if isinstance(spec, dict) else dict(zip(spec[::2], spec[1::2], strict=True))
    fields.pop(b"notes", None)
    return fields | {b"flags": sorted(fields[b"flags"])}


def test_the_tables_agree(peers: Peers) -> None:
    redis = _described(peers.redis("COMMAND"))
    differences = set()
    for name, ours in _described(peers.garrison("COMMAND")).items():
        if name not in redis:
            differences.add((name, "missing"))
            continue
        for field, value in ours.items():
            if value != redis[name][field]:
                differences.add((name, field))
    assert differences == set(DIFFERENCES)


def test_documentation_has_redis_shape(peers: Peers) -> None:
    """Group and first version of each command are Redis's; the words are our own."""
    redis, ours = peers.redis.map("COMMAND", "DOCS"), peers.garrison.map("COMMAND", "DOCS")
    wrong = {}
    for name, raw in ours.items():
        if name not in redis:
            continue
        mine, theirs = _as_map(raw), _as_map(redis[name])
        fields = [b"group", b"since", b"doc_flags", b"deprecated_since"]
        for field in fields if name not in DEPRECATED_SINCE_REDIS_7_2 else fields[:2]:
            if mine.get(field) != theirs.get(field):
                wrong[name, field] = (mine.get(field), theirs.get(field))
        assert (b"deprecated_since" in mine) == (b"replaced_by" in mine), name
        assert mine[b"summary"] != theirs[b"summary"], f"the summary of {name!r} is not ours"
        if (b"arguments" in mine) != (b"arguments" in theirs):
            wrong[name, b"arguments"] = (b"arguments" in mine, b"arguments" in theirs)
    assert wrong == {}


@pytest.mark.parametrize("name", ["xadd", "xtrim", "replicaof", "slaveof", "lpush"])
def test_arguments_are_described_as_by_redis(peers: Peers, name: str) -> None:
    described = [
        _as_map(wire.map("COMMAND", "DOCS", name)[name.encode()])[b"arguments"]
        for wire in (peers.redis, peers.garrison)
    ]
    redis, ours = ([_argument(raw) for raw in arguments] for arguments in described)
    assert ours == redis


def _argument(raw: Any) -> dict[bytes, Any]:
    """An argument without what only one says of it: its first version, its key, its display text."""
    left_out = (b"since", b"key_spec_index", b"display_text")
    fields = {key: value for key, value in _as_map(raw).items() if key not in left_out}
    parts = [_argument(part) for part in fields.get(b"arguments", [])]
    return fields | {b"arguments": parts, b"flags": sorted(fields.get(b"flags", []))}


def _as_map(raw: Any) -> dict[bytes, Any]:
    return raw if isinstance(raw, dict) else dict(zip(raw[::2], raw[1::2], strict=True))


@pytest.mark.parametrize(
    "words",
    [
        "GETKEYS GET a",
        "GETKEYS MSET a 1 b 2",
        "GETKEYS COPY a b",
        "GETKEYS MIGRATE h 1 k 0 9",
        "GETKEYS OBJECT ENCODING k",
        "GETKEYS NOTHING a",
        "GETKEYS ZUNION 2 a b WITHSCORES",
        "GETKEYS ZUNION 3 a b",
        "GETKEYS EVAL script 2 a b c",
        "GETKEYS EVAL script 3 a",
        "GETKEYS EVAL script many a",
        "GETKEYS FCALL f 0 a",
        "GETKEYS ZUNION 9223372036854775807 a",
        "GETKEYS ZUNIONSTORE d 2 a",
        "GETKEYS LMPOP 5 a b LEFT",
        "GETKEYSANDFLAGS SET a b",
        "GETKEYSANDFLAGS SET a b GET",
        "GETKEYSANDFLAGS RENAME a b",
        "LIST FILTERBY MODULE x",
        "LIST FILTERBY ACLCAT nothing",
        "LIST FILTERBY NOTHING x",
        "LIST NOTHING",
        "NOTHING",
        "INFO nothing",
        "DOCS nothing",
    ],
)
def test_the_same_replies(peers: Peers, words: str) -> None:
    peers.same("COMMAND", *words.split())


@pytest.mark.parametrize("key", ["", "k"])
@pytest.mark.parametrize("more", [[], ["KEYS", "a", "b"], ["REPLACE", "KEYS", "a"]])
def test_keys_of_migrate_stand_in_one_place_of_two(peers: Peers, key: str, more: list[str]) -> None:
    peers.same("COMMAND", "GETKEYS", "MIGRATE", "h", 1, key, 0, 9, *more)


def test_list_by_pattern_and_category(peers: Peers) -> None:
    newer = {name.encode() for name, what in DIFFERENCES if what == "missing"}
    for words in [("PATTERN", "get*"), ("ACLCAT", "hash"), ("ACLCAT", "transaction"), ("ACLCAT", "string")]:
        ours, redis = (
            set(peer("COMMAND", "LIST", "FILTERBY", *words)) for peer in (peers.garrison, peers.redis)
        )
        assert ours - newer <= redis, words


def test_count(r: Wire) -> None:
    assert r("COMMAND", "COUNT") == len(r("COMMAND"))
    assert len(r("COMMAND", "LIST")) > r("COMMAND", "COUNT")
