"""Files beside the peers': how fast they are loaded, what a snapshot does to a client, what the log costs.

    python bench/files.py load [--keys 3000000]      start on an RDB file that Redis has written
    python bench/files.py snapshot [--keys 3000000]  BGSAVE beside a steady client: its latency, memory
    python bench/files.py log                        SET with and without the append-only file
    python bench/files.py sync [--keys 3000000]      a full sync to an empty replica of the same kind

Peers are those that are found (`redis-server`, `valkey-server`). Everything is on one machine and one disk,
so only ratios count. A server may use all cores; the client of `snapshot` is one connection that sends one
command at a time.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, __file__.rpartition("/bench/")[0])

from bench.eviction import Wire
from bench.peers import GARRISON, REDIS, VALKEY, Peer, Server, running

VALUE_BYTES = 300
POPULATE = ("--enable-debug-command", "yes")
LOAD_S_MAX = 300.0
ROUNDS = 3


def installed() -> list[Peer]:
    return [peer for peer in (GARRISON, REDIS, VALKEY) if peer.is_installed()]


def dump_of_redis(folder: Path, keys: int) -> Path:
    """An RDB file of so many strings, hashes, lists and sorted sets."""
    with running(REDIS, None, "--dir", str(folder), "--save", "", *POPULATE) as server:
        wire = Wire(server.port)
        wire.ask("DEBUG", "POPULATE", str(keys), "key", str(VALUE_BYTES))
        for first in range(0, keys // 100, 500):
            wire.batch(
                [
                    command
                    for number in range(first, first + 500)
                    for command in (
                        ("HSET", f"hash:{number}", *(word for f in range(10) for word in (f"f{f}", f"v{f}"))),
                        ("ZADD", f"zset:{number}", *(word for m in range(10) for word in (str(m), f"m{m}"))),
                        ("RPUSH", f"list:{number}", *(f"item{i}" for i in range(10))),
                    )
                ]
            )
        wire.ask("SAVE")
    return folder / "dump.rdb"


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-files-") as path:
        yield Path(path)


def load(keys: int) -> None:
    with folder() as source:
        file = dump_of_redis(source, keys)
        print(f"{file.stat().st_size / 1e9:.2f} GB, {keys:,} strings and {keys // 100 * 3:,} collections")
        times: dict[str, list[tuple[float, float]]] = {}
        for _ in range(ROUNDS):
            for peer in installed():
                with folder() as place:
                    shutil.copy(file, place / "dump.rdb")
                    times.setdefault(peer.name, []).append(load_seconds(peer, place))
        for name, found in times.items():
            wall, cpu = (sorted(column)[len(found) // 2] for column in zip(*found, strict=True))
            print(f"  {name:10} {wall:6.2f} s   {cpu:6.2f} s CPU")


def load_seconds(peer: Peer, place: Path) -> tuple[float, float]:
    """Seconds from the start of the process until it serves, and its processor time."""
    began = time.monotonic()
    with running(peer, None, "--dir", str(place), "--save", "") as server:
        wire = Wire(server.port)
        while wire.info("loading") and time.monotonic() - began < LOAD_S_MAX:
            time.sleep(0.01)
        return time.monotonic() - began, server.cpu_seconds()


def snapshot(keys: int) -> None:
    for peer in installed():
        with (
            folder() as place,
            running(peer, None, "--dir", str(place), "--save", "", *POPULATE) as server,
        ):
            Wire(server.port).ask("DEBUG", "POPULATE", str(keys), "key", "64")
            calm = latencies(server, lambda: time.sleep(5))
            saving = latencies(server, partial(save, server))
            # Looking at the memory holds a server's page faults up, so that has a snapshot of its own.
            before = resident_of_group(server)
            peaks = [before]
            latencies(server, partial(save, server, partial(note_memory, server, peaks)))
            grown = 100 * (max(peaks) - before) / before
            print(f"  {peer.name:10} calm {shown(calm)}   BGSAVE {shown(saving)}   memory +{grown:.1f} %")


def save(server: Server, look: Callable[[], object] = lambda: None) -> None:
    """One BGSAVE, from its beginning to its end."""
    wire = Wire(server.port)
    wire.ask("BGSAVE")
    while wire.info("rdb_bgsave_in_progress"):
        look()
        time.sleep(0.05)


def note_memory(server: Server, peaks: list[int]) -> None:
    peaks.append(resident_of_group(server))


def latencies(server: Server, meanwhile: Callable[[], object]) -> list[float]:
    """Microseconds of SETs and GETs, one after the other, while something else goes on."""
    found: list[float] = []
    over = threading.Event()

    def ask() -> None:
        wire, number = Wire(server.port), 0
        while not over.is_set():
            number += 1
            words = ("SET", f"key:{number * 7919 % 1_000_000}", "x" * 64)
            began = time.perf_counter()
            wire.batch([words if number % 2 else ("GET", words[1])])
            found.append((time.perf_counter() - began) * 1e6)
            time.sleep(0.0002)

    thread = threading.Thread(target=ask)
    thread.start()
    meanwhile()
    over.set()
    thread.join()
    return sorted(found)


def shown(found: list[float]) -> str:
    at = found[int(len(found) * 0.999)]
    return f"p99.9 {at:7.0f} us, longest {found[-1] / 1000:6.2f} ms of {len(found):,}"


def resident_of_group(server: Server) -> int:
    """Memory of the server and of the processes that it has forked, what they share counted once (Pss)."""
    pids = [server.process.pid]
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    pids += [int(word) for word in children.read_text().split()]
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    return total


EVERYSEC = ("--appendonly", "yes", "--appendfsync", "everysec")
LOGS = (
    ("without", ("--appendonly", "no"), 50, 16),
    ("everysec, no rewriting", (*EVERYSEC, "--auto-aof-rewrite-percentage", "0"), 50, 16),
    ("everysec", EVERYSEC, 50, 16),
    ("always", ("--appendonly", "yes", "--appendfsync", "always"), 50, 1),
)


def log() -> None:
    for name, words, clients, depth in LOGS:
        rates: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for peer in installed():
                with (
                    folder() as place,
                    running(peer, None, "--dir", str(place), "--save", "", *words) as server,
                ):
                    rates.setdefault(peer.name, []).append(set_rate(server, clients, depth))
        medians = "   ".join(f"{peer} {sorted(found)[ROUNDS // 2]:9,.0f}" for peer, found in rates.items())
        print(f"  {name:22} {clients} clients, pipeline {depth:2}: SET a second: {medians}")


def set_rate(server: Server, clients: int, depth: int) -> float:
    count = 200_000 * depth if depth > 1 else 60_000
    command = [
        *("redis-benchmark", "-p", str(server.port), "-t", "set", "-n", str(count), "-c", str(clients)),
        *("-P", str(depth), "-r", "1000000", "-d", "64", "--csv"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1].split(",")[1].strip('"'))


def sync(keys: int) -> None:
    """From REPLICAOF until the link is up, and the processor time of both servers."""
    options = ("--repl-diskless-sync-delay", "0", *POPULATE)
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(ROUNDS):
        for peer in installed():
            with running(peer, None, *options) as primary, running(peer, None, *options) as replica:
                Wire(primary.port).ask("DEBUG", "POPULATE", str(keys), "key", "100")
                wire = Wire(replica.port)
                before, began = primary.cpu_seconds() + replica.cpu_seconds(), time.monotonic()
                wire.ask("REPLICAOF", "127.0.0.1", str(primary.port))
                while b"master_link_status:up" not in wire.ask("INFO", "replication"):
                    time.sleep(0.01)
                took = time.monotonic() - began
                cpu = primary.cpu_seconds() + replica.cpu_seconds() - before
                found.setdefault(peer.name, []).append((took, cpu))
    print(f"full sync of {keys:,} keys")
    for name, times in found.items():
        wall, cpu = (sorted(column)[ROUNDS // 2] for column in zip(*times, strict=True))
        print(f"  {name:10} {wall:6.2f} s   {cpu:6.2f} s CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("load", "snapshot", "log", "sync"))
    parser.add_argument("--keys", type=int, default=3_000_000)
    given = parser.parse_args()
    if given.what == "load":
        load(given.keys)
    elif given.what == "snapshot":
        snapshot(given.keys)
    elif given.what == "sync":
        sync(given.keys)
    else:
        log()


if __name__ == "__main__":
    main()
