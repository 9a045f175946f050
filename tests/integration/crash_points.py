"""SIGKILL before each operation on the disk: of a rewrite, of a snapshot, of a log that is switched on.

    python -m tests.integration.crash_points

Where `crash_rounds.py` kills at random, this kills before the first, the second, the third ... write, sync,
rename, opening or removal of a file, until the work is over without one. After each the node must start and
have all that was acknowledged.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import redis

from tests.integration.disk_faults import FaultyDisk, build_library
from tests.integration.faulty_server import FaultyServer, until

ALWAYS = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
SNAPSHOTS = ("--appendonly", "no", "--save", "")
BEFORE, MEANWHILE = 20, 3
"""Numbers that are written before the work, and while it goes on."""


def rewrite(server: FaultyServer) -> None:
    with server.client() as client:
        client.execute_command("BGREWRITEAOF")
        server.count(MEANWHILE)
        until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0, "the rewrite is over")


def save(server: FaultyServer) -> None:
    """A snapshot: what was acknowledged before the last one that succeeded is promised."""
    with server.client() as client:
        client.save()


def switch_on(server: FaultyServer) -> None:
    """A log that is ended and begun again: it counts from the end of its first rewrite on."""
    with server.client() as client:
        client.config_set("appendonly", "no")
        client.config_set("appendonly", "yes")
        until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0, "the log is whole")
        server.count(MEANWHILE)


WORK: dict[str, tuple[tuple[str, ...], Callable[[FaultyServer], None]]] = {
    "rewrite": (ALWAYS, rewrite),
    "save": (SNAPSHOTS, save),
    "switch-on": (ALWAYS, switch_on),
}


def die(name: str, operations: int, library: Path, folder: Path) -> tuple[bool, list[int]]:
    """Whether the work was over before so many operations, and which numbers are missing after a restart."""
    words, work = WORK[name]
    server = FaultyServer(FaultyDisk(library, folder / f"{name}{operations}"), *words)
    server.start()
    try:
        assert server.count(BEFORE) == ""
        if name == "save":
            save(server)
        server.disk.die_in(operations)
        with contextlib.suppress(redis.RedisError):
            work(server)
        is_over = server.disk.operations_left() >= 0
        server.kill()
        server.disk.heal()
        server.start(faulty=False)
        missing = server.missing()
        # What is there can be gone on with.
        assert server.count(MEANWHILE) == ""
        if name != "save":
            server.restart(faulty=False)
            missing = missing or server.missing()
        return is_over, missing
    finally:
        server.kill()


def campaign(name: str, points: Iterable[int], library: Path, folder: Path) -> tuple[list[str], int]:
    """What is wrong, and how many points were tried, until the work is over without one."""
    wrong: list[str] = []
    tried = 0
    for operations in points:
        is_over, missing = die(name, operations, library, folder)
        tried += 1
        if missing:
            wrong.append(f"{name}, killed before operation {operations}: {missing} are missing")
        if is_over:
            break
    return wrong, tried


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", choices=tuple(WORK), action="append")
    given = parser.parse_args()
    broken = 0
    with tempfile.TemporaryDirectory() as folder:
        library = build_library(Path(folder))
        for name in given.work or WORK:
            wrong, tried = campaign(name, itertools.count(), library, Path(folder))
            broken += len(wrong)
            print(
                f"{name}: killed before each of {tried - 1} operations, {len(wrong)} broken promises",
                flush=True,
            )
            for line in wrong:
                print(f"  {line}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
