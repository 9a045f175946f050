"""The files of one shard, brought from the target into a folder from which a node starts, and checked."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

from garrison.cluster.backup.core.chain import Link
from garrison.cluster.backup.core.increment import IncrementReader
from garrison.cluster.backup.target import Target, failed
from garrison.cluster.errors import ManagerError, UsageProblem

SNAPSHOT = "dump.rdb"
LOG_FOLDER = "appendonlydir"
LOG = "appendonly.aof"


async def checked(target: Target, link: Link) -> AsyncIterator[bytes]:
    """A file of a backup, piece by piece. ManagerError at its end if it is not what was written."""
    file = link.shard.file
    place = f"{target.name}/{link.backup.id}/{file.name}"
    digest = hashlib.sha256()
    count = 0
    async for piece in target.read(link.backup.id, file.name):
        digest.update(piece)
        count += len(piece)
        yield piece
    if count != file.bytes:
        raise ManagerError(
            f"{place} is damaged: it has {count} bytes instead of {file.bytes}; use another backup"
        )
    if digest.hexdigest() != file.sha256:
        raise ManagerError(
            f"{place} is damaged: its SHA-256 is {digest.hexdigest()}, and {file.sha256} was written; use "
            "another backup"
        )


def demand_empty_folder(folder: Path) -> None:
    """Refuse a folder with something in it. Raises UsageProblem."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageProblem(f"{folder} is not an empty folder: name one that is new or empty")


def demand_reach(chain: Sequence[Link], until: datetime | None) -> None:
    """Raise UsageProblem where a point in time lies before what the files begin with."""
    first = chain[0].shard
    if until is not None and until < first.taken_at:
        raise UsageProblem(
            f"backup {chain[0].backup.id} begins at {first.taken_at:%Y-%m-%dT%H:%M:%SZ}, later than "
            "--until: use an earlier backup"
        )


async def lay_out(
    target: Target,
    chain: Sequence[Link],
    folder: Path,
    *,
    until: datetime | None = None,
    for_single_node: bool = False,
) -> bool:
    """Write the files of a shard as a node reads them; whether they are an append-only file.

    A snapshot alone is ``dump.rdb``; with increments it is the base of an append-only file. Raises
    ManagerError.
    """
    demand_reach(chain, until)
    snapshot, *increments = chain
    _make(folder)
    if not increments:
        await _write(folder / SNAPSHOT, checked(target, snapshot))
        return False
    log = folder / LOG_FOLDER
    _make(log)
    lines = [f"file {LOG}.1.base.rdb seq 1 type b"]
    await _write(log / f"{LOG}.1.base.rdb", checked(target, snapshot))
    for number, link in enumerate(increments, 1):
        name = f"{LOG}.{number}.incr.aof"
        reader = IncrementReader(until.timestamp() if until else None, for_single_node=for_single_node)
        await _write(log / name, _loaded(checked(target, link), reader))
        lines.append(f"file {name} seq {number} type i")
        if reader.is_over:
            break
    (log / f"{LOG}.manifest").write_text("\n".join(lines) + "\n")
    return True


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise failed("make", folder, error) from error


async def _loaded(pieces: AsyncIterator[bytes], reader: IncrementReader) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield reader.take(piece)
    reader.finish()


async def _write(path: Path, pieces: AsyncIterator[bytes]) -> None:
    try:
        with path.open("xb") as file:
            async for piece in pieces:
                await asyncio.to_thread(file.write, piece)
    except OSError as error:
        raise failed("write", path, error) from error
