"""Reports for people."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from garrison.cluster.backup import backup_documents as doc
from garrison.cluster.documents import Document
from tests.unit.cluster.backup.records import backup, shard

LONG = ",".join(str(slot) for slot in range(0, 100, 2))


def shown(document: Document) -> str:
    console = Console(file=io.StringIO(), width=140, highlight=False)
    doc.render_report(document, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            doc.CreatedReport(command="create", target="/b", backup=backup(2, shard(), parent=1), seconds=1),
            "saved b2 in /b: 1 shard, 3 B in 1.00 s, which needs b1",
        ),
        (
            doc.CreatedReport(command="create", target="/b", backup=backup(2, shard(slots=LONG)), seconds=1),
            "slots 0,2,4,6,8,10,12,14,16,18,20,22,24,26,...",
        ),
        (doc.ListReport(command="list", target="/b", backups=[]), "no backups"),
        (
            doc.ListReport(command="list", target="/b", backups=[backup(1, shard())]),
            "2026-11-29 12:00:00 UTC",
        ),
        (doc.ListReport(command="list", target="/b", backups=[], unfinished=["b9"]), "unfinished: b9"),
        (
            doc.RestoredReport(command="restore", backup="b1", to="h:1", keys=5, strays=2),
            "restored 5 keys of b1 into h:1 in 0.0 s, 2 strays left out",
        ),
        (
            doc.RestoredReport(command="restore", backup="b1", to="/f", folders={"/f": "--appendonly no"}),
            "garrison node --dir /f --appendonly no",
        ),
        (doc.PruneReport(command="prune", removed=["b1"], kept=["b2"]), "1 removed, 1 kept"),
    ],
)
def test_report_says_what_happened(document: Document, words: str) -> None:
    assert words in shown(document)
