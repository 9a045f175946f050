"""Side by side with this machine's redis-server: throughput, CPU per operation, bytes per key, start.

    python bench/run.py                    # all, about four minutes
    python bench/run.py speed --rounds 7   # one part

Each server runs alone on core 0 and redis-benchmark on core 1; rounds alternate between the servers, and the
medians are compared. Machines are shared and noisy: believe the ratios. CPU per operation comes from
/proc/PID/stat over all threads of the server, and is steadier than throughput.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import socket
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from peers import GARRISON, REDIS, VALKEY, Peer, Server, encode, running

SERVER_CORE, CLIENT_CORE = 0, 1


@dataclass(frozen=True)
class Load:
    """One load of redis-benchmark."""

    command: str
    pipeline: int
    requests: int

    @property
    def name(self) -> str:
        return f"{self.command} P={self.pipeline}"


LOADS = (
    Load("set", 1, 200_000),
    Load("get", 1, 200_000),
    Load("set", 16, 1_000_000),
    Load("get", 16, 1_000_000),
)


@dataclass(frozen=True)
class Speed:
    """What one round measured."""

    requests_per_second: float
    cpu_us_per_operation: float


@dataclass(frozen=True)
class Row:
    """One line of the result: ours, the peer's, and the ratio."""

    what: str
    unit: str
    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        return self.ours / self.peer

    def show(self) -> None:
        print(
            f"{self.what:28} {self.unit:12} {self.ours:12,.2f} {self.peer:12,.2f} {self.ratio:8.2f}x",
            flush=True,
        )


def measure(server: Server, load: Load, keys: int) -> Speed:
    """Run one load against one server."""
    before = server.cpu_seconds()
    command = [
        *("taskset", "-c", str(CLIENT_CORE), "redis-benchmark", "-p", str(server.port), "-t", load.command),
        *(
            "-n",
            str(load.requests),
            "-P",
            str(load.pipeline),
            "-c",
            "50",
            "-d",
            "32",
            "-r",
            str(keys),
            "--csv",
        ),
    ]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [row for row in csv.reader(io.StringIO(output)) if row and row[0].lower() == load.command]
    if not rows:
        raise RuntimeError(f"redis-benchmark printed no result for {load.name}:\n{output}")
    used = server.cpu_seconds() - before
    return Speed(float(rows[0][1]), used / load.requests * 1e6)


def speed(peer: Peer, rounds: int, keys: int) -> list[Row]:
    """Throughput and CPU per operation, alternating between the two servers."""
    rows = []
    with running(GARRISON, SERVER_CORE) as ours, running(peer, SERVER_CORE) as theirs:
        for load in LOADS:
            results: dict[str, list[Speed]] = {GARRISON.name: [], peer.name: []}
            for number in range(rounds):
                # The order changes with each round, so that neither always follows the other.
                for server in (ours, theirs)[:: 1 if number % 2 == 0 else -1]:
                    results[server.peer.name].append(measure(server, load, keys))
            for unit, field in (("requests/s", "requests_per_second"), ("us CPU/op", "cpu_us_per_operation")):
                ours_median, peer_median = (
                    statistics.median(getattr(result, field) for result in results[name])
                    for name in (GARRISON.name, peer.name)
                )
                rows.append(Row(load.name, unit, ours_median, peer_median))
                rows[-1].show()
    return rows


def fill(server: Server, keys: int) -> None:
    """Store `keys` strings of 16 bytes under keys of 16 bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as connection:
        for first in range(0, keys, 1000):
            names = range(first, min(first + 1000, keys))
            connection.sendall(b"".join(encode("SET", f"key:{n:012d}", f"value{n:011d}") for n in names))
            missing = len(names) * len(b"+OK\r\n")
            while missing > 0:
                missing -= len(connection.recv(min(missing, 65536)))


def memory(peer: Peer, keys: int) -> list[Row]:
    """Bytes per key of 16+16-byte strings, from the growth of resident memory."""
    per_key = []
    for kind in (GARRISON, peer):
        with running(kind, SERVER_CORE) as server:
            before = server.resident_bytes()
            fill(server, keys)
            per_key.append((server.resident_bytes() - before) / keys)
    row = Row(f"string 16+16, {keys:,} keys", "bytes/key", per_key[0], per_key[1])
    row.show()
    return [row]


def start(peer: Peer, rounds: int) -> list[Row]:
    """Time from the start of the process to its first PONG, and memory while empty."""
    pings: dict[str, list[float]] = {GARRISON.name: [], peer.name: []}
    empty: dict[str, list[float]] = {GARRISON.name: [], peer.name: []}
    for _ in range(rounds):
        for kind in (GARRISON, peer):
            with running(kind) as server:
                pings[kind.name].append(server.first_ping_ms)
                empty[kind.name].append(server.resident_bytes() / 1e6)
    rows = []
    for what, unit, values in (("start to PONG", "ms", pings), ("empty node", "MB resident", empty)):
        rows.append(
            Row(what, unit, statistics.median(values[GARRISON.name]), statistics.median(values[peer.name]))
        )
        rows[-1].show()
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=("all", "speed", "memory", "start"), default="all")
    parser.add_argument("--rounds", type=int, default=5, help="rounds a median is taken of")
    parser.add_argument("--keys", type=int, default=1_000_000, help="distinct keys of the load and the fill")
    parser.add_argument("--peer", choices=("redis", "valkey"), default="redis")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    options = parser.parse_args()
    peer = {"redis": REDIS, "valkey": VALKEY}[options.peer]
    if not peer.is_installed():
        print(f"{peer.command[0]} is not installed: there is nothing to compare with", file=sys.stderr)
        return 1
    print(f"{os.cpu_count()} cores; servers on core {SERVER_CORE}, redis-benchmark on core {CLIENT_CORE}")
    print(f"{'':28} {'':12} {'garrison':>12} {peer.name:>12} {'ratio':>9}")
    rows: list[Row] = []
    if options.part in ("all", "start"):
        rows += start(peer, options.rounds)
    if options.part in ("all", "memory"):
        rows += memory(peer, options.keys)
    if options.part in ("all", "speed"):
        rows += speed(peer, options.rounds, options.keys)
    if options.json:
        options.json.write_text(
            json.dumps([{**asdict(row), "ratio": row.ratio} for row in rows], indent=2) + "\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
