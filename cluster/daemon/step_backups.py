"""The steps about backups: take one, and prove the newest by restoring it."""

from datetime import UTC, datetime
from pathlib import Path

from garrison.cluster.backup import backup_commands
from garrison.cluster.backup.core.record import BackupRecord
from garrison.cluster.backup.s3_target import SCHEME, BucketTarget
from garrison.cluster.backup.target import FolderTarget, Target
from garrison.cluster.backup.verifying import verify_backup
from garrison.cluster.daemon.step_context import StepContext, UnsureError


def open_target(text: str) -> Target:
    """A folder, or a bucket; the latter's login is taken from the environment."""
    return BucketTarget(text, None, None) if text.startswith(SCHEME) else FolderTarget(Path(text))


def newest_of(records: dict[str, BackupRecord]) -> BackupRecord | None:
    return list(records.values())[-1] if records else None


async def back_up(context: StepContext) -> None:
    """Take a backup unless one was made after `since_ms`; keep the newest `keep` where that is given."""
    target = open_target(context.word("target"))
    since = datetime.fromtimestamp(int(context.word("since_ms")) / 1000, UTC)
    newest = newest_of((await target.catalog()).records)
    if newest is None or newest.created <= since:
        context.demand_going_on()
        await backup_commands.create(context.session, target, context.entry)
    keep = context.step.arguments.get("keep")
    if keep is not None:
        await backup_commands.prune(context.session, target, keep=int(keep))


async def prove(context: StepContext) -> None:
    """Restore the newest backup into throw-away nodes of this machine and compare."""
    target = open_target(context.word("target"))
    catalog = await target.catalog()
    newest = newest_of(catalog.records)
    if newest is None:
        raise UnsureError(f"{target.name} has no backup")
    await verify_backup(context.session, target, newest, catalog.records)
