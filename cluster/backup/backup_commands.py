"""What each command of ``garrison backup`` does, from request to document. Nothing here prints a result."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from garrison.cluster.backup import backup_documents as doc
from garrison.cluster.backup.core.retention import choose_abandoned, choose_removed
from garrison.cluster.backup.restoring import restore_files, restore_keys
from garrison.cluster.backup.taking import take_backup
from garrison.cluster.backup.target import Target
from garrison.cluster.backup.verifying import verify_backup
from garrison.cluster.core.topology import Address
from garrison.cluster.manager.session import Session


@dataclass(frozen=True)
class RestoreRequest:
    """What to restore, and where to: into a node's cluster, or as files into a folder."""

    backup: str
    to: Address | None = None
    directory: Path | None = None
    until: datetime | None = None
    replace: bool = False
    temporary: Path | None = None


async def create(
    session: Session, target: Target, entry: Address, *, incremental: bool = False, follow_s: float = 0.0
) -> doc.CreatedReport:
    started = time.monotonic()
    backup = await take_backup(session, target, entry, incremental=incremental, follow_s=follow_s)
    return doc.CreatedReport(command="create", target=target.name, backup=backup, seconds=_since(started))


async def list_backups(session: Session, target: Target) -> doc.ListReport:
    """All backups; ``ok`` is false if the document of one cannot be read."""
    found = await target.catalog()
    return doc.ListReport(
        command="list",
        ok=not found.damaged,
        target=target.name,
        backups=list(found.records.values()),
        unfinished=found.unfinished,
        damaged=found.damaged,
    )


async def verify(
    session: Session, target: Target, name: str, temporary: Path | None = None
) -> doc.VerifiedReport:
    started = time.monotonic()
    catalog = await target.catalog()
    record = catalog.find(name)
    verified = await verify_backup(session, target, record, catalog.records, temporary)
    shards = [
        doc.VerifiedShard(shard=each.shard.name, files=each.files, bytes=each.bytes, keys=each.keys)
        for each in verified
    ]
    return doc.VerifiedReport(command="verify", backup=record.id, shards=shards, seconds=_since(started))


async def restore(session: Session, target: Target, request: RestoreRequest) -> doc.RestoredReport:
    started = time.monotonic()
    catalog = await target.catalog()
    record = catalog.find(request.backup)
    report = doc.RestoredReport(command="restore", backup=record.id, to=str(request.directory or request.to))
    if request.directory is not None:
        places = await restore_files(
            session, target, record, catalog.records, request.directory, request.until
        )
        report.folders = {str(place): f"--appendonly {'yes' if is_log else 'no'}" for place, is_log in places}
    elif request.to is not None:
        restored = await restore_keys(
            session,
            target,
            record,
            catalog.records,
            request.to,
            until=request.until,
            replace=request.replace,
            folder=request.temporary,
        )
        report.keys, report.strays = restored.meter.keys_moved, restored.strays
    report.seconds = _since(started)
    return report


async def prune(
    session: Session, target: Target, *, keep: int | None = None, older_than: timedelta | None = None
) -> doc.PruneReport:
    """Remove backups by the rules given, and folders that a run which was killed has left."""
    catalog = await target.catalog()
    now = datetime.now(UTC)
    chosen = choose_removed(catalog.records, now, keep=keep, older_than=older_than)
    removed = [*choose_abandoned(catalog.unfinished, now), *reversed(chosen)]
    if not session.dry_run:
        # Newest first: what is left after a run that broke off has everything that it needs.
        for name in removed:
            await target.remove(name)
    kept = [name for name in catalog.records if name not in chosen]
    return doc.PruneReport(command="prune", dry_run=session.dry_run, removed=removed, kept=kept)


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
