"""What ``garrison backup --json`` prints, and the same for people.

Fields are only ever added. ``ok`` is true exactly when the exit code is 0.
"""

from pydantic import Field
from rich.console import Console
from rich.markup import escape

from garrison.cluster.backup.core.record import BackupRecord
from garrison.cluster.documents import Document
from garrison.cluster.manager.progress import human_bytes
from garrison.cluster.render import fitting_table

TIME = "%Y-%m-%d %H:%M:%S"
DROPPED_FIRST = ("needs", "shards")
"""The columns that a narrow console does without, in this order."""


class CreatedReport(Document):
    target: str
    backup: BackupRecord
    seconds: float


class ListReport(Document):
    target: str
    backups: list[BackupRecord] = Field(description="oldest first")
    unfinished: list[str] = Field(default=[], description="folders without a document")
    damaged: dict[str, str] = Field(default={}, description="backups whose document cannot be read, and why")


class VerifiedShard(Document):
    command: str = Field(default="verify", exclude=True)
    shard: str
    files: int
    bytes: int
    keys: int


class VerifiedReport(Document):
    backup: str
    shards: list[VerifiedShard]
    seconds: float


class RestoredReport(Document):
    backup: str
    to: str = Field(description="the node or the folder")
    keys: int = 0
    strays: int = Field(default=0, description="keys beside the owner of their slot, which were left out")
    folders: dict[str, str] = Field(default={}, description="folder to the directive that its node needs")
    seconds: float = 0.0


class PruneReport(Document):
    dry_run: bool = False
    removed: list[str]
    kept: list[str]


def render_report(document: Document, console: Console) -> None:
    """Print any of the documents for people."""
    match document:
        case CreatedReport():
            _created(document, console)
        case ListReport():
            _list(document, console)
        case VerifiedReport():
            keys = sum(shard.keys for shard in document.shards)
            size = human_bytes(sum(shard.bytes for shard in document.shards))
            console.print(
                f"[green]verified[/] {document.backup}: {_counted(len(document.shards), 'shard')}, {size}, "
                f"{keys} keys loaded in {document.seconds:.1f} s"
            )
        case RestoredReport():
            _restored(document, console)
        case PruneReport():
            verb = "would be removed" if document.dry_run else "removed"
            for name in document.removed:
                console.print(f"{name} {verb}")
            console.print(f"{len(document.removed)} {verb}, {len(document.kept)} kept")


def _created(document: CreatedReport, console: Console) -> None:
    backup = document.backup
    for shard in backup.shards:
        slots = f"  slots {_shortened(shard.slots)}" if shard.slots else ""
        kind = f"{shard.file.kind} of {human_bytes(shard.file.bytes)}"
        console.print(f"{escape(shard.address)}{slots}  {kind}  offset {shard.offset}")
    parent = f", which needs {backup.parent}" if backup.parent else ""
    console.print(
        f"[green]saved[/] {backup.id} in {escape(document.target)}: {_counted(len(backup.shards), 'shard')}, "
        f"{human_bytes(backup.size)} in {document.seconds:.2f} s{parent}"
    )


def _list(document: ListReport, console: Console) -> None:
    rows = [
        {
            "backup": backup.id,
            "data of": f"{backup.reaches:{TIME}} UTC",
            "shards": str(len(backup.shards)),
            "keys": "?" if backup.keys is None else str(backup.keys),
            "size": human_bytes(backup.size),
            "needs": backup.parent or "",
        }
        for backup in document.backups
    ]
    console.print(fitting_table(console, rows, DROPPED_FIRST) if rows else "no backups")
    for problem in document.damaged.values():
        console.print(f"[red]error:[/] {escape(problem)}")
    for name in document.unfinished:
        console.print(f"[yellow]unfinished:[/] {escape(name)} (prune removes it when it is a day old)")


def _restored(document: RestoredReport, console: Console) -> None:
    for folder, directive in document.folders.items():
        console.print(f"start a node with: garrison node --dir {escape(folder)} {directive}")
    if not document.folders:
        strays = f", {document.strays} strays left out" if document.strays else ""
        console.print(
            f"[green]restored[/] {document.keys} keys of {document.backup} into {escape(document.to)} in "
            f"{document.seconds:.1f} s{strays}"
        )


def _shortened(ranges: str) -> str:
    return ranges if len(ranges) <= 40 else f"{ranges[:37]}..."


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
