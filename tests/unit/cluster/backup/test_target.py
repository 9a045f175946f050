"""A folder of backups: what is finished is listed, what is not is told, what is damaged is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.cluster.backup.core.record import RECORD_NAME
from garrison.cluster.backup.target import FolderTarget
from garrison.cluster.errors import ManagerError, UsageProblem
from tests.unit.cluster.backup.records import backup, shard


async def write(target: FolderTarget, name: str, file: str, data: bytes) -> None:
    async with target.writing(name, file) as sink:
        await sink.write(data)


async def test_file_is_read_as_it_was_written(target: FolderTarget) -> None:
    await write(target, "b1", "x.rdb", b"abc" * 1_000_000)
    assert b"".join([piece async for piece in target.read("b1", "x.rdb")]) == b"abc" * 1_000_000


async def test_files_are_for_their_owner_alone(target: FolderTarget) -> None:
    await write(target, "b1", "x.rdb", b"secret")
    await target.write_record("b1", backup(1, shard()).render())
    assert {path.stat().st_mode & 0o077 for path in (target.path / "b1").iterdir()} == {0}


async def test_only_finished_backups_are_listed(target: FolderTarget) -> None:
    for number in (2, 1):
        await target.write_record(f"b{number}", backup(number, shard(), days_old=-number).render())
    await write(target, "b3", "x.rdb", b"half")
    catalog = await target.catalog()
    assert list(catalog.records) == ["b1", "b2"]
    assert catalog.unfinished == ["b3"]
    assert catalog.find("latest").id == "b2"
    assert catalog.find("b1").id == "b1"


async def test_target_that_is_not_there_is_empty(target: FolderTarget) -> None:
    assert await target.folders() == {}


async def test_damaged_document_is_named(target: FolderTarget) -> None:
    await target.write_record("b1", b"{")
    await target.write_record("b2", backup(1, shard()).render())
    catalog = await target.catalog()
    assert catalog.records == {}
    with pytest.raises(ManagerError, match=rf"b1/{RECORD_NAME} is damaged"):
        catalog.find("b1")
    with pytest.raises(ManagerError, match="is that of backup b1"):
        catalog.find("b2")


async def test_unknown_and_ambiguous_ids_are_refused(target: FolderTarget) -> None:
    for number in (1, 2):
        await target.write_record(f"b{number}", backup(number, shard()).render())
    catalog = await target.catalog()
    with pytest.raises(UsageProblem, match="'x' is not a backup here; the newest are: b1, b2"):
        catalog.find("x")
    with pytest.raises(UsageProblem, match="names more than one backup"):
        catalog.find("b")


async def test_nothing_is_left_of_what_is_removed(target: FolderTarget) -> None:
    await write(target, "b1", "x.rdb", b"x")
    await target.write_record("b1", backup(1, shard()).render())
    await target.remove("b1")
    await target.remove("b1")
    assert list(target.path.iterdir()) == []


async def test_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    target = FolderTarget(tmp_path / "file")
    with pytest.raises(ManagerError, match=r"cannot look into .*file: Not a directory"):
        await target.folders()
    with pytest.raises(ManagerError, match="cannot create"):
        await write(target, "b1", "x.rdb", b"x")


async def test_file_that_is_missing_is_named(target: FolderTarget) -> None:
    with pytest.raises(ManagerError, match=r"cannot read .*x.rdb: No such file"):
        [piece async for piece in target.read("b1", "x.rdb")]
