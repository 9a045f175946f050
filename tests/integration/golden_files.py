"""RDB files of other servers with every type in every encoding, and how they are made.

`golden/` has, for each server, what it saved (`NAME.rdb`) and what DEBUG DIGEST-VALUE said of each key
(`NAME.json`), so that reading them needs none of these servers. To make them anew:

    python -m tests.integration.golden_files redis-7.0 redis-server
    python -m tests.integration.golden_files valkey-9.1 /path/to/valkey-server
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import redis

from tests.commands.wire import start_redis

FOLDER = Path(__file__).parent / "golden"
FAR_MS = 4_102_444_800_123
LONG = "x" * 100

Command = tuple[Any, ...]

# Limits that few elements pass, so that the files stay small.
SETTINGS: dict[str, int] = {
    "hash-max-listpack-entries": 8,
    "list-max-listpack-size": 4,
    "set-max-intset-entries": 8,
    "zset-max-listpack-entries": 8,
    "stream-node-max-entries": 3,
    "hll-sparse-max-bytes": 300,
}


def strings() -> list[Command]:
    numbers = [0, -1, 127, 128, -129, 32_768, 2**31, 2**63 - 1, -(2**63)]
    return [
        *(("SET", f"string:{number}", number) for number in numbers),
        ("SET", "string:empty", ""),
        ("SET", "string:short", "text"),
        ("SET", "string:binary", bytes(range(256))),
        ("SET", "string:compressed", "ab" * 3000),
        ("APPEND", "string:raw", "007"),
        ("SET", "string:expiring", "v", "PXAT", FAR_MS),
        ("SETBIT", "bitmap", 1000, 1),
        ("PFADD", "hll:sparse", *range(20)),
        ("PFADD", "hll:dense", *range(3000)),
    ]


def lists() -> list[Command]:
    return [
        ("RPUSH", "list:small", "a", 1, -70_000, ""),
        ("RPUSH", "list:nodes", *range(30)),
        ("RPUSH", "list:long", *(f"{number}{LONG}" for number in range(10))),
        ("RPUSH", "list:plain", "y" * 9000, "b", "z" * 9000),
        ("LPUSH", "list:expiring", "a"),
        ("PEXPIREAT", "list:expiring", FAR_MS),
    ]


def sets() -> list[Command]:
    return [
        ("SADD", "set:int16", 1, 2, -300),
        ("SADD", "set:int32", 1, 70_000, -70_000),
        ("SADD", "set:int64", 1, 2**40, -(2**63)),
        ("SADD", "set:strings", "a", "b", "", LONG, 7),
        ("SADD", "set:numbers", *range(20)),
        ("SADD", "set:many", *(f"member {number}" for number in range(200))),
    ]


def sorted_sets() -> list[Command]:
    scores = ["-inf", "inf", 0, -1, 0.1, 1e300, 2**53]
    return [
        ("ZADD", "zset:small", *(word for score in scores for word in (score, f"m{score}"))),
        ("ZADD", "zset:tree", *(word for number in range(60) for word in (number / 3, f"member {number}"))),
        ("ZADD", "zset:tree", "-inf", "first", "inf", "last"),
        ("ZADD", "zset:long", 1, LONG, 2, "b"),
        ("GEOADD", "geo", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"),
    ]


def hashes() -> list[Command]:
    return [
        ("HSET", "hash:small", "f", "v", "number", -12_345, "", ""),
        ("HSET", "hash:many", *(word for number in range(40) for word in (f"field:{number}", number))),
        ("HSET", "hash:long", "f", LONG * 3),
    ]


def streams() -> list[Command]:
    return [
        *(("XADD", "stream", f"{ms}-1", "a", ms, "b", "text") for ms in range(1, 12)),
        ("XADD", "stream", "12-0", "other", LONG),
        ("XDEL", "stream", "3-1", "5-1"),
        ("XGROUP", "CREATE", "stream", "readers", "0"),
        ("XREADGROUP", "GROUP", "readers", "one", "COUNT", 4, "STREAMS", "stream", ">"),
        ("XREADGROUP", "GROUP", "readers", "two", "COUNT", 2, "STREAMS", "stream", ">"),
        ("XACK", "stream", "readers", "1-1"),
        ("XGROUP", "CREATE", "stream", "idle", "$"),
        ("XGROUP", "CREATECONSUMER", "stream", "idle", "three"),
        ("XGROUP", "CREATE", "stream:empty", "g", "$", "MKSTREAM"),
        ("XADD", "stream:trimmed", "1-1", "a", 1),
        ("XADD", "stream:trimmed", "MAXLEN", 0, "2-1", "a", 1),
        ("XSETID", "stream:trimmed", "99-9"),
    ]


def field_expiry() -> list[Command]:
    """Hashes that only newer servers have."""
    return [
        ("HSET", "hash:expiring", "a", 1, "b", 2, "c", 3),
        ("HPEXPIREAT", "hash:expiring", FAR_MS, "FIELDS", 2, "a", "b"),
        ("HSET", "hash:expiring:many", *(word for number in range(40) for word in (f"f{number}", number))),
        ("HPEXPIREAT", "hash:expiring:many", FAR_MS + 1, "FIELDS", 1, "f7"),
    ]


def every_type() -> list[Command]:
    """Commands that make a key of each type in each encoding that Redis 7.0 has."""
    return [*strings(), *lists(), *sets(), *sorted_sets(), *hashes(), *streams()]


def fill(client: redis.Redis, commands: list[Command]) -> None:
    """Carry out commands with small limits. An unknown setting is left out."""
    for setting, value in SETTINGS.items():
        client.execute_command("CONFIG", "SET", setting, value)
    for command in commands:
        client.execute_command(*command)


def digests(client: redis.Redis) -> dict[str, str]:
    """What DEBUG DIGEST-VALUE says of each key."""
    keys = sorted(client.execute_command("KEYS", "*"))
    found = client.execute_command("DEBUG", "DIGEST-VALUE", *keys)
    return {key.decode(): digest.decode() for key, digest in zip(keys, found, strict=True)}


def main() -> None:
    """Make the files of one server."""
    parser = argparse.ArgumentParser(description="make golden RDB files")
    parser.add_argument("name", help="of the files, such as redis-7.0")
    parser.add_argument("program", help="the server")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = start_redis(options.program, Path(folder))
        try:
            with redis.Redis(port=server.port, protocol=2) as client:
                fill(client, every_type())
                if "valkey" in options.name:
                    fill(client, field_expiry())
                client.save()
                FOLDER.mkdir(exist_ok=True)
                (FOLDER / f"{options.name}.rdb").write_bytes((Path(folder) / "dump.rdb").read_bytes())
                text = json.dumps(digests(client), indent=0, sort_keys=True)
                (FOLDER / f"{options.name}.json").write_text(text + "\n")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
