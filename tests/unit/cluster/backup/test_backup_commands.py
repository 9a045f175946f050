"""The commands of `garrison backup`, from request to document."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from garrison.client import Client
from garrison.cluster.backup.backup_commands import RestoreRequest, create, list_backups, prune, restore
from garrison.cluster.backup.target import FolderTarget
from garrison.cluster.manager.session import Session
from tests.unit.cluster.backup.conftest import KEYS, address_of
from tests.unit.cluster.backup.records import backup, shard


async def test_files_are_restored_for_a_folder(
    session: Session, target: FolderTarget, source: Client[bytes], tmp_path: Path
) -> None:
    made = (await create(session, target, address_of(source))).backup
    assert made.keys == KEYS
    report = await restore(session, target, RestoreRequest(made.id, directory=tmp_path / "out"))
    assert report.folders == {str(tmp_path / "out"): "--appendonly no"}
    assert report.keys == 0


async def test_dry_prune_removes_nothing(session: Session, target: FolderTarget) -> None:
    for number in (1, 2):
        await target.write_record(f"b{number}", backup(number, shard(), days_old=90 - number).render())
    session.dry_run = True
    report = await prune(session, target, older_than=timedelta(days=1))
    assert (report.removed, report.kept) == (["b1"], ["b2"])
    assert len((await list_backups(session, target)).backups) == 2
    session.dry_run = False
    await prune(session, target, older_than=timedelta(days=1))
    assert [record.id for record in (await list_backups(session, target)).backups] == ["b2"]
