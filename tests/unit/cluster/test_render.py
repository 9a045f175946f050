"""Tables on narrow consoles: slots stay to be seen, and nothing is coloured that should not be."""

import io

import pytest
from rich.console import Console

from garrison.cluster import documents as doc
from garrison.cluster.render import render


def nodes() -> doc.InfoDocument:
    some = [
        doc.NodeDocument(
            id=str(number) * 40,
            address=f"127.0.0.1:700{number}",
            role="primary",
            slots=f"{number}000-{number}999",
            slot_count=1000,
            keys=5,
            epoch=number,
        )
        for number in range(1, 4)
    ]
    return doc.InfoDocument(command="info", nodes=some, keys=15, slots_covered=3000)


def shown(document: doc.Document, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    render(document, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [36, 40, 50, 60, 80])
def test_slots_are_seen_at_every_width(width: int) -> None:
    text = shown(nodes(), width)
    for number in range(1, 4):
        assert f"{number}000-{number}999" in text
        assert f"127.0.0.1:700{number}" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_wide_console_shows_every_column() -> None:
    assert shown(nodes(), 100).split()[:8] == [
        "node", "id", "role", "count", "slots", "keys", "epoch", "state"
    ]  # fmt: skip


def test_moves_keep_their_slots_when_narrow() -> None:
    move = doc.MoveDocument(
        source="127.0.0.1:7001 (a)", target="127.0.0.1:7002 (b)", slot_count=3, slots="7-9"
    )
    text = shown(doc.MoveReport(command="reshard", dry_run=True, moves=[move]), 50)
    assert "7-9" in text
    assert max(map(len, text.splitlines())) <= 50


def test_import_names_what_it_left() -> None:
    left = [doc.LeftKeyDocument(key=f"key:{number}", reason="was refused") for number in range(12)]
    text = shown(doc.ImportReport(command="import", keys=5, left_count=12, left=left, seconds=1.0), 80)
    assert "left: key:9 was refused" in text
    assert "key:10" not in text
    assert "imported 5 keys in 1.00 s, 12 left at the source" in text
