"""Lua scripts and functions beside the peers: calls a second and processor time a call, at pipeline 16.

    python bench/scripts.py [--rounds 3]

Servers stand alone on core 0, `redis-benchmark` on core 1, one after the other in each round; medians. Peers
are those that are found (`redis-server`, `valkey-server`).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from dataclasses import dataclass

sys.path.insert(0, __file__.rpartition("/bench/")[0])

from bench.eviction import Wire
from bench.peers import GARRISON, REDIS, VALKEY, Server, running

PAIR = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])"
LOOP = "local sum = 0 for i = 1, 1000 do sum = sum + i * 2 % 7 end return sum"
JSON = """local list = {} for i = 1, 200 do list[i] = {id = i, name = 'user ' .. i, tags = {'a', 'b'}} end
return #cjson.encode(cjson.decode(cjson.encode(list)))"""
LIBRARY = f"""#!lua name=bench
redis.register_function('one', function() return 1 end)
redis.register_function('pair', function(KEYS, ARGV) {PAIR} end)"""


@dataclass(frozen=True)
class Row:
    """A call that is measured."""

    name: str
    calls: int
    script: str = ""
    words: tuple[str, ...] = ()


ROWS = (
    Row("EVALSHA of SET and GET", 1_000_000, PAIR, ("1", "key:__rand_int__", "value")),
    Row("EVALSHA of a constant", 1_500_000, "return 1", ("0",)),
    Row("FCALL of SET and GET", 1_000_000, "", ("FCALL", "pair", "1", "key:__rand_int__", "value")),
    Row("FCALL of a constant", 1_500_000, "", ("FCALL", "one", "0")),
    Row("a loop of 1,000", 100_000, LOOP, ("0",)),
    Row("cjson, 10 KB there and back", 2_000, JSON, ("0",)),
)


def measure(server: Server, row: Row) -> tuple[float, float]:
    """Calls a second, and microseconds of the server's processor a call."""
    wire = Wire(server.port)
    wire.ask("FUNCTION", "LOAD", "REPLACE", LIBRARY)
    words = ("EVALSHA", wire.ask("SCRIPT", "LOAD", row.script), *row.words) if row.script else row.words
    before = server.cpu_seconds()
    command = ["taskset", "-c", "1", "redis-benchmark", "-p", str(server.port), "-n", str(row.calls)]
    command += ["-c", "50", "-P", "16", "-r", "100000", "--csv", *(as_text(word) for word in words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cpu_us = (server.cpu_seconds() - before) / row.calls * 1e6
    return float(done.stdout.strip().splitlines()[-1].split('","')[1].strip('"')), cpu_us


def as_text(word: object) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    peers = [peer for peer in (GARRISON, REDIS, VALKEY) if peer.is_installed()]
    for row in ROWS:
        found: dict[str, list[tuple[float, float]]] = {}
        for _ in range(rounds):
            for peer in peers:
                with running(peer, 0) as server:
                    found.setdefault(peer.name, []).append(measure(server, row))
        medians = {
            name: [statistics.median(column) for column in zip(*all_found, strict=True)]
            for name, all_found in found.items()
        }
        shown = "   ".join(f"{name} {rate:9,.0f}/s {cpu:7.2f} us" for name, (rate, cpu) in medians.items())
        ratio = medians["garrison"][0] / medians["redis"][0] if "redis" in medians else float("nan")
        print(f"{row.name:28} {shown}   {ratio:.2f}x Redis", flush=True)


if __name__ == "__main__":
    main()
