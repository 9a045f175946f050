"""Documents of backups, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from garrison.cluster.backup.core.record import BackupRecord, FileKind, FileRecord, ShardRecord

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
HISTORY = "a" * 40


def shard(
    name: str = "shard-00",
    kind: FileKind = "snapshot",
    *,
    slots: str = "",
    history: str = HISTORY,
) -> ShardRecord:
    file = FileRecord(name=f"{name}.rdb", kind=kind, bytes=3, sha256="0" * 64)
    return ShardRecord(
        name=name,
        node_id="",
        address="127.0.0.1:7000",
        slots=slots,
        history=history,
        offset=10,
        taken_at=NOON,
        continues=name if kind == "increment" else None,
        file=file,
    )


def backup(number: int, *shards: ShardRecord, parent: int | None = None, days_old: float = 0) -> BackupRecord:
    for each in shards:
        each.taken_at = NOON - timedelta(days=days_old)
    return BackupRecord(
        id=f"b{number}",
        created=NOON - timedelta(days=days_old),
        garrison="0.1.0",
        is_cluster=True,
        parent=None if parent is None else f"b{parent}",
        shards=list(shards),
    )


def by_id(*records: BackupRecord) -> dict[str, BackupRecord]:
    return {record.id: record for record in records}
