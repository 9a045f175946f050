"""Small files of every kind: what Garrison and a real Redis write, and the golden files."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.integration.golden_files import FOLDER, SETTINGS, Command, every_type
from tests.integration.replicating import Process

PROGRAMS = ("garrison", "redis")
LOG_FOLDER = "appendonlydir"
MANIFEST = "appendonly.aof.manifest"
KEYS_OF_AN_INCREMENT = 4


@dataclass(frozen=True)
class SmallFile:
    """A file to be damaged."""

    name: str
    kind: str
    """`rdb`, `aof` or `manifest`."""
    content: bytes


def groups() -> list[list[Command]]:
    """The commands that make every type and encoding, those of a key together."""
    plain = ("stream", "geo", "bitmap")
    found: dict[str, list[Command]] = {}
    for command in every_type():
        # The key is the first word that looks like one: it stands behind the names of subcommands and groups.
        key = next(str(word) for word in command[1:] if word in plain or ":" in str(word))
        found.setdefault(key, []).append(command)
    return list(found.values())


def of_program(kind: str, folder: Path, every: int = 1) -> Iterator[SmallFile]:
    """What a program writes: an RDB file for each key (or every third ...), increments, manifests."""
    chosen = groups()[::every]
    words = ("--appendonly", "yes", "--appendfsync", "no", "--aof-timestamp-enabled", "yes")
    process = Process(kind, folder, *words, "--auto-aof-rewrite-percentage", "0")
    try:
        client = process.client
        for setting, value in SETTINGS.items():
            client.execute_command("CONFIG", "SET", setting, value)
        yield _manifest(process, "first")
        for number, commands in enumerate(chosen):
            client.flushall()
            for command in commands:
                client.execute_command(*command)
            client.save()
            yield SmallFile(f"{kind}-{number}.rdb", "rdb", (folder / "dump.rdb").read_bytes())
        for number in range(0, len(chosen), KEYS_OF_AN_INCREMENT):
            batch = chosen[number : number + KEYS_OF_AN_INCREMENT]
            client.flushall()
            _rewrite(process)
            for command in itertools.chain.from_iterable(batch):
                client.execute_command(*command)
            with client.pipeline(transaction=True) as pipeline:
                pipeline.set("one", number)
                pipeline.set("two", number)
                pipeline.execute()
            content = max((folder / LOG_FOLDER).glob("*.incr.aof"), key=_number).read_bytes()
            yield SmallFile(f"{kind}-{number}.incr.aof", "aof", content)
        yield _manifest(process, "later")
        client.execute_command("CONFIG", "SET", "aof-disable-auto-gc", "yes")
        _rewrite(process)
        _rewrite(process)
        yield _manifest(process, "history")
    finally:
        process.close()


def _number(path: Path) -> int:
    return int(path.name.split(".")[2])


def _manifest(process: Process, name: str) -> SmallFile:
    content = (process.folder / LOG_FOLDER / MANIFEST).read_bytes()
    return SmallFile(f"{process.kind}-{name}.manifest", "manifest", content)


def _rewrite(process: Process) -> None:
    client: redis.Redis = process.client
    before = int(client.info("persistence").get("aof_rewrites", 0))
    client.execute_command("BGREWRITEAOF")
    process.until(lambda: int(client.info("persistence")["aof_rewrites"]) > before, "the log is rewritten")
    while client.info("persistence")["aof_rewrite_in_progress"]:
        time.sleep(0.01)
    # Former files are removed by another thread.
    time.sleep(0.05)


def golden() -> Iterator[SmallFile]:
    """The golden files of several servers."""
    for path in sorted(FOLDER.glob("*.rdb")):
        yield SmallFile(path.name, "rdb", path.read_bytes())


def all_files(folder: Path, every: int = 1) -> list[SmallFile]:
    """All of them, or fewer of the written ones; those of a real Redis if it is there."""
    programs = [kind for kind in PROGRAMS if kind != "redis" or shutil.which("redis-server")]
    written = [file for kind in programs for file in of_program(kind, folder / kind, every)]
    return [*written, *golden()]
