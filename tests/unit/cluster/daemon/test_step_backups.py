"""Steps about backups."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from garrison.cluster.backup import backup_commands
from garrison.cluster.backup.core.record import BackupRecord
from garrison.cluster.backup.target import FolderTarget
from garrison.cluster.daemon import step_backups
from garrison.cluster.daemon.step_context import UnsureError
from tests.unit.cluster.daemon.tiny_cluster import TinyCluster, step_on


async def write(folder: Path, name: str, at: datetime) -> None:
    record = BackupRecord(id=name, created=at, garrison="0", is_cluster=True, shards=[])
    (folder / name).mkdir()
    await FolderTarget(folder).write_record(name, record.model_dump_json().encode())


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    taken: list[str] = []

    async def create(session: Any, target: Any, entry: Any) -> None:
        taken.append(target.name)

    monkeypatch.setattr(backup_commands, "create", create)
    return taken


async def test_backup_is_taken_unless_there_is_a_newer_one(tmp_path: Path, taken: list[str]) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    step = step_on(
        TinyCluster.of("a", "b"), "backup", target=str(tmp_path), since_ms=str(int(since.timestamp() * 1000))
    )
    await step_backups.back_up(step)
    assert len(taken) == 1
    await write(tmp_path, "old", since)
    await step_backups.back_up(step)
    assert len(taken) == 2
    await write(tmp_path, "new", datetime(2026, 1, 2, tzinfo=UTC))
    await step_backups.back_up(step)
    assert len(taken) == 2


async def test_nothing_can_be_proved_without_a_backup(tmp_path: Path) -> None:
    with pytest.raises(UnsureError, match="has no backup"):
        await step_backups.prove(step_on(TinyCluster.of("a", "b"), "prove", target=str(tmp_path)))
