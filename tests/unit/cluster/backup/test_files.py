"""The files of a shard are checked on their way, and end at the point in time."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from garrison.cluster.backup.core.chain import Link
from garrison.cluster.backup.core.record import FileKind
from garrison.cluster.backup.files import demand_empty_folder, lay_out
from garrison.cluster.backup.target import FolderTarget
from garrison.cluster.errors import ManagerError, UsageProblem
from tests.unit.cluster.backup.records import NOON, backup, shard

PING = b"*1\r\n$4\r\nPING\r\n"


async def link(target: FolderTarget, number: int, data: bytes, kind: FileKind = "snapshot") -> Link:
    made = shard(kind=kind)
    made.file.bytes, made.file.sha256 = len(data), hashlib.sha256(data).hexdigest()
    record = backup(number, made, parent=number - 1)
    async with target.writing(record.id, made.file.name) as sink:
        await sink.write(data)
    return Link(record, made)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_snapshot_alone_is_a_dump(target: FolderTarget, tmp_path: Path) -> None:
    assert not await lay_out(target, [await link(target, 1, b"REDIS")], tmp_path / "out")
    assert files(tmp_path / "out") == {"dump.rdb": b"REDIS"}


async def test_increments_make_an_append_only_file(target: FolderTarget, tmp_path: Path) -> None:
    chain = [await link(target, 1, b"REDIS"), await link(target, 2, PING, "increment")]
    assert await lay_out(target, chain, tmp_path / "out")
    found = files(tmp_path / "out" / "appendonlydir")
    assert found["appendonly.aof.1.base.rdb"] == b"REDIS"
    assert found["appendonly.aof.1.incr.aof"] == PING
    assert found["appendonly.aof.manifest"].count(b"\n") == 2


async def test_later_files_are_left_out(target: FolderTarget, tmp_path: Path) -> None:
    late = b"#TS:%d\r\n" % (NOON.timestamp() + 60)
    chain = [
        await link(target, 1, b"REDIS"),
        await link(target, 2, PING + late + PING, "increment"),
        await link(target, 3, PING, "increment"),
    ]
    await lay_out(target, chain, tmp_path / "out", until=NOON + timedelta(seconds=30))
    found = files(tmp_path / "out" / "appendonlydir")
    assert [found[name] for name in sorted(found)][1:2] == [PING]
    assert len(found) == 3


async def test_point_before_the_snapshot_is_refused(target: FolderTarget, tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="b1 begins at 2026-11-29T12:00:00Z, later than --until"):
        await lay_out(target, [await link(target, 1, b"R")], tmp_path, until=NOON - timedelta(hours=1))


@pytest.mark.parametrize(("data", "words"), [(b"REDI", "4 bytes instead of 5"), (b"REDIX", "its SHA-256 is")])
async def test_damaged_file_is_named(target: FolderTarget, tmp_path: Path, data: bytes, words: str) -> None:
    one = await link(target, 1, b"REDIS")
    (target.path / "b1" / one.shard.file.name).write_bytes(data)
    with pytest.raises(ManagerError, match=f"b1/shard-00.rdb is damaged: .*{words}"):
        await lay_out(target, [one], tmp_path / "out")


def test_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    demand_empty_folder(tmp_path)
    (tmp_path / "x").write_text("")
    for folder in (tmp_path, tmp_path / "x"):
        with pytest.raises(UsageProblem, match="is not an empty folder"):
            demand_empty_folder(folder)
