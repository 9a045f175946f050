"""Which files make up a shard: a snapshot, and the increments that continue it, from backup to backup."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from garrison.cluster.backup.core.record import BackupRecord, ShardRecord
from garrison.cluster.errors import ManagerError

CHAIN_LENGTH_MAX = 10_000


@dataclass(frozen=True)
class Link:
    """One file of a shard, with the backup that it is in."""

    backup: BackupRecord
    shard: ShardRecord


def chain_of(record: BackupRecord, shard: ShardRecord, others: Mapping[str, BackupRecord]) -> list[Link]:
    """The files of a shard in the order in which they are loaded. Raises ManagerError if one is missing."""
    links = [Link(record, shard)]
    while shard.file.kind == "increment":
        parent = others.get(record.parent or "")
        if parent is None or shard.continues is None:
            raise ManagerError(
                f"backup {record.id} needs backup {record.parent}, which is not there: bring it back, or "
                "use a full backup"
            )
        record, shard = parent, parent.shard(shard.continues)
        links.append(Link(record, shard))
        if len(links) > CHAIN_LENGTH_MAX:
            raise ManagerError(f"backup {record.id} needs itself: its backup.json is damaged")
    return links[::-1]


def needed_by(record: BackupRecord, others: Mapping[str, BackupRecord]) -> set[str]:
    """The backups that this one cannot be restored without, itself among them, as far as they are there."""
    needed: set[str] = set()
    at: BackupRecord | None = record
    while at is not None and at.id not in needed:
        needed.add(at.id)
        at = others.get(at.parent or "")
    return needed


def continued(shards: Sequence[ShardRecord], histories: Collection[str]) -> ShardRecord | None:
    """The shard of an earlier backup that a primary continues: that of its history or of the one before.

    After a failover it is another node with the same history. Whether it has what follows, it says itself.
    """
    return next((shard for shard in shards if shard.history in histories), None)


def newest_of(records: Iterable[BackupRecord], histories: Collection[str]) -> BackupRecord | None:
    """Of records that are sorted by time, the newest with a shard of one of these histories."""
    matching = [record for record in records if continued(record.shards, histories) is not None]
    return matching[-1] if matching else None
