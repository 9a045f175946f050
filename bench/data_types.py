"""Every data type beside its peers: throughput, CPU per operation, bytes per element, growth to 10 million.

    python bench/data_types.py --valkey /path/to/valkey-server      # all, about half an hour
    python bench/data_types.py speed --only zadd,zrange --rounds 5  # some loads
    python bench/data_types.py memory
    python bench/data_types.py growth                             # sorted sets of 10 thousand and 10 million

As in `run.py` each server runs alone on core 0 and redis-benchmark on core 1, rounds alternate, medians are
compared; believe the ratios. Bytes per element are the growth of resident memory, which holds what the
allocator wastes, and of `used_memory`, which does not depend on how much of a page was in use before.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from peers import GARRISON, REDIS, Peer, Server, encode, running
from run import CLIENT_CORE, SERVER_CORE, Speed

KEYS = 100_000
"""Distinct values of `__rand_int__`."""
BATCH = 1000
SCATTER = 999_983
"""A prime."""
RANDOM = "__rand_int__"

Commands = Iterable[tuple[str, ...]]


@dataclass(frozen=True)
class Load:
    """A command that redis-benchmark repeats, and the data that it meets."""

    name: str
    words: tuple[str, ...]
    requests: int = 500_000
    before: Commands = ()


def members(count: int) -> Iterator[str]:
    """Names as redis-benchmark writes random numbers: twelve digits."""
    return (f"{number:012d}" for number in range(count))


def one_each(command: str, key: str, count: int) -> Commands:
    """A collection that is filled one member a command."""
    return [(command, key, member) for member in members(count)]


def scored(key: str, count: int) -> Commands:
    return [("ZADD", key, str(number), member) for number, member in enumerate(members(count))]


def places(count: int) -> Commands:
    """Points within some 60 km, so that a search within 100 km finds them all."""
    return [
        ("GEOADD", "places", str(10 + number % 10 / 20), str(50 + number // 10 / 20), f"place:{number}")
        for number in range(count)
    ]


def speed_loads() -> tuple[Load, ...]:
    """The loads of the table, in its order."""
    thousand = [
        *one_each("SADD", "left", 1000),
        *(("SADD", "right", f"{number:012d}") for number in range(500, 1500)),
    ]
    return (
        Load("lpush", ("LPUSH", "list", RANDOM)),
        Load("rpop", ("RPOP", "full"), before=one_each("RPUSH", "full", 600_000)),
        Load("sadd", ("SADD", "set", RANDOM)),
        Load("spop", ("SPOP", "many"), before=one_each("SADD", "many", 600_000)),
        Load("hset", ("HSET", "hash", RANDOM, "value")),
        Load("zadd", ("ZADD", "ranks", RANDOM, RANDOM), 300_000),
        Load("zincrby", ("ZINCRBY", "ranks", "1", RANDOM), 300_000),
        Load("xadd", ("XADD", "stream", "*", "field", "value")),
        Load("incr", ("INCR", f"counter:{RANDOM}")),
        Load(
            "mget of 10",
            ("MGET", *(f"key:{RANDOM}" for _ in range(10))),
            200_000,
            [("SET", f"key:{member}", member) for member in members(KEYS)],
        ),
        Load("lrange of 100", ("LRANGE", "some", "0", "99"), 100_000, one_each("RPUSH", "some", 100)),
        Load("zrange of 10", ("ZRANGE", "scored", "1000", "1009"), 300_000, scored("scored", KEYS)),
        Load(
            "zrangebyscore of 10",
            ("ZRANGEBYSCORE", "scored", RANDOM, "+inf", "LIMIT", "0", "10"),
            300_000,
            scored("scored", KEYS),
        ),
        Load("pfadd", ("PFADD", "visitors", RANDOM)),
        Load(
            "geosearch of 100",
            ("GEOSEARCH", "places", "FROMLONLAT", "10.25", "50.25", "BYRADIUS", "100", "km"),
            20_000,
            places(100),
        ),
        Load("sinter of 2 x 1,000", ("SINTER", "left", "right"), 10_000, thousand),
    )


def send(server: Server, commands: Commands) -> None:
    """Carry out commands in batches. Raises RuntimeError when one is refused."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=600) as connection:
        batch: list[bytes] = []
        for command in commands:
            batch.append(encode(*command))
            if len(batch) == BATCH:
                settle(connection, b"".join(batch))
                batch = []
        settle(connection, b"".join(batch))


