"""What docs/sentinel.md shows of the code is what the code has."""

from __future__ import annotations

from pathlib import Path

from garrison.sentinel.core.transitions import as_markdown


def test_the_table_of_transitions_is_the_one_that_runs(root: Path) -> None:
    text = (root / "docs" / "sentinel.md").read_text()
    shown = text.split("<!-- table: transitions -->\n")[1].split("\n<!-- end of table -->")[0]
    assert shown == as_markdown()