def settle(connection: socket.socket, batch: bytes) -> None:
    """Send a batch with a PING behind it, and read up to its answer."""
    connection.sendall(batch + b"PING\r\n")
    replies = b""
    while not replies.endswith(b"+PONG\r\n"):
        received = connection.recv(1 << 20)
        if not received:
            raise RuntimeError("the server has closed the connection")
        replies += received
    if replies.startswith(b"-") or b"\r\n-" in replies:
        raise RuntimeError(f"a command was refused: {replies[:200]!r}")


def measure(server: Server, load: Load, pipeline: int) -> Speed:
    """Run a load once against a server; `rpop` and `spop` find their data anew."""
    send(server, load.before)
    requests = load.requests if pipeline > 1 else load.requests // 5
    command = ["taskset", "-c", str(CLIENT_CORE), "redis-benchmark", "-p", str(server.port), "--csv"]
    command += ["-n", str(requests), "-P", str(pipeline), "-c", "50", "-r", str(KEYS), *load.words]
    used = server.cpu_seconds()
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    used = server.cpu_seconds() - used
    rows = list(csv.reader(io.StringIO(output)))
    return Speed(float(rows[-1][1]), used / requests * 1e6)


def speed(peers: list[Peer], rounds: int, only: set[str]) -> None:
    """Throughput at pipeline 16 and CPU per operation at pipelines of 16 and 1, ours against each peer."""
    print(
        f"{'':22} {'garrison/s':>12}"
        + "".join(f" {peer.name + '/s':>12} {'ratio':>6}" for peer in peers[1:]),
        end="",
    )
    print("".join(f" {'CPU us':>8} {peer.name:>8} {'ratio':>6}" for peer in peers[1:]) + "   CPU at P=1")
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(running(peer, SERVER_CORE)) for peer in peers]
        for load in speed_loads():
            if only and load.name.split()[0] not in only:
                continue
            fast = [[measure(server, load, 16) for server in servers] for _ in range(rounds)]
            slow = [[measure(server, load, 1) for server in servers] for _ in range(max(rounds // 2, 1))]
            show_speed(load.name, fast, slow)
            for server in servers:
                send(server, [("FLUSHALL",)])


def show_speed(name: str, fast: list[list[Speed]], slow: list[list[Speed]]) -> None:
    rates = [
        statistics.median(one.requests_per_second for one in column) for column in zip(*fast, strict=True)
    ]
    costs = [
        statistics.median(one.cpu_us_per_operation for one in column) for column in zip(*fast, strict=True)
    ]
    single = [
        statistics.median(one.cpu_us_per_operation for one in column) for column in zip(*slow, strict=True)
    ]
    line = f"{name:22} {rates[0]:12,.0f}"
    line += "".join(f" {rate:12,.0f} {rates[0] / rate:5.2f}x" for rate in rates[1:])
    line += "".join(f" {costs[0]:8.2f} {cost:8.2f} {costs[0] / cost:5.2f}x" for cost in costs[1:])
    print(line + "  " + " ".join(f"{single[0] / cost:5.2f}x" for cost in single[1:]), flush=True)


def memory_loads() -> Iterator[tuple[str, int, Iterator[tuple[str, ...]]]]:
    """What is measured: name, number of elements, and the commands that make them."""

    def small(command: str, keys: int, words: str) -> Iterator[tuple[str, ...]]:
        for key in range(keys):
            for member in range(10):
                yield (command, f"key:{key:08d}", *words.format(member).split())

    many = 1_000_000
    names = [f"member:{number:09d}" for number in range(many)]
    yield (
        "small hash field",
        10 * 100_000,
        small("HSET", 100_000, "field:{:06d} value:{:06d}".replace("{:06d}", "{0:06d}")),
    )
    yield "big hash field", many, (("HSET", "hash", name, name) for name in names)
    yield "big set member", many, (("SADD", "set", name) for name in names)
    yield "big sorted-set member", many, (("ZADD", "ranks", str(at), name) for at, name in enumerate(names))
    yield "sorted set of 10", 10 * 100_000, small("ZADD", 100_000, "{0} member:{0:06d}")
    yield "list item", many, (("RPUSH", "list", f"item:{at:07d}") for at in range(many))
    yield "stream entry", many, (("XADD", "stream", "*", "field", f"{at:08d}") for at in range(many))


def used_bytes(server: Server) -> int:
    """What the server itself says it has allocated."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(encode("INFO", "memory"))
        report = connection.recv(1 << 20)
    return int(report.partition(b"used_memory:")[2].split()[0])


def memory(peers: list[Peer]) -> None:
    """Bytes per element: resident, and in brackets those of `used_memory`."""
    print(f"{'bytes per element':22}" + "".join(f" {peer.name:>16}" for peer in peers))
    for name, count, commands in memory_loads():
        commands_list = list(commands)
        line = f"{name:22}"
        for peer in peers:
            with running(peer, SERVER_CORE) as server:
                # Buffers are made once, whatever is stored.
                send(server, [("ECHO", "x" * 40)] * (20 * BATCH))
                resident, used = server.resident_bytes(), used_bytes(server)
                send(server, commands_list)
                resident, used = server.resident_bytes() - resident, used_bytes(server) - used
                line += f" {resident / count:8.2f} ({used / count:5.1f})"
        print(line, flush=True)


def scattered(count: int) -> Iterator[tuple[str, ...]]:
    """ZADD of so many members whose scores come in no order: ascending ones fill each leaf, and at first
    every change would divide one.
    """
    return (("ZADD", "ranks", str(at * SCATTER % count), f"{at:012d}") for at in range(count))


def growth() -> None:
    """CPU per operation of sorted sets of 10 thousand and of 10 million members."""
    loads = (
        ("zadd", ("ZADD", "ranks", RANDOM, RANDOM)),
        ("zrank", ("ZRANK", "ranks", RANDOM)),
        ("zrangebyscore", ("ZRANGEBYSCORE", "ranks", RANDOM, "+inf", "LIMIT", "0", "10")),
    )
    costs: dict[str, list[float]] = {name: [] for name, _ in loads}
    for count in (10_000, 10_000_000):
        with running(GARRISON, SERVER_CORE) as server:
            send(server, scattered(count))
            for name, words in loads:
                command = ["taskset", "-c", str(CLIENT_CORE), "redis-benchmark", "-p", str(server.port)]
                command += ["-n", "300000", "-P", "16", "-c", "50", "-r", str(count), "-q", *words]
                used = server.cpu_seconds()
                subprocess.run(command, check=True, capture_output=True)
                costs[name].append((server.cpu_seconds() - used) / 300_000 * 1e6)
    for name, (small, big) in costs.items():
        print(f"{name:22} {small:8.2f} us {big:8.2f} us {big / small:6.2f}x", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=("all", "speed", "memory", "growth"), default="all")
    parser.add_argument("--rounds", type=int, default=3, help="rounds a median is taken of")
    parser.add_argument("--only", default="", help="loads by their first words, with commas between")
    parser.add_argument("--valkey", type=Path, help="a valkey-server of version 9, as a second peer")
    options = parser.parse_args()
    peers = [GARRISON, REDIS]
    if options.valkey:
        peers.append(Peer("valkey", (str(options.valkey),)))
    for peer in peers:
        if not peer.is_installed():
            print(f"{peer.command[0]} is not installed: there is nothing to compare with", file=sys.stderr)
            return 1
    if options.part in ("all", "memory"):
        memory(peers)
    if options.part in ("all", "speed"):
        speed(peers, options.rounds, set(filter(None, options.only.split(","))))
    if options.part in ("all", "growth"):
        growth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
